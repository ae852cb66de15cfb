//! The port's methods on SQLite: what goes to the writer, what to a reader.

use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::queue::Job;
use super::{SqliteStore, read};
use crate::append::{Append, Appended, Remembered};
use crate::compact::Compacted;
use crate::error::{AppendError, ReadError, StorageError, WriteError};
use crate::index::{RunIndexRow, RunQuery};
use crate::key::{IdempotencyKey, RunKey};
use crate::limits::QUEUE_SLOT_BYTES;
use crate::outbox::{OutboxEntry, OutboxProgress};
use crate::pending::Pending;
use crate::quarantine::Quarantined;
use crate::store::{Head, Record, Store, Tip};

impl SqliteStore {
    /// Hands a job to the writer; `E` is made from a storage error when the
    /// writer is gone.
    fn submit<T, E>(
        &self,
        bytes: usize,
        job: impl FnOnce(oneshot::Sender<Result<T, E>>) -> Job,
    ) -> Pending<T, E>
    where
        T: Send + Unpin + 'static,
        E: From<StorageError> + From<WriteError> + Send + Unpin + 'static,
    {
        if self.writer.is_none() {
            return Pending::ready(Err(WriteError::ReadOnly.into()));
        }
        if let Some(poison) = self.shared.poisoned() {
            return Pending::ready(Err(poison.into()));
        }
        let (to, answer) = oneshot::channel();
        let lost = E::from(self.shared.stopped());
        match self.shared.queue.try_push(job(to), bytes) {
            Ok(()) => Pending::submitted(answer, lost),
            Err(job) => {
                let shared = Arc::clone(&self.shared);
                Pending::submitting(Box::pin(async move {
                    shared.queue.push(job, bytes).await;
                    answer.await.unwrap_or(Err(lost))
                }))
            }
        }
    }

    fn reading<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let result = self.readers.with(&self.shared.path, read);
        result.inspect_err(|error| self.shared.note(error))
    }
}

impl Store for SqliteStore {
    fn append(&self, append: Append) -> Pending<Appended, AppendError> {
        if let Err(refused) = append.validate() {
            return Pending::ready(Err(refused));
        }
        self.submit(append.queue_bytes(), |to| Job::Append(Box::new(append), to))
    }

    fn take_epoch(&self) -> Result<u64, WriteError> {
        self.submit(QUEUE_SLOT_BYTES, Job::TakeEpoch).wait()
    }

    fn epoch(&self) -> Result<u64, StorageError> {
        self.reading(|connection| read::epoch(connection, &self.shared.path))
    }

    fn head(&self) -> Result<Head, StorageError> {
        self.reading(|connection| read::head(connection, &self.shared.path))
    }

    fn read(&self, run: &RunKey, from_seq: u64, limit: usize) -> Result<Vec<Record>, ReadError> {
        let path = &self.shared.path;
        let read = |connection: &Connection| read::records(connection, path, run, from_seq, limit);
        self.readers
            .with(path, read)
            .inspect_err(|error| match error {
                ReadError::Storage(error) => self.shared.note(error),
                ReadError::Quarantined { run, seq, reason } => {
                    self.shared
                        .quarantine
                        .mark(run, &format!("the record at seq {seq} {reason}"));
                }
            })
    }

    fn tips(&self, after: Option<&RunKey>, limit: usize) -> Result<Vec<Tip>, StorageError> {
        self.reading(|connection| read::tips(connection, &self.shared.path, after, limit))
    }

    fn run(&self, run: &RunKey) -> Result<Option<RunIndexRow>, StorageError> {
        self.reading(|connection| read::run(connection, &self.shared.path, run))
    }

    fn runs(&self, query: &RunQuery) -> Result<Vec<RunIndexRow>, StorageError> {
        self.reading(|connection| read::runs(connection, &self.shared.path, query))
    }

    fn find_idempotent(&self, key: &IdempotencyKey) -> Result<Option<Remembered>, StorageError> {
        self.reading(|connection| read::idempotent(connection, &self.shared.path, key))
    }

    fn outbox(
        &self,
        run: Option<&RunKey>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<OutboxEntry>, StorageError> {
        self.reading(|connection| read::outbox(connection, &self.shared.path, run, after, limit))
    }

    fn outbox_heads(&self, limit: usize) -> Result<Vec<OutboxEntry>, StorageError> {
        self.reading(|connection| read::outbox_heads(connection, &self.shared.path, limit))
    }

    fn outbox_progress(&self, id: u64, progress: OutboxProgress) -> Pending<(), WriteError> {
        let progress = progress.bounded();
        self.submit(QUEUE_SLOT_BYTES, |to| Job::OutboxProgress(id, progress, to))
    }

    fn outbox_done(&self, ids: &[u64]) -> Pending<(), WriteError> {
        self.submit(QUEUE_SLOT_BYTES, |to| Job::OutboxDone(ids.to_vec(), to))
    }

    fn compact(&self) -> Pending<Compacted, WriteError> {
        self.submit(QUEUE_SLOT_BYTES, Job::Compact)
    }

    fn quarantine(&self, run: &RunKey, reason: &str) {
        self.shared.quarantine.mark(run, reason);
    }

    fn quarantined(&self) -> Vec<Quarantined> {
        self.shared.quarantine.list()
    }

    fn poisoned(&self) -> Option<StorageError> {
        self.shared.poisoned()
    }
}
