//! Following a run: its history from the journal, then each record once it is durable.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::watch;
use windlass_core::event::Event;
use windlass_core::id::RunId;
use windlass_core::time::Timestamp;

use crate::error::CommandError;
use crate::limits::SUBSCRIPTION_PAGE_RECORDS;
use crate::replay::{self, ReplayError};
use crate::shared::{Phase, Shared};

/// An event with its place and time in the run.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    pub seq: u64,
    pub at: Timestamp,
    pub event: Event,
}

/// Follows a run. It holds one page at most and reads on when that is used up, so a
/// slow follower costs nothing and misses nothing.
pub struct Subscription {
    shared: Arc<Shared>,
    run: RunId,
    next_seq: u64,
    page: VecDeque<Recorded>,
    newest: watch::Receiver<u64>,
    phase: watch::Receiver<Phase>,
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Subscription({} from {})", self.run, self.next_seq)
    }
}

impl Subscription {
    pub(crate) fn new(shared: Arc<Shared>, run: RunId, from_seq: u64) -> Self {
        let newest = shared.registry().feed(&run, from_seq);
        let phase = shared.phase.subscribe();
        Self {
            shared,
            run,
            next_seq: from_seq,
            page: VecDeque::new(),
            newest,
            phase,
        }
    }

    /// The run that is followed.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// The next record, as soon as there is one. `None` once the engine has stopped, an
    /// error once its store has failed.
    /// A run that has ended may still get records, such as a contradicted resolution;
    /// whoever has seen `RunEnded` decides himself whether to wait for them.
    ///
    /// Cancelling the call loses no record.
    ///
    /// # Errors
    /// The run's records cannot be read.
    pub async fn next(&mut self) -> Result<Option<Recorded>, CommandError> {
        loop {
            if let Some(recorded) = self.page.pop_front() {
                self.next_seq = recorded.seq + 1;
                return Ok(Some(recorded));
            }
            // Marked as seen before the read: what is published after it wakes us again.
            self.newest.borrow_and_update();
            self.page = self.read_page().await?.into();
            if self.page.is_empty() && !self.wait().await? {
                return Ok(None);
            }
        }
    }

    async fn read_page(&self) -> Result<Vec<Recorded>, CommandError> {
        let (shared, run, from) = (Arc::clone(&self.shared), self.run.clone(), self.next_seq);
        let read = tokio::task::spawn_blocking(move || {
            replay::read(&*shared.store, &run, from, SUBSCRIPTION_PAGE_RECORDS)
        });
        let read = read.await;
        if let Some(failure) = self.shared.failure() {
            return Err(failure);
        }
        match read {
            Ok(Ok(page)) => Ok(self.published(page)),
            Ok(Err(error)) => Err(error.for_caller(&self.shared, &self.run)),
            Err(_) => Err(ReplayError::Panicked.for_caller(&self.shared, &self.run)),
        }
    }

    /// A page without what is durable and not yet part of the state: whoever has seen a
    /// record and then looks at the run finds it as it is after that record.
    fn published(&self, mut page: Vec<Recorded>) -> Vec<Recorded> {
        if let Some(snapshot) = self.shared.registry().snapshot(&self.run) {
            page.retain(|recorded| recorded.seq < snapshot.next_seq);
        }
        page
    }

    /// Whether there may be more.
    async fn wait(&mut self) -> Result<bool, CommandError> {
        let stopped = |phase: &Phase| match phase {
            Phase::Running | Phase::Parking { .. } => false,
            Phase::Closed | Phase::Failed(_) => true,
        };
        tokio::select! {
            changed = self.newest.changed() => match changed {
                Ok(()) => Ok(true),
                Err(_) => Err(self.shared.refusal(&self.run).unwrap_or(CommandError::Stopping)),
            },
            _ = self.phase.wait_for(stopped) => self.shared.failure().map_or(Ok(false), Err),
        }
    }
}
