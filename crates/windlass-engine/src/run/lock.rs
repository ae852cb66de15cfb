//! Asking for the lock of the run's target, and leaving its line.

use std::sync::Arc;

use windlass_core::command::Command;
use windlass_core::event::Event;
use windlass_core::id::RunId;
use windlass_core::time::Timestamp;

use super::step::{For, Refused};
use super::task::Task;
use crate::error::CommandError;
use crate::locks::{self, Asked, Recorded};
use crate::options::GoOn;
use crate::replay::storage_failed;
use crate::shared::Phase;
use crate::snapshot::Lacks;

/// What a run asks for.
struct Wanted {
    target: String,
    since: Timestamp,
    waits: bool,
}

impl Task {
    /// Asks for the lock while the run wants it, and records it when it is granted. A run
    /// that has to wait is woken when its turn comes.
    pub(super) async fn ask_for_lock(&mut self) -> Result<(), Refused> {
        loop {
            let Some(wanted) = self.lock_wanted() else {
                self.leave_line();
                return Ok(());
            };
            let before = self.snapshot.next_seq;
            match self.ask(&wanted).await? {
                Asked::Granted { instead_of } => {
                    self.take_lock(&wanted.target, instead_of).await?;
                }
                Asked::Held { by } if !wanted.waits => {
                    self.command(Command::LockHeld { by }).await?;
                }
                Asked::Held { by } => {
                    // Whose turn it is may have said no before he stood in this line.
                    let turn = self.shared.registry().locks.is_turn_of(&by);
                    self.shared.wake_for_lock(turn.then_some(&by));
                    return Ok(());
                }
            }
            // Whatever came of it, a run that stands where it stood does not ask again.
            if before == self.snapshot.next_seq {
                return Ok(());
            }
        }
    }

    /// What the run asks for, unless it could not use it: without its secrets it would only
    /// keep the target from others.
    fn lock_wanted(&self) -> Option<Wanted> {
        match self.shared.phase() {
            Phase::Running if self.is_opened => {}
            Phase::Running | Phase::Parking { .. } | Phase::Closed | Phase::Failed(_) => {
                return None;
            }
        }
        let state = &self.snapshot.state;
        let wanted = state.wants_lock()?;
        let lacks = Lacks::for_lock(&self.shared, &self.run, state);
        lacks.is_nothing().then(|| Wanted {
            target: wanted.target.to_owned(),
            since: wanted.since,
            waits: wanted.waits,
        })
    }

    /// Stands in no line any more, and gives a lock back that it was granted and did not take.
    fn leave_line(&self) {
        let state = &self.snapshot.state;
        let mut registry = self.shared.registry();
        let mut next = registry.locks.withdraw(&self.run);
        if let Some(target) = state.target()
            && !state.holds_lock()
            && registry.locks.is_held_by(&self.run, target)
        {
            next = registry.locks.release(&self.run, target);
        }
        drop(registry);
        self.shared.wake_for_lock(next.as_ref());
    }

    async fn ask(&self, wanted: &Wanted) -> Result<Asked, Refused> {
        loop {
            let version = {
                let mut registry = self.shared.registry();
                let locks = &mut registry.locks;
                if locks.knows(&wanted.target) {
                    return Ok(locks.ask(&self.run, &wanted.target, wanted.since, wanted.waits));
                }
                locks.version()
            };
            let recorded = self.recorded(&wanted.target).await?;
            let mut registry = self.shared.registry();
            registry.locks.learn(&wanted.target, recorded, version);
        }
    }

    /// What the journal says of the target; see [`locks::read`].
    async fn recorded(&self, target: &str) -> Result<Recorded, Refused> {
        let _permit = self.shared.loads.acquire().await;
        let (store, target) = (Arc::clone(&self.shared.store), target.to_owned());
        let read = tokio::task::spawn_blocking(move || locks::read(&*store, &target)).await;
        let mut recorded = match read {
            Ok(Ok(recorded)) => recorded,
            Ok(Err(error)) => {
                return Err(self.refused_by(storage_failed(&self.shared, &error)));
            }
            Err(_) => return Err(Refused::Halted(CommandError::Stopping)),
        };
        let goes_on = |run: &RunId| match self.shared.go_on {
            GoOn::All => self.shared.refusal(run).is_none(),
            // The others are left to their owner: nobody here would take their turn.
            GoOn::Asked => *run == self.run,
        };
        recorded.waiting.retain(|(_, run)| goes_on(run));
        Ok(recorded)
    }

    /// A number above that of whoever held a lock before: the place that the next record of
    /// the journal has. Whatever is granted later stands behind the record of this grant.
    pub(super) async fn next_fence(&self) -> Result<u64, Refused> {
        let store = Arc::clone(&self.shared.store);
        match tokio::task::spawn_blocking(move || store.head()).await {
            Ok(Ok(head)) => Ok(head.next_position),
            Ok(Err(error)) => Err(self.refused_by(storage_failed(&self.shared, &error))),
            Err(_) => Err(Refused::Halted(CommandError::Stopping)),
        }
    }

    /// Makes it durable that the run holds the lock; one that does not want it any more
    /// gives it back.
    async fn take_lock(&mut self, target: &str, instead_of: Option<RunId>) -> Result<(), Refused> {
        let fence = self.next_fence().await?;
        let granted = Command::LockGranted { fence, instead_of };
        let answer = self.step(granted, For::Engine).await;
        let is_taken = answer.as_ref().is_ok_and(|answer| {
            let taken = |event: &Event| matches!(event, Event::LockAcquired { .. });
            answer.events.iter().any(taken)
        });
        if is_taken {
            return Ok(());
        }
        match answer {
            // Whether it was written is known after a restart: until then it is held.
            Err(halted @ Refused::Halted(_)) => Err(halted),
            // It looks once more at what may have changed in the line, and nobody comes
            // between: otherwise it would be at this point again with each turn.
            Ok(_) if self.lock_wanted().is_some() => Ok(()),
            Ok(_) | Err(Refused::Rejected(_) | Refused::NotNow(_)) => {
                let next = self.shared.registry().locks.release(&self.run, target);
                self.shared.wake_for_lock(next.as_ref());
                Ok(())
            }
        }
    }
}
