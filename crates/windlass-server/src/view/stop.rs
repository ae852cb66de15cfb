//! How much of a run a stop would still prevent: what has been changed, and which change
//! comes next behind which gate. Computed from the state, worded in `clauses`.

use std::collections::{BTreeMap, VecDeque};

use windlass_core::id::{Phase, StepId};
use windlass_core::outcome::Effected;
use windlass_core::plan::{EffectClass, StepKind};
use windlass_core::state::{ItemLook, NodePhase, RunState, StepLook, StepPhase};

use crate::wire::{Stop, StopCode};

/// Most steps that one list of a [`Stop`] names.
const NAMED_MAX: usize = 3;

/// What a stop would still prevent; `None` before the first event and after the end.
pub(super) fn stop(state: &RunState) -> Option<Stop> {
    let steps: Vec<StepLook<'_>> = state.steps().collect();
    if steps.is_empty() || state.is_ended() {
        return None;
    }
    let done = Done::of(&steps);
    let mut stop = Stop {
        code: StopCode::Nothing,
        step: None,
        effect: None,
        at_ms: None,
        gates: Vec::new(),
        after: Vec::new(),
        changed: done
            .changed
            .iter()
            .take(NAMED_MAX)
            .map(|at| steps[*at].step.id.clone())
            .collect(),
        changed_count: done.changed.len(),
        undoable: done.changed.iter().all(|at| has_undo(&steps[*at])),
    };
    if let Some((code, at, ms)) = done.decides {
        stop.code = code;
        stop.name(&steps[at]);
        stop.at_ms = ms;
        return Some(stop);
    }
    if state.ending_reason().is_some() {
        stop.code = StopCode::Ending;
        return Some(stop);
    }
    // What can be taken back leaves only the irreversible to be stopped in time.
    let least = match done.changed.is_empty() {
        true => EffectClass::Reversible,
        false => EffectClass::Irreversible,
    };
    if !done.changed.is_empty() {
        stop.code = StopCode::Changed;
    }
    if let Some(next) = next_change(&steps, least) {
        if done.changed.is_empty() {
            stop.code = StopCode::Before;
        }
        stop.name(&steps[next.at]);
        stop.at_ms = next.not_before_ms;
        stop.gates = next.gates;
        stop.after = next.after;
    }
    Some(stop)
}

impl Stop {
    fn name(&mut self, look: &StepLook<'_>) {
        self.step = Some(look.step.id.clone());
        self.effect = effect(look).map(|effect| effect.as_str().to_owned());
    }
}

/// What the changes so far have come to.
#[derive(Debug, Default)]
struct Done {
    /// Places of steps that changed something.
    changed: Vec<usize>,
    /// The change that decides what a stop can do, if one does.
    decides: Option<(StopCode, usize, Option<i64>)>,
}

