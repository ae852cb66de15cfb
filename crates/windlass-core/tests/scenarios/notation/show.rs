//! How events, effects and a run's status are written in the scenarios' expectations:
//! one short line each, times in seconds.

use std::collections::BTreeMap;

use windlass_core::effect::{Effect, Look};
use windlass_core::event::{Ask, Deferral, Event};
use windlass_core::fact::Finding;
use windlass_core::outcome::{Answer, Resolution, Witness};
use windlass_core::plan::Relied;
use windlass_core::state::{Need, RunState, RunStatus};
use windlass_core::time::Timestamp;
use windlass_core::value::Value;

/// A time in seconds, with a fraction only where there is one.
pub(crate) fn time(at: Timestamp) -> String {
    match at.0 % 1000 {
        0 => format!("@{}", at.0 / 1000),
        ms => format!("@{}.{:03}", at.0 / 1000, ms.abs()),
    }
}

fn until(at: &Option<Timestamp>) -> String {
    at.map_or(String::new(), |at| format!(" until {}", time(at)))
}

fn deferral(why: &Deferral) -> String {
    match why {
        Deferral::Window { window, .. } => format!("the window {window}"),
        Deferral::NoOpening { window, .. } => format!("the window {window}, which does not open"),
        Deferral::Freeze { freeze, .. } => format!("the freeze {freeze}"),
        Deferral::Unknown { .. } => "nobody's knowledge".to_owned(),
    }
}

fn relied(guards: &[Relied]) -> String {
    let one = |relied: &Relied| {
        let claimed = if relied.claimed { " as claimed" } else { "" };
        let (evidence, by) = (&relied.evidence, &relied.by);
        format!(
            " on {} {} of {} by {by}{claimed}",
            relied.guard, evidence.id, evidence.target
        )
    };
    guards.iter().map(one).collect()
}

/// A value, when there is something to show.
fn given(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::List(_)
        | Value::Map(_) => format!(" {value}"),
    }
}

