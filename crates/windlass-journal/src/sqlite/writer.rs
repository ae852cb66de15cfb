//! The writer thread: the only place that changes the journal.
//! It takes what waits as one group, commits once, and answers after the sync.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::Shared;
use super::apply::{Progress, Statements};
use super::compact;
use super::queue::Job;
use crate::append::Appended;
use crate::error::{AppendError, StorageError, WriteError};

/// A reader that holds the WAL back is worth a warning at this many times the
/// usual size.
const WAL_WARNING_FACTOR: u64 = 16;
/// How long the last checkpoint waits for readers of other processes.
const LAST_CHECKPOINT_WAIT_MS: u64 = 100;

/// What a job came to; sent only after the commit.
enum Done {
    Append(Result<Appended, AppendError>),
    Epoch(u64),
    /// A change of the outbox alone.
    Outbox,
}

struct Writer<'c> {
    connection: &'c Connection,
    path: &'c Path,
    statements: Statements<'c>,
    shared: &'c Shared,
    checkpoint_frames: u64,
    warned_at_frames: u64,
}

/// Runs until the queue is closed and empty. A storage error poisons the store:
/// from then on every job is answered with it and SQLite is not called again,
/// because it would go on after an I/O error as if nothing had happened.
pub(super) fn run(
    connection: Connection,
    path: PathBuf,
    shared: &Arc<Shared>,
    checkpoint_frames: u64,
) {
    match Statements::prepare(&connection, &path) {
        Ok(statements) => Writer {
            connection: &connection,
            path: &path,
            statements,
            shared,
            checkpoint_frames,
            warned_at_frames: checkpoint_frames.saturating_mul(WAL_WARNING_FACTOR),
        }
        .serve(),
        Err(error) => shared.poison(error),
    }
    if shared.poisoned().is_none() {
        last_checkpoint(&connection, &path);
    }
    // Closing gives up an open transaction and writes nothing, since the
    // checkpoint on close is off; a process that lingers holds no lock.
    drop(connection);
    while let Some(group) = shared.queue.take_group() {
        let error = shared.poisoned().unwrap_or_else(|| shared.stopped());
        group.into_iter().for_each(|job| fail(job, &error));
    }
}

impl Writer<'_> {
    fn serve(mut self) {
        while self.shared.poisoned().is_none() {
            let Some(mut group) = self.shared.queue.take_group() else {
                return;
            };
            // A reader may have met a storage error while this thread slept.
            let poisoned = self.shared.poisoned();
            if let (None, Some(Job::Compact(_))) = (&poisoned, group.first()) {
                group.into_iter().for_each(|job| self.compact(job));
                continue;
            }
            match poisoned.map_or_else(|| self.commit(&mut group), Err) {
                Ok(done) => {
                    group
                        .into_iter()
                        .zip(done)
                        .for_each(|(job, done)| answer(job, done));
                    self.checkpoint();
                }
                Err(error) => {
                    self.shared.note(&error);
                    group.into_iter().for_each(|job| fail(job, &error));
                }
            }
        }
    }

    /// The queue hands such a job out alone.
    fn compact(&self, job: Job) {
        let Job::Compact(to) = job else {
            unreachable!("a group that begins with it holds nothing else")
        };
        let compacted = compact::compact(self.connection, self.path);
        if let Err(error) = &compacted {
            self.shared.note(error);
        }
        send(to, compacted.map_err(WriteError::from));
    }

    /// One transaction for the whole group. An error means that nothing of it
    /// is acknowledged.
    fn commit(&mut self, group: &mut [Job]) -> Result<Vec<Done>, StorageError> {
        self.statements.begin()?;
        let done = self.apply_all(group).and_then(|done| {
            self.statements.commit()?;
            Ok(done)
        });
        match &done {
            Ok(done) => self.count(done),
            // Busy is no damage, so the connection will be used again.
            Err(error) if error.is_busy() && !self.connection.is_autocommit() => {
                let path = self.path;
                self.connection
                    .execute_batch("ROLLBACK")
                    .map_err(|e| StorageError::new("take a commit back", path, e))?;
            }
            Err(_) => {}
        }
        done
    }

    fn apply_all(&mut self, group: &mut [Job]) -> Result<Vec<Done>, StorageError> {
        let mut progress = self.statements.progress()?;
        group
            .iter_mut()
            .map(|job| self.apply(job, &mut progress))
            .collect()
    }

    fn apply(&mut self, job: &mut Job, progress: &mut Progress) -> Result<Done, StorageError> {
        match job {
            Job::TakeEpoch(_) => self.statements.raise_epoch(progress).map(Done::Epoch),
            Job::OutboxProgress(id, progress, _) => {
                let written = self.statements.outbox_progress(*id, progress);
                written.map(|()| Done::Outbox)
            }
            Job::OutboxDone(ids, _) => self.statements.outbox_done(ids).map(|()| Done::Outbox),
            Job::Compact(_) => unreachable!("it is done between two commits"),
            Job::Append(append, _) => {
                let quarantine = &self.shared.quarantine;
                let result = self.statements.append(append, progress, quarantine)?;
                Ok(Done::Append(result))
            }
        }
    }

    fn count(&self, done: &[Done]) {
        let stats = &self.shared.stats;
        let mut written = 0;
        for done in done {
            match done {
                Done::Append(Ok(appended)) if appended.duplicate_of.is_none() => {
                    written += 1;
                    stats.appends.fetch_add(1, Relaxed);
                    stats
                        .records
                        .fetch_add(appended.next_seq - appended.first_seq, Relaxed);
                }
                Done::Append(Ok(_)) => drop(stats.duplicates.fetch_add(1, Relaxed)),
                Done::Append(Err(_)) => drop(stats.refused.fetch_add(1, Relaxed)),
                Done::Epoch(_) | Done::Outbox => written += 1,
            }
        }
        if written > 0 {
            stats.commits.fetch_add(1, Relaxed);
            stats.largest_group.fetch_max(written, Relaxed);
        }
    }

    /// Moves the WAL into the database once it is long enough. The automatic
    /// checkpoint of SQLite would swallow an error; here it ends the process.
    fn checkpoint(&mut self) {
        let frames = match wal_frames(self.connection, "NOOP") {
            Ok(frames) => frames,
            Err(e) => {
                return self
                    .shared
                    .note(&StorageError::new("measure the WAL", self.path, e));
            }
        };
        self.shared.stats.wal_frames.store(frames.log, Relaxed);
        if frames.log - frames.moved.min(frames.log) < self.checkpoint_frames {
            return;
        }
        match wal_frames(self.connection, "PASSIVE") {
            Ok(_) => drop(self.shared.stats.checkpoints.fetch_add(1, Relaxed)),
            Err(e) => self
                .shared
                .note(&StorageError::new("checkpoint the WAL", self.path, e)),
        }
        if frames.log >= self.warned_at_frames {
            self.warned_at_frames = frames.log.saturating_mul(2);
            tracing::warn!(frames = frames.log, path = %self.path.display(),
                "the WAL grows: another process has been reading the journal for long");
        }
    }
}

