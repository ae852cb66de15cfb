//! The port: what a store must do, whatever it is made of.
//! `tests/conformance.rs` holds every implementation to it.

use std::fmt::Debug;

use crate::append::{Append, Appended, Remembered};
use crate::compact::Compacted;
use crate::error::{AppendError, ReadError, StorageError, WriteError};
use crate::hash::Hash;
use crate::header::Header;
use crate::index::{RunIndexRow, RunQuery};
use crate::key::{IdempotencyKey, RunKey};
use crate::outbox::{OutboxEntry, OutboxProgress};
use crate::pending::Pending;
use crate::quarantine::Quarantined;

/// The end of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Position that the next record will have; the number of records.
    pub next_position: u64,
    /// Link of the last record, zero in an empty journal. It depends on every
    /// header before it, so keeping it elsewhere makes truncation detectable.
    pub link: Hash,
}

/// A record as it was read and found to be whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub header: Header,
    /// Hash of the header.
    pub hash: Hash,
    /// Head of the store just after this record.
    pub link: Hash,
    /// `None` when retention has erased it.
    pub body: Option<Vec<u8>>,
}

/// The end of one run, taken from its records and not from the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tip {
    pub run: RunKey,
    pub next_seq: u64,
}

/// A journal. Appends are submitted without waiting and answered when durable;
/// everything else blocks for one short read or write.
pub trait Store: Send + Sync + Debug {
    /// Submits an append. The answer comes after it is durable, in the order of
    /// submission as long as the queue has room. When the queue is full, the
    /// append is submitted while the answer is awaited. Dropping the answer
    /// does not take a submitted append back.
    fn append(&self, append: Append) -> Pending<Appended, AppendError>;

    /// Raises the owner epoch by one, durably, and returns it. Every append
    /// with a lower one is refused from then on, in all processes.
    fn take_epoch(&self) -> Result<u64, WriteError>;

    /// The epoch of the present owner; 0 when nobody has ever owned the store.
    fn epoch(&self) -> Result<u64, StorageError>;

    fn head(&self) -> Result<Head, StorageError>;

    /// Records of `run` from `from_seq` on, each checked against its chain and
    /// body. An empty answer means that there are none; a short one does not
    /// ([`crate::READ_RECORDS_MAX`], [`crate::READ_BYTES_MAX`]). A damaged record
    /// quarantines the run; the whole ones before it can be read by a smaller limit.
    fn read(&self, run: &RunKey, from_seq: u64, limit: usize) -> Result<Vec<Record>, ReadError>;

    /// Ends of all runs after `after` by name, for rebuilding the index. The
    /// stream of the store is among them.
    fn tips(&self, after: Option<&RunKey>, limit: usize) -> Result<Vec<Tip>, StorageError>;

    /// One row of the `runs` index.
    fn run(&self, run: &RunKey) -> Result<Option<RunIndexRow>, StorageError>;

    /// Rows of the `runs` index.
    fn runs(&self, query: &RunQuery) -> Result<Vec<RunIndexRow>, StorageError>;

    /// The first result of a request, if it has one.
    fn find_idempotent(&self, key: &IdempotencyKey) -> Result<Option<Remembered>, StorageError>;

    /// Outbox rows that are not done, kept ones among them, after `after` by id.
    fn outbox(
        &self,
        run: Option<&RunKey>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<OutboxEntry>, StorageError>;

    /// Of each lane the oldest row that is not kept: those to be tried soonest first.
    fn outbox_heads(&self, limit: usize) -> Result<Vec<OutboxEntry>, StorageError>;

    /// Writes down how far the sending of a row has come. An unknown id is no error.
    fn outbox_progress(&self, id: u64, progress: OutboxProgress) -> Pending<(), WriteError>;

    /// Forgets outbox rows that have been sent. Unknown ids are no error.
    fn outbox_done(&self, ids: &[u64]) -> Pending<(), WriteError>;

    /// Gives the space of erased bodies back to the file system, as far as there is room
    /// to do so. Appends wait meanwhile; nothing that can be read changes.
    fn compact(&self) -> Pending<Compacted, WriteError>;

    /// Marks a run whose bodies cannot be understood; appends to it are refused
    /// until the process ends. What `read` finds damaged it marks itself.
    fn quarantine(&self, run: &RunKey, reason: &str);

    /// All runs that are marked, by name.
    fn quarantined(&self) -> Vec<Quarantined>;

    /// The storage error that ended all writing, if there was one.
    fn poisoned(&self) -> Option<StorageError>;
}
