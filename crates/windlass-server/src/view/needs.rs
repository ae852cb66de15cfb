//! What only a person can settle, and the exact commands that settle it.
//! The commands are those of `windlass-cli`; `'...'` stands where a reason belongs.

use windlass_core::id::{ActionName, NodeId, RunId, StepId};
use windlass_core::plan::StepKind;
use windlass_core::state::{ItemLook, Need as Needed, RunState, RunStatus, StepLook, StepPhase};

use super::Overlay;
use super::nodes::{in_doubt, is_doing, is_failed, may_remain};
use crate::wire::{ByHand, Need};

/// The code of work that a person was asked to do.
const BY_HAND: &str = "by_hand";
/// Where a person's reason belongs.
pub(super) const REASON: &str = "--reason '...'";

/// Everything that only a person can settle.
pub(super) fn needs(
    state: &RunState,
    status: &RunStatus,
    overlay: &Overlay,
    shown: &[ByHand],
) -> Vec<Need> {
    let mut needs = match status {
        RunStatus::NeedsOperator { needs } => {
            needs.iter().map(|needed| settle(state, needed)).collect()
        }
        RunStatus::New
        | RunStatus::Running
        | RunStatus::Waiting { .. }
        | RunStatus::Paused
        | RunStatus::Ending => Vec::new(),
        RunStatus::Ended(_) => return Vec::new(),
    };
    let run = state.run();
    needs.extend(state.steps().filter_map(|look| open_gate(state, &look)));
    needs.extend(shown.iter().map(by_hand));
    if let Some((by, reason)) = state.paused() {
        needs.push(Need {
            code: "paused".to_owned(),
            text: format!("the run was paused by {by}: {reason}"),
            next: vec![format!("windlass resume {run}")],
        });
    }
    needs.extend(lacking(state, overlay));
    needs
}

/// What an approver types, then what a rejecter types.
pub(super) fn for_gate(run: &RunId, gate: &StepId, is_signed: bool) -> Vec<String> {
    let sign = if is_signed { " --sign KEY" } else { "" };
    vec![
        format!("windlass approve {run} {gate}{sign}"),
        format!("windlass reject {run} {gate} {REASON}"),
    ]
}

fn open_gate(state: &RunState, look: &StepLook<'_>) -> Option<Need> {
    let StepPhase::GateOpen { .. } = &look.state.phase else {
        return None;
    };
    let gate = &look.step.id;
    Some(Need {
        code: "gate".to_owned(),
        text: match state.gate_waits_for(gate) {
            Some(missing) => format!("gate {gate} waits for approvals of {missing}"),
            None => format!("gate {gate} waits for an approval"),
        },
        next: for_gate(state.run(), gate, state.takes_signed(gate)),
    })
}

fn by_hand(asked: &ByHand) -> Need {
    Need {
        code: BY_HAND.to_owned(),
        text: format!("{} waits for a person to do it by hand", asked.node),
        next: asked.next.clone(),
    }
}

fn lacking(state: &RunState, overlay: &Overlay) -> Vec<Need> {
    let run = state.run();
    // Where the engine looks for what the plan pins.
    let pinned = |action: &ActionName| {
        let (pin, _) = state.plan()?.plugin_of(action)?;
        Some(format!("plugins/{}.wasm", pin.digest))
    };
    let mut needs = Vec::new();
    let names = |names: Vec<&str>| names.join(", ");
    let lacks = &overlay.lacks;
    if !lacks.secrets.is_empty() {
        let secrets = names(lacks.secrets.iter().map(|name| name.as_str()).collect());
        needs.push(Need {
            code: "secrets".to_owned(),
            text: format!("this owner was not given the secrets {secrets}"),
            next: vec![format!("windlass resume {run}")],
        });
    }
    for (action, why) in &lacks.actions {
        needs.push(match pinned(action) {
            None => Need {
                code: "plugin".to_owned(),
                text: format!("this owner has no plugin for {action}: start it with one"),
                next: Vec::new(),
            },
            Some(file) => Need {
                code: "plugin".to_owned(),
                text: format!(
                    "{action} cannot begin without its plugin, {file} in the state directory: \
                     {why}"
                ),
                next: vec![format!("windlass resume {run}")],
            },
        });
    }
    needs
}

