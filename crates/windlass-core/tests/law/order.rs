//! Needs, gates, halting, undo, debts, `finally` and the one end.

use std::collections::BTreeSet;

use super::{Fate, History, Node, ancestors, effect_of, is_gate, step_of};
use windlass_core::event::{End, Event};
use windlass_core::id::{NodeId, Phase, StepId};
use windlass_core::plan::{EffectClass, Plan, StepKind};
use windlass_core::time::Timestamp;

/// The order of things.
pub(crate) fn judge(plan: &Plan, h: &History, event: &Event, at: Timestamp) -> Result<(), String> {
    if !h.started {
        let starts = matches!(event, Event::RunStarted { .. });
        return starts
            .then_some(())
            .ok_or("something before the start".to_owned());
    }
    // The one fact that may come too late to matter, and must not be lost.
    let comes_late = matches!(
        event,
        Event::ResolutionContradicted { .. } | Event::ReviewClosed { .. }
    );
    if h.ended && !comes_late {
        return Err(format!("{} after the end", event.kind()));
    }
    match event {
        Event::RunStarted { .. } => Err("a second start".to_owned()),
        Event::AttemptStarted { node, .. } | Event::ManualStepOpened { node, .. } => {
            held(h, node)?;
            started(plan, h, node, at)
        }
        Event::GateOpened { step, .. } => {
            held(h, step)?;
            halting(plan, h, step)?;
            needs_met(plan, h, step)?;
            match h.reopened.get(step) {
                Some(times) if *times > 3 && h.fate(step) == Fate::Open => {
                    Err(format!("{step} opens again a fourth time"))
                }
                Some(_) | None => Ok(()),
            }
        }
        Event::WaitStarted { step, .. } | Event::StepExpanded { step, .. } => {
            held(h, step)?;
            if !step_of(plan, step).finally {
                halting(plan, h, step)?;
            }
            needs_met(plan, h, step)
        }
        Event::StepSkipped { step } if !h.owes(step) => needs_met(plan, h, step),
        Event::ApprovalGiven { step, .. } | Event::GateApproved { step, .. } => {
            match h.open.get(step) {
                Some(Some(expires_at)) if *expires_at <= at => {
                    Err(format!("{step} is approved after it expired"))
                }
                Some(_) => Ok(()),
                None => Err(format!("{step} is approved, but not open")),
            }
        }
        Event::RunEndingBegan { end, .. } => ending(plan, h, *end),
        Event::RunEnded { .. } => ended(plan, h),
        _ => Ok(()),
    }
}

/// A pause and an unseen contradiction hold everything that is new.
fn held(h: &History, what: &impl std::fmt::Display) -> Result<(), String> {
    if h.paused {
        return Err(format!("{what} starts in a pause"));
    }
    if let Some(rescue) = &h.suspended {
        return Err(format!("{what} starts in the place of {rescue}"));
    }
    if !h.contradicted.is_empty() {
        return Err(format!("{what} starts over a contradiction"));
    }
    Ok(())
}

fn needs_met(plan: &Plan, h: &History, step: &StepId) -> Result<(), String> {
    let needs = &step_of(plan, step).needs;
    match needs.iter().find(|need| h.fate(need) != Fate::Met) {
        Some(need) => Err(format!("{step} begins before {need}")),
        None => Ok(()),
    }
}

/// Whether no new main step may start.
fn halting(plan: &Plan, h: &History, what: &impl std::fmt::Display) -> Result<(), String> {
    let halts = h.ending.is_some()
        || h.cancelled
        || h.timed_out
        || h.abandoned
        || h.nothing_to_do
        || h.has_failure(plan);
    if halts {
        return Err(format!("{what} starts, but the run is halting"));
    }
    Ok(())
}

fn started(plan: &Plan, h: &History, node: &NodeId, at: Timestamp) -> Result<(), String> {
    let step = step_of(plan, &node.step);
    let running = h.nodes.values().filter(|known| known.in_flight).count();
    if running >= plan.max_parallel as usize {
        return Err(format!("{node} starts, but {running} are in flight"));
    }
    if let StepKind::Action {
        for_each: Some(each),
        ..
    } = &step.kind
    {
        let of_step = h
            .nodes
            .iter()
            .filter(|(of, known)| of.step == node.step && (known.in_flight || known.by_hand));
        if of_step.count() >= each.max_parallel as usize {
            return Err(format!("{node} starts beside too many of its step"));
        }
    }
    if node.phase == Phase::Undo {
        return undo(plan, h, node);
    }
    let owed = h.owes(&node.step);
    if owed {
        if let Some((other, _)) = h.nodes.iter().find(|(_, known)| known.in_doubt) {
            return Err(format!("{node} pays a debt while {other} is in doubt"));
        }
        if h.ending.is_none() {
            needs_met(plan, h, &node.step)?;
        }
        return Ok(());
    }
    needs_met(plan, h, &node.step)?;
    if step.finally {
        let main_debts = h.debts.keys().any(|owed| !step_of(plan, owed).finally);
        if h.ending.is_none() || main_debts {
            return Err(format!("{node} of finally starts too early"));
        }
        return Ok(());
    }
    halting(plan, h, node)?;
    gates(plan, h, node, at)
}

