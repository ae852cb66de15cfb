//! The `runs` index: one row a run, so that listing runs needs no replay.
//! It is a cache: an engine can rebuild it from the records, `verify` compares it.

use crate::append::within;
use crate::error::AppendError;
use crate::key::RunKey;
use crate::limits::{INDEX_TEXT_BYTES_MAX, LIST_ROWS_MAX};

/// A run as lists show it. The journal stores the texts and judges none of them;
/// each is at most [`INDEX_TEXT_BYTES_MAX`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunIndexRow {
    pub run: RunKey,
    pub runbook: String,
    pub title: String,
    pub state: String,
    /// What the run waits for, in words; empty when it does not wait.
    pub waiting_for: String,
    /// The target's value once it is fixed; empty before.
    pub target: String,
    pub requester: String,
    pub plan_digest: String,
    /// UTC in milliseconds since 1970, as all times here.
    pub started_at_ms: i64,
    pub updated_at_ms: i64,
    /// Set when the run has ended.
    pub ended_at_ms: Option<i64>,
    /// When the run must be looked at again without any command.
    pub next_wake_at_ms: Option<i64>,
    /// The `seq` that the run's next record will have.
    pub next_seq: u64,
    /// Whether an unpaid debt is held against the run.
    pub owes: bool,
}

impl RunIndexRow {
    pub(crate) fn validate(&self) -> Result<(), AppendError> {
        let texts = [
            &self.runbook,
            &self.title,
            &self.state,
            &self.waiting_for,
            &self.target,
            &self.requester,
            &self.plan_digest,
        ];
        texts
            .iter()
            .try_for_each(|text| within("bytes of an index text", text.len(), INDEX_TEXT_BYTES_MAX))
    }
}

/// Whether a listed run has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RunState {
    #[default]
    Any,
    Live,
    Ended,
}

/// The order of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RunOrder {
    /// By `started_at_ms` downwards, then by name downwards.
    #[default]
    NewestFirst,
    /// By `next_wake_at_ms` upwards, then by name upwards; runs without one are left out.
    SoonestWake,
}

/// Which rows of the index to list, and in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunQuery {
    pub ended: RunState,
    /// Only runs in this state.
    pub state: Option<String>,
    pub runbook: Option<String>,
    pub target: Option<String>,
    /// Only runs of this requester: the whole text, or what stands before its first ` (`.
    pub requester: Option<String>,
    /// Only runs that started at or after this.
    pub started_at_or_after_ms: Option<i64>,
    /// Only runs that started before this.
    pub started_before_ms: Option<i64>,
    /// Only runs that ended at or before this.
    pub ended_at_or_before_ms: Option<i64>,
    /// Only runs that have not ended and of which any of this holds.
    pub attention: Option<Attention>,
    /// Only runs with (or without) an unpaid debt.
    pub owes: Option<bool>,
    /// Only runs whose wake time is at or before this.
    pub wake_at_or_before_ms: Option<i64>,
    pub order: RunOrder,
    /// The last row of the page before: its order key (`started_at_ms`, or
    /// `next_wake_at_ms` for [`RunOrder::SoonestWake`]) and name.
    pub after: Option<(i64, RunKey)>,
    /// At most [`LIST_ROWS_MAX`], whatever is asked for.
    pub limit: usize,
}

impl Default for RunQuery {
    fn default() -> Self {
        Self {
            ended: RunState::Any,
            state: None,
            runbook: None,
            target: None,
            requester: None,
            started_at_or_after_ms: None,
            started_before_ms: None,
            ended_at_or_before_ms: None,
            attention: None,
            owes: None,
            wake_at_or_before_ms: None,
            order: RunOrder::NewestFirst,
            after: None,
            limit: LIST_ROWS_MAX,
        }
    }
}

/// What makes a run one that somebody must look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attention {
    /// Its state is one of these.
    pub states: Vec<String>,
    /// A part of what it waits for, of those that `; ` separates, begins with one of these.
    pub waits_for: Vec<String>,
}

impl Attention {
    /// The beginnings as they stand in a text that `; ` was put before.
    pub(crate) fn beginnings(&self) -> impl Iterator<Item = String> {
        self.waits_for.iter().map(|begins| format!("; {begins}"))
    }
}

impl RunQuery {
    /// The key by which `row` is ordered, or `None` when the order leaves it out.
    pub fn order_key(&self, row: &RunIndexRow) -> Option<i64> {
        match self.order {
            RunOrder::NewestFirst => Some(row.started_at_ms),
            RunOrder::SoonestWake => row.next_wake_at_ms,
        }
    }
}