/// One event in one line.
pub(crate) fn event(event: &Event) -> String {
    match event {
        Event::RunStarted {
            requester,
            single_user,
            deadline,
            ..
        } => {
            let policy = if *single_user { "" } else { " with a policy" };
            format!(
                "run started by {}{policy}{}",
                requester.name,
                until(deadline)
            )
        }
        Event::PolicyChanged {
            difference, voids, ..
        } => {
            let voids = if *voids { ", approvals void" } else { "" };
            format!("policy changed: {}{voids}", difference.join("; "))
        }
        Event::RunPaused { by, .. } => format!("run paused by {}", by.name),
        Event::RunResumed { by } => format!("run resumed by {}", by.name),
        Event::RunCancelRequested { by, undo, .. } => {
            let undo = if *undo { ", undo" } else { "" };
            format!("cancel requested by {}{undo}", by.name)
        }
        Event::RunTimedOut {} => "run timed out".to_owned(),
        Event::RunAbandoned { by, .. } => format!("run abandoned by {}", by.name),
        Event::RunEndingBegan { end, reason, undo } => {
            let undo = if *undo { ", undo" } else { "" };
            format!("ENDING {}{undo}: {reason}", end.as_str())
        }
        Event::ReviewClosed {
            review, by, code, ..
        } => format!("review {review} closed as {} by {}", code.as_str(), by.name),
        Event::RunEnded { end, reason } => format!("END {}: {reason}", end.as_str()),
        Event::TargetResolved { target } => format!("target {target}"),
        Event::LockRequested { target } => format!("lock of {target} requested"),
        Event::LockAcquired {
            target,
            fence,
            instead_of,
        } => {
            let aside = instead_of.as_ref();
            let aside = aside.map_or(String::new(), |run| format!(", in the place of {run}"));
            let fence = fence.unwrap_or_default();
            format!("lock of {target} acquired as #{fence}{aside}")
        }
        Event::RunSuspended {
            rescue, by, rule, ..
        } => format!("run SUSPENDED for {rescue} by {} ({rule})", by.name),
        Event::RunReleased { rescue, fence } => {
            format!("run released by {rescue}, lock #{fence}")
        }
        Event::LockForgone { target, held_by } => {
            format!("lock of {target} forgone, {held_by} holds it")
        }
        Event::StepSkipped { step } => format!("{step} skipped"),
        Event::StepExpanded { step, items } => {
            format!("{step} expanded {}", Value::List(items.clone()))
        }
        Event::StepRefused { step, message } => format!("{step} refused: {message}"),
        Event::OpeningChosen { step, opening } => {
            let (from, to) = (time(opening.from), time(opening.to));
            format!("{step} to begin in the opening {from} to {to}")
        }
        Event::OpeningMissed { step, reason } => format!("{step} missed its opening: {reason}"),
        Event::StepDeferred {
            step,
            until: at,
            why,
        } => format!("{step} deferred{} by {}", until(at), deferral(why)),
        Event::StepDue { step } => format!("{step} due"),
        Event::WindowOverrun { step, ended_at } => {
            format!("{step} runs over its opening, over {}", time(*ended_at))
        }
        Event::WindowOverridden { step, by, rule, .. } => {
            format!("{step} OVERRIDDEN by {} ({rule})", by.name)
        }
        Event::WaitStarted { step, until } => format!("{step} waits until {}", time(*until)),
        Event::WaitEnded { step } => format!("{step} waited"),
        Event::AttemptStarted {
            node,
            attempt,
            call,
            guards,
            ..
        } => {
            let input = call.input.clone().into_value().unwrap_or(Value::Null);
            format!(
                "{node}#{attempt} started{}{}",
                given(&input),
                relied(guards)
            )
        }
        Event::AttemptCheckpointed {
            node,
            attempt,
            data,
        } => format!("{node}#{attempt} kept {data}"),
        Event::RequestRefused {
            node,
            attempt,
            refusal,
        } => format!("{node}#{attempt} refused {refusal}"),
        Event::AttemptSucceeded {
            node,
            attempt,
            outputs,
            nothing_to_do,
            ..
        } => {
            let done = if *nothing_to_do {
                ", nothing to do"
            } else {
                ""
            };
            format!("{node}#{attempt} ok{}{done}", given(outputs))
        }
        Event::AttemptFailed {
            node,
            attempt,
            failure,
        } => format!(
            "{node}#{attempt} failed, {}: {}",
            failure.effect, failure.code
        ),
        Event::RetryScheduled { node, attempt, at } => {
            format!("{node}#{attempt} to start {}", time(*at))
        }
        Event::PollScheduled {
            node, attempt, at, ..
        } => format!("{node}#{attempt} to look again {}", time(*at)),
        Event::NodeFailed { node, failure } => {
            format!("{node} FAILED, {}: {}", failure.effect, failure.message)
        }
        Event::ManualStepOpened {
            node,
            attempt,
            call,
            expires_at,
            guards,
            opening: _,
        } => {
            let input = call.input.clone().into_value().unwrap_or(Value::Null);
            let (told, until) = (given(&input), until(expires_at));
            let relied = relied(guards);
            format!("{node}#{attempt} asked by hand{until}{told}{relied}")
        }
        Event::ManualStepAttested {
            node,
            attempt,
            by,
            outputs,
            rule,
            ..
        } => format!("{node}#{attempt} done by {} ({rule}) {outputs}", by.name),
        Event::ManualStepDeclined {
            node,
            attempt,
            by,
            effect,
            ..
        } => format!("{node}#{attempt} not done by {}, {effect}", by.name),
        Event::ManualStepExpired { node, attempt } => format!("{node}#{attempt} unanswered"),
        Event::DoubtOpened {
            node,
            attempt,
            quiet_at,
            observe_until,
            ask,
        } => {
            let ask = ask
                .as_ref()
                .map_or(String::new(), |ask| format!(", asks {}", ask.uses));
            let (quiet, observe) = (time(*quiet_at), time(*observe_until));
            format!("{node}#{attempt} IN DOUBT, quiet {quiet}, observed until {observe}{ask}")
        }
        Event::DoubtAnswered {
            node,
            attempt,
            answer: said,
            again_at,
        } => {
            let again = again_at.map_or("no more looks".to_owned(), |at| {
                format!("again {}", time(at))
            });
            format!("{node}#{attempt} target says {}, {again}", answer(said))
        }
        Event::DoubtEscalated {
            node,
            attempt,
            reason,
        } => format!("{node}#{attempt} ASKS A PERSON: {reason}"),
        Event::DoubtResolved {
            node,
            attempt,
            resolution: what,
            witness,
        } => {
            let by = match witness {
                Witness::Outcome => "its own outcome".to_owned(),
                Witness::Reconcile => "reconcile".to_owned(),
                Witness::Operator { by, .. } => by.name.clone(),
            };
            format!("{node}#{attempt} RESOLVED {} by {by}", resolution(what))
        }
        Event::OrphanFound { node, attempt, pid } => {
            format!("{node}#{attempt} left process {pid}")
        }
        Event::OrphanEnded { node, attempt, pid } => {
            format!("{node}#{attempt} lost process {pid}")
        }
        Event::ResolutionContradicted {
            node,
            attempt,
            resolution: what,
            arrived,
        } => format!(
            "{node}#{attempt} CONTRADICTED {}: {arrived}",
            resolution(what)
        ),
        Event::ContradictionAcknowledged { node, by, .. } => {
            format!("{node} contradiction acknowledged by {}", by.name)
        }
        Event::RetryOrdered {
            node,
            by,
            nothing_remains,
            ..
        } => {
            let remains = if *nothing_remains {
                ", nothing remains"
            } else {
                ""
            };
            format!("{node} retry ordered by {}{remains}", by.name)
        }
        Event::NodeAttested {
            node, by, outputs, ..
        } => format!("{node} attested by {} {outputs}", by.name),
        Event::UndoAbandoned { node, by, .. } => format!("{node} given up by {}", by.name),
        Event::DebtTakenOver { step, by, .. } => format!("{step} taken over by {}", by.name),
        Event::GateOpened {
            step,
            attempt,
            expires_at,
            shown,
            target,
            asks,
        } => {
            let shown = shown.get("fact").map_or(String::new(), given);
            let of = target
                .as_ref()
                .map_or(String::new(), |of| format!(" for {of}"));
            let asks = match asks.is_empty() {
                true => String::new(),
                false => format!(" asking {}", names(asks)),
            };
            format!(
                "{step}#{attempt} open{of}{}{shown}{asks}",
                until(expires_at)
            )
        }
        Event::FactsAsked {
            step,
            attempt,
            asks,
        } => format!("{step}#{attempt} asks {}", names(asks)),
        Event::FactFetched {
            step,
            attempt,
            fact,
            finding,
            ..
        } => {
            let finding = match finding {
                Finding::Accepted { outputs } => format!("accepted{}", given(outputs)),
                Finding::Refused { why, .. } => format!("refused: {why}"),
                Finding::Failed { message } => format!("failed: {message}"),
            };
            format!("{step}#{attempt} {fact} {finding}")
        }
        Event::ApprovalGiven {
            step,
            attempt,
            by,
            rule,
            ..
        } => format!("{step}#{attempt} has the approval of {} ({rule})", by.name),
        Event::GateApproved {
            step,
            attempt,
            by,
            rule,
            ..
        } => format!("{step}#{attempt} approved by {} ({rule})", by.name),
        Event::GateRejected {
            step, attempt, by, ..
        } => format!("{step}#{attempt} rejected by {}", by.name),
        Event::GateExpired { step, attempt } => format!("{step}#{attempt} expired"),
        Event::GateWithdrawn {
            step,
            attempt,
            reason,
        } => format!("{step}#{attempt} withdrawn: {reason}"),
    }
}

