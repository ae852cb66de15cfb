//! A paragraph for the next person on duty: what the run is for, what it has done and what
//! it owes, what it waits for, who decided what, and how to look at it and stop it.

use serde::Serialize;
use windlass_core::event::Event;
use windlass_core::id::{NodeId, Phase, RunId};
use windlass_core::outcome::{Resolution, Witness};

use super::waits::{WaitsFor, waits};
use super::why::{ended, what};
use super::{Telling, list, quoted, stopping};
use crate::wire::{Debt, Item, Step, Stop};

/// Most decisions that the paragraph tells; the latest ones.
pub const DECISIONS_MAX: usize = 6;
/// Most steps that one list of the paragraph names.
const STEPS_NAMED_MAX: usize = 6;
/// Most inputs that the paragraph names.
const INPUTS_NAMED_MAX: usize = 6;

/// Something that a person decided about a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    pub at_ms: i64,
    /// `ann (uid 1000) approved gate go`.
    pub text: String,
}

/// What a person decided in an event, if one did; `named` is how its nodes are called.
pub fn decision(event: &Event, named: &dyn Fn(&NodeId) -> String) -> Option<String> {
    let because = |reason: &str| match quoted(reason) {
        reason if reason.is_empty() => String::new(),
        reason => format!(" ({reason})"),
    };
    Some(match event {
        Event::ApprovalGiven { step, by, note, .. }
        | Event::GateApproved { step, by, note, .. } => {
            format!("{by} approved gate {step}{}", because(note))
        }
        Event::GateRejected {
            step, by, reason, ..
        } => {
            format!("{by} rejected gate {step}{}", because(reason))
        }
        Event::RunPaused { by, reason } => format!("{by} paused the run{}", because(reason)),
        Event::RunResumed { by } => format!("{by} let it go on"),
        Event::RunCancelRequested { by, reason, undo } => {
            let undo = if *undo { " with undo" } else { "" };
            format!("{by} cancelled it{undo}{}", because(reason))
        }
        Event::ReviewClosed {
            review,
            by,
            code,
            reason,
            ..
        } => {
            let code = code.as_str();
            format!("{by} closed review {review} as {code}{}", because(reason))
        }
        Event::RunAbandoned { by, reason } => format!("{by} gave it up{}", because(reason)),
        Event::DoubtResolved {
            node,
            attempt,
            resolution,
            witness: Witness::Operator { by, reason },
        } => {
            let said = match resolution {
                Resolution::Happened { .. } => "happened",
                Resolution::NotHappened { .. } => "did not happen",
                Resolution::Settled { .. } => "came to a known end",
                Resolution::GivenUp => "will never be known",
            };
            format!(
                "{by} stated that attempt {attempt} of {} {said}{}",
                named(node),
                because(reason)
            )
        }
        Event::RetryOrdered {
            node, by, reason, ..
        } => {
            let node = named(node);
            format!("{by} ordered another attempt of {node}{}", because(reason))
        }
        Event::NodeAttested {
            node, by, reason, ..
        } => format!("{by} attested {}{}", named(node), because(reason)),
        Event::ManualStepAttested {
            node, by, reason, ..
        } => format!("{by} did {} by hand{}", named(node), because(reason)),
        Event::ManualStepDeclined {
            node,
            by,
            reason,
            effect,
            ..
        } => format!(
            "{by} stated that {} is not done by hand, {effect}{}",
            named(node),
            because(reason)
        ),
        Event::UndoAbandoned { node, by, reason } => {
            format!("{by} gave {} up{}", named(node), because(reason))
        }
        Event::DebtTakenOver { step, by, reason } => {
            format!("{by} took the debt {step} over{}", because(reason))
        }
        Event::WindowOverridden {
            step,
            by,
            reason,
            why,
            ..
        } => {
            let because = because(reason);
            format!("{by} let {step} begin against {why}{because}")
        }
        Event::RunSuspended {
            rescue, by, reason, ..
        } => format!(
            "{by} suspended the run for the rescue {rescue}{}",
            because(reason)
        ),
        Event::ContradictionAcknowledged { node, by, reason } => {
            format!(
                "{by} acknowledged the contradiction of {}{}",
                named(node),
                because(reason)
            )
        }
        Event::RunStarted { .. }
        | Event::PolicyChanged { .. }
        | Event::RunReleased { .. }
        | Event::RunTimedOut {}
        | Event::RunEndingBegan { .. }
        | Event::RunEnded { .. }
        | Event::StepSkipped { .. }
        | Event::StepExpanded { .. }
        | Event::StepRefused { .. }
        | Event::OpeningChosen { .. }
        | Event::OpeningMissed { .. }
        | Event::StepDeferred { .. }
        | Event::StepDue { .. }
        | Event::WindowOverrun { .. }
        | Event::WaitStarted { .. }
        | Event::WaitEnded { .. }
        | Event::AttemptStarted { .. }
        | Event::AttemptCheckpointed { .. }
        | Event::RequestRefused { .. }
        | Event::AttemptSucceeded { .. }
        | Event::AttemptFailed { .. }
        | Event::RetryScheduled { .. }
        | Event::PollScheduled { .. }
        | Event::NodeFailed { .. }
        | Event::ManualStepOpened { .. }
        | Event::ManualStepExpired { .. }
        | Event::DoubtOpened { .. }
        | Event::DoubtAnswered { .. }
        | Event::DoubtEscalated { .. }
        | Event::DoubtResolved {
            witness: Witness::Outcome | Witness::Reconcile,
            ..
        }
        | Event::OrphanFound { .. }
        | Event::OrphanEnded { .. }
        | Event::ResolutionContradicted { .. }
        | Event::TargetResolved { .. }
        | Event::LockRequested { .. }
        | Event::LockAcquired { .. }
        | Event::LockForgone { .. }
        | Event::GateOpened { .. }
        | Event::FactsAsked { .. }
        | Event::FactFetched { .. }
        | Event::GateExpired { .. }
        | Event::GateWithdrawn { .. } => return None,
    })
}

