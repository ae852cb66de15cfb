//! The run's row of the `runs` index, derived from its state, so that a lost index
//! can be made again; and listing the rows.

use std::sync::Arc;

use windlass_core::effect::Effect;
use windlass_core::operator::Operator;
use windlass_core::outstanding;
use windlass_core::plan::Digest;
use windlass_core::state::{Need, RunStatus};
use windlass_core::time::Timestamp;
use windlass_journal::{INDEX_TEXT_BYTES_MAX, RunIndexRow, RunQuery};

use crate::error::CommandError;
use crate::replay::{run_key, storage_failed};
use crate::shared::Shared;
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
        target: String::new(),
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
        Effect::Attempt { .. } | Effect::Reconcile { .. } => true,
        Effect::WakeAt { .. } => false,
    };
    if outstanding(&snapshot.state).iter().any(in_flight) || !snapshot.lacks.is_nothing() {
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
        RunStatus::Waiting { gates, until } => {
            parts.extend(gates.iter().map(|gate| format!("gate {gate}")));
            if gates.is_empty() && until.is_some() {
                parts.push("timer".to_owned());
            }
        }
        RunStatus::NeedsOperator { needs } => parts.extend(needs.iter().map(need)),
        // A gate beside work in flight waits for its approver all the same.
        RunStatus::Running => {
            parts.extend(
                snapshot
                    .state
                    .open_gates()
                    .map(|gate| format!("gate {gate}")),
            );
        }
        RunStatus::New | RunStatus::Paused | RunStatus::Ending | RunStatus::Ended(_) => {}
    }
    parts.join("; ")
}

/// A need in words.
pub(crate) fn need(need: &Need) -> String {
    let code = need.code();
    match need {
        Need::InDoubt { node } | Need::UndoFailed { node } | Need::Contradicted { node } => {
            format!("{code} {node}")
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

/// Rows of the index, read where blocking is allowed.
pub(crate) async fn list(
    shared: &Arc<Shared>,
    query: RunQuery,
) -> Result<Vec<RunIndexRow>, CommandError> {
    let store = Arc::clone(&shared.store);
    let rows = tokio::task::spawn_blocking(move || store.runs(&query)).await;
    if let Some(failure) = shared.failure() {
        return Err(failure);
    }
    match rows {
        Ok(Ok(rows)) => Ok(rows),
        Ok(Err(error)) => Err(storage_failed(shared, &error)),
        Err(_) => Err(CommandError::Stopping),
    }
}
