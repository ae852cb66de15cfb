//! What can go wrong in the store, each with its path and operation.
//! The texts read after "failed to".

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::hash::Hash;
use crate::key::RunKey;

/// The storage failed. Unless [`StorageError::is_busy`], the store that
/// returned it is poisoned and its process is expected to end.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{operation} ({}): {cause}", path.display())]
pub struct StorageError {
    operation: &'static str,
    path: PathBuf,
    #[source]
    cause: Arc<Cause>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    #[error("{}{}", .0, what_failed(.0))]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{0}")]
    Stated(String),
}

/// What SQLite's own text of an I/O error leaves out: which call it was.
fn what_failed(error: &rusqlite::Error) -> &'static str {
    use rusqlite::ffi;
    let extended = match error {
        rusqlite::Error::SqliteFailure(error, _) => error.extended_code,
        _ => return "",
    };
    match extended {
        ffi::SQLITE_IOERR_READ | ffi::SQLITE_IOERR_SHORT_READ => " (read)",
        ffi::SQLITE_IOERR_WRITE => " (write)",
        ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC => " (sync)",
        ffi::SQLITE_IOERR_TRUNCATE => " (truncate)",
        ffi::SQLITE_IOERR_SHMSIZE => {
            " (extend the -shm file beside it; the file system may be full)"
        }
        _ => "",
    }
}

impl StorageError {
    pub(crate) fn new(operation: &'static str, path: &Path, cause: impl Into<Cause>) -> Self {
        Self {
            operation,
            path: path.to_owned(),
            cause: Arc::new(cause.into()),
        }
    }

    pub(crate) fn stated(operation: &'static str, path: &Path, reason: &str) -> Self {
        Self::new(operation, path, Cause::Stated(reason.to_owned()))
    }

    /// Another process held the lock for longer than [`crate::BUSY_WAIT_MS`].
    /// Nothing was written and the store is not poisoned.
    pub fn is_busy(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
        matches!(
            &*self.cause,
            Cause::Sqlite(rusqlite::Error::SqliteFailure(error, _))
                if matches!(error.code, DatabaseBusy | DatabaseLocked)
        )
    }
}

/// Why nothing was written that is no append.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    #[error("write: the journal was opened for reading only")]
    ReadOnly,
    /// Nothing was written; it may be tried again.
    #[error("write: another process holds the journal's lock")]
    Busy(#[source] StorageError),
    /// The end of the process: whether it was written is known after a restart.
    #[error(transparent)]
    Storage(StorageError),
}

impl From<StorageError> for WriteError {
    fn from(error: StorageError) -> Self {
        if error.is_busy() {
            Self::Busy(error)
        } else {
            Self::Storage(error)
        }
    }
}

/// Why an append was not acknowledged. Only after [`WriteError::Storage`] may
/// it be in the journal all the same.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// Another owner has taken the store; this process must stop acting.
    #[error("append to run {run}: epoch {given} is not the owner's, which is {current}")]
    Fenced {
        run: RunKey,
        given: u64,
        current: u64,
    },
    #[error("append to run {run}: its next seq is {actual}, not {expected}")]
    Conflict {
        run: RunKey,
        expected: u64,
        actual: u64,
    },
    #[error("append: {size} {what}, at most {max} are allowed")]
    TooLarge {
        what: &'static str,
        size: usize,
        max: usize,
    },
    #[error("append: {reason}")]
    Invalid { reason: &'static str },
    #[error("append to run {run}: it is quarantined: {reason}")]
    Quarantined { run: RunKey, reason: String },
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<StorageError> for AppendError {
    fn from(error: StorageError) -> Self {
        Self::Write(error.into())
    }
}

/// Why records were not read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// The record at `seq` is damaged. The run is quarantined, the others go on.
    #[error("read run {run}: it is quarantined at seq {seq}: {reason}")]
    Quarantined {
        run: RunKey,
        seq: u64,
        reason: String,
    },
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why a journal was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("open {}: it is not a windlass journal (application id {found:#x})", path.display())]
    NotAJournal { path: PathBuf, found: i64 },
    #[error("open {}: its format is {found}, this program knows formats up to {known}; windlass {needs} or newer is needed", path.display())]
    TooNew {
        path: PathBuf,
        found: i64,
        known: i64,
        needs: String,
    },
    #[error("open {}: its format is {found}, a writer must bring it to {known} first", path.display())]
    TooOld {
        path: PathBuf,
        found: i64,
        known: i64,
    },
    #[error("open {}: the record at position {position} {problem}; run `windlass journal verify`", path.display())]
    BadHead {
        path: PathBuf,
        position: u64,
        problem: String,
    },
    #[error("open {}: SQLite says: {problem}", path.display())]
    Damaged { path: PathBuf, problem: String },
    #[error("open {}: the file system is {filesystem}: {why}", path.display())]
    Filesystem {
        path: PathBuf,
        filesystem: String,
        why: &'static str,
    },
    #[error("open {}: the directory has mode {mode:03o}, others can look in; run `chmod 700` on it", path.display())]
    Permissions { path: PathBuf, mode: u32 },
    #[error("open {}: SQLite answers {found:?} for {name}, {wanted} is needed", path.display())]
    Setting {
        path: PathBuf,
        name: &'static str,
        wanted: &'static str,
        found: String,
    },
    #[error("open {}: SQLite {found} is linked, 3.51.3 or newer is needed (WAL reset bug)", path.display())]
    SqliteTooOld { path: PathBuf, found: &'static str },
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A journal whose stored head is not what its records add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LinkMismatch {
    pub(crate) stored: Hash,
    pub(crate) computed: Hash,
}

impl std::fmt::Display for LinkMismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "does not fit its link (stored {}, computed {})",
            self.stored, self.computed
        )
    }
}
