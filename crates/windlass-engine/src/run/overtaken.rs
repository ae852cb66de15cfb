//! Approvals that the wall clock has overtaken. Time goes on by what really passes, so a
//! wall clock that is set forward lets nothing expire; but it may have been right, as on a
//! machine that stood still without noticing. Then an approval would count for longer than
//! the approver said: of the two readings the stricter one counts.

use std::pin::Pin;

use windlass_core::command::Command;
use windlass_core::id::StepId;
use windlass_core::state::StepPhase;

use super::step::Refused;
use super::task::Task;

impl Task {
    /// Withdraws unused approvals that have expired by the wall clock, as far as that was set
    /// forward since they were given. The gates open again.
    ///
    /// Boxed, because withdrawing is a step, and a step comes here.
    pub(super) fn withdraw_overtaken(
        &mut self,
    ) -> Pin<Box<dyn Future<Output = Result<(), Refused>> + Send + '_>> {
        Box::pin(async move {
            for (gate, reason) in self.overtaken() {
                self.command(Command::Withdraw { gate, reason }).await?;
            }
            Ok(())
        })
    }

    fn overtaken(&self) -> Vec<(StepId, String)> {
        let (clock, state) = (&self.shared.clock, &self.snapshot.state);
        let began = state.started_at();
        // Nearly always: nobody sets a clock.
        if state.is_ended() || began.is_none_or(|began| clock.set_forward_since(began).0 == 0) {
            return Vec::new();
        }
        let now = clock.now();
        let overtaken = state.steps().filter_map(|look| {
            let StepPhase::GateApproved {
                expires_at: Some(at),
                spent: false,
                by: _,
            } = &look.state.phase
            else {
                return None;
            };
            let forward = clock.set_forward_since(look.state.ended_at?);
            let reason = format!(
                "the clock was set forward by {forward} since the approval, and by it the approval has expired"
            );
            (*at > now && *at <= now + forward).then(|| (look.step.id.clone(), reason))
        });
        overtaken.collect()
    }
}
