//! Keeping house: erasing the bodies and logs of runs that have ended. Headers stay for
//! ever, and so do the rows of the index; who erased what and when is a record of the
//! store's own stream. Nothing is erased that has not ended or cannot be trusted.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::Arc;

use windlass_core::authorise::{Act, Circumstances, authorise};
use windlass_core::id::RunId;
use windlass_core::operator::Operator;
use windlass_core::rejection::Rejection;
use windlass_core::time::Timestamp;
use windlass_journal::{
    Compacted, Erasure, ReadError, RunIndexRow, RunKey, RunQuery, RunState, StorageError, Store,
    WriteError, erasures,
};

use crate::engine::Engine;
use crate::error::CommandError;
use crate::replay::{run_key, storage_failed};
use crate::shared::Shared;
use crate::state_dir::StateDir;
use crate::store_events::{self, stopped};

/// Most runs that one request prunes; there may be more.
pub const PRUNE_RUNS_MAX: usize = 256;
/// Most runs whose bodies one append erases, so that other runs' appends need not wait
/// for long behind it.
const RUNS_PER_APPEND: usize = 16;
/// How many records at the end of a run its end is looked for in: only contradictions can
/// come after it.
const END_RECORDS: u64 = 64;

/// Which runs to prune.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// These, all of them or none.
    Runs(BTreeSet<RunId>),
    /// Those that ended at or before this.
    EndedBy(Timestamp),
}

/// A run to be pruned, or that was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrunedRun {
    pub row: RunIndexRow,
    /// Whether its bodies had been erased before; only logs were left then.
    pub erased_before: bool,
}

/// What is to be pruned, or was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    pub runs: Vec<PrunedRun>,
    /// Runs that were asked for, or are old enough, and are kept; each with why.
    pub kept: Vec<(RunId, String)>,
    /// Whether there are more than [`PRUNE_RUNS_MAX`].
    pub more: bool,
}

/// Chooses what a request prunes, without changing anything. `is_driven` says of a run
/// whether something of it is in flight. Blocks for reads.
///
/// # Errors
/// The journal cannot be read.
pub fn choose(
    dir: &StateDir,
    store: &dyn Store,
    which: &Which,
    is_driven: &dyn Fn(&RunId) -> bool,
) -> Result<Pruned, StorageError> {
    let erased: BTreeSet<RunKey> = match erasures(store) {
        Ok(erasures) => erasures.into_iter().flat_map(|it| it.runs).collect(),
        // What is erased again loses nothing: the order is only written once more.
        Err(ReadError::Quarantined { .. }) => BTreeSet::new(),
        Err(ReadError::Storage(error)) => return Err(error),
    };
    let mut pruned = Pruned::default();
    let mut consider = |run: &RunId, row: RunIndexRow| -> Result<bool, StorageError> {
        let erased_before = erased.contains(&row.run);
        if erased_before && !dir.logs(run).exists() {
            return Ok(true);
        }
        if pruned.runs.len() == PRUNE_RUNS_MAX {
            pruned.more = true;
            return Ok(false);
        }
        match why_kept(store, run, &row, is_driven)? {
            Some(why) => pruned.kept.push((run.clone(), why)),
            None => pruned.runs.push(PrunedRun { row, erased_before }),
        }
        Ok(true)
    };
    match which {
        Which::Runs(runs) => {
            let mut unknown = Vec::new();
            for run in runs {
                match store.run(&run_key(run))? {
                    Some(row) => {
                        let _more = consider(run, row)?;
                    }
                    None => unknown.push((run.clone(), "there is no such run".to_owned())),
                }
            }
            pruned.kept.extend(unknown);
        }
        Which::EndedBy(at) => {
            let mut query = RunQuery {
                ended: RunState::Ended,
                ended_at_or_before_ms: Some(at.0),
                ..RunQuery::default()
            };
            'pages: loop {
                let rows = store.runs(&query)?;
                let Some(last) = rows.last() else { break };
                query.after = query.order_key(last).map(|at| (at, last.run.clone()));
                for row in rows {
                    // The journal's alphabet is wider than that of a run's name.
                    let Ok(run) = row.run.as_str().parse::<RunId>() else {
                        continue;
                    };
                    if !consider(&run, row)? {
                        break 'pages;
                    }
                }
            }
        }
    }
    Ok(pruned)
}

/// Why a run is kept, if it is. The index is not trusted with this: the end must stand in
/// the run's own records.
fn why_kept(
    store: &dyn Store,
    run: &RunId,
    row: &RunIndexRow,
    is_driven: &dyn Fn(&RunId) -> bool,
) -> Result<Option<String>, StorageError> {
    let kept = |why: &str| Ok(Some(why.to_owned()));
    if row.ended_at_ms.is_none() {
        return kept("it has not ended");
    }
    if is_driven(run) {
        return kept("something of it is still in flight");
    }
    let from = row.next_seq.saturating_sub(END_RECORDS);
    match store.read(&row.run, from, usize::MAX) {
        Ok(records) if records.iter().any(|it| it.header.kind == "run_ended") => Ok(None),
        Ok(_) => kept("its records have no end, whatever the index says"),
        // What somebody tampered with is evidence.
        Err(ReadError::Quarantined { reason, .. }) => Ok(Some(format!("it is damaged: {reason}"))),
        Err(ReadError::Storage(error)) => Err(error),
    }
}

