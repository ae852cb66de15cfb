//! What an earlier process left behind: attempts that it had in flight, and processes
//! that outlived it.

use windlass_core::command::{Command, Orphan};
use windlass_core::effect::Effect;
use windlass_core::id::NodeId;
use windlass_core::outstanding;
use windlass_core::state::ItemLook;

use super::step::Refused;
use super::task::Task;
use crate::attempt::session;
use crate::error::CommandError;
use crate::orphans;
use crate::snapshot::Lacks;

impl Task {
    /// Deals with what an earlier process had in flight. When this process could not go
    /// on with it, for want of secrets, it is left as it is until they are brought.
    pub(super) async fn take_over(&mut self) -> Result<(), Refused> {
        if self.snapshot.state.is_ended() {
            self.is_opened = true;
            return Ok(());
        }
        let mut lacks = Lacks::default();
        let mut was_in_flight = false;
        for effect in outstanding(&self.snapshot.state) {
            was_in_flight |= matches!(effect, Effect::Attempt { .. });
            lacks.add(Lacks::for_effect(
                &self.shared,
                &self.run,
                &self.snapshot.state,
                &effect,
            ));
        }
        if was_in_flight && !lacks.is_nothing() {
            // Nothing but the row of the index changes.
            return self.command(Command::Tick).await;
        }
        let may_have =
            self.shared.orphans.has(&self.run) || self.shared.registry().halted.contains(&self.run);
        let living = self.living_orphans(may_have).await?;
        self.is_opened = true;
        self.command(Command::Open { orphans: living }).await?;
        self.orphans = self.known_orphans();
        self.govern().await
    }

    /// Brings the run under the policy that holds, where it holds another one.
    async fn govern(&mut self) -> Result<(), Refused> {
        let now = self.shared.clock.now();
        let governing = self.shared.governing.as_ref();
        let news = governing.and_then(|governing| governing.news(&self.snapshot.state, now));
        let Some(news) = news else {
            return Ok(());
        };
        self.command(Command::Govern {
            standing: news.standing,
            difference: news.difference,
            voids: news.voids,
        })
        .await
    }

    /// The living processes of the run's attempts, those in flight among them. Unless they
    /// are `expected`, they are only looked for when a session of the run is recorded.
    pub(super) async fn living_orphans(&self, expected: bool) -> Result<Vec<Orphan>, Refused> {
        let (dir, run) = (self.shared.dir.clone(), self.run.clone());
        let look = move || {
            if expected || orphans::has_sessions(&dir, &run)? {
                orphans::living(&dir, &run)
            } else {
                Ok(Vec::new())
            }
        };
        match tokio::task::spawn_blocking(look).await {
            Ok(Ok(living)) => Ok(living),
            // Without knowing what lives, nothing of the run may go on.
            Ok(Err(error)) => {
                Err(self.fault(&format!("its processes cannot be looked for: {error}")))
            }
            Err(_) => Err(Refused::Halted(CommandError::Stopping)),
        }
    }

    /// The orphans that the state counts with.
    pub(super) fn known_orphans(&self) -> Vec<Orphan> {
        let items = self.snapshot.state.steps().flat_map(|step| step.items);
        let of_item = |item: ItemLook<'_>| {
            let orphan = |(attempt, pid): &(u32, u32)| Orphan {
                node: item.node.clone(),
                attempt: *attempt,
                pid: *pid,
            };
            item.state.orphans.iter().map(orphan).collect::<Vec<_>>()
        };
        items.flat_map(of_item).collect()
    }

    /// Of what ended in a known way nothing is looked for any more.
    pub(super) fn forget_session(&self, node: &NodeId, attempt: u32) {
        session::forget(&self.shared.dir.attempt_log(&self.run, node, attempt));
    }

    /// An orphan has ended when no process of its attempt lives, its children among them.
    pub(super) async fn poll_orphans(&mut self) -> Result<(), Refused> {
        let living = self.living_orphans(true).await?;
        let lives = |orphan: &Orphan| {
            let of_it =
                |other: &Orphan| other.node == orphan.node && other.attempt == orphan.attempt;
            living.iter().any(of_it)
        };
        let mut gone = std::mem::take(&mut self.orphans);
        gone.retain(|orphan| !lives(orphan));
        for orphan in gone {
            self.forget_session(&orphan.node, orphan.attempt);
            self.command(Command::OrphanEnded(orphan)).await?;
        }
        self.orphans = self.known_orphans();
        Ok(())
    }
}
