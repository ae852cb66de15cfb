//! What a run knows of openings: which one each segment is to begin in, what has begun,
//! which steps wait for their time, and what a person let begin all the same.

use rpds::RedBlackTreeMapSync;

use super::{Key, Live, Map, NodePhase, RunState, StepPhase, Timer};
use crate::event::Deferral;
use crate::id::{Phase, StepId};
use crate::plan::{EffectClass, StepKind};
use crate::policy::Standing;
use crate::span::Span;
use crate::time::Timestamp;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Windows {
    /// The opening that a segment is to begin in, by the segment's number.
    pub(crate) openings: Map<u32, Span>,
    /// What has had its first intent, by its unit.
    pub(crate) begun: Map<u32, Begun>,
    /// What a person let units begin in spite of: just what they waited for when he did.
    pub(crate) overridden: Map<u32, Vec<Deferred>>,
}

/// A unit that has begun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    /// The end of its opening, while it has not run past it.
    pub(crate) until: Option<Timestamp>,
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            openings: RedBlackTreeMapSync::new_sync(),
            begun: RedBlackTreeMapSync::new_sync(),
            overridden: RedBlackTreeMapSync::new_sync(),
        }
    }
}

/// A step that waits for its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferred {
    /// Nobody knows it where the policy knows of no opening.
    pub until: Option<Timestamp>,
    pub why: Deferral,
}

/// A deferred step, for people.
#[derive(Clone, Copy, Debug)]
pub struct DeferredLook<'a> {
    pub step: &'a StepId,
    pub deferred: &'a Deferred,
}

impl RunState {
    /// The steps that wait for nothing but their time, in the author's order.
    pub fn deferred(&self) -> impl Iterator<Item = DeferredLook<'_>> {
        let live = self.live.iter().filter(|live| live.ended.is_none());
        live.flat_map(|live| {
            let steps = live.plan.plan().steps.iter().zip(live.steps.iter());
            steps.filter_map(|(step, state)| {
                let deferred = state.deferred.as_ref()?;
                let step = &step.id;
                Some(DeferredLook { step, deferred })
            })
        })
    }

    /// The openings that are chosen, by the steps that begin in them.
    pub fn openings(&self) -> impl Iterator<Item = (&StepId, Span)> {
        self.live.iter().flat_map(|live| {
            let openings = live.windows.openings.iter();
            openings.map(|(number, opening)| {
                let first = live.plan.segment(*number).first;
                (&live.plan.step(first).id, *opening)
            })
        })
    }
}

impl Live {
    /// What begins as one as far as time goes: a segment, by its first step, or a step that
    /// belongs to none.
    pub(crate) fn unit_of(&self, index: u32) -> u32 {
        let number = self.plan.segment_of(index);
        number.map_or(index, |number| self.plan.segment(number).first)
    }

    /// Whether windows and freezes are asked before the step begins: all that changes
    /// something, but for what is owed and what belongs to the ending.
    pub(crate) fn is_bound_by_time(&self, index: u32) -> bool {
        if self.standing.is_none() || self.debts.contains_key(&index) {
            return false;
        }
        let has_begun = self.windows.begun.contains_key(&self.unit_of(index));
        !has_begun && self.changes_something(index)
    }

    /// Whether a person let the step's unit begin in spite of this. He saw one opening, or
    /// one freeze until its end: his word is for nothing else that may keep it.
    pub(crate) fn is_let(&self, index: u32, why: &Deferral, at: Timestamp) -> bool {
        let unit = self.unit_of(index);
        let seen = self.windows.overridden.get(&unit);
        let is_of = |seen: &Deferred| seen.why == *why && seen.until.is_none_or(|until| at < until);
        seen.is_some_and(|seen| seen.iter().any(is_of))
    }

    /// What the first change of a segment waits for: its opening, or for one to be known.
    pub(crate) fn waits_for_opening(
        &self,
        number: u32,
        standing: &Standing,
        opening: Option<Span>,
    ) -> Deferral {
        let first = self.plan.step(self.plan.segment(number).first);
        let window = first.window.as_ref().expect("a segment begins with one");
        let window = window.name.clone();
        match opening {
            Some(opening) => Deferral::Window { window, opening },
            None => Deferral::NoOpening {
                window,
                known_until: standing.until,
            },
        }
    }

    /// Somebody let what is behind a gate begin, and the gate's approval is taken back.
    pub(crate) fn forget_overrides_behind(&mut self, gate: u32) {
        let units = self.windows.overridden.keys().copied();
        let behind = |unit: &u32| self.plan.gates_before(*unit).contains(&gate);
        for unit in units.filter(behind).collect::<Vec<_>>() {
            self.windows.overridden.remove_mut(&unit);
        }
    }

    fn changes_something(&self, index: u32) -> bool {
        let step = self.plan.step(index);
        let acts = match &step.kind {
            StepKind::Action { effect, .. } => *effect != EffectClass::Read,
            StepKind::Wait { .. } | StepKind::Gate(_) => false,
        };
        acts && !step.finally
    }

