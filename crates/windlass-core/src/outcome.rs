//! How an attempt ended, and what a look at the target said about it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::operator::Operator;
use crate::value::Value;

/// The most bytes of outputs that an attempt may give.
pub const OUTPUTS_BYTES_MAX: usize = 256 * 1024;
/// The most bytes of a failure's message; the rest is in the attempt's log.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024;
/// The most bytes of one checkpoint.
pub const CHECKPOINT_BYTES_MAX: usize = 64 * 1024;

/// How an attempt ended, as its runner tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Succeeded {
        outputs: Value,
        /// The digest of the attempt's log file, when there is one.
        #[serde(default)]
        log: Option<LogRef>,
    },
    Failed(Failure),
}

/// An attempt's log: where it lies is the shell's business.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRef {
    pub bytes: u64,
    /// SHA-256 of the redacted file, in hex.
    pub sha256: String,
}

/// A failed attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What it did to the world.
    pub effect: Effected,
    /// A stable word for machines, such as `timeout` or `exit_status`.
    pub code: String,
    /// One or more lines for people.
    pub message: String,
    /// What the target answered, kept as proof when nothing happened.
    #[serde(default)]
    pub evidence: Option<Value>,
    #[serde(default)]
    pub log: Option<LogRef>,
}

/// What a failed attempt did to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effected {
    /// Nothing: never sent, or refused by the target.
    None,
    /// It acted and came to a known end that is no success.
    Settled,
    /// Nobody knows.
    Unknown,
}

impl fmt::Display for Effected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Effected::None => "no effect",
            Effected::Settled => "settled",
            Effected::Unknown => "unknown effect",
        })
    }
}

/// What a reconcile says about a change in doubt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Happened {
        outputs: Value,
    },
    NotHappened {
        evidence: Value,
    },
    Settled {
        state: Value,
    },
    InProgress {
        note: String,
    },
    Unknown {
        note: String,
    },
    /// The reconcile itself failed or timed out; counts as unknown.
    Failed {
        message: String,
    },
}

/// How a doubt was settled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    Happened {
        outputs: Value,
    },
    /// It did not and will not take effect: the durable record of the first promise.
    NotHappened {
        evidence: Value,
    },
    Settled {
        state: Value,
    },
    /// Unknown, given up by a person.
    GivenUp,
}

/// On whose word a doubt was settled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Witness {
    /// The attempt's own outcome came late.
    Outcome,
    /// A reconcile read evidence at the target.
    Reconcile,
    /// A named person.
    Operator { by: Operator, reason: String },
}