/// What the next person on duty is told of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Handover {
    pub run: RunId,
    /// The status word.
    pub state: String,
    /// The paragraph for people.
    pub paragraph: String,
    /// Everything that is waited for.
    pub waits: Vec<WaitsFor>,
    /// What people decided, in order; the paragraph tells the latest.
    pub decisions: Vec<Decision>,
    /// Steps that are owed, and since when.
    pub debts: Vec<Debt>,
    /// What a stop would still prevent; absent once the run has ended.
    pub stop: Option<Stop>,
    /// Whether a process owns the state directory.
    pub owned: bool,
}

/// Hands a run over. `decisions` are all of the run, in their order.
pub fn handover(told: &Telling<'_>, decisions: Vec<Decision>) -> Handover {
    Handover {
        run: told.run.run.clone(),
        state: told.run.state.clone(),
        paragraph: paragraph(told, &decisions),
        waits: waits(told),
        decisions,
        debts: told.run.debts.clone(),
        stop: told.run.stop.clone(),
        owned: told.owned,
    }
}

fn paragraph(told: &Telling<'_>, decisions: &[Decision]) -> String {
    let mut sentences = vec![beginning(told)];
    sentences.extend(done(told));
    sentences.extend(standing(told));
    sentences.extend(decided(told, decisions));
    sentences.push(looking(told));
    sentences.join(" ")
}

fn beginning(told: &Telling<'_>) -> String {
    let run = told.run;
    let title = match quoted(&run.title) {
        title if title.is_empty() || title == run.name => {
            format!("Run {} of {}", run.run, run.name)
        }
        title => format!("Run {} of {} ({title})", run.run, run.name),
    };
    let by = match &run.requester {
        Some(person) => format!(" by {person}"),
        None => String::new(),
    };
    let at = match run.started_at_ms {
        Some(at) => format!(" at {}", (told.at)(at)),
        None => String::new(),
    };
    let inputs: Vec<String> = run
        .shown_inputs()
        .take(INPUTS_NAMED_MAX)
        .map(|(name, value)| format!("{name} = {}", quoted(&value)))
        .collect();
    let with = match run.inputs.len() {
        0 => String::new(),
        count => format!(" with {}", list(&inputs, INPUTS_NAMED_MAX, count)),
    };
    format!("{title} was started{by}{at}{with}.")
}