    /// Whether an attempt rests on the approvals behind it, and uses them up: a change, and
    /// whatever may be the first of a segment, as the rest of that is not parked any more.
    pub(crate) fn rests_on_approvals(&self, key: Key) -> bool {
        let in_segment = self.plan.segment_of(key.step).is_some();
        key.phase == Phase::Do
            && (self.is_change(key) || (in_segment && self.changes_something(key.step)))
    }

    /// Its first intent: from here on its unit is not parked for time.
    pub(crate) fn begin_unit(&mut self, index: u32, opening: Option<Span>) {
        let unit = self.unit_of(index);
        let is_first = !self.windows.begun.contains_key(&unit);
        if !is_first || !self.changes_something(index) {
            return;
        }
        self.windows.overridden.remove_mut(&unit);
        let until = opening.map(|opening| opening.to);
        self.windows.begun.insert_mut(unit, Begun { until });
        if let Some(until) = until {
            self.set_timer(until, Timer::Opening(unit), true);
        }
    }

    /// The unit has come to its end, or has run past its opening, which is recorded once.
    pub(crate) fn stop_watching(&mut self, unit: u32) {
        let Some(begun) = self.windows.begun.get_mut(&unit) else {
            return;
        };
        if let Some(until) = begun.until.take() {
            self.set_timer(until, Timer::Opening(unit), false);
        }
    }

    /// Somebody wants a node once more. When nothing of its unit may have taken effect, but
    /// for what he says that nothing remains of, the unit has not begun: it waits for its
    /// time again, and for approvals that still hold then.
    pub(crate) fn unbegin_unit(&mut self, wanted: Key, nothing_remains: bool) {
        let unit = self.unit_of(wanted.step);
        if !self.windows.begun.contains_key(&unit) {
            return;
        }
        let plan = self.plan.clone();
        let number = plan.segment_of(wanted.step);
        let own = [wanted.step];
        let steps = match number {
            Some(number) => &plan.segment(number).steps[..],
            None => &own,
        };
        let except = nothing_remains.then_some(wanted);
        if steps.iter().any(|step| self.may_have_acted(*step, except)) {
            return;
        }
        self.stop_watching(unit);
        self.windows.begun.remove_mut(&unit);
        let Some(number) = number else { return };
        self.windows.openings.remove_mut(&number);
        if self.standing.is_none() {
            return;
        }
        for gate in plan.gates_before(unit) {
            let others = plan.segments_behind(*gate).filter(|other| *other != number);
            let mut others = others.map(|other| plan.segment(other).first);
            if others.any(|first| self.windows.begun.contains_key(&first)) {
                continue;
            }
            self.update_step(*gate, |state| {
                if let StepPhase::GateApproved { spent, .. } = &mut state.phase {
                    *spent = false;
                }
            });
        }
    }

    /// What waits for its time is judged anew.
    pub(crate) fn forget_deferrals(&mut self) {
        let deferred = (0u32..).zip(self.steps.iter());
        let deferred: Vec<u32> = deferred
            .filter(|(_, step)| step.deferred.is_some())
            .map(|(index, _)| index)
            .collect();
        for index in deferred {
            self.update_step(index, |step| step.deferred = None);
        }
    }

    /// Whether a step waits for its time: its nodes do, too.
    pub(crate) fn is_deferred(&self, index: u32) -> bool {
        self.step(index).deferred.is_some() && !self.debts.contains_key(&index)
    }

    /// The end of a segment is met: nobody watches for its overrun any more.
    pub(crate) fn end_segment_at(&mut self, index: u32) {
        if let Some(number) = self.plan.segment_of(index)
            && self.plan.segment(number).last == index
        {
            let first = self.plan.segment(number).first;
            self.stop_watching(first);
        }
    }

    /// Whether anything of a step may have taken effect, leaving a node out.
    fn may_have_acted(&self, index: u32, except: Option<Key>) -> bool {
        if !self.changes_something(index) {
            return false;
        }
        let last = Key {
            step: index,
            item: u32::MAX,
            phase: Phase::Undo,
        };
        let nodes = self.nodes.range(Key::of(index)..=last);
        let mut others = nodes.filter(|(key, _)| Some(**key) != except);
        others.any(|(_, node)| {
            node.acted
                || match &node.phase {
                    NodePhase::Running { .. }
                    | NodePhase::ByHand { .. }
                    | NodePhase::AttemptFailed
                    | NodePhase::Polling { .. }
                    | NodePhase::InDoubt(_)
                    | NodePhase::Succeeded { .. } => true,
                    // Whether an attempt before has acted is what `acted` says.
                    NodePhase::Ready
                    | NodePhase::Backoff { .. }
                    | NodePhase::Failed
                    | NodePhase::Stopped => false,
                }
        })
    }
}
