//! The bytes of an outbox row: what is to be sent, and how far the sending has come.
//! Both are JSON; secrets stand in them as handles.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use windlass_core::announce::Cause;
use windlass_core::id::{ActionName, RunId, SecretName};
use windlass_core::plan::{HostPattern, Input};
use windlass_core::time::Timestamp;
use windlass_core::value::Value;
use windlass_journal::OutboxProgress;

/// The longest reason that is kept, in bytes.
const REASON_BYTES_MAX: usize = 1_000;

/// A message to be sent: the body of an outbox row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Letter {
    pub(crate) v: u32,
    pub(crate) id: String,
    pub(crate) run: RunId,
    pub(crate) uses: ActionName,
    pub(crate) input: Input,
    pub(crate) facts: Value,
    pub(crate) at_ms: i64,
    /// Who receives it, for people; no secret is in it.
    #[serde(default)]
    pub(crate) to: String,
    pub(crate) cause: Cause,
    /// How many commands people had given to the run by then.
    pub(crate) acts: u64,
    /// The hosts that its secrets may go to, where they may not go anywhere.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) hosts: BTreeMap<SecretName, Vec<HostPattern>>,
    /// Why it cannot be sent at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
}

impl Letter {
    /// The version of the bytes that this program writes and reads.
    pub(crate) const VERSION: u32 = 1;

    pub(crate) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a letter has only text keys and finite numbers")
    }

    pub(crate) fn decode(body: &[u8]) -> Result<Self, String> {
        let letter: Self = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        if letter.v != Self::VERSION {
            let (found, known) = (letter.v, Self::VERSION);
            return Err(format!(
                "its version is {found}, this program reads {known}"
            ));
        }
        Ok(letter)
    }
}

/// Where a message that is repeated stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// It is to be sent, or sent again.
    #[default]
    Calling,
    /// Somebody has seen to it; when its cause is over the receiver is told.
    Acknowledged,
}

/// How far the sending of a letter has come: the note of an outbox row's progress.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Course {
    /// Failed tries since the last that was taken.
    #[serde(default)]
    pub(crate) tries: u32,
    /// When the first of them was.
    #[serde(default)]
    pub(crate) first_try_ms: Option<i64>,
    /// How often it was taken.
    #[serde(default)]
    pub(crate) taken: u32,
    #[serde(default)]
    pub(crate) stage: Stage,
    /// Who acknowledged it by a command of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) acknowledged_by: Option<String>,
    /// Why the last try failed, or why it is kept.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) reason: String,
    /// Secrets that this process lacks for it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) lacks: BTreeSet<SecretName>,
}

impl Course {
    /// A new row has none yet, and one that cannot be read begins anew.
    pub(crate) fn decode(note: &[u8]) -> Self {
        serde_json::from_slice(note).unwrap_or_default()
    }

    pub(crate) fn because(&mut self, reason: &str) {
        let end = reason.floor_char_boundary(REASON_BYTES_MAX);
        self.reason = reason[..end].to_owned();
    }

    /// What the store keeps of it.
    pub(crate) fn progress(&self, next: Next) -> OutboxProgress {
        let (next_at_ms, kept) = match next {
            Next::At(at) => (at.0, false),
            Next::Waits => (i64::MAX, false),
            Next::Kept => (0, true),
        };
        OutboxProgress {
            next_at_ms,
            kept,
            note: serde_json::to_vec(self).expect("a course has only text keys and integers"),
        }
    }
}

/// When a message is looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    At(Timestamp),
    /// When something becomes new of its run.
    Waits,
    /// Never by itself: it stays to be seen.
    Kept,
}