/// No step starts past a gate that is closed, or whose approval expired unused.
fn gates(plan: &Plan, h: &History, node: &NodeId, at: Timestamp) -> Result<(), String> {
    let before = ancestors(plan, &node.step);
    for gate in before.iter().filter(|id| is_gate(step_of(plan, id))) {
        match h.approved.get(gate) {
            None => return Err(format!("{node} passes the closed gate {gate}")),
            Some(approval) => {
                let expired = approval.expires_at.is_some_and(|expires| expires <= at);
                if expired && !approval.used {
                    return Err(format!("{node} passes {gate} on an expired approval"));
                }
            }
        }
    }
    Ok(())
}

/// Undo comes in the ending, in reverse order, never past an irreversible step.
fn undo(plan: &Plan, h: &History, node: &NodeId) -> Result<(), String> {
    if h.ending.is_none() || !(h.ending == Some(true) || h.undo_on_cancel) {
        return Err(format!("{node} without an undo"));
    }
    if let StepKind::Action {
        effect: EffectClass::Irreversible,
        ..
    } = step_of(plan, &node.step).kind
    {
        return Err(format!("{node} undoes what cannot be undone"));
    }
    let done = NodeId {
        phase: Phase::Do,
        ..node.clone()
    };
    let Some(place) = h.changed.iter().position(|(changed, _)| *changed == done) else {
        return Err(format!("{node}, but there is nothing to undo"));
    };
    let later: BTreeSet<&NodeId> = h.changed[place + 1..]
        .iter()
        .map(|(node, _)| node)
        .collect();
    for (other, ok) in &h.changed[place + 1..] {
        if *ok && effect_of(plan, other) == EffectClass::Irreversible {
            return Err(format!("{node} past the irreversible {other}"));
        }
    }
    let undone_before = h.nodes.iter().find(|(other, known)| {
        let done = NodeId {
            phase: Phase::Do,
            ..(*other).clone()
        };
        other.phase == Phase::Undo && *other != node && known.attempt > 0 && !later.contains(&done)
    });
    match undone_before {
        Some((other, _)) => Err(format!("{node} after {other}, against the order")),
        None => Ok(()),
    }
}

/// What no end passes by: also a change that is in somebody's hands.
fn at_work(plan: &Plan) -> impl FnMut(&(&NodeId, &Node)) -> bool {
    |(node, known)| {
        let in_hand = known.by_hand && effect_of(plan, node).is_change();
        known.in_flight || known.in_doubt || in_hand
    }
}

fn ending(plan: &Plan, h: &History, end: End) -> Result<(), String> {
    if h.ending.is_some() {
        return Err("a second ending".to_owned());
    }
    if let Some((node, _)) = h.nodes.iter().find(at_work(plan)) {
        return Err(format!(
            "the ending begins while {node} is at work or in doubt"
        ));
    }
    if h.paused || h.suspended.is_some() || !h.contradicted.is_empty() {
        return Err("the ending begins while the run is held".to_owned());
    }
    let failed = h.has_failure(plan) || h.timed_out;
    if failed && h.irreversible_succeeded(plan) && !h.abandoned && !h.cancelled {
        return Err("the ending begins without a person, past return".to_owned());
    }
    let fits = match end {
        End::Cancelled => h.cancelled,
        End::Failed => failed || h.abandoned,
        End::Succeeded => !failed && !h.cancelled && !h.abandoned,
    };
    if !fits {
        return Err(format!("the ending begins as {}", end.as_str()));
    }
    let main = plan.steps.iter().filter(|step| !step.finally);
    let unmet = main.filter(|step| h.fate(&step.id) != Fate::Met).count();
    if end == End::Succeeded && unmet > 0 && !h.nothing_to_do {
        return Err(format!("success with {unmet} steps open"));
    }
    Ok(())
}

fn ended(plan: &Plan, h: &History) -> Result<(), String> {
    if h.ending.is_none() {
        return Err("the end without an ending".to_owned());
    }
    if let Some((node, _)) = h.nodes.iter().find(at_work(plan)) {
        return Err(format!("the end while {node} is at work or in doubt"));
    }
    match h.debts.keys().next() {
        Some(step) => Err(format!("the end while {step} is owed")),
        None => Ok(()),
    }
}
