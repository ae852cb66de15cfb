//! What a runner tells while its attempt goes on, or while it looks at one in doubt: what is
//! to be kept for a later look, and what a plugin was refused.

use crate::decide::Decider;
use crate::event::Event;
use crate::id::NodeId;
use crate::outcome::CHECKPOINT_BYTES_MAX;
use crate::refusal::{REFUSAL_TEXT_BYTES_MAX, REFUSALS_MAX, Refusal};
use crate::rejection::Rejection;
use crate::state::NodePhase;

impl Decider {
    pub(super) fn checkpoint(
        &mut self,
        node: NodeId,
        attempt: u32,
        data: String,
    ) -> Result<(), Rejection> {
        if data.len() > CHECKPOINT_BYTES_MAX {
            return Err(Rejection::TooLarge {
                max: CHECKPOINT_BYTES_MAX,
            });
        }
        let key = self.current(&node, attempt)?;
        let state = self.live()?.nodes.get(&key).expect("current nodes exist");
        if let NodePhase::Running { .. } = state.phase {
            self.emit(Event::AttemptCheckpointed {
                node,
                attempt,
                data,
            });
            return Ok(());
        }
        let state = state.phase.name();
        Err(Rejection::WrongState {
            node,
            state,
            expected: "an attempt in flight",
        })
    }

    /// What is recorded already, and what is more than is recorded, leads to nothing.
    pub(super) fn refused(
        &mut self,
        node: NodeId,
        attempt: u32,
        refusal: Refusal,
    ) -> Result<(), Rejection> {
        if !refusal.fits() {
            return Err(Rejection::TooLarge {
                max: REFUSAL_TEXT_BYTES_MAX,
            });
        }
        let key = self.current(&node, attempt)?;
        let state = self.live()?.nodes.get(&key).expect("current nodes exist");
        match state.phase {
            NodePhase::Running { .. } | NodePhase::InDoubt(_) => {}
            NodePhase::Ready
            | NodePhase::ByHand { .. }
            | NodePhase::AttemptFailed
            | NodePhase::Backoff { .. }
            | NodePhase::Polling { .. }
            | NodePhase::Succeeded { .. }
            | NodePhase::Failed
            | NodePhase::Stopped => {
                let state = state.phase.name();
                return Err(Rejection::WrongState {
                    node,
                    state,
                    expected: "an attempt in flight, or in doubt",
                });
            }
        }
        if state.refusals.len() < REFUSALS_MAX && !state.refusals.contains(&refusal) {
            self.emit(Event::RequestRefused {
                node,
                attempt,
                refusal,
            });
        }
        Ok(())
    }
}
