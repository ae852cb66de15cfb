//! The state of one step: whether it may begin, and how it ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Deferred;
use crate::operator::Operator;
use crate::state::GateState;
use crate::time::Timestamp;
use crate::value::Value;

/// One step's state.
#[derive(Clone, Debug)]
pub struct StepState {
    /// How many of its needs are not met.
    pub(crate) unmet: u32,
    pub phase: StepPhase,
    /// The gate's attempt, from 1 when it has opened.
    pub gate_attempt: u32,
    /// What has come of the gate's current attempt; only gates that have opened have it.
    pub(crate) gate: Option<Arc<GateState>>,
    /// How often an approval of it was withdrawn since it was begun or retried.
    pub(crate) withdrawals: u32,
    /// How many items it has; 1 without `for_each`.
    pub items: u32,
    pub(crate) items_succeeded: u32,
    pub(crate) items_failed: u32,
    /// Items that take one of the places of `max_parallel`: in flight, or in doubt, as the
    /// work of those may go on, or have stopped half way.
    pub(crate) items_busy: u32,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// It waits for nothing but its time.
    pub deferred: Option<Deferred>,
    /// Why it failed or was skipped.
    pub message: Option<String>,
}

/// Where a step stands.
#[derive(Clone, Debug)]
pub enum StepPhase {
    /// Needs are unmet, or its turn has not come.
    Pending,
    /// Its nodes are at work.
    Begun,
    Waiting {
        until: Timestamp,
    },
    GateOpen {
        expires_at: Option<Timestamp>,
        shown: BTreeMap<String, Value>,
    },
    /// Spent once a change behind it had its intent: its expiry is not tested any more.
    GateApproved {
        expires_at: Option<Timestamp>,
        by: Operator,
        spent: bool,
    },
    /// The approval does not hold; it opens again.
    GateWithdrawn,
    Succeeded,
    Skipped,
    Failed,
    /// The run ended before it came to its end.
    Stopped,
}

impl StepPhase {
    /// The word that views, rejections and expressions (`steps.X.state`) show.
    pub fn name(&self) -> &'static str {
        match self {
            StepPhase::Pending => "pending",
            StepPhase::Begun => "running",
            StepPhase::Waiting { .. } => "waiting",
            StepPhase::GateOpen { .. } => "open",
            StepPhase::GateApproved { .. } => "approved",
            StepPhase::GateWithdrawn => "withdrawn",
            StepPhase::Succeeded => "succeeded",
            StepPhase::Skipped => "skipped",
            StepPhase::Failed => "failed",
            StepPhase::Stopped => "stopped",
        }
    }

    /// Whether a step that needs it may start.
    pub(crate) fn is_met(&self) -> bool {
        match self {
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
}

impl StepState {
    pub(crate) fn new(unmet: u32) -> Self {
        Self {
            unmet,
            phase: StepPhase::Pending,
            gate_attempt: 0,
            gate: None,
            withdrawals: 0,
            items: 1,
            items_succeeded: 0,
            items_failed: 0,
            items_busy: 0,
            started_at: None,
            ended_at: None,
            deferred: None,
            message: None,
        }
    }
}
