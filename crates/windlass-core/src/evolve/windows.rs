//! What the events about windows make of the state, and what they must find in it: a
//! first change outside of its opening, or in a freeze, is no history of a run.

use super::{Fold, IllegalEvent};
use crate::event::Deferral;
use crate::id::{NodeId, Phase, StepId};
use crate::span::Span;
use crate::state::{Deferred, Key, StepPhase};
use crate::time::Timestamp;

impl Fold<'_> {
    pub(super) fn choose_opening(
        &mut self,
        step: &StepId,
        opening: Span,
    ) -> Result<(), IllegalEvent> {
        let number = self.waiting_segment(step)?;
        let is_new = !self.live.windows.openings.contains_key(&number);
        if !is_new || opening.from >= opening.to || opening.to <= self.at {
            return Err(self.wrong(step.to_string(), "without need of this opening"));
        }
        self.live.windows.openings.insert_mut(number, opening);
        Ok(())
    }

    pub(super) fn miss_opening(&mut self, step: &StepId) -> Result<(), IllegalEvent> {
        let number = self.waiting_segment(step)?;
        if self.live.windows.openings.remove_mut(&number) {
            return Ok(());
        }
        Err(self.wrong(step.to_string(), "without an opening"))
    }

    /// The number of the segment that a step begins, and that has not begun.
    fn waiting_segment(&self, step: &StepId) -> Result<u32, IllegalEvent> {
        let index = self.step(step)?;
        let number = self.live.plan.segment_of(index);
        let begins = number.filter(|number| self.live.plan.segment(*number).first == index);
        // Its first step may be over without an intent: then another one is the first change.
        let begins = begins.filter(|_| self.live.ending.is_none());
        let waits = begins.filter(|_| !self.live.windows.begun.contains_key(&index));
        waits.ok_or_else(|| self.wrong(step.to_string(), "no segment that is to begin"))
    }

    pub(super) fn defer(
        &mut self,
        step: &StepId,
        until: Option<Timestamp>,
        why: &Deferral,
    ) -> Result<(), IllegalEvent> {
        let index = self.step(step)?;
        let state = self.live.step(index);
        let may_begin = match &state.phase {
            StepPhase::Pending => state.unmet == 0,
            StepPhase::Begun => true,
            StepPhase::Waiting { .. }
            | StepPhase::GateOpen { .. }
            | StepPhase::GateApproved { .. }
            | StepPhase::GateWithdrawn
            | StepPhase::Succeeded
            | StepPhase::Skipped
            | StepPhase::Failed
            | StepPhase::Stopped => false,
        };
        let later = until.is_none_or(|until| until > self.at);
        let is_bound = self.live.is_bound_by_time(index) && state.deferred.is_none();
        if !(may_begin && later && is_bound) {
            return Err(self.wrong(step.to_string(), state.phase.name()));
        }
        let why = why.clone();
        self.live.update_step(index, |state| {
            state.deferred = Some(Deferred { until, why })
        });
        Ok(())
    }

    pub(super) fn due(&mut self, step: &StepId) -> Result<(), IllegalEvent> {
        let index = self.step(step)?;
        let until = self.live.step(index).deferred.as_ref();
        let until = until.and_then(|deferred| deferred.until);
        if until.is_none_or(|until| self.at < until) {
            return Err(self.wrong(step.to_string(), "not due"));
        }
        self.live.update_step(index, |state| state.deferred = None);
        Ok(())
    }

    pub(super) fn overrun(
        &mut self,
        step: &StepId,
        ended_at: Timestamp,
    ) -> Result<(), IllegalEvent> {
        let index = self.step(step)?;
        let begun = self.live.windows.begun.get(&index);
        let until = begun.and_then(|begun| begun.until);
        if until != Some(ended_at) || self.at < ended_at {
            return Err(self.wrong(step.to_string(), "within its opening"));
        }
        self.live.stop_watching(index);
        Ok(())
    }

    pub(super) fn override_window(&mut self, step: &StepId) -> Result<(), IllegalEvent> {
        let index = self.step(step)?;
        let Some(seen) = self.live.step(index).deferred.clone() else {
            return Err(self.wrong(step.to_string(), "not waiting for its time"));
        };
        let unit = self.live.unit_of(index);
        let overridden = &mut self.live.windows.overridden;
        let mut known = overridden.get(&unit).cloned().unwrap_or_default();
        known.push(seen);
        overridden.insert_mut(unit, known);
        self.live.update_step(index, |state| state.deferred = None);
        Ok(())
    }

    /// Whether the intent comes in its time; see the module.
    pub(super) fn in_time(
        &self,
        node: &NodeId,
        key: Key,
        opening: Option<Span>,
    ) -> Result<(), IllegalEvent> {
        let live = &*self.live;
        let wrong = |why| Err(self.wrong(node.to_string(), why));
        if key.phase == Phase::Undo || live.ending.is_some() || !live.is_bound_by_time(key.step) {
            return match opening {
                Some(_) => wrong("without need of an opening"),
                None => Ok(()),
            };
        }
        let Some(standing) = live.standing.as_deref() else {
            return Ok(());
        };
        let mut frozen = standing.frozen(live.target.as_deref(), self.at);
        if frozen.any(|freeze| !live.is_let(key.step, &Deferral::of_freeze(freeze), self.at)) {
            return wrong("frozen");
        }
        let Some(number) = live.plan.segment_of(key.step) else {
            return match opening {
                Some(_) => wrong("in no segment"),
                None => Ok(()),
            };
        };
        let chosen = live.windows.openings.get(&number).copied();
        match opening {
            Some(opening) if chosen != Some(opening) => wrong("without its opening"),
            Some(opening) if !opening.contains(self.at) => wrong("outside of its opening"),
            Some(_) => Ok(()),
            None => {
                let why = live.waits_for_opening(number, standing, chosen);
                match live.is_let(key.step, &why, self.at) {
                    true => Ok(()),
                    false => wrong("without its opening"),
                }
            }
        }
    }
}
