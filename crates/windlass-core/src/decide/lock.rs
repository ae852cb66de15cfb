//! The target's value, fixed once, and its lock: asked for before the first action that is
//! no read, and answered by whoever sees all runs.

use super::Decider;
use super::operator::stated;
use crate::authorise::{Act, Circumstances, Denial, authorise};
use crate::event::Event;
use crate::id::{Phase, RunId};
use crate::operator::Operator;
use crate::plan::Step;
use crate::rejection::Rejection;
use crate::state::{Key, Live, Lock, RunState, StepPhase};

/// A lock that is granted, and not taken yet.
#[derive(Default)]
pub(super) struct Granted {
    pub(super) fence: u64,
    pub(super) instead_of: Option<RunId>,
}

impl Decider {
    /// A person lets another run have the target in this one's place.
    pub(super) fn suspend(
        &mut self,
        rescue: RunId,
        by: Operator,
        reason: String,
    ) -> Result<(), Rejection> {
        let rule = self.authorised(Act::Rescue, &by)?;
        let live = self.live()?;
        let refused = |why: String| {
            let rescue = rescue.clone();
            Err(Rejection::CannotSuspend { rescue, why })
        };
        if rescue == *self.state.run() {
            return refused("that is this run itself".to_owned());
        }
        if !live.holds_lock() {
            return refused("it does not hold the lock of a target".to_owned());
        }
        if let Some(suspended) = &live.suspended {
            return refused(format!("it stands aside for {} already", suspended.rescue));
        }
        let (reason, rule) = (stated(reason)?, rule.to_string());
        self.emit(Event::RunSuspended {
            rescue,
            by,
            reason,
            rule,
        });
        Ok(())
    }

    /// The run that had this one's place has ended.
    pub(super) fn release(&mut self, rescue: RunId, fence: u64) -> Result<(), Rejection> {
        let suspended = self.live()?.suspended.as_ref();
        if suspended.is_none_or(|suspended| suspended.rescue != rescue) {
            return Err(Rejection::NothingToDecide);
        }
        self.emit(Event::RunReleased { rescue, fence });
        Ok(())
    }

    /// Whoever sees all runs gives the lock to this one.
    pub(super) fn lock_granted(&mut self, granted: Granted) -> Result<(), Rejection> {
        // What time has brought comes first, such as an approval that expired while the run
        // waited: it may not need the lock any more, and must not keep it from others then.
        if self.next().is_some() {
            return Ok(());
        }
        if self.state.wants_lock().is_none() {
            return Err(Rejection::NothingToDecide);
        }
        // With the lock at hand all is looked at once more, such as facts that have become
        // old in the line: only if nothing but the intent is left is it taken.
        self.granted = Some(granted);
        let event = self.next();
        self.granted = None;
        if let Some(event) = event {
            self.emit(event);
        }
        Ok(())
    }

    /// A run that is ending does not wait for the others.
    pub(super) fn lock_held(&mut self, held_by: RunId) -> Result<(), Rejection> {
        if self.next().is_some() {
            return Ok(());
        }
        let wanted = self.state.wants_lock().filter(|wanted| !wanted.waits);
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

    /// Whether facts are being read for the first change behind an approval.
    fn reads_for_lock(&self, live: &Live) -> bool {
        let is_approved =
            |gate: &u32| matches!(live.step(*gate).phase, StepPhase::GateApproved { .. });
        let goes_on = !live.is_held() && !live.is_halting();
        goes_on && live.ending.is_none() && live.fetching.iter().any(is_approved)
    }

    /// `Some` while others hold the lock, or when the run ends without it. Nothing is looked
    /// at while the run stands in the line.
    pub(super) fn barred_by_lock(&self, live: &Live, index: u32) -> Option<Option<Event>> {
        if !live.is_locked_step(index) {
            return None;
        }
        match &live.lock {
            Lock::None | Lock::Held { .. } => None,
            Lock::Requested { .. } if self.granted.is_some() => None,
            Lock::Requested { .. } => Some(None),
            Lock::Forgone { held_by } => Some(Some(Event::StepRefused {
                step: live.plan.step(index).id.clone(),
                message: format!(
                    "run {held_by} holds the lock of the target, and this run has changed nothing"
                ),
            })),
        }
    }

    /// `Some` while a node cannot begin for want of the lock: with the event that brings the
    /// run nearer to it. It is taken last: what waits for a window, for a gate or for facts
    /// keeps the target from nobody.
    pub(super) fn before_lock(&self, live: &Live, key: Key) -> Option<Option<Event>> {
        if key.phase == Phase::Undo || !live.is_locked_step(key.step) || live.holds_lock() {
            return None;
        }
        if let Some(barred) = self.barred_by_lock(live, key.step) {
            return Some(barred);
        }
        if let Some(event) = self.fix_target(live, live.plan.step(key.step)) {
            return Some(Some(event));
        }
        if let Some(event) = self.facts_before(live, key) {
            return Some(event);
        }
        let target = live.target.clone()?;
        Some(Some(match &self.granted {
            Some(Granted { fence, instead_of }) => Event::LockAcquired {
                target,
                fence: Some(*fence),
                instead_of: instead_of.clone(),
            },
            None => Event::LockRequested { target },
        }))
    }
}

/// Whether a run that has asked for the lock would go on with it, as far as the time of its
/// last record tells. What is read for it meanwhile keeps its place.
pub(crate) fn uses_lock(state: &RunState) -> bool {
    let Some(live) = state.live.as_ref().filter(|live| live.ended.is_none()) else {
        return false;
    };
    let decider = Decider {
        state: state.clone(),
        now: live.last_at,
        events: Vec::new(),
        granted: Some(Granted::default()),
    };
    decider.next().is_some() || decider.reads_for_lock(live)
}
