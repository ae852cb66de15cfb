//! The durable, hash-chained journal: append and fsync, read, chain, verify.
//!
//! This crate knows bytes. It orders records, fences their writers, links their
//! headers and finds damage. It does not know what an event means, it holds no
//! owner lock (the engine does), and it reads no clock: every time is handed in.
//! The format is specified in `docs/journal-format.md`.

mod append;
mod chain;
mod compact;
mod erasure;
mod error;
mod export;
mod hash;
mod header;
mod index;
mod key;
mod limits;
mod memory;
mod outbox;
mod pending;
mod quarantine;
mod sqlite;
mod store;
mod verify;

pub use append::{Append, Appended, Fence, NewRecord, Remembered};
pub use compact::{Compacted, NoRoom};
pub use erasure::{ERASURE_KIND, Erasure, erasures};
pub use error::{AppendError, OpenError, ReadError, StorageError, WriteError};
pub use export::{
    EXPORT_FORMAT, EXPORT_VERSION, ExportBad, ExportError, ExportReport, Exported, RunHeadCheck,
    VerifyExportError, export, verify_export,
};
pub use hash::{Hash, HashParseError};
pub use header::{Header, HeaderError};
pub use index::{Attention, RunIndexRow, RunOrder, RunQuery, RunState};
pub use key::{IdempotencyKey, KeyError, RunKey};
pub use limits::*;
pub use memory::{Fault, MemoryStore};
pub use outbox::{OutboxEntry, OutboxProgress, OutboxRow};
pub use pending::Pending;
pub use quarantine::Quarantined;
pub use sqlite::{Access, Facts, FilesystemRule, Options, SqliteStore, Stats};
pub use store::{Head, Record, Store, Tip};
pub use verify::{Bad, HeadCheck, IndexProblem, VerifyError, VerifyReport, verify};
