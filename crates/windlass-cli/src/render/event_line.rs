//! One line for each record of a run, as it comes.

use std::collections::BTreeSet;

use windlass_core::event::Event;
use windlass_core::id::{NodeId, StepId};
use windlass_core::outcome::{Answer, Failure, Resolution, Witness};
use windlass_core::plan::Relied;
use windlass_core::time::Timestamp;
use windlass_server::wire::RunView;

use crate::text;

/// What a record says to somebody who follows the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// The state word whose glyph stands before it.
    pub(crate) state: &'static str,
    pub(crate) text: String,
    /// Whether the live view keeps it; it shows by itself what is in flight.
    pub(crate) lasting: bool,
}

/// The steps with `for_each` that are known of: their items have numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Loops(BTreeSet<StepId>);

impl Loops {
    /// What a record tells of them.
    pub(crate) fn learn(&mut self, event: &Event) {
        if let Event::StepExpanded { step, .. } = event {
            self.0.insert(step.clone());
        }
    }

    /// What a view of the whole run tells.
    pub(crate) fn know(&mut self, run: &RunView) {
        let loops = run.steps.iter().filter(|step| step.for_each);
        self.0.extend(loops.map(|step| step.id.clone()));
    }

    fn spelled(&self, node: &NodeId) -> String {
        node.spelled(self.0.contains(&node.step))
    }
}

fn lasting(state: &'static str, text: String) -> Option<Note> {
    let text = text::line(&text);
    Some(Note {
        state,
        text,
        lasting: true,
    })
}

fn passing(state: &'static str, text: String) -> Option<Note> {
    lasting(state, text).map(|note| Note {
        lasting: false,
        ..note
    })
}

