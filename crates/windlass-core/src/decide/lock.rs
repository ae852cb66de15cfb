//! The target's value, fixed once, and its lock: asked for before the first action that is
//! no read, and answered by whoever sees all runs.

use super::Decider;
use crate::authorise::{Act, Circumstances, Denial, authorise};
use crate::event::Event;
use crate::id::RunId;
use crate::plan::Step;
use crate::rejection::Rejection;
use crate::state::{Live, Lock};

impl Decider {
    /// Whoever sees all runs gives the lock to this one.
    pub(super) fn lock_granted(&mut self) -> Result<(), Rejection> {
        // What time has brought comes first, such as an approval that expired while the run
        // waited: it may not need the lock any more, and must not keep it from others then.
        if self.next().is_some() {
            return Ok(());
        }
        let wanted = self.live()?.wants_lock();
        let target = wanted.ok_or(Rejection::NothingToDecide)?.target.to_owned();
        self.emit(Event::LockAcquired { target });
        Ok(())
    }

    /// A run that is ending does not wait for the others.
    pub(super) fn lock_held(&mut self, held_by: RunId) -> Result<(), Rejection> {
        if self.next().is_some() {
            return Ok(());
        }
        let wanted = self.live()?.wants_lock().filter(|wanted| !wanted.waits);
        let target = wanted.ok_or(Rejection::NothingToDecide)?.target.to_owned();
        self.emit(Event::LockForgone { target, held_by });
        Ok(())
    }

    /// The event that fixes the target before a step whose turn has come, or that refuses
    /// the step; `None` when it is fixed already or the plan has none.
    pub(super) fn fix_target(&self, live: &Live, step: &Step) -> Option<Event> {
        let planned = live.plan.plan().target.as_ref()?;
        if live.target.is_some() {
            return None;
        }
        Some(match planned.resolve(&self.scope(live, None)) {
            Ok(target) => match self.may_start_on(live, &target) {
                Ok(()) => Event::TargetResolved { target },
                Err(denial) => Event::StepRefused {
                    step: step.id.clone(),
                    message: format!("{} may not start this: {denial}", live.requester),
                },
            },
            Err(error) => Event::StepRefused {
                step: step.id.clone(),
                message: format!("the target of the run has no value: {error}"),
            },
        })
    }

    /// The start was judged by what was known of the target then; this is all of it.
    fn may_start_on(&self, live: &Live, target: &str) -> Result<(), Denial> {
        let circumstances = Circumstances {
            target: Some(target),
            requester: None,
            ..self.circumstances(live)
        };
        match circumstances.standing {
            Some(_) => authorise(Act::Start, &live.requester, circumstances).map(drop),
            None => Ok(()),
        }
    }

    /// `Some` when the lock keeps an action from its start: with the event that brings the
    /// run nearer to it, or with none while others hold it.
    pub(super) fn barred_by_lock(&self, live: &Live, index: u32) -> Option<Option<Event>> {
        if !live.is_locked_step(index) {
            return None;
        }
        let step = live.plan.step(index);
        match &live.lock {
            Lock::Held { .. } => None,
            Lock::Requested { .. } => Some(None),
            Lock::Forgone { held_by } => Some(Some(Event::StepRefused {
                step: step.id.clone(),
                message: format!(
                    "run {held_by} holds the lock of the target, and this run has changed nothing"
                ),
            })),
            Lock::None => {
                let event = self.fix_target(live, step).or_else(|| {
                    let target = live.target.clone()?;
                    Some(Event::LockRequested { target })
                });
                Some(event)
            }
        }
    }
}
