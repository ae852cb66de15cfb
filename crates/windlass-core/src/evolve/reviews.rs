//! The fold of reviews: which records give cause for one, and who closed it.

use super::{Fold, IllegalEvent};
use crate::event::Event;
use crate::operator::Operator;
use crate::review::{Cause, Closed, ClosureCode, REVIEW_WITHIN, REVIEWS_MAX, Review};

impl Fold<'_> {
    /// Opens a review where a record gives cause for one that is not open yet.
    pub(super) fn review(&mut self, event: &Event) {
        let Some(cause) = self.cause(event) else {
            return;
        };
        let same = |review: &&Review| review.closed.is_none() && review.cause == cause;
        if self.live.reviews.iter().any(|review| same(&review)) {
            return;
        }
        let number = self.live.reviews.len() + 1;
        // What a person did is looked at in any case: that there is little of it, he sees to.
        let is_of_a_person = cause.of().is_some();
        if is_of_a_person || number <= REVIEWS_MAX {
            self.live.reviews.push_back_mut(Review {
                number: number as u32,
                cause,
                opened_at: self.at,
                due_at: self.at + REVIEW_WITHIN,
                closed: None,
            });
        }
    }

    fn cause(&self, event: &Event) -> Option<Cause> {
        match event {
            Event::NodeFailed { node, .. } if !self.has_failed() => Some(Cause::Failure {
                node: Some(node.clone()),
            }),
            Event::StepRefused { step, .. } if !self.has_failed() => Some(Cause::Failure {
                node: Some(crate::id::NodeId::of(step.clone())),
            }),
            Event::RunTimedOut {} if !self.has_failed() => Some(Cause::Failure { node: None }),
            Event::DoubtOpened { node, .. } => Some(Cause::Doubt { node: node.clone() }),
            Event::ResolutionContradicted { node, .. } => {
                Some(Cause::Contradiction { node: node.clone() })
            }
            Event::WindowOverrun { step, .. } => Some(Cause::Overrun { step: step.clone() }),
            Event::WindowOverridden { step, by, .. } => Some(Cause::BreakGlass {
                step: step.clone(),
                by: by.clone(),
            }),
            Event::DebtTakenOver { step, by, .. } => Some(Cause::TakenOver {
                step: step.clone(),
                by: by.clone(),
            }),
            Event::RunStarted { .. }
            | Event::PolicyChanged { .. }
            | Event::RunPaused { .. }
            | Event::RunResumed { .. }
            | Event::RunCancelRequested { .. }
            | Event::RunTimedOut {}
            | Event::RunAbandoned { .. }
            | Event::RunEndingBegan { .. }
            | Event::RunEnded { .. }
            | Event::ReviewClosed { .. }
            | Event::TargetResolved { .. }
            | Event::LockRequested { .. }
            | Event::LockAcquired { .. }
            | Event::LockForgone { .. }
            | Event::RunSuspended { .. }
            | Event::RunReleased { .. }
            | Event::StepSkipped { .. }
            | Event::StepExpanded { .. }
            | Event::StepRefused { .. }
            | Event::OpeningChosen { .. }
            | Event::OpeningMissed { .. }
            | Event::StepDeferred { .. }
            | Event::StepDue { .. }
            | Event::WaitStarted { .. }
            | Event::WaitEnded { .. }
            | Event::AttemptStarted { .. }
            | Event::AttemptCheckpointed { .. }
            | Event::RequestRefused { .. }
            | Event::AttemptSucceeded { .. }
            | Event::AttemptFailed { .. }
            | Event::RetryScheduled { .. }
            | Event::PollScheduled { .. }
            | Event::NodeFailed { .. }
            | Event::ManualStepOpened { .. }
            | Event::ManualStepAttested { .. }
            | Event::ManualStepDeclined { .. }
            | Event::ManualStepExpired { .. }
            | Event::DoubtAnswered { .. }
            | Event::DoubtEscalated { .. }
            | Event::DoubtResolved { .. }
            | Event::OrphanFound { .. }
            | Event::OrphanEnded { .. }
            | Event::ContradictionAcknowledged { .. }
            | Event::RetryOrdered { .. }
            | Event::NodeAttested { .. }
            | Event::UndoAbandoned { .. }
            | Event::GateOpened { .. }
            | Event::FactsAsked { .. }
            | Event::FactFetched { .. }
            | Event::ApprovalGiven { .. }
            | Event::GateApproved { .. }
            | Event::GateRejected { .. }
            | Event::GateExpired { .. }
            | Event::GateWithdrawn { .. } => None,
        }
    }

    /// One review is of all that follows from the first failure.
    fn has_failed(&self) -> bool {
        let mut reviews = self.live.reviews.iter();
        reviews.any(|review| match review.cause {
            Cause::Failure { .. } => review.closed.is_none(),
            Cause::Doubt { .. }
            | Cause::Contradiction { .. }
            | Cause::Overrun { .. }
            | Cause::BreakGlass { .. }
            | Cause::TakenOver { .. } => false,
        })
    }

    pub(super) fn close_review(
        &mut self,
        number: u32,
        by: &Operator,
        code: ClosureCode,
        reason: &str,
    ) -> Result<(), IllegalEvent> {
        let name = || format!("review {number}");
        let index = (number as usize).wrapping_sub(1);
        let review = self.live.reviews.get(index);
        let review = review.ok_or_else(|| self.unknown(name()))?;
        if review.closed.is_some() {
            return Err(self.wrong(name(), "closed"));
        }
        let closed = Closed {
            by: by.clone(),
            at: self.at,
            code,
            reason: reason.to_owned(),
        };
        let review = Review {
            closed: Some(closed),
            ..review.clone()
        };
        self.live.reviews.set_mut(index, review);
        Ok(())
    }
}