fn names(asks: &BTreeMap<String, Ask>) -> String {
    asks.keys()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

fn answer(answer: &Answer) -> &'static str {
    match answer {
        Answer::Happened { .. } => "happened",
        Answer::NotHappened { .. } => "not happened",
        Answer::Settled { .. } => "settled",
        Answer::InProgress { .. } => "in progress",
        Answer::Unknown { .. } => "unknown",
        Answer::Failed { .. } => "nothing (the look failed)",
    }
}

fn resolution(resolution: &Resolution) -> String {
    match resolution {
        Resolution::Happened { outputs } => format!("happened{}", given(outputs)),
        Resolution::NotHappened { .. } => "not happened".to_owned(),
        Resolution::Settled { .. } => "settled".to_owned(),
        Resolution::GivenUp => "given up".to_owned(),
    }
}

/// What must be in flight, in one line.
pub(crate) fn effects(effects: &[Effect]) -> String {
    let shown: Vec<String> = effects.iter().map(effect).collect();
    shown.join(", ")
}

fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Attempt {
            node,
            attempt,
            checkpoint,
            ..
        } => {
            let kept = checkpoint
                .as_ref()
                .map_or(String::new(), |kept| format!(" with {kept}"));
            format!("run {node}#{attempt}{kept}")
        }
        Effect::Reconcile {
            node,
            attempt,
            at,
            how,
            ..
        } => {
            let kept = match how {
                Look::Native {
                    checkpoint: Some(kept),
                    ..
                } => format!(" with {kept}"),
                Look::Native {
                    checkpoint: None, ..
                }
                | Look::Read { .. } => String::new(),
            };
            format!("look at {node}#{attempt} {}{kept}", time(*at))
        }
        Effect::Fetch { gate, fact, .. } => format!("read {gate}.{fact}"),
        Effect::AcquireLock {
            target,
            since,
            waits,
        } => {
            let how = if *waits { "lock" } else { "try to lock" };
            format!("{how} {target} since {}", time(*since))
        }
        Effect::WakeAt { at } => format!("wake {}", time(*at)),
    }
}

