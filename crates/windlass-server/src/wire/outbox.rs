//! Messages that are not delivered, and what people order about them.

use serde::{Deserialize, Serialize};
use windlass_core::id::RunId;
use windlass_engine::outbox::Unsent;

/// Which messages to list; the query of `GET /v1/outbox`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutboxFilter {
    /// Only those of this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
}

/// The answer of `GET /v1/outbox`: the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxList {
    pub unsent: Vec<Unsent>,
}

/// What is to be done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutboxVerb {
    /// It is tried again at once, also when it was given up.
    Retry,
    /// It is forgotten for good.
    Drop,
}

/// An order about one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutboxOrder {
    pub id: u64,
    pub verb: OutboxVerb,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxDone {
    /// Whether there was such a message.
    pub found: bool,
}

/// Acknowledges the calls of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ack {}

/// How many there were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acked {
    pub calls: u32,
}
