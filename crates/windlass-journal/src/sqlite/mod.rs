//! The store on SQLite: one file, one writer thread, readers beside it.
//! It assumes that its process owns the directory; the lock is the engine's.

mod apply;
mod compact;
pub(crate) mod connection;
mod open_check;
pub(crate) mod place;
mod queue;
pub(crate) mod read;
pub(crate) mod rows;
mod schema;
mod store;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use self::connection::{open_reader, open_writer};
pub use self::place::FilesystemRule;
use self::queue::Queue;
use self::read::Readers;
use crate::error::{OpenError, StorageError};
use crate::quarantine::Quarantine;

/// Whether the process may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// The owner: makes the journal if it is missing and migrates it if it is old.
    #[default]
    ReadWrite,
    /// A reading command, also while the owner runs.
    ReadOnly,
}

/// How to open a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    pub access: Access,
    pub filesystem: FilesystemRule,
    /// WAL frames (of 4 KiB) after which the writer moves them into the database.
    pub checkpoint_frames: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            access: Access::ReadWrite,
            filesystem: FilesystemRule::Durable,
            checkpoint_frames: 1_000,
        }
    }
}

/// What was found when the journal was opened, for `doctor` and reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub sqlite: &'static str,
    /// Read back from SQLite.
    pub journal_mode: String,
    /// Read back from SQLite; 2 means FULL. Readers have none.
    pub synchronous: Option<String>,
    /// The name of a volatile file system that was allowed.
    pub volatile_filesystem: Option<&'static str>,
    /// The journal was not closed cleanly before.
    pub was_dirty: bool,
}

/// Counters since the store was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Commits that wrote something; each is one sync of the WAL.
    pub commits: u64,
    pub appends: u64,
    pub records: u64,
    pub duplicates: u64,
    pub refused: u64,
    /// Most writes in one commit.
    pub largest_group: u64,
    pub checkpoints: u64,
    /// Length of the WAL after the last commit.
    pub wal_frames: u64,
}

#[derive(Debug, Default)]
struct Counters {
    commits: AtomicU64,
    appends: AtomicU64,
    records: AtomicU64,
    duplicates: AtomicU64,
    refused: AtomicU64,
    largest_group: AtomicU64,
    checkpoints: AtomicU64,
    wal_frames: AtomicU64,
}

/// What the writer thread and the callers share.
#[derive(Debug)]
struct Shared {
    path: PathBuf,
    queue: Queue,
    quarantine: Quarantine,
    stats: Counters,
    poison: OnceLock<StorageError>,
}

impl Shared {
    fn poisoned(&self) -> Option<StorageError> {
        self.poison.get().cloned()
    }

    /// Only the first error counts; later ones may be its consequences.
    fn poison(&self, error: StorageError) {
        self.poison.get_or_init(|| {
            tracing::error!(%error, "storage failed: nothing is written any more, this process must end");
            error
        });
    }

    /// Poisons the store unless the error is only a lock held by another process.
    fn note(&self, error: &StorageError) {
        if !error.is_busy() {
            self.poison(error.clone());
        }
    }

    fn stopped(&self) -> StorageError {
        StorageError::stated("write the journal", &self.path, "the writer has stopped")
    }
}

/// A journal in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    shared: Arc<Shared>,
    readers: Readers,
    facts: Facts,
    /// Absent when opened for reading only.
    writer: Option<JoinHandle<()>>,
}

impl SqliteStore {
    /// Opens the journal in the file `path`, whose directory must be closed to
    /// others. Checks settings, format, file system and the last
    /// [`crate::OPEN_CHECK_RECORDS`] headers; after an unclean end also SQLite's
    /// own structures.
    pub fn open(path: &Path, options: &Options) -> Result<Self, OpenError> {
        let writes = options.access == Access::ReadWrite;
        let path = place::prepare(path, writes)?;
        let dir = path.parent().unwrap_or(&path);
        let volatile_filesystem = place::check_filesystem(dir, options.filesystem)?;
        let was_dirty = place::is_dirty(&path);
        let connection = if writes {
            open_writer(&path)?
        } else {
            open_reader(&path)?
        };
        if writes && was_dirty {
            open_check::integrity(&connection, &path)?;
        }
        open_check::last_headers(&connection, &path)?;
        let setting = |name| {
            connection::read(&connection, name)
                .map_err(|e| StorageError::new("read back the settings", &path, e))
        };
        let facts = Facts {
            sqlite: rusqlite::version(),
            journal_mode: setting("journal_mode")?,
            synchronous: writes.then(|| setting("synchronous")).transpose()?,
            volatile_filesystem,
            was_dirty,
        };
        let shared = Arc::new(Shared {
            path: path.clone(),
            queue: Queue::new(),
            quarantine: Quarantine::default(),
            stats: Counters::default(),
            poison: OnceLock::new(),
        });
        let frames = options.checkpoint_frames.max(1);
        let writer = writes.then(|| {
            let shared = Arc::clone(&shared);
            let path = path.clone();
            let name = thread::Builder::new().name("journal-writer".to_owned());
            name.spawn(move || writer::run(connection, path, &shared, frames))
        });
        let writer = writer
            .transpose()
            .map_err(|e| StorageError::new("start the writer thread", &path, e))?;
        Ok(Self {
            shared,
            readers: Readers::default(),
            facts,
            writer,
        })
    }

    /// What was found when the journal was opened.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Counters since the journal was opened.
    pub fn stats(&self) -> Stats {
        let counters = &self.shared.stats;
        Stats {
            commits: counters.commits.load(Relaxed),
            appends: counters.appends.load(Relaxed),
            records: counters.records.load(Relaxed),
            duplicates: counters.duplicates.load(Relaxed),
            refused: counters.refused.load(Relaxed),
            largest_group: counters.largest_group.load(Relaxed),
            checkpoints: counters.checkpoints.load(Relaxed),
            wal_frames: counters.wal_frames.load(Relaxed),
        }
    }
}

impl Drop for SqliteStore {
    /// Finishes what is queued, moves the WAL into the database, and ends.
    fn drop(&mut self) {
        self.readers.clear();
        self.shared.queue.close();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the journal's writer thread panicked");
        }
    }
}
