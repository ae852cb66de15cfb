//! What the check is told of a plugin that a runbook names: data, made by who can load one.
//! Nothing is loaded here.

use std::collections::BTreeMap;

use windlass_core::catalog::Action;
use windlass_core::plan::Digest;

/// A plugin that can be used.
#[derive(Clone, Debug, PartialEq)]
pub struct Plugin {
    pub version: String,
    /// SHA-256 of the component.
    pub digest: Digest,
    /// By their own names.
    pub actions: BTreeMap<String, Action>,
}

/// Why there is none. Texts end a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPlugin {
    /// Nothing at that place can be read.
    Unreadable(String),
    /// Its sources are there; the command builds it.
    NotBuilt { command: String },
    /// A component of somebody else that no lock names; the command locks it.
    NotLocked { found: Digest, command: String },
    /// It is another one than the lock says.
    Changed {
        locked: Digest,
        found: Digest,
        command: String,
    },
    /// The lock itself cannot be read.
    BadLock(String),
    /// It was loaded, and is no plugin that can be used.
    Refused(String),
}
