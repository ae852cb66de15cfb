//! What the events about the target and its lock make of the state, and what they must
//! find in it.

use crate::evolve::{Fold, IllegalEvent};
use crate::id::RunId;
use crate::operator::Operator;
use crate::plan::TARGET_BYTES_MAX;
use crate::state::{Lock, Suspension};

impl Fold<'_> {
    pub(super) fn resolve_target(&mut self, target: &str) -> Result<(), IllegalEvent> {
        let planned = self.live.plan.plan().target.as_ref();
        let has_scheme = planned.is_some_and(|planned| {
            let rest = target.strip_prefix(&planned.scheme);
            rest.is_some_and(|rest| rest.starts_with(':'))
        });
        let fits = has_scheme && target.len() <= TARGET_BYTES_MAX && self.live.target.is_none();
        self.of_run(fits, "of another target")?;
        self.live.target = Some(target.to_owned());
        Ok(())
    }

    pub(super) fn request_lock(&mut self, target: &str) -> Result<(), IllegalEvent> {
        self.of_run(
            self.is_target(target) && self.live.lock == Lock::None,
            "past asking for this lock",
        )?;
        self.live.lock = Lock::Requested { since: self.at };
        Ok(())
    }

    pub(super) fn acquire_lock(
        &mut self,
        target: &str,
        fence: Option<u64>,
        instead_of: Option<&RunId>,
    ) -> Result<(), IllegalEvent> {
        self.of_run(
            self.is_target(target) && self.waits_for_lock(),
            "not waiting for this lock",
        )?;
        self.live.lock = Lock::Held {
            since: self.at,
            fence,
            instead_of: instead_of.cloned(),
        };
        Ok(())
    }

    pub(super) fn suspend(
        &mut self,
        rescue: &RunId,
        by: &Operator,
        reason: &str,
    ) -> Result<(), IllegalEvent> {
        let fits = self.live.holds_lock() && self.live.suspended.is_none();
        self.of_run(fits, "not one that can stand aside")?;
        self.live.suspended = Some(Suspension {
            rescue: rescue.clone(),
            since: self.at,
            by: by.clone(),
            reason: reason.to_owned(),
        });
        Ok(())
    }

    pub(super) fn release(&mut self, rescue: &RunId, number: u64) -> Result<(), IllegalEvent> {
        let suspended = self.live.suspended.take();
        let suspended = suspended.filter(|suspended| suspended.rescue == *rescue);
        let Some(Suspension { since, .. }) = suspended else {
            return self.of_run(false, "not standing aside for it");
        };
        let before = self.live.fence();
        self.of_run(
            before.is_none_or(|before| before < number),
            "past this number",
        )?;
        if let Lock::Held { fence, .. } = &mut self.live.lock {
            *fence = Some(number);
        }
        // Nothing was looked at meanwhile, and what was read before says nothing any more.
        let stood = self.at.since(since);
        for key in self.live.doubts.iter().copied().collect::<Vec<_>>() {
            self.doubt(key, |doubt, _| {
                if doubt.escalated.is_none() {
                    doubt.observe_until = doubt.observe_until + stood;
                }
            });
        }
        self.forget_readings();
        Ok(())
    }

    pub(super) fn forgo_lock(&mut self, target: &str, held_by: &RunId) -> Result<(), IllegalEvent> {
        let fits = self.is_target(target) && self.waits_for_lock() && self.live.ending.is_some();
        self.of_run(fits, "not ending without this lock")?;
        let held_by = held_by.clone();
        self.live.lock = Lock::Forgone { held_by };
        Ok(())
    }

    fn is_target(&self, target: &str) -> bool {
        self.live.target.as_deref() == Some(target)
    }

    fn waits_for_lock(&self) -> bool {
        self.live.lock.is_requested()
    }
}
