//! What one append carries and what it answers, with its bounds.
//! Deciding whether it may be written is done in `chain`.

use crate::erasure::Erasure;
use crate::error::AppendError;
use crate::hash::Hash;
use crate::index::RunIndexRow;
use crate::key::{IdempotencyKey, RunKey, is_kind};
use crate::limits::{
    ANSWER_BYTES_MAX, APPEND_BYTES_MAX, APPEND_ERASED_RUNS_MAX, APPEND_OUTBOX_ROWS_MAX,
    APPEND_RECORDS_MAX, QUEUE_SLOT_BYTES, RECORD_BODY_BYTES_MAX,
};
use crate::outbox::OutboxRow;

/// A record as its author hands it in; the writer adds position and links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    /// Type of the event: `[a-z][a-z0-9_]{0,63}`.
    pub kind: String,
    /// Version of the event type.
    pub version: u16,
    /// UTC in milliseconds since 1970.
    pub at_ms: i64,
    /// At most [`RECORD_BODY_BYTES_MAX`].
    pub body: Vec<u8>,
}

/// What must hold for an append to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence {
    /// The owner epoch that [`crate::Store::take_epoch`] returned; never 0.
    pub epoch: u64,
    /// The next `seq` of the run; 0 for a new run.
    pub expected_seq: u64,
}

/// Everything that is written together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    pub run: RunKey,
    pub fence: Fence,
    /// May be empty when only the key, the outbox or the index is to be written.
    pub records: Vec<NewRecord>,
    /// The key of the request and the answer that a repeat of it receives.
    pub idempotency: Option<(IdempotencyKey, Vec<u8>)>,
    pub outbox: Vec<OutboxRow>,
    /// The run's row of the `runs` index; `next_seq` must be what the append
    /// leaves behind. Without it, `next_seq` of a row that is there goes along.
    pub index: Option<RunIndexRow>,
    /// Runs whose bodies are erased for good; their headers stay. One record of this
    /// append must be the [`Erasure`] that names exactly these, in the store's stream.
    pub erase_bodies_of: Vec<RunKey>,
}

impl Append {
    /// An append of records alone.
    pub fn new(run: RunKey, fence: Fence, records: Vec<NewRecord>) -> Self {
        Self {
            run,
            fence,
            records,
            idempotency: None,
            outbox: Vec::new(),
            index: None,
            erase_bodies_of: Vec::new(),
        }
    }

    /// What it weighs in the queue, in bytes.
    pub(crate) fn queue_bytes(&self) -> usize {
        self.payload_bytes()
            .clamp(QUEUE_SLOT_BYTES, APPEND_BYTES_MAX)
    }

    fn payload_bytes(&self) -> usize {
        let records: usize = self.records.iter().map(|record| record.body.len()).sum();
        let outbox: usize = self.outbox.iter().map(|row| row.body.len()).sum();
        let answer = self
            .idempotency
            .as_ref()
            .map_or(0, |(_, answer)| answer.len());
        records + outbox + answer
    }

    /// Checks everything that needs no look into the store.
    pub(crate) fn validate(&self) -> Result<(), AppendError> {
        if self.fence.epoch == 0 {
            return invalid("epoch 0 is nobody's, the store must be taken first");
        }
        within("records", self.records.len(), APPEND_RECORDS_MAX)?;
        within("outbox rows", self.outbox.len(), APPEND_OUTBOX_ROWS_MAX)?;
        within(
            "erased runs",
            self.erase_bodies_of.len(),
            APPEND_ERASED_RUNS_MAX,
        )?;
        within("bytes of an append", self.payload_bytes(), APPEND_BYTES_MAX)?;
        for record in &self.records {
            within("bytes of a body", record.body.len(), RECORD_BODY_BYTES_MAX)?;
            if !is_kind(record.kind.as_bytes()) {
                return invalid("a kind must match [a-z][a-z0-9_]{0,63}");
            }
        }
        self.outbox.iter().try_for_each(OutboxRow::validate)?;
        if let Some((_, answer)) = &self.idempotency {
            within("bytes of an answer", answer.len(), ANSWER_BYTES_MAX)?;
        }
        if let Some(index) = &self.index {
            self.validate_index(index)?;
        }
        self.validate_erasure()
    }

    fn validate_erasure(&self) -> Result<(), AppendError> {
        if self.erase_bodies_of.contains(&RunKey::store()) {
            return invalid("the stream of the store is never erased: it holds the orders");
        }
        let mut orders = self.records.iter().filter_map(Erasure::of_new);
        match (orders.next(), orders.next()) {
            (None, _) if self.erase_bodies_of.is_empty() => Ok(()),
            (Some(order), None)
                if self.run.is_store()
                    && !order.runs.is_empty()
                    && order.runs == self.erase_bodies_of =>
            {
                Ok(())
            }
            _ => invalid("bodies are erased only together with the record that orders it"),
        }
    }

    fn validate_index(&self, index: &RunIndexRow) -> Result<(), AppendError> {
        index.validate()?;
        if self.run.is_store() {
            return invalid("the stream of the store has no row in the runs index");
        }
        if index.run != self.run {
            return invalid("the index row belongs to another run");
        }
        let leaves = self
            .fence
            .expected_seq
            .checked_add(self.records.len() as u64);
        if leaves != Some(index.next_seq) || index.next_seq == 0 {
            return invalid("next_seq of the index row is not what the append leaves behind");
        }
        Ok(())
    }
}

pub(crate) fn within(what: &'static str, size: usize, max: usize) -> Result<(), AppendError> {
    if size > max {
        return Err(AppendError::TooLarge { what, size, max });
    }
    Ok(())
}

fn invalid(reason: &'static str) -> Result<(), AppendError> {
    Err(AppendError::Invalid { reason })
}

/// Where an append was written. Returned only after it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The run that holds the records; for a repeat, the run of the first request.
    pub run: RunKey,
    /// `seq` of the first record.
    pub first_seq: u64,
    /// `seq` that the run's next record will have.
    pub next_seq: u64,
    /// Store position of the first record.
    pub first_position: u64,
    /// Head of the store after the append: [`crate::Head::link`].
    pub head: Hash,
    /// Set when the idempotency key was known: the answer of the first request.
    /// Nothing was written then, and the other fields are those of the first.
    pub duplicate_of: Option<Vec<u8>>,
}

/// What an idempotency key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    pub run: RunKey,
    pub first_seq: u64,
    pub next_seq: u64,
    pub first_position: u64,
    pub head: Hash,
    pub answer: Vec<u8>,
}

impl From<Remembered> for Appended {
    fn from(first: Remembered) -> Self {
        Self {
            run: first.run,
            first_seq: first.first_seq,
            next_seq: first.next_seq,
            first_position: first.first_position,
            head: first.head,
            duplicate_of: Some(first.answer),
        }
    }
}
