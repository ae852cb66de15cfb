//! What a run waits for, in words.

use windlass_core::id::RunId;
use windlass_core::state::{DeferredLook, Need, RunState, RunStatus};
use windlass_engine::Lacks;

/// What a run waits for, in words; empty when it does not wait.
/// `holder` is the run that holds the lock it waits for, where that is known.
pub(super) fn waits_for(
    state: &RunState,
    status: &RunStatus,
    lacks: &Lacks,
    holder: Option<&RunId>,
) -> String {
    let mut parts = Vec::new();
    match status {
        RunStatus::Ended(_) | RunStatus::New => return String::new(),
        RunStatus::Running
        | RunStatus::Waiting { .. }
        | RunStatus::Paused
        | RunStatus::NeedsOperator { .. }
        | RunStatus::Ending => {
            if !lacks.is_nothing() {
                parts.push(lacks.to_string());
            }
        }
    }
    match status {
        RunStatus::Waiting {
            gates,
            by_hand,
            until,
            lock,
        } => {
            parts.extend(gates.iter().map(|gate| format!("gate {gate}")));
            let named = |node| format!("manual step {}", state.spelled(node));
            parts.extend(by_hand.iter().map(named));
            let named = |look: DeferredLook<'_>| {
                let until = look.deferred.until;
                let until = until.map_or(String::new(), |until| format!(" until {until}"));
                format!("{} of {}{until}", look.deferred.why.code(), look.step)
            };
            let before = parts.len();
            parts.extend(state.deferred().map(named));
            let is_deferred = parts.len() > before;
            let people = !gates.is_empty() || !by_hand.is_empty();
            if !people && !is_deferred && lock.is_none() && until.is_some() {
                parts.push("timer".to_owned());
            }
            if let Some(target) = lock {
                let by = holder.map_or(String::new(), |run| format!(", held by {run}"));
                parts.push(format!("the lock of {target}{by}"));
            }
        }
        RunStatus::Paused => parts.push("resume".to_owned()),
        RunStatus::NeedsOperator { needs } => {
            parts.extend(needs.iter().map(|it| need(state, it)));
        }
        RunStatus::New | RunStatus::Running | RunStatus::Ending | RunStatus::Ended(_) => {}
    }
    parts.join("; ")
}

fn need(state: &RunState, need: &Need) -> String {
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