fn done(told: &Telling<'_>) -> Vec<String> {
    let steps = &told.run.steps;
    let named = |wanted: &[&str]| -> Vec<&str> {
        let found = steps
            .iter()
            .filter(|step| wanted.contains(&step.state.as_str()));
        found.map(|step| step.id.as_str()).collect()
    };
    let names = |steps: &[&str]| list(steps, STEPS_NAMED_MAX, steps.len());
    let mut sentences = Vec::new();
    let succeeded = named(&["succeeded", "approved"]);
    sentences.push(match succeeded.len() {
        0 => format!("None of its {} is done yet.", super::steps(steps.len())),
        count => format!(
            "Done {} {count} of {}: {}.",
            if count == 1 { "is" } else { "are" },
            super::steps(steps.len()),
            names(&succeeded)
        ),
    });
    let skipped = named(&["skipped"]);
    if !skipped.is_empty() {
        sentences.push(format!("Skipped: {}.", names(&skipped)));
    }
    let failed: Vec<String> = steps
        .iter()
        .filter(|step| step.state == "failed")
        .map(failure)
        .collect();
    if !failed.is_empty() {
        sentences.push(format!(
            "Failed: {}.",
            list(&failed, STEPS_NAMED_MAX, failed.len())
        ));
    }
    let undone: Vec<&Item> = steps
        .iter()
        .flat_map(|step| &step.items)
        .filter(|item| item.node.id.phase == Phase::Undo && item.state == "succeeded")
        .collect();
    if !undone.is_empty() {
        let nodes: Vec<&str> = undone
            .iter()
            .map(|item| item.node.id.step.as_str())
            .collect();
        sentences.push(format!("Undone: {}.", names(&nodes)));
    }
    sentences
}

fn failure(step: &Step) -> String {
    match step.message.as_deref().map(quoted) {
        Some(message) if !message.is_empty() => format!("{} ({message})", step.id),
        Some(_) | None => step.id.to_string(),
    }
}

/// How it stands: its end, or what it waits for and what comes next.
fn standing(told: &Telling<'_>) -> Vec<String> {
    let run = told.run;
    if let Some(end) = &run.end {
        return vec![format!("It {}.", ended(told, end))];
    }
    let mut sentences = Vec::new();
    sentences.push(format!("It waits for {}.", what(&waits(told))));
    if let Some(reason) = run.reason.as_deref().filter(|_| run.state == "ending") {
        sentences.push(format!("It is ending: {}.", quoted(reason)));
    }
    let pending: Vec<&str> = run
        .steps
        .iter()
        .filter(|step| step.state == "pending")
        .map(|step| step.id.as_str())
        .collect();
    if !pending.is_empty() {
        sentences.push(format!(
            "Still to come: {}.",
            list(&pending, STEPS_NAMED_MAX, pending.len())
        ));
    }
    if let Some(clause) = stopping::clause(told) {
        sentences.push(format!("About stopping it: {clause}."));
    }
    sentences
}

fn decided(told: &Telling<'_>, decisions: &[Decision]) -> Option<String> {
    let left_out = decisions.len().saturating_sub(DECISIONS_MAX);
    let latest: Vec<String> = decisions[left_out..]
        .iter()
        .map(|decision| format!("{} at {}", decision.text, (told.at)(decision.at_ms)))
        .collect();
    let before = match left_out {
        0 => String::new(),
        count => format!(" (the latest, after {count} others)"),
    };
    (!latest.is_empty()).then(|| format!("Decided{before}: {}.", latest.join("; ")))
}

fn looking(told: &Telling<'_>) -> String {
    let run = &told.run.run;
    match told.run.end {
        Some(_) => format!("`windlass show {run}` and `windlass logs {run}` tell the rest."),
        None => format!(
            "`windlass show {run}` shows it, `windlass watch {run}` follows it, and \
             `windlass cancel {run} --reason '...'` stops it."
        ),
    }
}
