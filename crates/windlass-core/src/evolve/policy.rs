//! What another policy does to the state: approvals that nothing rests on yet are to be
//! withdrawn, and who approved goes by his new name.

use std::sync::Arc;

use rpds::{RedBlackTreeMapSync, RedBlackTreeSetSync};

use super::Fold;
use crate::policy::Standing;
use crate::rejection::REASON_BYTES_MAX;

impl Fold<'_> {
    /// Takes another standing. Whoever approved and is called otherwise by it is the same
    /// person as before, and so is whom he stood in for: nobody counts twice by a new name.
    pub(super) fn govern(&mut self, standing: &Standing) {
        let before = self.live.standing.replace(Arc::new(standing.clone()));
        self.live.single_user = false;
        self.live.forget_deferrals();
        let is_other = |before: &Arc<Standing>| before.policy != standing.policy;
        if before.as_ref().is_none_or(is_other) {
            self.live.windows.overridden = RedBlackTreeMapSync::new_sync();
        }
        let Some(before) = before else { return };
        let steps = (0u32..).zip(self.live.steps.iter());
        let approved: Vec<u32> = steps
            .filter(|(_, state)| !state.approvals().is_empty())
            .map(|(index, _)| index)
            .collect();
        for index in approved {
            self.live.update_step(index, |state| {
                let gate = Arc::make_mut(state.gate.get_or_insert_default());
                for approval in &mut gate.approvals {
                    approval.rename(|name| standing.successor(&before, name));
                }
            });
        }
    }

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
