//! Keeping house: erasing the bodies of ended runs, and giving their space back.

use serde::{Deserialize, Serialize};
use windlass_core::id::RunId;

use super::RunSummary;

/// Erases bodies and logs of runs that have ended: of these, or of all that are old enough.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prune {
    /// All of them or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<RunId>,
    /// Instead: those that ended at or before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by_ms: Option<i64>,
}

/// What was erased, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    pub runs: Vec<PrunedRun>,
    /// Runs that were asked for, or are old enough, and are kept.
    pub kept: Vec<Kept>,
    /// Whether there are more: one request erases a bounded number.
    pub more: bool,
}

/// A run whose bodies are erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrunedRun {
    pub run: RunSummary,
    /// Whether they had been erased before; only its logs were left then.
    pub erased_before: bool,
}

/// A run that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub run: RunId,
    /// Reads after "run R is kept:".
    pub why: String,
}

/// Gives the space of erased bodies back to the file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compact {}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpaceGiven {
    /// Nothing was done, as runs are in flight whose records would have to wait.
    pub in_flight: bool,
    /// Size of the journal's files.
    pub before_bytes: u64,
    pub after_bytes: u64,
    /// Set when nothing was done, as the file system has less room than this.
    pub room_needed_bytes: Option<u64>,
    /// Another process was reading: what it holds goes later.
    pub held_by_reader: bool,
}
