//! Messages that must be sent because of an append, at least once. The store keeps them in
//! order and keeps what their sender knows of them; what they say is nothing to it.

use crate::error::AppendError;
use crate::key::RunKey;
use crate::limits::{OUTBOX_NAME_BYTES_MAX, OUTBOX_PROGRESS_BYTES_MAX};

use crate::append::within;

/// A message that must be sent because of the append, at least once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// What it is about; at most [`OUTBOX_NAME_BYTES_MAX`].
    pub topic: String,
    /// What the receiver can tell repeats by; at most [`OUTBOX_NAME_BYTES_MAX`].
    pub key: String,
    /// Rows of one lane are sent in order; at most [`OUTBOX_NAME_BYTES_MAX`].
    pub lane: String,
    pub body: Vec<u8>,
}

impl OutboxRow {
    pub(crate) fn validate(&self) -> Result<(), AppendError> {
        let name = |what, text: &str| within(what, text.len(), OUTBOX_NAME_BYTES_MAX);
        name("bytes of an outbox topic", &self.topic)?;
        name("bytes of an outbox key", &self.key)?;
        name("bytes of an outbox lane", &self.lane)
    }
}

/// An outbox row that is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEntry {
    /// Grows with every row; never used twice.
    pub id: u64,
    /// The run whose append wrote it.
    pub run: RunKey,
    pub row: OutboxRow,
    pub progress: OutboxProgress,
}

/// How far the sending of a row has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutboxProgress {
    /// Before this it is not tried; 0 for a new row.
    pub next_at_ms: i64,
    /// Whether it is not tried any more, and stays to be seen.
    pub kept: bool,
    /// What its sender knows of it; at most [`OUTBOX_PROGRESS_BYTES_MAX`].
    pub note: Vec<u8>,
}

impl OutboxProgress {
    /// Cuts a note that is too long: progress is no reason to refuse a write.
    pub(crate) fn bounded(mut self) -> Self {
        self.note.truncate(OUTBOX_PROGRESS_BYTES_MAX);
        self
    }
}