impl Done {
    fn of(steps: &[StepLook<'_>]) -> Self {
        let mut done = Self::default();
        for (at, look) in steps.iter().enumerate() {
            let Some(class) = effect(look).filter(|effect| effect.is_change()) else {
                continue;
            };
            let irreversible = class == EffectClass::Irreversible;
            let mut changed = false;
            for item in look.items.iter().filter(|item| is_doing(item)) {
                let found = match &item.state.phase {
                    NodePhase::Succeeded { .. } => {
                        changed = true;
                        let ended = item.state.ended_at.map(|at| at.0);
                        irreversible.then_some((StopCode::Passed, ended))
                    }
                    NodePhase::InDoubt(doubt) => Some((StopCode::InDoubt, Some(doubt.since.0))),
                    NodePhase::Running { deadline, .. } => {
                        Some((StopCode::InFlight, Some(deadline.0)))
                    }
                    // Nobody knows when its person is done.
                    NodePhase::ByHand { .. } => Some((StopCode::InFlight, None)),
                    NodePhase::Failed | NodePhase::Stopped => {
                        let effect = item.state.failure.as_ref().map(|failure| failure.effect);
                        let may_have = match effect {
                            Some(Effected::Settled | Effected::Unknown) => true,
                            Some(Effected::None) | None => false,
                        };
                        changed |= may_have;
                        let unknown = effect == Some(Effected::Unknown) && irreversible;
                        let ended = item.state.ended_at.map(|at| at.0);
                        unknown.then_some((StopCode::GivenUp, ended))
                    }
                    NodePhase::Ready
                    | NodePhase::AttemptFailed
                    | NodePhase::Backoff { .. }
                    | NodePhase::Polling { .. } => None,
                };
                if let Some((code, ms)) = found {
                    done.consider(code, at, ms);
                }
            }
            if changed && !is_undone(look) {
                done.changed.push(at);
            }
        }
        done
    }

    /// The weightiest fact decides; of two the first in the author's order.
    fn consider(&mut self, code: StopCode, at: usize, ms: Option<i64>) {
        let weightier = self
            .decides
            .as_ref()
            .is_none_or(|(known, ..)| code.weight() > known.weight());
        if weightier {
            self.decides = Some((code, at, ms));
        }
    }
}

impl StopCode {
    fn weight(self) -> u8 {
        match self {
            StopCode::Passed => 4,
            StopCode::GivenUp => 3,
            StopCode::InDoubt => 2,
            StopCode::InFlight => 1,
            StopCode::Nothing | StopCode::Before | StopCode::Changed | StopCode::Ending => 0,
        }
    }
}

/// The change that comes next.
struct Next {
    at: usize,
    not_before_ms: Option<i64>,
    gates: Vec<StepId>,
    after: Vec<StepId>,
}

/// The first change of at least this class that no other such change precedes; one that
/// no gate holds back goes before one that is held.
fn next_change(steps: &[StepLook<'_>], least: EffectClass) -> Option<Next> {
    let places: BTreeMap<&StepId, usize> = (0..)
        .zip(steps)
        .map(|(at, look)| (&look.step.id, at))
        .collect();
    let open = |at: &usize| !is_met(&steps[*at]);
    let needs = |at: usize| {
        let needs = steps[at].step.needs.iter();
        needs.filter_map(|need| places.get(need).copied())
    };
    // In an order in which needs come first, though authors may write in any.
    let mut followers = vec![Vec::new(); steps.len()];
    let mut waits_for = vec![0_usize; steps.len()];
    for (at, waits_for) in waits_for.iter_mut().enumerate() {
        for need in needs(at) {
            followers[need].push(at);
            *waits_for += 1;
        }
    }
    let mut order: VecDeque<usize> = (0..steps.len()).filter(|at| waits_for[*at] == 0).collect();
    let (mut behind_change, mut behind_gate) = (vec![false; steps.len()], vec![false; steps.len()]);
    let mut first: [Option<usize>; 2] = [None, None];
    while let Some(at) = order.pop_front() {
        for &follower in &followers[at] {
            waits_for[follower] -= 1;
            if waits_for[follower] == 0 {
                order.push_back(follower);
            }
        }
        for need in needs(at).filter(open) {
            behind_change[at] |= behind_change[need] || is_to_come(&steps[need], least);
            behind_gate[at] |= behind_gate[need] || is_gate(&steps[need]);
        }
        if is_to_come(&steps[at], least) && !behind_change[at] {
            let best = &mut first[usize::from(behind_gate[at])];
            *best = Some(best.map_or(at, |known| known.min(at)));
        }
    }
    let at = first[0].or(first[1])?;
    let (mut gates, mut after, mut not_before_ms) = (Vec::new(), Vec::new(), own_start(&steps[at]));
    let mut seen = vec![false; steps.len()];
    let mut todo: Vec<usize> = needs(at).filter(open).collect();
    while let Some(at) = todo.pop() {
        if std::mem::replace(&mut seen[at], true) {
            continue;
        }
        todo.extend(needs(at).filter(open));
    }
    for (look, _) in steps.iter().zip(&seen).filter(|(_, seen)| **seen) {
        let list = if is_gate(look) {
            &mut gates
        } else {
            &mut after
        };
        if list.len() < NAMED_MAX {
            list.push(look.step.id.clone());
        }
        not_before_ms = not_before_ms.max(own_start(look));
    }
    Some(Next {
        at,
        not_before_ms,
        gates,
        after,
    })
}

/// Whether it is a change of at least this class of which something has not begun.
fn is_to_come(look: &StepLook<'_>, least: EffectClass) -> bool {
    let class = effect(look).is_some_and(|effect| effect >= least && effect.is_change());
    let begun = |item: &ItemLook<'_>| match &item.state.phase {
        NodePhase::Ready | NodePhase::AttemptFailed | NodePhase::Backoff { .. } => false,
        NodePhase::Running { .. }
        | NodePhase::ByHand { .. }
        | NodePhase::Polling { .. }
        | NodePhase::InDoubt(_)
        | NodePhase::Succeeded { .. }
        | NodePhase::Failed
        | NodePhase::Stopped => true,
    };
    let to_come = match &look.state.phase {
        StepPhase::Pending => true,
        StepPhase::Begun => !look.items.iter().filter(|item| is_doing(item)).all(begun),
        StepPhase::Waiting { .. }
        | StepPhase::GateOpen { .. }
        | StepPhase::GateApproved { .. }
        | StepPhase::GateWithdrawn
        | StepPhase::Succeeded
        | StepPhase::Skipped
        | StepPhase::Failed
        | StepPhase::Stopped => false,
    };
    // A stop runs `finally` too: nothing of it can be prevented.
    class && to_come && !look.step.finally
}

/// When time lets the step itself go on.
fn own_start(look: &StepLook<'_>) -> Option<i64> {
    if let StepPhase::Waiting { until } = &look.state.phase {
        return Some(until.0);
    }
    let starts = look
        .items
        .iter()
        .filter_map(|item| match &item.state.phase {
            NodePhase::Backoff { at } | NodePhase::Polling { at } => Some(at.0),
            NodePhase::Ready
            | NodePhase::AttemptFailed
            | NodePhase::Running { .. }
            | NodePhase::ByHand { .. }
            | NodePhase::InDoubt(_)
            | NodePhase::Succeeded { .. }
            | NodePhase::Failed
            | NodePhase::Stopped => None,
        });
    starts.min()
}

fn is_met(look: &StepLook<'_>) -> bool {
    match &look.state.phase {
        StepPhase::GateApproved { .. } | StepPhase::Succeeded | StepPhase::Skipped => true,
        StepPhase::Pending
        | StepPhase::Begun
        | StepPhase::Waiting { .. }
        | StepPhase::GateOpen { .. }
        | StepPhase::GateWithdrawn
        | StepPhase::Failed
        | StepPhase::Stopped => false,
    }
}

fn is_gate(look: &StepLook<'_>) -> bool {
    match &look.step.kind {
        StepKind::Gate(_) => true,
        StepKind::Action { .. } | StepKind::Wait { .. } => false,
    }
}

fn effect(look: &StepLook<'_>) -> Option<EffectClass> {
    match &look.step.kind {
        StepKind::Action { effect, .. } => Some(*effect),
        StepKind::Gate(_) | StepKind::Wait { .. } => None,
    }
}

fn has_undo(look: &StepLook<'_>) -> bool {
    match &look.step.kind {
        StepKind::Action { undo, .. } => undo.is_some(),
        StepKind::Gate(_) | StepKind::Wait { .. } => false,
    }
}

fn is_doing(item: &ItemLook<'_>) -> bool {
    match item.node.phase {
        Phase::Do => true,
        Phase::Undo => false,
    }
}

/// Whether an undo of each of its items has succeeded.
fn is_undone(look: &StepLook<'_>) -> bool {
    let succeeded = |item: &&ItemLook<'_>| matches!(item.state.phase, NodePhase::Succeeded { .. });
    let (doing, undoing): (Vec<&ItemLook<'_>>, Vec<&ItemLook<'_>>) =
        look.items.iter().partition(|item| is_doing(item));
    let undone = undoing.iter().copied().filter(succeeded).count();
    undone > 0 && undone >= doing.len()
}
