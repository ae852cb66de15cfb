//! Closing reviews: who may, and that it is said what they came to. It moves nothing of the
//! run, so a run that has ended takes it too.

use super::Decider;
use super::operator::stated;
use crate::authorise::Act;
use crate::event::Event;
use crate::operator::Operator;
use crate::rejection::Rejection;
use crate::review::ClosureCode;

impl Decider {
    pub(super) fn close_review(
        &mut self,
        review: u32,
        by: Operator,
        code: ClosureCode,
        reason: String,
    ) -> Result<(), Rejection> {
        let live = self.live()?;
        let found = live.reviews.get((review as usize).wrapping_sub(1));
        let act = Act::Review {
            of: found.and_then(|review| review.cause.of()),
        };
        let rule = self.authorised(act, &by)?.to_string();
        let found = found.ok_or(Rejection::UnknownReview { review })?;
        if let Some(closed) = &found.closed {
            let by = closed.by.clone();
            return Err(Rejection::ReviewIsClosed { review, by });
        }
        let reason = stated(reason)?;
        self.emit(Event::ReviewClosed {
            review,
            by,
            code,
            reason,
            rule,
        });
        Ok(())
    }
}
