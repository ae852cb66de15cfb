//! Windows and freezes: the first intent of a segment lies in an opening of all its
//! windows, what prepares it within its lead, and nothing begins in a freeze; unless a
//! person let it.

use super::{History, ancestors, effect_of, step_of};
use windlass_core::event::{Deferral, Event};
use windlass_core::id::{NodeId, Phase, StepId};
use windlass_core::plan::{EffectClass, Plan, Window};
use windlass_core::policy::{Freeze, Standing};
use windlass_core::span::Spans;
use windlass_core::time::{Millis, Timestamp};

pub(crate) fn judge(plan: &Plan, h: &History, event: &Event, at: Timestamp) -> Result<(), String> {
    match event {
        Event::AttemptStarted { node, opening, .. }
        | Event::ManualStepOpened { node, opening, .. } => {
            if opening.is_some_and(|opening| !opening.contains(at)) {
                return Err(format!("{node} begins in an opening of another time"));
            }
            began(plan, h, node, at)
        }
        Event::WindowOverrun { step, ended_at } if at < *ended_at => {
            Err(format!("{step} runs over before the end"))
        }
        _ => Ok(()),
    }
}

/// The segments, each by its first step and all of its steps.
pub(crate) fn segments(plan: &Plan) -> impl Iterator<Item = (StepId, Vec<StepId>)> + '_ {
    plan.steps.iter().filter_map(|step| {
        let (first, window) = (&step.id, step.window.as_ref()?);
        let last = window.covers.as_ref().unwrap_or(first);
        let before = ancestors(plan, last);
        let is_in = |id: &StepId| {
            let from = id == first || ancestors(plan, id).contains(first);
            from && (id == last || before.contains(id))
        };
        let steps = plan.steps.iter().map(|step| step.id.clone());
        (window.lead == Millis(0)).then(|| (first.clone(), steps.filter(is_in).collect()))
    })
}

/// Whether a change leaves the approval of a gate unused: it only prepares a segment.
pub(crate) fn spares(plan: &Plan, gate: &StepId, change: &StepId) -> bool {
    let behind: Vec<_> = segments(plan)
        .filter(|(first, _)| ancestors(plan, first).contains(gate))
        .collect();
    !behind.is_empty() && !behind.iter().any(|(_, steps)| steps.contains(change))
}

/// Whether a node uses up the approvals before it: a change, and what can begin a segment.
pub(crate) fn rests_on_approvals(plan: &Plan, node: &NodeId) -> bool {
    let effect = effect_of(plan, node);
    let begins = effect != EffectClass::Read
        && !step_of(plan, &node.step).finally
        && segments(plan).any(|(_, steps)| steps.contains(&node.step));
    node.phase == Phase::Do && (effect.is_change() || begins)
}

/// The steps that begin as one with a step: a segment, or itself.
pub(crate) fn unit(plan: &Plan, id: &StepId) -> (StepId, Vec<StepId>) {
    let mut segments = segments(plan);
    let found = segments.find(|(_, steps)| steps.contains(id));
    found.unwrap_or_else(|| (id.clone(), vec![id.clone()]))
}

fn began(plan: &Plan, h: &History, node: &NodeId, at: Timestamp) -> Result<(), String> {
    let Some(standing) = &h.standing else {
        return Ok(());
    };
    let step = step_of(plan, &node.step);
    let is_free = node.phase == Phase::Undo
        || step.finally
        || h.ending.is_some()
        || h.owes(&node.step)
        || effect_of(plan, node) == EffectClass::Read;
    let (first, steps) = unit(plan, &node.step);
    let is_of_unit = |known: &NodeId| steps.contains(&known.step) && known.phase == Phase::Do;
    let has_begun = h
        .nodes
        .keys()
        .any(|known| is_of_unit(known) && effect_of(plan, known) != EffectClass::Read);
    if is_free || has_begun {
        return Ok(());
    }
    // A person lets it begin in spite of what he saw, until that is over anyway.
    let seen = h.overridden.get(&first).into_iter().flatten();
    let seen = seen.filter(|(_, until)| until.is_none_or(|until| at < until));
    let seen: Vec<&Deferral> = seen.map(|(why, _)| why).collect();
    let is_let = |freeze: &Freeze| {
        let is_it = |why: &&Deferral| matches!(why, Deferral::Freeze { freeze: name, .. } if *name == freeze.name);
        seen.iter().any(is_it)
    };
    let mut frozen = standing.frozen(h.target.as_deref(), at);
    if let Some(freeze) = frozen.find(|freeze| !is_let(freeze)) {
        return Err(format!("{node} begins in the freeze {}", freeze.name));
    }
    let Some(window) = &step_of(plan, &first).window else {
        return Ok(());
    };
    let is_of_window = |why: &&Deferral| match why {
        Deferral::Window { .. } | Deferral::NoOpening { .. } => true,
        Deferral::Freeze { .. } | Deferral::Unknown { .. } => false,
    };
    if seen.iter().any(is_of_window) {
        return Ok(());
    }
    if standing.until <= at {
        return Err(format!("{node} begins when nobody knows what is open"));
    }
    let is_open = match window.lead {
        Millis(0) => window.names().all(|name| open(standing, name).contains(at)),
        lead => leads(standing, window, lead, at),
    };
    if is_open {
        return Ok(());
    }
    Err(format!("{node} begins while {} is closed", window.name))
}

fn open<'a>(standing: &'a Standing, name: &windlass_core::id::WindowName) -> &'a Spans {
    standing.window(name).expect("the start saw to it")
}

fn leads(standing: &Standing, window: &Window, lead: Millis, at: Timestamp) -> bool {
    let openings = open(standing, &window.name).as_slice();
    openings
        .iter()
        .any(|opening| opening.from <= at + lead && at < opening.to)
}
