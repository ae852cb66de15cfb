//! What another policy does to the state: approvals that nothing rests on yet are to be
//! withdrawn.

use rpds::RedBlackTreeSetSync;

use super::Fold;
use crate::rejection::REASON_BYTES_MAX;

impl Fold<'_> {
    /// Marks the approvals that do not hold under the new terms; `decide` withdraws them
    /// before it does anything else.
    pub(super) fn void_unspent(&mut self, difference: &[String]) {
        if self.live.ending.is_some() {
            return;
        }
        let steps = (0u32..).zip(self.live.steps.iter());
        let unspent: RedBlackTreeSetSync<u32> = steps
            .filter(|(_, state)| state.has_unspent_approvals())
            .map(|(index, _)| index)
            .collect();
        let mut reason = format!("another policy holds: {}", difference.join("; "));
        if reason.len() > REASON_BYTES_MAX {
            let end = reason.floor_char_boundary(REASON_BYTES_MAX - "…".len());
            reason.truncate(end);
            reason.push('…');
        }
        self.live.voided = (!unspent.is_empty()).then_some((unspent, reason));
    }

    /// One of them is withdrawn.
    pub(super) fn no_more_voided(&mut self, gate: u32) {
        if let Some((gates, _)) = &mut self.live.voided {
            gates.remove_mut(&gate);
            if gates.is_empty() {
                self.live.voided = None;
            }
        }
    }
}
