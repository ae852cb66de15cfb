//! Looking at runs through the engine's handle: from memory, the index or the journal,
//! never by disturbing a run.

use std::sync::Arc;

use tokio::sync::watch;
use windlass_core::id::{NodeId, RunId};
use windlass_journal::{RunIndexRow, RunQuery, RunState};

use crate::engine::Engine;
use crate::error::CommandError;
use crate::list::{Labels, Listed};
use crate::replay;
use crate::shared::Shared;
use crate::snapshot::Snapshot;
use crate::subscription::Subscription;

/// The last line of an attempt in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgressLine {
    pub node: NodeId,
    pub attempt: u32,
    pub line: String,
}

impl Engine {
    /// The run as it stands after its newest durable record.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn view(&self, run: &RunId) -> Result<Arc<Snapshot>, CommandError> {
        view(&self.shared, run).await
    }

    /// Follows a run from a record on.
    ///
    /// # Errors
    /// The run does not exist or cannot be read.
    pub async fn subscribe(
        &self,
        run: &RunId,
        from_seq: u64,
    ) -> Result<Subscription, CommandError> {
        self.view(run).await?;
        Ok(Subscription::new(
            Arc::clone(&self.shared),
            run.clone(),
            from_seq,
        ))
    }

    /// Rows of the runs index.
    ///
    /// # Errors
    /// The index cannot be read.
    pub async fn runs(&self, query: RunQuery) -> Result<Vec<RunIndexRow>, CommandError> {
        Ok(self.list(query, Labels::new()).await?.rows)
    }

    /// Rows of the runs index, of the runs that have all `labels`.
    ///
    /// # Errors
    /// The index or a run's first record cannot be read.
    pub async fn list(&self, query: RunQuery, labels: Labels) -> Result<Listed, CommandError> {
        crate::list::list(&self.shared, query, labels).await
    }

    /// The runs that have not ended, the newest first.
    ///
    /// # Errors
    /// The index cannot be read.
    pub async fn live_runs(&self) -> Result<Vec<RunIndexRow>, CommandError> {
        let query = RunQuery {
            ended: RunState::Live,
            ..RunQuery::default()
        };
        self.runs(query).await
    }

    /// Runs that nothing may be done with, each with its reason.
    pub fn contained(&self) -> Vec<(RunId, CommandError)> {
        let registry = self.shared.registry();
        let contained = registry.contained().into_iter();
        contained
            .filter_map(|(run, _)| registry.refusal(&run).map(|why| (run, why)))
            .collect()
    }

    /// The last line of each of a run's attempts in flight.
    pub fn progress(&self, run: &RunId) -> Vec<ProgressLine> {
        let registry = self.shared.registry();
        let lines = registry.driven.get(run).map(|driven| &driven.progress);
        let line =
            |((node, attempt), line): (&(NodeId, u32), &watch::Receiver<String>)| ProgressLine {
                node: node.clone(),
                attempt: *attempt,
                line: line.borrow().clone(),
            };
        lines.into_iter().flatten().map(line).collect()
    }

    /// Who holds the lock that a run waits for; `None` when it waits for none, or has only
    /// to take it.
    pub fn lock_holder(&self, run: &RunId) -> Option<RunId> {
        self.shared.registry().locks.ahead_of(run).cloned()
    }

    /// Whether a run has a task: something of it is in flight or about to be.
    pub fn is_driven(&self, run: &RunId) -> bool {
        self.shared.registry().driven.contains_key(run)
    }

    /// Changes whenever a run gets records, a task, or leaves: for those who poll.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }
}

/// See [`Engine::view`].
pub(crate) async fn view(shared: &Arc<Shared>, run: &RunId) -> Result<Arc<Snapshot>, CommandError> {
    let failure = shared.failure();
    if let Some(refusal) = failure.or_else(|| shared.registry().refusal(run)) {
        return Err(refusal);
    }
    let (known, spawned, is_driven) = {
        let registry = shared.registry();
        let is_driven = registry.driven.contains_key(run);
        (registry.snapshot(run), registry.spawned, is_driven)
    };
    if let Some(snapshot) = known {
        return Ok(snapshot);
    }
    let _permit = shared.loads.acquire().await;
    let mut snapshot = replay::load(shared, run).await?;
    if snapshot.next_seq == 0 {
        return Err(CommandError::UnknownRun(run.clone()));
    }
    let mut registry = shared.registry();
    snapshot.lacks = registry.lacks(run);
    let snapshot = Arc::new(snapshot);
    // A task may have gone on with the run while it was read: its word is newer, and
    // what was read is kept only when there surely was none.
    if let Some(newer) = registry.snapshot(run) {
        return Ok(newer);
    }
    if !is_driven && registry.spawned == spawned {
        registry.cache(Arc::clone(&snapshot));
    }
    Ok(snapshot)
}
