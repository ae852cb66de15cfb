//! Lists of runs: from a filter to the query of the index, and from its rows to a list.
//! The owner answers with them, and a terminal that reads the journal itself.

use windlass_engine::Listed;
use windlass_journal::{Attention, RunIndexRow, RunQuery, RunState as Ended};

use crate::limits::{LIST_ROWS_DEFAULT, LIST_ROWS_MAX};
use crate::wire::{RunFilter, RunList, RunState, RunSummary};

/// The states in which nothing goes on without a person, whatever else is waited for.
const NEEDS_PERSON: [&str; 2] = ["needs_operator", "paused"];

/// How the parts of what a run waits for begin that only a person can bring.
const PERSON_WAITED_FOR: [&str; 4] = ["gate ", "manual step ", "secrets ", "plugin "];

/// The query that a filter asks for: one row more than is shown, so that the list can say
/// whether there are more.
pub fn query(filter: &RunFilter) -> RunQuery {
    RunQuery {
        ended: match filter.state {
            RunState::Any => Ended::Any,
            RunState::Live => Ended::Live,
            RunState::Ended => Ended::Ended,
        },
        state: filter.status.clone(),
        runbook: filter.runbook.clone(),
        requester: filter.requester.clone(),
        target: filter.target.clone(),
        started_at_or_after_ms: filter.since_ms,
        started_before_ms: filter.until_ms,
        attention: filter.needs_person.then(|| Attention {
            states: NEEDS_PERSON.map(str::to_owned).to_vec(),
            waits_for: PERSON_WAITED_FOR.map(str::to_owned).to_vec(),
        }),
        limit: rows_shown(filter) + 1,
        ..RunQuery::default()
    }
}

/// Whether what a run waits for can only come from a person, by the index's own words.
pub fn waits_for_a_person(waits_for: &str) -> bool {
    PERSON_WAITED_FOR
        .iter()
        .any(|begins| waits_for.starts_with(begins))
}

/// The list of what [`query`] found.
pub fn list_of(found: Listed, filter: &RunFilter) -> RunList {
    let shown = rows_shown(filter);
    let mut rows = found.rows;
    let more = found.cut || rows.len() > shown;
    rows.truncate(shown);
    RunList {
        runs: rows.into_iter().map(summary).collect(),
        more,
    }
}

fn rows_shown(filter: &RunFilter) -> usize {
    filter.limit.unwrap_or(LIST_ROWS_DEFAULT).min(LIST_ROWS_MAX)
}

/// A row of the runs index as lists show it.
pub fn summary(row: RunIndexRow) -> RunSummary {
    RunSummary {
        run: row.run.to_string(),
        runbook: row.runbook,
        title: row.title,
        state: row.state,
        waits_for: row.waiting_for,
        target: row.target,
        requester: row.requester,
        plan_digest: row.plan_digest,
        started_at_ms: row.started_at_ms,
        updated_at_ms: row.updated_at_ms,
        ended_at_ms: row.ended_at_ms,
        owes: row.owes,
    }
}
