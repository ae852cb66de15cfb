//! Another policy holds for a run that lives: what it takes back. What it allows is
//! `authorise`'s, from the next command on.

use super::Decider;
use crate::event::Event;
use crate::policy::{Standing, bounded};
use crate::rejection::Rejection;
use crate::state::Live;

impl Decider {
    pub(super) fn govern(
        &mut self,
        standing: Box<Standing>,
        difference: Vec<String>,
        voids: bool,
    ) -> Result<(), Rejection> {
        let live = self.live()?;
        if live.ended.is_some() || live.standing.as_deref() == Some(&*standing) {
            return Ok(());
        }
        self.emit(Event::PolicyChanged {
            standing,
            difference: bounded(difference),
            voids,
        });
        Ok(())
    }

    /// Approvals that nothing rests on yet, and that were given under other terms.
    pub(super) fn withdraw_voided(&self, live: &Live) -> Option<Event> {
        let (gates, reason) = live.voided.as_ref()?;
        let gate = *gates.first()?;
        Some(Event::GateWithdrawn {
            step: live.plan.step(gate).id.clone(),
            attempt: live.step(gate).gate_attempt,
            reason: reason.clone(),
        })
    }
}
