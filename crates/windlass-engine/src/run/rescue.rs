//! A run that stands aside: it lets its rescue have the target once nothing of it is at work
//! any more, and goes on when that has ended. Both are read from the journal alone, so that
//! a crash at any point changes nothing of it.

use std::sync::Arc;

use windlass_core::command::Command;
use windlass_core::id::RunId;

use super::flight::SlotKind;
use super::step::Refused;
use super::task::Task;
use crate::error::CommandError;
use crate::locks::Suspended;
use crate::replay::{run_key, storage_failed};

impl Task {
    pub(super) async fn mind_rescue(&mut self) -> Result<(), Refused> {
        let suspension = self.snapshot.state.suspended();
        let Some(rescue) = suspension.map(|suspension| suspension.rescue.clone()) else {
            self.shared.registry().locks.resume(&self.run);
            return Ok(());
        };
        if !self.is_opened {
            return Ok(());
        }
        if self.has_ended(&rescue).await? {
            let fence = self.next_fence().await?;
            self.command(Command::Release { rescue, fence }).await?;
            self.shared.registry().locks.resume(&self.run);
            return Ok(());
        }
        // The waiting for a change may be over; its work is not until its runner is back.
        let at_work = self.flight.slots().any(|slot| slot.kind != SlotKind::Look);
        let suspended = Suspended {
            rescue,
            is_at_rest: self.snapshot.state.is_at_rest() && !at_work,
        };
        let next = self.shared.registry().locks.suspend(&self.run, suspended);
        self.shared.wake_for_lock(next.as_ref());
        Ok(())
    }

    async fn has_ended(&self, run: &RunId) -> Result<bool, Refused> {
        let (store, key) = (Arc::clone(&self.shared.store), run_key(run));
        match tokio::task::spawn_blocking(move || store.run(&key)).await {
            // One that there is not any more has ended before it was forgotten.
            Ok(Ok(row)) => Ok(row.is_none_or(|row| row.ended_at_ms.is_some())),
            Ok(Err(error)) => Err(self.refused_by(storage_failed(&self.shared, &error))),
            Err(_) => Err(Refused::Halted(CommandError::Stopping)),
        }
    }
}
