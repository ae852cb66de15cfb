//! Stopping in order: reads are cancelled, changes may come to their end for a bounded
//! time, their outcomes are recorded, and nothing new is begun.

use std::sync::Arc;

use tokio::time::Instant;

use super::Message;
use super::flight::{Landed, SlotKind};
use super::step::Refused;
use super::task::Task;
use crate::error::CommandError;
use crate::shared::Phase;

impl Task {
    /// Comes to rest, tells what is left in flight, and leaves.
    pub(super) async fn park(&mut self) -> Result<(), Refused> {
        self.flight.cancel_all();
        let mut phase = self.shared.phase.subscribe();
        while !self.flight.is_empty() {
            let until = match &*phase.borrow_and_update() {
                Phase::Parking { until } => *until,
                Phase::Running | Phase::Closed | Phase::Failed(_) => break,
            };
            if Instant::now() >= until {
                break;
            }
            tokio::select! {
                biased;
                _ = phase.changed() => {}
                landed = self.flight.landed() => self.landed_while_parking(landed).await?,
                Some(message) = self.messages.recv() => self.message_while_parking(message).await?,
                () = tokio::time::sleep_until(until) => {}
            }
        }
        self.leave_parked();
        Ok(())
    }

    /// A read that was told to stop is started again by the next owner; what it says now
    /// would only use up an attempt.
    async fn landed_while_parking(&mut self, landed: Landed) -> Result<(), Refused> {
        match landed.slot.kind {
            SlotKind::Change => self.landed(landed).await,
            SlotKind::Attempt | SlotKind::Look => Ok(()),
        }
    }

    async fn message_while_parking(&mut self, message: Message) -> Result<(), Refused> {
        match message {
            Message::Ask { answer, .. } => {
                // A caller who has gone needs no answer.
                let _gone = answer.send(Err(CommandError::Stopping));
                Ok(())
            }
            // What a change wants to be kept helps the next owner to look.
            told @ Message::Tell { .. } => self.message(told).await,
            Message::Wake => Ok(()),
        }
    }

    fn leave_parked(&mut self) {
        let changes = self.flight.slots();
        let changes = changes.filter(|slot| slot.kind == SlotKind::Change);
        let left: Vec<_> = changes
            .map(|slot| (slot.node.clone(), slot.attempt))
            .collect();
        {
            let mut registry = self.shared.registry();
            if !left.is_empty() {
                registry.left_in_flight.insert(self.run.clone(), left);
            }
            registry.driven.remove(&self.run);
            if self.snapshot.next_seq > 0 {
                registry.cache(Arc::new(self.snapshot.clone()));
            }
        }
        self.messages.close();
        while let Ok(message) = self.messages.try_recv() {
            if let Message::Ask { answer, .. } = message {
                let _gone = answer.send(Err(CommandError::Stopping));
            }
        }
        self.shared.changed();
    }
}