/// The line of an event; `None` when only the journal needs it. A flat list of all events.
pub(crate) fn note(event: &Event, at: Timestamp, loops: &Loops) -> Option<Note> {
    let tried = |node, attempt| tried(loops, node, attempt);
    let node_of = |node| loops.spelled(node);
    match event {
        Event::RunStarted {
            plan, requester, ..
        } => passing("running", format!("{}: started by {requester}", plan.name)),
        Event::PolicyChanged {
            difference, voids, ..
        } => {
            let voids = if *voids {
                "; approvals that nothing rests on yet are withdrawn"
            } else {
                ""
            };
            let what = difference.join("; ");
            lasting("policy", format!("another policy holds: {what}{voids}"))
        }
        Event::RunPaused { by, reason } => lasting("paused", format!("paused by {by}: {reason}")),
        Event::RunResumed { by } => lasting("running", format!("resumed by {by}")),
        Event::RunCancelRequested { by, reason, undo } => {
            let undo = if *undo { ", with undo" } else { "" };
            lasting("cancelled", format!("cancel asked by {by}{undo}: {reason}"))
        }
        Event::RunTimedOut {} => lasting("failed", "the run's timeout passed".to_owned()),
        Event::RunAbandoned { by, reason } => {
            lasting("failed", format!("given up by {by}: {reason}"))
        }
        Event::RunEndingBegan { end, reason, undo } => {
            let undo = if *undo { ", undoing" } else { "" };
            passing(
                "ending",
                format!("ending as {}{undo}: {reason}", end.as_str()),
            )
        }
        Event::ReviewClosed {
            review,
            by,
            code,
            reason,
            ..
        } => lasting(
            "review",
            format!(
                "review {review} closed as {} by {by}: {reason}",
                code.as_str()
            ),
        ),
        // The caller prints the end, with the code that follows from it.
        Event::RunEnded { .. } => None,

        Event::TargetResolved { target } => passing("running", format!("the target is {target}")),
        Event::LockRequested { target } => {
            passing("waiting", format!("asks for the lock of {target}"))
        }
        Event::LockAcquired {
            target, instead_of, ..
        } => {
            let aside = instead_of.as_ref();
            let aside = aside.map_or(String::new(), |run| format!(" in the place of run {run}"));
            lasting("running", format!("holds the lock of {target}{aside}"))
        }
        Event::RunSuspended {
            rescue, by, reason, ..
        } => lasting(
            "paused",
            format!("suspended for the rescue {rescue} by {by}: {reason}"),
        ),
        Event::RunReleased { rescue, .. } => {
            lasting("running", format!("goes on: the rescue {rescue} has ended"))
        }
        Event::LockForgone { target, held_by } => lasting(
            "skipped",
            format!("ends without the lock of {target}, which run {held_by} holds"),
        ),

        Event::StepSkipped { step } => lasting("skipped", format!("{step} skipped")),
        Event::StepExpanded { step, items } => {
            passing("running", format!("{step} has {} items", items.len()))
        }
        Event::StepRefused { step, message } => {
            lasting("failed", format!("{step} failed: {message}"))
        }
        Event::OpeningChosen { step, opening } => passing(
            "waiting",
            format!(
                "{step} is to begin in the opening from {} to {}",
                opening.from, opening.to
            ),
        ),
        Event::OpeningMissed { step, reason } => {
            lasting("waiting", format!("{step} missed its opening: {reason}"))
        }
        Event::StepDeferred { step, until, why } => {
            let until = until.map_or(String::new(), |until| format!(" until {until}"));
            lasting("waiting", format!("{step} waits{until} for {why}"))
        }
        Event::StepDue { step } => passing("running", format!("{step} is due")),
        Event::WindowOverrun { step, ended_at } => lasting(
            "in_doubt",
            format!("the segment of {step} runs past its opening, which ended {ended_at}"),
        ),
        Event::WindowOverridden {
            step,
            by,
            reason,
            why,
            ..
        } => lasting(
            "in_doubt",
            format!("GLASS BROKEN: {by} let {step} begin against {why}: {reason}"),
        ),
        Event::WaitStarted { step, until } => {
            passing("waiting", format!("{step} waits for {}", until.since(at)))
        }
        Event::WaitEnded { step } => lasting("succeeded", format!("{step} waited")),

        Event::AttemptStarted {
            node,
            attempt,
            call,
            guards,
            ..
        } => passing(
            "running",
            format!(
                "{} started ({}{})",
                tried(node, *attempt),
                call.uses,
                relied(guards)
            ),
        ),
        Event::AttemptCheckpointed { .. } => None,
        Event::RequestRefused {
            node,
            attempt,
            refusal,
        } => lasting(
            "refused",
            format!("{} was refused {refusal}", tried(node, *attempt)),
        ),
        Event::AttemptSucceeded {
            node,
            attempt,
            nothing_to_do,
            ..
        } => {
            let done = if *nothing_to_do {
                ": nothing to do"
            } else {
                ""
            };
            lasting(
                "succeeded",
                format!("{} succeeded{done}", tried(node, *attempt)),
            )
        }
        Event::AttemptFailed {
            node,
            attempt,
            failure,
        } => lasting(
            "failed",
            format!("{} failed: {}", tried(node, *attempt), said(failure)),
        ),
        Event::RetryScheduled {
            node,
            attempt,
            at: next,
        } => passing(
            "backoff",
            format!("{}: attempt {attempt} in {}", node_of(node), next.since(at)),
        ),
        Event::PollScheduled {
            node,
            at: next,
            seen,
            ..
        } => passing(
            "polling",
            format!(
                "{}: not yet ({seen}), again in {}",
                node_of(node),
                next.since(at)
            ),
        ),
        // The failed attempt has been told; this is its consequence for the step.
        Event::NodeFailed { .. } => None,

        // What the person is told is shown in full, from the run's state.
        Event::ManualStepOpened { node, attempt, .. } => passing(
            "by_hand",
            format!("{} is to be done by hand", tried(node, *attempt)),
        ),
        Event::ManualStepAttested {
            node,
            by,
            reason,
            rule,
            ..
        } => lasting(
            "attested",
            format!("{} done by hand by {by} ({rule}): {reason}", node_of(node)),
        ),
        Event::ManualStepDeclined {
            node,
            by,
            reason,
            effect,
            ..
        } => lasting(
            "failed",
            format!(
                "{} not done by hand, says {by}: {reason} ({effect})",
                node_of(node)
            ),
        ),
        Event::ManualStepExpired { node, .. } => lasting(
            "failed",
            format!("{}: nobody answered in time", node_of(node)),
        ),

        Event::DoubtOpened { node, attempt, .. } => lasting(
            "in_doubt",
            format!(
                "{} is in doubt: nobody knows whether it took effect",
                tried(node, *attempt)
            ),
        ),
        Event::DoubtAnswered { node, answer, .. } => passing(
            "in_doubt",
            format!("{}: a look says: {}", node_of(node), answered(answer)),
        ),
        Event::DoubtEscalated { node, reason, .. } => lasting(
            "needs_operator",
            format!("{} needs a person: {reason}", node_of(node)),
        ),
        Event::DoubtResolved {
            node,
            resolution,
            witness,
            ..
        } => lasting(
            resolved_state(resolution),
            format!(
                "{} is settled: {}, {}",
                node_of(node),
                resolved(resolution),
                witnessed(witness)
            ),
        ),
        Event::OrphanFound { node, pid, .. } => lasting(
            "in_doubt",
            format!("{}: its process {pid} still lives", node_of(node)),
        ),
        Event::OrphanEnded { node, pid, .. } => lasting(
            "in_doubt",
            format!("{}: its process {pid} has ended", node_of(node)),
        ),
        Event::ResolutionContradicted { node, arrived, .. } => lasting(
            "contradicted",
            format!(
                "{}: what arrived late contradicts its resolution: {arrived}",
                node_of(node)
            ),
        ),
        Event::ContradictionAcknowledged { node, by, reason } => lasting(
            "running",
            format!("{}: contradiction seen by {by}: {reason}", node_of(node)),
        ),

        Event::RetryOrdered {
            node, by, reason, ..
        } => lasting(
            "running",
            format!("{}: retry ordered by {by}: {reason}", node_of(node)),
        ),
        Event::NodeAttested {
            node, by, reason, ..
        } => lasting(
            "attested",
            format!("{} attested by {by}: {reason}", node_of(node)),
        ),
        Event::UndoAbandoned { node, by, reason } => lasting(
            "failed",
            format!("{} given up by {by}: {reason}", node_of(node)),
        ),
        Event::DebtTakenOver { step, by, reason } => lasting(
            "attested",
            format!("the debt {step} is taken over by {by}: {reason}"),
        ),

        // The gate itself is shown in full, from the run's state.
        Event::GateOpened { step, attempt, .. } => {
            passing("open", format!("gate {step} opened{}", again(*attempt)))
        }
        Event::FactsAsked { step, asks, .. } => {
            let names: Vec<&str> = asks.keys().map(String::as_str).collect();
            passing("open", format!("gate {step} reads {}", names.join(", ")))
        }
        Event::FactFetched {
            step,
            fact,
            finding,
            ..
        } => match finding.fault() {
            None => passing("open", format!("gate {step}: {fact} is accepted")),
            Some(why) => lasting("withdrawn", format!("gate {step}: {fact}: {why}")),
        },
        Event::ApprovalGiven {
            step,
            by,
            note,
            rule,
            ..
        } => {
            let note = with_note(note);
            let text = format!("gate {step} has the approval of {by} ({rule}){note}");
            lasting("approved", text)
        }
        Event::GateApproved {
            step,
            by,
            note,
            rule,
            ..
        } => {
            let note = with_note(note);
            let text = format!("gate {step} approved by {by} ({rule}){note}");
            lasting("approved", text)
        }
        Event::GateRejected {
            step, by, reason, ..
        } => lasting("failed", format!("gate {step} rejected by {by}: {reason}")),
        Event::GateExpired { step, .. } => lasting("failed", format!("gate {step} expired")),
        Event::GateWithdrawn { step, reason, .. } => lasting(
            "withdrawn",
            format!("gate {step}: the approval does not hold any more: {reason}"),
        ),
    }
}