fn settle(state: &RunState, needed: &Needed) -> Need {
    let run = state.run();
    let (text, next) = match needed {
        Needed::InDoubt { node } => doubtful(state, node),
        Needed::FailedAfterIrreversible { step } => failed_late(state, step.as_ref()),
        Needed::UndoFailed { node } => {
            let text = format!(
                "{} failed, and the undoing waits for it",
                state.spelled(node)
            );
            let look = look_of(state, node);
            let mut next: Vec<String> = match &look {
                Some(look) => retries(state, look),
                None => Vec::new(),
            };
            next.push(format!("windlass abandon {run} {REASON}"));
            (text, next)
        }
        Needed::Debt { step } => {
            let text = format!("{step} is owed and failed");
            let mut next = step_choices(state, step);
            next.push(format!("windlass take-over {run} {step} {REASON}"));
            (text, next)
        }
        Needed::Contradicted { node } => {
            let node = state.spelled(node);
            let text =
                format!("a later outcome of {node} disagrees with how its doubt was resolved");
            let node = quoted(node);
            (
                text,
                vec![format!("windlass acknowledge {run} {node} {REASON}")],
            )
        }
    };
    Need {
        code: needed.code().to_owned(),
        text,
        next,
    }
}

fn doubtful(state: &RunState, node: &NodeId) -> (String, Vec<String>) {
    let look = look_of(state, node);
    let doubt = look.as_ref().and_then(in_doubt);
    let attempt = look.as_ref().map_or(0, |look| look.state.attempt);
    let node = state.spelled(node);
    let mut text = format!("nobody knows whether attempt {attempt} of {node} took effect");
    if let Some(why) = doubt.and_then(|doubt| doubt.escalated.as_ref()) {
        text.push_str(&format!(": {why}"));
    }
    if let Some((_, pid)) = look.and_then(|look| look.state.orphan) {
        text.push_str(&format!("; process {pid} of it still lives, end it first"));
    }
    let (run, node) = (state.run(), quoted(node));
    let resolve = |verdict| format!("windlass resolve {run} {node} {verdict} {REASON}");
    let next = ["happened", "not-happened", "give-up"].map(resolve);
    (text, next.to_vec())
}

fn failed_late(state: &RunState, first: Option<&StepId>) -> (String, Vec<String>) {
    let abandon = format!("windlass abandon {} {REASON}", state.run());
    if state.is_timed_out() {
        // No step may be tried again or attested then, whichever failed.
        let text = "the run's time is over, and an irreversible step has succeeded".to_owned();
        return (text, vec![abandon]);
    }
    let text = match first {
        Some(step) => format!("{step} failed, and an irreversible step has succeeded"),
        None => "the run's time is over, and an irreversible step has succeeded".to_owned(),
    };
    let failed = state
        .steps()
        .filter(|look| !look.step.finally && matches!(look.state.phase, StepPhase::Failed));
    let failed: Vec<StepId> = failed.map(|look| look.step.id.clone()).collect();
    let mut next: Vec<String> = failed
        .iter()
        .flat_map(|step| step_choices(state, step))
        .collect();
    next.push(abandon);
    (text, next)
}

/// How a failed step goes on: another attempt of what failed in it, or an attestation.
fn step_choices(state: &RunState, step: &StepId) -> Vec<String> {
    let Some(look) = state.step(step) else {
        return Vec::new();
    };
    let failed = |item: &&ItemLook<'_>| is_failed(item) && is_doing(item);
    let mut next: Vec<String> = look
        .items
        .iter()
        .filter(failed)
        .flat_map(|item| retries(state, item))
        .collect();
    if next.is_empty() {
        // It failed before it had an item, such as by its own expression, or is a gate.
        let run = state.run();
        next.push(format!("windlass retry {run} {step} {REASON}"));
        match &look.step.kind {
            StepKind::Action { for_each: None, .. } => {
                next.push(format!("windlass attest {run} {step} {REASON}"));
            }
            StepKind::Action {
                for_each: Some(_), ..
            }
            | StepKind::Gate(_)
            | StepKind::Wait { .. } => {}
        }
    }
    next
}

fn retries(state: &RunState, look: &ItemLook<'_>) -> Vec<String> {
    let (run, node) = (state.run(), quoted(state.spelled(&look.node)));
    let remains = if may_remain(state, look) {
        " --nothing-remains"
    } else {
        ""
    };
    vec![
        format!("windlass retry {run} {node}{remains} {REASON}"),
        format!("windlass attest {run} {node} {REASON}"),
    ]
}

fn look_of<'a>(state: &'a RunState, node: &NodeId) -> Option<ItemLook<'a>> {
    let items = state.step(&node.step)?.items;
    items.into_iter().find(|item| item.node == *node)
}

/// A node as a shell takes it: brackets are patterns there.
pub(super) fn quoted(text: String) -> String {
    if text.contains('[') {
        format!("'{text}'")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_a_node_as_it_is_meant() {
        let shown = |text: &str| quoted(text.to_owned());
        assert_eq!(shown("a"), "a");
        assert_eq!(shown("undo:a"), "undo:a");
        assert_eq!(shown("undo:a[3]"), "'undo:a[3]'");
    }
}