/// What a run's list says of it.
pub(crate) fn status(state: &RunState) -> String {
    let mut text = match state.status() {
        RunStatus::NeedsOperator { needs } => {
            let needs: Vec<String> = needs.iter().map(need).collect();
            format!("needs a person: {}", needs.join(", "))
        }
        RunStatus::Waiting { gates, .. } if !gates.is_empty() => {
            let gates: Vec<&str> = gates.iter().map(|gate| gate.as_str()).collect();
            format!("waiting for {}", gates.join(", "))
        }
        RunStatus::Waiting { by_hand, .. } if !by_hand.is_empty() => {
            let nodes: Vec<String> = by_hand.iter().map(ToString::to_string).collect();
            format!("waiting for the hands of {}", nodes.join(", "))
        }
        RunStatus::Waiting {
            lock: Some(target), ..
        } => format!("waiting for the lock of {target}"),
        status @ (RunStatus::New
        | RunStatus::Running
        | RunStatus::Waiting { .. }
        | RunStatus::Paused
        | RunStatus::Ending
        | RunStatus::Ended(_)) => status.as_str().to_owned(),
    };
    for (step, since) in state.debts() {
        text.push_str(&format!(", OWES {step} since {}", time(since)));
    }
    text
}

fn need(need: &Need) -> String {
    match need {
        Need::InDoubt { node } => format!("in doubt {node}"),
        Need::FailedAfterIrreversible { step: Some(step) } => format!("failed {step}"),
        Need::FailedAfterIrreversible { step: None } => "timed out".to_owned(),
        Need::UndoFailed { node } => format!("failed {node}"),
        Need::Debt { step } => format!("debt {step}"),
        Need::Contradicted { node } => format!("contradicted {node}"),
    }
}
