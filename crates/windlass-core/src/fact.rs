//! Facts: what an approval rests on, read at the target when people look and again before
//! what they approved begins. Here is what became of reading them, not what they ask.

use serde::{Deserialize, Serialize};

use crate::event::Ask;
use crate::time::{Millis, Timestamp};
use crate::value::Value;

/// The most bytes of what one fact may read.
pub const FACT_BYTES_MAX: usize = 64 * 1024;
/// How often the facts behind one approval are read before the change: whatever is too old
/// by the time that the others are there would go round for ever.
pub(crate) const ROUNDS_MAX: u32 = 5;

/// How long a fact that did not hold is not read again, however often people look.
pub(crate) const READ_AGAIN_AFTER: Millis = Millis::from_secs(5);

/// What reading a fact came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Its `accept` holds.
    Accepted { outputs: Value },
    /// Its `accept` does not hold.
    Refused { outputs: Value, why: String },
    /// It could not be read.
    Failed { message: String },
}

impl Finding {
    /// Why nothing may rest on it, if so.
    pub fn fault(&self) -> Option<&str> {
        match self {
            Finding::Accepted { .. } => None,
            Finding::Refused { why, .. } => Some(why),
            Finding::Failed { message } => Some(message),
        }
    }

    /// What was read.
    pub fn outputs(&self) -> Option<&Value> {
        match self {
            Finding::Accepted { outputs } | Finding::Refused { outputs, .. } => Some(outputs),
            Finding::Failed { .. } => None,
        }
    }
}

/// Where one fact of an open or approved gate stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FactState {
    /// What is being asked of the target now.
    pub(crate) ask: Option<Ask>,
    /// The latest answer.
    pub latest: Option<Fetched>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Fetched {
    /// When the look began: its age counts from here.
    pub asked_at: Timestamp,
    pub finding: Finding,
}

impl FactState {
    /// Whether it is being read.
    pub fn is_asked(&self) -> bool {
        self.ask.is_some()
    }
}
