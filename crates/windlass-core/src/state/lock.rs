//! The target of a run and its lock: whether the run waits for it, holds it, or ends
//! without it. Who of several runs has it is decided by whoever sees them all.

use super::{Key, Live, RunState};
use crate::decide::uses_lock;
use crate::id::{Phase, RunId};
use crate::operator::Operator;
use crate::plan::{EffectClass, StepKind};
use crate::time::Timestamp;

/// How a run stands to the lock of its target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Lock {
    /// It has not come to need it, or its plan has no target.
    #[default]
    None,
    /// It asked for it, and has not got it.
    Requested { since: Timestamp },
    /// No other run changes the target until this one has ended.
    Held {
        since: Timestamp,
        /// What tells its changes from those of whoever held it before.
        fence: Option<u64>,
        /// The run that holds it, and stands aside until this one has ended.
        instead_of: Option<RunId>,
    },
    /// It ends without it, as another run held it.
    Forgone { held_by: RunId },
}

impl Lock {
    /// Whether the run stands in the line.
    pub(crate) fn is_requested(&self) -> bool {
        match self {
            Lock::Requested { .. } => true,
            Lock::None | Lock::Held { .. } | Lock::Forgone { .. } => false,
        }
    }
}

/// Another run changes the target in the place of this one, which holds the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspension {
    pub rescue: RunId,
    pub since: Timestamp,
    pub by: Operator,
    pub reason: String,
}

/// A request for the lock that is to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockWanted<'a> {
    pub target: &'a str,
    /// Since when; who asked first has it first.
    pub since: Timestamp,
    /// Whether the run waits, and not only asks: one that is ending does not.
    pub waits: bool,
}

impl RunState {
    /// The target's value, once an event has fixed it.
    pub fn target(&self) -> Option<&str> {
        self.live.as_ref()?.target.as_deref()
    }

    /// How the run stands to the lock of its target.
    pub fn lock(&self) -> &Lock {
        const NONE: &Lock = &Lock::None;
        self.live.as_ref().map_or(NONE, |live| &live.lock)
    }

    /// Whether no other run may change the target: the lock is held, and the run lives.
    pub fn holds_lock(&self) -> bool {
        let live = self.live.as_ref().filter(|live| live.ended.is_none());
        live.is_some_and(Live::holds_lock)
    }

    /// The run that changes the target in this one's place, until it has ended.
    pub fn suspended(&self) -> Option<&Suspension> {
        let live = self.live.as_ref().filter(|live| live.ended.is_none())?;
        live.suspended.as_ref()
    }

    /// Whether nothing of the run can be changing the target right now, as far as its
    /// records tell: what is in doubt has been sent, and is sent no more.
    pub fn is_at_rest(&self) -> bool {
        self.live.as_ref().is_some_and(|live| {
            live.running.is_empty()
                && live.settling.is_empty()
                && live.orphans.is_empty()
                && !live.by_hand.iter().any(|key| live.is_change(*key))
        })
    }

    /// The number that the run's changes go by, once it holds the lock.
    pub fn fence(&self) -> Option<u64> {
        self.live.as_ref()?.fence()
    }

    /// The request for the lock, while the run would go on if it had it.
    pub fn wants_lock(&self) -> Option<LockWanted<'_>> {
        let live = self.live.as_ref()?;
        let Lock::Requested { since } = live.lock else {
            return None;
        };
        uses_lock(self).then_some(LockWanted {
            target: live.target.as_deref()?,
            since,
            waits: live.ending.is_none(),
        })
    }
}

impl Live {
    pub(crate) fn fence(&self) -> Option<u64> {
        match self.lock {
            Lock::Held { fence, .. } => fence,
            Lock::None | Lock::Requested { .. } | Lock::Forgone { .. } => None,
        }
    }

    pub(crate) fn holds_lock(&self) -> bool {
        match self.lock {
            Lock::Held { .. } => true,
            Lock::None | Lock::Requested { .. } | Lock::Forgone { .. } => false,
        }
    }

    /// Whether a step may not begin without the lock: all that is no read, where the plan
    /// has a target.
    pub(crate) fn is_locked_step(&self, step: u32) -> bool {
        let is_read = match &self.plan.step(step).kind {
            StepKind::Action { effect, .. } => *effect == EffectClass::Read,
            StepKind::Wait { .. } | StepKind::Gate(_) => true,
        };
        self.plan.plan().target.is_some() && !is_read
    }

    /// Whether a node's attempts need the lock. An undo is a change.
    pub(crate) fn is_locked_node(&self, key: Key) -> bool {
        match key.phase {
            Phase::Do => self.is_locked_step(key.step),
            Phase::Undo => self.plan.plan().target.is_some(),
        }
    }
}
