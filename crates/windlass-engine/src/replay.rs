//! Reading a run back: records to events to state. No effects; the same for the
//! owner and for those who only look.

use std::sync::Arc;

use windlass_core::event::{DecodeError, Event};
use windlass_core::id::RunId;
use windlass_core::state::RunState;
use windlass_core::time::Timestamp;
use windlass_core::{IllegalEvent, evolve};
use windlass_journal::{ReadError, Record, RunKey, StorageError, Store, erasures};

use crate::error::{CommandError, Erased, Fatal, erased_how};
use crate::limits::REPLAY_PAGE_RECORDS;
use crate::registry::Contained;
use crate::shared::Shared;
use crate::snapshot::{Lacks, Snapshot};
use crate::subscription::Recorded;

/// Why a run could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A record is damaged.
    #[error("{0}")]
    Damaged(String),
    #[error("the record at seq {seq}: {source}")]
    Undecodable { seq: u64, source: DecodeError },
    #[error("the record at seq {seq}: {source}")]
    Illegal { seq: u64, source: IllegalEvent },
    #[error("the bodies of the run were erased{}", erased_how(.0.as_ref()))]
    Erased(Option<Erased>),
    #[error("reading it back panicked")]
    Panicked,
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<ReadError> for ReplayError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Quarantined { .. } => Self::Damaged(error.to_string()),
            ReadError::Storage(error) => Self::Storage(error),
        }
    }
}

impl ReplayError {
    /// Draws the consequence for the engine, and says it to the caller: a storage error
    /// ends the engine, a run that cannot be understood is contained.
    pub(crate) fn for_caller(self, shared: &Shared, run: &RunId) -> CommandError {
        let contain = |contained: Contained| {
            let mut registry = shared.registry();
            registry.contain(run, contained);
            shared.wheel_changed.notify_one();
            registry.refusal(run).unwrap_or(CommandError::Stopping)
        };
        match self {
            Self::Damaged(_) | Self::Undecodable { .. } | Self::Illegal { .. } => {
                let reason = self.to_string();
                shared.store.quarantine(&run_key(run), &reason);
                contain(Contained::Quarantined(reason.into()))
            }
            Self::Panicked => contain(Contained::Faulted(self.to_string().into())),
            Self::Erased(erased) => CommandError::Erased {
                run: run.clone(),
                erased,
            },
            Self::Storage(error) => storage_failed(shared, &error),
        }
    }
}

/// A failed store ends the engine; a busy one does not.
pub(crate) fn storage_failed(shared: &Shared, error: &StorageError) -> CommandError {
    if error.is_busy() {
        return CommandError::Busy;
    }
    let fatal = Fatal {
        reason: error.to_string().into(),
        fenced: false,
    };
    shared.fail(fatal.clone());
    CommandError::Fatal(fatal)
}

/// The run's name in the journal.
pub(crate) fn run_key(run: &RunId) -> RunKey {
    RunKey::new(run.as_str()).expect("a run id is within the journal's alphabet and bound")
}

/// Records of a run from `from_seq` on, at most `limit`; none when there are none.
pub(crate) fn read(
    store: &dyn Store,
    run: &RunId,
    from_seq: u64,
    limit: usize,
) -> Result<Vec<Recorded>, ReplayError> {
    let records = store.read(&run_key(run), from_seq, limit)?;
    let decoded: Result<Vec<Recorded>, ReplayError> = records.into_iter().map(decode).collect();
    match decoded {
        Err(ReplayError::Erased(_)) => Err(ReplayError::Erased(erasure_of(store, run)?)),
        decoded => decoded,
    }
}

/// By whom and when the bodies of a run were erased for the last time, if a record that
/// can be read says so. It reads the whole stream of the store.
pub(crate) fn erasure_of(store: &dyn Store, run: &RunId) -> Result<Option<Erased>, StorageError> {
    let erasures = match erasures(store) {
        Ok(erasures) => erasures,
        Err(ReadError::Quarantined { .. }) => return Ok(None),
        Err(ReadError::Storage(error)) => return Err(error),
    };
    let key = run_key(run);
    let last = erasures.into_iter().rfind(|it| it.runs.contains(&key));
    Ok(last.map(|it| Erased {
        at: Timestamp(it.at_ms),
        by: it.by,
    }))
}

fn decode(record: Record) -> Result<Recorded, ReplayError> {
    let header = &record.header;
    let body = record.body.as_deref().ok_or(ReplayError::Erased(None))?;
    let undecodable = |source| ReplayError::Undecodable {
        seq: header.seq,
        source,
    };
    Ok(Recorded {
        seq: header.seq,
        at: Timestamp(header.at_ms),
        event: Event::decode(&header.kind, header.version, body).map_err(undecodable)?,
    })
}

/// Folds all records of a run; for a run without records, a new one.
pub(crate) fn replay(store: &dyn Store, run: &RunId) -> Result<Snapshot, ReplayError> {
    let mut snapshot = Snapshot {
        run: run.clone(),
        state: RunState::new(run.clone()),
        next_seq: 0,
        started_at: Timestamp::default(),
        updated_at: Timestamp::default(),
        lacks: Lacks::default(),
    };
    loop {
        let page = read(store, run, snapshot.next_seq, REPLAY_PAGE_RECORDS)?;
        if page.is_empty() {
            return Ok(snapshot);
        }
        for recorded in page {
            snapshot.apply(&recorded.event, recorded.at)?;
        }
    }
}

impl Snapshot {
    /// Adds one event.
    pub(crate) fn apply(&mut self, event: &Event, at: Timestamp) -> Result<(), ReplayError> {
        let illegal = |source| ReplayError::Illegal {
            seq: self.next_seq,
            source,
        };
        evolve(&mut self.state, event, at).map_err(illegal)?;
        if self.next_seq == 0 {
            self.started_at = at;
        }
        self.updated_at = at;
        self.next_seq += 1;
        Ok(())
    }
}

/// [`replay`] on a thread that may block.
pub(crate) async fn load(shared: &Arc<Shared>, run: &RunId) -> Result<Snapshot, CommandError> {
    let (store, id) = (Arc::clone(&shared.store), run.clone());
    let loaded = tokio::task::spawn_blocking(move || replay(&*store, &id)).await;
    if let Some(failure) = shared.failure() {
        return Err(failure);
    }
    loaded
        .unwrap_or(Err(ReplayError::Panicked))
        .map_err(|error| error.for_caller(shared, run))
}