/// The evidence that an attempt relies on, behind what it uses.
fn relied(guards: &[Relied]) -> String {
    let guards = guards.iter().map(|relied| {
        let claimed = if relied.claimed { ", as claimed" } else { "" };
        format!("; {} by {}{claimed}", relied.guard, relied.by)
    });
    guards.collect()
}

fn tried(loops: &Loops, node: &NodeId, attempt: u32) -> String {
    format!("{}{}", loops.spelled(node), again(attempt))
}

fn with_note(note: &str) -> String {
    match note {
        "" => String::new(),
        note => format!(": {note}"),
    }
}

fn again(attempt: u32) -> String {
    if attempt > 1 {
        format!(" (attempt {attempt})")
    } else {
        String::new()
    }
}

fn said(failure: &Failure) -> String {
    format!("{} ({}, {})", failure.message, failure.code, failure.effect)
}

fn answered(answer: &Answer) -> String {
    match answer {
        Answer::Happened { .. } => "it happened".to_owned(),
        Answer::NotHappened { .. } => "it did not happen".to_owned(),
        Answer::Settled { state } => format!("it came to its end: {state}"),
        Answer::InProgress { note } => format!("in progress: {note}"),
        Answer::Unknown { note } => format!("unknown: {note}"),
        Answer::Failed { message } => format!("it failed: {message}"),
    }
}