/// What became of a request for space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpaceGiven {
    Compacted(Compacted),
    /// Runs are in flight, whose records would have to wait for it.
    InFlight,
}

impl Engine {
    /// Erases bodies and logs of runs that have ended. Of runs asked for by name, all are
    /// erased or none: then `runs` is empty, and `kept` says why.
    ///
    /// # Errors
    /// See [`CommandError`]. What was erased before an error stays erased, and is recorded.
    pub async fn prune(&self, by: &Operator, which: Which) -> Result<Pruned, CommandError> {
        let shared = Arc::clone(&self.shared);
        self.keeps_house(by)?;
        let engine = self.clone();
        let (chooser, chosen_from) = (Arc::clone(&shared), which.clone());
        let chosen = blocking(&shared, move || {
            let driven = |run: &RunId| {
                let contained = chooser.registry().refusal(run).is_some();
                contained || engine.is_driven(run)
            };
            choose(&chooser.dir, &*chooser.store, &chosen_from, &driven)
        });
        let mut pruned = chosen
            .await?
            .map_err(|error| storage_failed(&shared, &error))?;
        if matches!(which, Which::Runs(_)) && !pruned.kept.is_empty() {
            pruned.runs.clear();
            return Ok(pruned);
        }
        for runs in pruned.runs.chunks(RUNS_PER_APPEND) {
            let keys: Vec<RunKey> = runs
                .iter()
                .filter(|run| !run.erased_before)
                .map(|run| run.row.run.clone())
                .collect();
            if !keys.is_empty() {
                self.erase(by, keys).await?;
            }
            // After the order is durable: logs that a crash leaves go with the next prune.
            for run in runs {
                let Ok(run) = run.row.run.as_str().parse::<RunId>() else {
                    continue;
                };
                shared.registry().take_cached(&run);
                let logs = shared.dir.logs(&run);
                let removed = blocking(&shared, move || std::fs::remove_dir_all(logs)).await?;
                if let Err(error) = removed
                    && error.kind() != ErrorKind::NotFound
                {
                    tracing::warn!(%run, %error, "cannot remove the logs of a pruned run");
                    let why = format!("its bodies are erased, its logs are not: {error}");
                    pruned.kept.push((run, why));
                }
            }
        }
        Ok(pruned)
    }

    /// Gives the space of erased bodies back to the file system, unless runs are in flight:
    /// their records would have to wait for it.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn compact(&self, by: &Operator) -> Result<SpaceGiven, CommandError> {
        self.keeps_house(by)?;
        if !self.shared.registry().driven.is_empty() {
            return Ok(SpaceGiven::InFlight);
        }
        match self.shared.store.compact().await {
            Ok(compacted) => Ok(SpaceGiven::Compacted(compacted)),
            Err(WriteError::Busy(_)) => Err(CommandError::Busy),
            Err(error @ (WriteError::Storage(_) | WriteError::ReadOnly)) => {
                Err(stopped(&self.shared, &error.to_string(), false))
            }
        }
    }

    /// Whether the engine works, and the person is the directory's owner.
    pub(crate) fn keeps_house(&self, by: &Operator) -> Result<(), CommandError> {
        use crate::shared::Phase;
        if let Some(failure) = self.shared.failure() {
            return Err(failure);
        }
        match self.shared.phase() {
            Phase::Running => {}
            Phase::Parking { .. } | Phase::Closed | Phase::Failed(_) => {
                return Err(CommandError::Stopping);
            }
        }
        let circumstances = Circumstances {
            owner: &self.shared.owner,
            requester: None,
            single_user: true,
            standing: None,
            target: None,
            now: self.shared.clock.now(),
        };
        let authorised = authorise(Act::Own, by, circumstances);
        authorised.map(drop).map_err(|denial| {
            Rejection::NotAuthorised {
                by: by.clone(),
                why: denial.to_string(),
            }
            .into()
        })
    }

    /// One append: the order, and the erasure with it.
    async fn erase(&self, by: &Operator, runs: Vec<RunKey>) -> Result<(), CommandError> {
        let shared = &self.shared;
        let order = Erasure {
            runs: runs.clone(),
            by: by.to_string(),
            at_ms: shared.clock.now().0,
        };
        store_events::append(shared, vec![order.record()], runs).await
    }
}

/// Work on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(
    shared: &Shared,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CommandError> {
    let done = tokio::task::spawn_blocking(work).await;
    if let Some(failure) = shared.failure() {
        return Err(failure);
    }
    done.map_err(|_| CommandError::Stopping)
}
