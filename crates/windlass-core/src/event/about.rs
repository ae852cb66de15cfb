//! What an event is about: the step, the node and the attempt.

use super::Event;
use crate::id::{NodeId, StepId};

/// What an event is about; all is `None` of one about the whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About<'a> {
    pub step: Option<&'a StepId>,
    /// Where it is about one item of the step, or its undoing.
    pub node: Option<&'a NodeId>,
    pub attempt: Option<u32>,
}

impl<'a> About<'a> {
    const RUN: Self = Self {
        step: None,
        node: None,
        attempt: None,
    };

    fn step(step: &'a StepId) -> Self {
        Self {
            step: Some(step),
            ..Self::RUN
        }
    }

    fn gate(step: &'a StepId, attempt: u32) -> Self {
        Self {
            attempt: Some(attempt),
            ..Self::step(step)
        }
    }

    fn node(node: &'a NodeId) -> Self {
        Self {
            node: Some(node),
            ..Self::step(&node.step)
        }
    }

    fn attempt(node: &'a NodeId, attempt: u32) -> Self {
        Self {
            attempt: Some(attempt),
            ..Self::node(node)
        }
    }
}

impl Event {
    /// What it is about. A flat list of all events.
    pub fn about(&self) -> About<'_> {
        match self {
            Event::RunStarted { .. }
            | Event::PolicyChanged { .. }
            | Event::RunPaused { .. }
            | Event::RunResumed { .. }
            | Event::RunCancelRequested { .. }
            | Event::RunSuspended { .. }
            | Event::RunReleased { .. }
            | Event::RunTimedOut {}
            | Event::RunAbandoned { .. }
            | Event::RunEndingBegan { .. }
            | Event::RunEnded { .. }
            | Event::ReviewClosed { .. }
            | Event::TargetResolved { .. }
            | Event::LockRequested { .. }
            | Event::LockAcquired { .. }
            | Event::LockForgone { .. } => About::RUN,
            Event::StepSkipped { step: id }
            | Event::StepExpanded { step: id, .. }
            | Event::StepRefused { step: id, .. }
            | Event::OpeningChosen { step: id, .. }
            | Event::OpeningMissed { step: id, .. }
            | Event::StepDeferred { step: id, .. }
            | Event::StepDue { step: id }
            | Event::WindowOverrun { step: id, .. }
            | Event::WindowOverridden { step: id, .. }
            | Event::WaitStarted { step: id, .. }
            | Event::WaitEnded { step: id }
            | Event::DebtTakenOver { step: id, .. } => About::step(id),
            Event::AttemptStarted {
                node: id, attempt, ..
            }
            | Event::AttemptCheckpointed {
                node: id, attempt, ..
            }
            | Event::RequestRefused {
                node: id, attempt, ..
            }
            | Event::AttemptSucceeded {
                node: id, attempt, ..
            }
            | Event::AttemptFailed {
                node: id, attempt, ..
            }
            | Event::RetryScheduled {
                node: id, attempt, ..
            }
            | Event::PollScheduled {
                node: id, attempt, ..
            }
            | Event::ManualStepOpened {
                node: id, attempt, ..
            }
            | Event::ManualStepAttested {
                node: id, attempt, ..
            }
            | Event::ManualStepDeclined {
                node: id, attempt, ..
            }
            | Event::ManualStepExpired { node: id, attempt }
            | Event::DoubtOpened {
                node: id, attempt, ..
            }
            | Event::DoubtAnswered {
                node: id, attempt, ..
            }
            | Event::DoubtEscalated {
                node: id, attempt, ..
            }
            | Event::DoubtResolved {
                node: id, attempt, ..
            }
            | Event::OrphanFound {
                node: id, attempt, ..
            }
            | Event::OrphanEnded {
                node: id, attempt, ..
            }
            | Event::ResolutionContradicted {
                node: id, attempt, ..
            } => About::attempt(id, *attempt),
            Event::NodeFailed { node: id, .. }
            | Event::ContradictionAcknowledged { node: id, .. }
            | Event::RetryOrdered { node: id, .. }
            | Event::NodeAttested { node: id, .. }
            | Event::UndoAbandoned { node: id, .. } => About::node(id),
            Event::GateOpened {
                step: id, attempt, ..
            }
            | Event::FactsAsked {
                step: id, attempt, ..
            }
            | Event::FactFetched {
                step: id, attempt, ..
            }
            | Event::ApprovalGiven {
                step: id, attempt, ..
            }
            | Event::GateApproved {
                step: id, attempt, ..
            }
            | Event::GateRejected {
                step: id, attempt, ..
            }
            | Event::GateExpired { step: id, attempt }
            | Event::GateWithdrawn {
                step: id, attempt, ..
            } => About::gate(id, *attempt),
        }
    }
}
