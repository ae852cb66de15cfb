//! Waiting for the engine, and stopping it in order.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use windlass_core::id::{NodeId, RunId};
use windlass_journal::RunIndexRow;

use crate::engine::Engine;
use crate::error::{CommandError, Fatal};
use crate::limits::PARK_SLACK;
use crate::shared::Phase;
use crate::snapshot::Snapshot;

/// What a park leaves behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parked {
    /// All runs that have not ended.
    pub runs: Vec<ParkedRun>,
}

/// A run that a park leaves behind, for the message to its people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedRun {
    pub run: RunId,
    /// The row of the runs index: state, what it waits for, whether it owes.
    pub row: RunIndexRow,
    /// Changes whose work goes on without the engine.
    pub in_flight: Vec<(NodeId, u32)>,
}

impl Engine {
    /// Returns once nothing is in flight and no timer is due.
    pub async fn wait_idle(&self) {
        let mut changes = self.changes();
        loop {
            changes.borrow_and_update();
            if self.is_idle() || changes.changed().await.is_err() {
                return;
            }
        }
    }

    fn is_idle(&self) -> bool {
        let now = self.shared.clock.now();
        let registry = self.shared.registry();
        match self.shared.phase() {
            Phase::Running | Phase::Parking { .. } => {
                let due = registry.wheel.next().is_some_and(|at| at <= now);
                registry.driven.is_empty() && !due
            }
            Phase::Closed | Phase::Failed(_) => true,
        }
    }

    /// Returns once the run has ended.
    ///
    /// # Errors
    /// The run cannot be driven to its end, or the engine stops before.
    pub async fn wait_ended(&self, run: &RunId) -> Result<Arc<Snapshot>, CommandError> {
        let mut newest = self.shared.registry().feed(run, 0);
        let mut phase = self.shared.phase.subscribe();
        loop {
            newest.borrow_and_update();
            phase.borrow_and_update();
            if let Some(refusal) = self.shared.refusal(run) {
                return Err(refusal);
            }
            let snapshot = self.view(run).await?;
            if snapshot.state.is_ended() {
                return Ok(snapshot);
            }
            let is_over = tokio::select! {
                changed = newest.changed() => changed.is_err(),
                changed = phase.changed() => changed.is_err(),
            };
            if is_over {
                return Err(self.shared.refusal(run).unwrap_or(CommandError::Stopping));
            }
        }
    }

    /// Stops in order: dispatches nothing more, cancels reads, lets changes come to their
    /// end for at most `within`, and answers what is left. The process can end then.
    ///
    /// # Errors
    /// The index of what is left cannot be read; the engine has stopped all the same.
    pub async fn park(&self, within: Duration) -> Result<Parked, CommandError> {
        let until = Instant::now() + within;
        self.shared.phase.send_if_modified(|phase| match phase {
            Phase::Running => {
                *phase = Phase::Parking { until };
                true
            }
            Phase::Parking { .. } | Phase::Closed | Phase::Failed(_) => false,
        });
        self.shared.wheel_changed.notify_one();
        let _late = tokio::time::timeout_at(until + PARK_SLACK, self.wait_undriven()).await;
        let rows = self.live_runs().await;
        self.shared.phase.send_if_modified(|phase| match phase {
            Phase::Parking { .. } => {
                *phase = Phase::Closed;
                true
            }
            Phase::Running | Phase::Closed | Phase::Failed(_) => false,
        });
        self.shared.changed();
        let left = std::mem::take(&mut self.shared.registry().left_in_flight);
        let parked = |row: RunIndexRow| {
            let run: RunId = row.run.as_str().parse().ok()?;
            let in_flight = left.get(&run).cloned().unwrap_or_default();
            Some(ParkedRun {
                run,
                row,
                in_flight,
            })
        };
        Ok(Parked {
            runs: rows?.into_iter().filter_map(parked).collect(),
        })
    }

    async fn wait_undriven(&self) {
        let mut changes = self.changes();
        loop {
            changes.borrow_and_update();
            if self.shared.registry().driven.is_empty() || changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Returns when the engine cannot go on: the process is expected to end then, with
    /// the exit code of a failed store.
    pub async fn fatal(&self) -> Fatal {
        let mut phase = self.shared.phase.subscribe();
        loop {
            if let Phase::Failed(fatal) = &*phase.borrow_and_update() {
                return fatal.clone();
            }
            if phase.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
