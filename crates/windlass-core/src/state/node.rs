//! The state of one node: where its attempts stand.

use crate::event::{Ask, Dispatch};
use crate::outcome::{Failure, Resolution};
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::value::Value;

/// One node's state.
#[derive(Clone, Debug)]
pub struct NodeState {
    /// The latest attempt; 0 before the first.
    pub attempt: u32,
    pub phase: NodePhase,
    /// The item of `for_each`; null without.
    pub item: Value,
    /// Attempts that count for the retry policy.
    pub(crate) tries: u32,
    /// Attempts that the end of an engine cut off.
    pub(crate) interruptions: u32,
    /// Whether the latest attempt was cut off so.
    pub(crate) interrupted: bool,
    /// No attempt starts before this: an earlier one might still be on its way.
    pub(crate) not_before: Timestamp,
    /// What an idempotent attempt sent may be carried out until then: the next one is
    /// scheduled no earlier. Journals of before this rule repeat at once, and stay readable.
    pub(crate) quiet_at: Timestamp,
    /// How earlier attempts' doubts were settled.
    pub(crate) resolved: Vec<(u32, Resolution)>,
    /// One of `orphans`, for those who show one.
    pub orphan: Option<(u32, u32)>,
    /// Attempts and pids of all living processes that outlived their engine.
    pub orphans: Vec<(u32, u32)>,
    /// Whether an attempt settled or was given up: what it left may remain.
    pub(crate) acted: bool,
    pub(crate) checkpoint: Option<String>,
    /// What the latest attempt asked for and was refused.
    pub refusals: Vec<Refusal>,
    /// What the latest attempt was given, until its consequence is decided.
    pub(crate) in_flight: Option<(Dispatch, Timestamp, Timestamp)>,
    /// The failure of the latest failed attempt.
    pub failure: Option<Failure>,
    /// When the first attempt of a series of polls started.
    pub(crate) poll_since: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

impl NodeState {
    pub(crate) fn new(item: Value) -> Self {
        Self {
            attempt: 0,
            phase: NodePhase::Ready,
            item,
            tries: 0,
            interruptions: 0,
            interrupted: false,
            not_before: Timestamp(i64::MIN),
            quiet_at: Timestamp(i64::MIN),
            resolved: Vec::new(),
            orphan: None,
            orphans: Vec::new(),
            acted: false,
            checkpoint: None,
            refusals: Vec::new(),
            in_flight: None,
            failure: None,
            poll_since: None,
            started_at: None,
            ended_at: None,
        }
    }
}

/// Where a node stands.
#[derive(Clone, Debug)]
pub enum NodePhase {
    /// The next attempt may start.
    Ready,
    /// The intent is recorded; the outcome is awaited.
    Running {
        call: Dispatch,
        deadline: Timestamp,
        send_by: Timestamp,
    },
    /// A person was asked to do it; his answer is awaited.
    ByHand {
        call: Dispatch,
        expires_at: Option<Timestamp>,
    },
    /// The attempt failed; what follows is decided next.
    AttemptFailed,
    /// The next attempt starts at this time.
    Backoff {
        at: Timestamp,
    },
    /// `until` did not hold; the next look is at this time.
    Polling {
        at: Timestamp,
    },
    InDoubt(Doubt),
    Succeeded {
        outputs: Value,
        attested: bool,
    },
    Failed,
    /// The run ended before it came to its end.
    Stopped,
}

impl NodePhase {
    /// The word that views and rejections show.
    pub fn name(&self) -> &'static str {
        match self {
            NodePhase::Ready => "ready",
            NodePhase::Running { .. } => "running",
            NodePhase::ByHand { .. } => "by_hand",
            NodePhase::AttemptFailed => "attempt_failed",
            NodePhase::Backoff { .. } => "backoff",
            NodePhase::Polling { .. } => "polling",
            NodePhase::InDoubt(_) => "in_doubt",
            NodePhase::Succeeded {
                attested: false, ..
            } => "succeeded",
            NodePhase::Succeeded { attested: true, .. } => "attested",
            NodePhase::Failed => "failed",
            NodePhase::Stopped => "stopped",
        }
    }
}

/// A change of which nobody knows whether it took effect.
#[derive(Clone, Debug)]
pub struct Doubt {
    pub(crate) call: Dispatch,
    pub since: Timestamp,
    /// Before this "not happened" does not count.
    pub quiet_at: Timestamp,
    /// After this a person is asked.
    pub observe_until: Timestamp,
    pub(crate) ask: Option<Ask>,
    /// How often the target was looked at.
    pub looks: u32,
    pub(crate) look_at: Timestamp,
    /// What the last look said.
    pub said: Option<String>,
    /// Why a person is needed, once one is.
    pub escalated: Option<String>,
}
