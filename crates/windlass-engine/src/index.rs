//! The run's row of the `runs` index, derived from its state, so that a lost index
//! can be made again. Listing the rows is `list`'s.

use windlass_core::effect::Effect;
use windlass_core::id::{NodeId, RunId};
use windlass_core::operator::Operator;
use windlass_core::outstanding;
use windlass_core::plan::Digest;
use windlass_core::state::{Need, RunState, RunStatus};
use windlass_core::time::Timestamp;
use windlass_journal::{INDEX_TEXT_BYTES_MAX, RunIndexRow};

use crate::replay::run_key;
use crate::snapshot::Snapshot;

/// The row of a run as it stands. `None` before its first event.
pub fn row(snapshot: &Snapshot) -> Option<RunIndexRow> {
    let state = &snapshot.state;
    let plan = state.plan()?;
    let status = state.status();
    let waits = !snapshot.lacks.is_nothing()
        && matches!(status, RunStatus::Running | RunStatus::Waiting { .. });
    Some(RunIndexRow {
        run: run_key(&snapshot.run),
        runbook: cut(&plan.name),
        title: cut(&plan.title),
        state: if waits { "waiting" } else { status.as_str() }.to_owned(),
        waiting_for: cut(&waiting_for(snapshot, &status)),
        target: cut(state.target().unwrap_or_default()),
        requester: cut(&state
            .requester()
            .map(Operator::to_string)
            .unwrap_or_default()),
        plan_digest: state
            .digest()
            .as_ref()
            .map(Digest::to_string)
            .unwrap_or_default(),
        started_at_ms: snapshot.started_at.0,
        updated_at_ms: snapshot.updated_at.0,
        ended_at_ms: state.ended_at().map(|at| at.0),
        next_wake_at_ms: next_wake(snapshot).map(|at| at.0),
        next_seq: snapshot.next_seq,
        owes: state.has_debts(),
    })
}

/// When a process that finds the row must look at the run: at once, when something was
/// in flight that its own process no longer has.
fn next_wake(snapshot: &Snapshot) -> Option<Timestamp> {
    let in_flight = |effect: &Effect| match effect {
        Effect::Attempt { .. }
        | Effect::Reconcile { .. }
        | Effect::Fetch { .. }
        | Effect::AcquireLock { .. } => true,
        Effect::WakeAt { .. } => false,
    };
    let stands_aside = snapshot.state.suspended().is_some();
    let is_at_work = outstanding(&snapshot.state).iter().any(in_flight);
    if is_at_work || stands_aside || !snapshot.lacks.is_nothing() {
        return Some(snapshot.updated_at);
    }
    snapshot.state.next_wake()
}

fn waiting_for(snapshot: &Snapshot, status: &RunStatus) -> String {
    let mut parts = Vec::new();
    if !snapshot.lacks.is_nothing() {
        parts.push(snapshot.lacks.to_string());
    }
    match status {
        RunStatus::Waiting {
            gates,
            by_hand,
            until,
            lock,
        } => {
            parts.extend(gates.iter().map(|gate| format!("gate {gate}")));
            parts.extend(by_hand.iter().map(|node| manual_step(snapshot, node)));
            let rescue = snapshot.state.suspended().map(|it| &it.rescue);
            parts.extend(rescue.map(|run| format!("the end of run {run}, its rescue")));
            let others = !gates.is_empty() || !by_hand.is_empty() || rescue.is_some();
            if !others && lock.is_none() && until.is_some() {
                parts.push("timer".to_owned());
            }
            // The last part: who holds it is added where it is known.
            parts.extend(lock.iter().map(|target| lock_of(target)));
        }
        RunStatus::NeedsOperator { needs } => {
            parts.extend(needs.iter().map(|it| need(&snapshot.state, it)))
        }
        // A gate beside work in flight waits for its approver all the same.
        RunStatus::Running => {
            parts.extend(
                snapshot
                    .state
                    .open_gates()
                    .map(|gate| format!("gate {gate}")),
            );
            let by_hand = snapshot.state.by_hand();
            parts.extend(by_hand.map(|node| manual_step(snapshot, &node)));
        }
        RunStatus::New | RunStatus::Paused | RunStatus::Ending | RunStatus::Ended(_) => {}
    }
    parts.join("; ")
}

fn manual_step(snapshot: &Snapshot, node: &NodeId) -> String {
    format!("manual step {}", snapshot.state.spelled(node))
}

/// The lock that a run waits for, in words.
fn lock_of(target: &str) -> String {
    format!("the lock of {target}")
}

/// Whether a row waits for the lock of its target.
pub(crate) fn waits_for_lock(row: &RunIndexRow) -> bool {
    !row.target.is_empty() && row.waiting_for.ends_with(&lock_of(&row.target))
}

/// Adds who holds the lock that a row waits for: the row itself does not know, as the
/// holder changes without it.
pub(crate) fn name_holder(row: &mut RunIndexRow, holder: Option<&RunId>) {
    if let Some(holder) = holder
        && waits_for_lock(row)
    {
        row.waiting_for.push_str(&format!(", held by {holder}"));
    }
}

/// A need in words.
pub(crate) fn need(state: &RunState, need: &Need) -> String {
    let code = need.code();
    match need {
        Need::InDoubt { node } | Need::UndoFailed { node } | Need::Contradicted { node } => {
            format!("{code} {}", state.spelled(node))
        }
        Need::Debt { step } | Need::FailedAfterIrreversible { step: Some(step) } => {
            format!("{code} {step}")
        }
        Need::FailedAfterIrreversible { step: None } => code.to_owned(),
    }
}

fn cut(text: &str) -> String {
    let end = text.floor_char_boundary(INDEX_TEXT_BYTES_MAX);
    text[..end].to_owned()
}
