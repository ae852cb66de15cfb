//! Which secrets the rest of a run may need.

use std::collections::BTreeSet;

use super::{Key, Live, RunState, StepPhase};
use crate::id::SecretName;
use crate::plan::Call;

impl RunState {
    /// The secrets without which nothing more of the run should begin: all that the plan's
    /// steps and notices are given, as long as its steps may still begin. Of a run that is cancelled or heading
    /// for its end, those of what is left: what is in flight or in doubt, what is undone,
    /// what pays a debt, and `finally`.
    pub fn secrets_needed(&self) -> BTreeSet<SecretName> {
        let Some(live) = self.live.as_ref().filter(|live| live.ended.is_none()) else {
            return BTreeSet::new();
        };
        if live.ending.is_none() && live.cancelled.is_none() {
            return live.plan.secrets().clone();
        }
        let mut needed = BTreeSet::new();
        for call in live.calls_left() {
            needed.extend(call.secrets().cloned());
        }
        needed
    }
}

impl Live {
    /// The calls that may still be made for a run that begins no other step.
    fn calls_left(&self) -> impl Iterator<Item = &Call> {
        let at_work = [&self.running, &self.settling, &self.doubts, &self.ready];
        let at_work = at_work.into_iter().flatten().copied();
        let undone = match (&self.ending, &self.cancelled) {
            (Some(ending), _) => Some(&ending.undo),
            (None, Some(cancelled)) => cancelled.undo.then_some(&self.changed),
            (None, None) => None,
        };
        // What is in doubt may turn out to have happened, and is undone then.
        let undone = undone.into_iter().flatten().chain(&self.doubts);
        let debts = self.debts.keys().copied();
        let finally = (0u32..).zip(&self.plan.plan().steps);
        let finally = finally.filter(|(index, step)| step.finally && !self.is_settled(*index));
        at_work
            .chain(undone.map(|key| key.undo()))
            .chain(debts.chain(finally.map(|(index, _)| index)).map(Key::of))
            .filter_map(|key| self.call_of(key))
            .map(|(call, _)| call)
    }

    /// Whether nothing more of the step will begin.
    fn is_settled(&self, step: u32) -> bool {
        match self.step(step).phase {
            StepPhase::Succeeded | StepPhase::Skipped | StepPhase::Stopped => true,
            StepPhase::Pending
            | StepPhase::Begun
            | StepPhase::Waiting { .. }
            | StepPhase::GateOpen { .. }
            | StepPhase::GateApproved { .. }
            | StepPhase::GateWithdrawn
            | StepPhase::Failed => false,
        }
    }
}
