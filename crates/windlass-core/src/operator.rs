//! Who did something, and through which door.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A person, as far as windlass knows him.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Operator {
    /// The name that records and pages show, such as an OS user's.
    pub name: String,
    /// What identifies the person; two operators with one identity are one person.
    pub identity: Identity,
    pub door: Door,
}

/// What identifies a person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// A user of the engine's host, by the kernel's word.
    OsUser { uid: u32 },
    /// Whoever holds the key with this fingerprint, by a signature that was verified.
    SshKey { fingerprint: String },
}

/// How a command came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// The owner process itself, from its own terminal.
    Terminal,
    /// The owner's Unix socket; the kernel named the peer.
    Socket,
    /// The state directory, with no owner alive.
    Directory,
}

impl Operator {
    /// Whether both are the same person, through whatever doors.
    pub fn is_same_person(&self, other: &Operator) -> bool {
        self.identity == other.identity
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.identity {
            Identity::OsUser { uid } => write!(f, "{} (uid {uid})", self.name),
            Identity::SshKey { fingerprint } => write!(f, "{} (key {fingerprint})", self.name),
        }
    }
}