fn resolved(resolution: &Resolution) -> &'static str {
    match resolution {
        Resolution::Happened { .. } => "it happened",
        Resolution::NotHappened { .. } => "it did not happen",
        Resolution::Settled { .. } => "it came to a known end without success",
        Resolution::GivenUp => "unknown, given up",
    }
}

fn resolved_state(resolution: &Resolution) -> &'static str {
    match resolution {
        Resolution::Happened { .. } => "succeeded",
        Resolution::NotHappened { .. } => "running",
        Resolution::Settled { .. } | Resolution::GivenUp => "failed",
    }
}

fn witnessed(witness: &Witness) -> String {
    match witness {
        Witness::Outcome => "by its own late outcome".to_owned(),
        Witness::Reconcile => "by evidence at the target".to_owned(),
        Witness::Operator { by, reason } => format!("by {by}: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_core::outcome::Effected;

    #[test]
    fn a_targets_text_is_one_safe_line() {
        let event = Event::AttemptFailed {
            node: "build".parse().unwrap(),
            attempt: 2,
            failure: Failure {
                effect: Effected::None,
                code: "exit_status".to_owned(),
                message: "\u{1b}[2Jexit\n3".to_owned(),
                evidence: None,
                log: None,
            },
        };
        let note = note(&event, Timestamp(0), &Loops::default()).unwrap();
        assert_eq!(
            note.text,
            "build (attempt 2) failed: exit 3 (exit_status, no effect)"
        );
    }

    #[test]
    fn items_of_a_loop_have_their_numbers() {
        let event = |item| Event::NodeAttested {
            node: NodeId {
                item,
                ..NodeId::of("build".parse().unwrap())
            },
            by: windlass_core::operator::Operator {
                identity: windlass_core::operator::Identity::OsUser { uid: 1 },
                name: "ann".to_owned(),
                door: windlass_core::operator::Door::Terminal,
            },
            reason: "seen".to_owned(),
            outputs: windlass_core::value::Value::Null,
            owes: false,
        };
        let mut loops = Loops::default();
        let text = |item, loops: &Loops| note(&event(item), Timestamp(0), loops).unwrap().text;
        assert!(text(0, &loops).starts_with("build attested"));
        loops.learn(&Event::StepExpanded {
            step: "build".parse().unwrap(),
            items: Vec::new(),
        });
        assert!(text(0, &loops).starts_with("build[0] attested"));
        assert!(text(1, &loops).starts_with("build[1] attested"));
    }
}