struct Frames {
    log: u64,
    moved: u64,
}

fn wal_frames(connection: &Connection, mode: &str) -> rusqlite::Result<Frames> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        // Both are -1 when there is no WAL yet.
        let count = |column| {
            row.get::<_, i64>(column)
                .map(|n| u64::try_from(n).unwrap_or(0))
        };
        Ok(Frames {
            log: count(1)?,
            moved: count(2)?,
        })
    })
}

/// Leaves a database without a WAL, so that the next start finds it clean.
/// When it fails nothing is lost: all that was acknowledged is in the WAL.
fn last_checkpoint(connection: &Connection, path: &Path) {
    let wait = std::time::Duration::from_millis(LAST_CHECKPOINT_WAIT_MS);
    let result = connection
        .busy_timeout(wait)
        .and_then(|()| wal_frames(connection, "TRUNCATE"));
    if let Err(error) = result {
        tracing::error!(%error, path = %path.display(), "the last checkpoint failed");
    }
}

fn answer(job: Job, done: Done) {
    match (job, done) {
        (Job::Append(_, to), Done::Append(result)) => send(to, result),
        (Job::TakeEpoch(to), Done::Epoch(epoch)) => send(to, Ok(epoch)),
        (Job::OutboxDone(_, to) | Job::OutboxProgress(_, _, to), Done::Outbox) => {
            send(to, Ok(()));
        }
        (
            Job::Append(..)
            | Job::TakeEpoch(_)
            | Job::OutboxDone(..)
            | Job::OutboxProgress(..)
            | Job::Compact(_),
            _,
        ) => {
            unreachable!("`apply` answers each job in kind")
        }
    }
}

fn fail(job: Job, error: &StorageError) {
    match job {
        Job::Append(_, to) => send(to, Err(error.clone().into())),
        Job::TakeEpoch(to) => send(to, Err(error.clone().into())),
        Job::OutboxDone(_, to) | Job::OutboxProgress(_, _, to) => {
            send(to, Err(error.clone().into()));
        }
        Job::Compact(to) => send(to, Err(error.clone().into())),
    }
}

fn send<T>(to: oneshot::Sender<T>, answer: T) {
    // Who no longer waits for the answer does not need it.
    drop(to.send(answer));
}
