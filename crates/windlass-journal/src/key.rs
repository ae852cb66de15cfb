//! Names that callers choose: runs and idempotency keys, with their alphabets.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::limits::{IDEMPOTENCY_KEY_BYTES_MAX, KIND_BYTES_MAX, RUN_KEY_BYTES_MAX};

/// A name outside its alphabet or bound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("accept the run name {name:?}: it must match [a-z0-9_][a-z0-9_-]{{0,63}}")]
    Run { name: String },
    #[error(
        "accept an idempotency key of {bytes} bytes: it must be 1 to 200 printable ASCII characters"
    )]
    Idempotency { bytes: usize },
}

/// The name of a run, or of the stream that belongs to no run.
/// It matches `[a-z0-9_][a-z0-9_-]{0,63}`; cloning is cheap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunKey(Arc<str>);

impl RunKey {
    /// The name of the stream for facts that belong to no run.
    pub const STORE: &'static str = "_store";

    /// Checks the alphabet and the bound of [`RUN_KEY_BYTES_MAX`].
    pub fn new(name: &str) -> Result<Self, KeyError> {
        if is_run_name(name.as_bytes()) {
            Ok(Self(name.into()))
        } else {
            Err(KeyError::Run {
                name: name.chars().take(100).collect(),
            })
        }
    }

    /// The stream for facts that belong to no run.
    pub fn store() -> Self {
        Self(Self::STORE.into())
    }

    /// Whether this is the stream for facts that belong to no run.
    pub fn is_store(&self) -> bool {
        &*self.0 == Self::STORE
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RunKey {
    type Err = KeyError;

    fn from_str(name: &str) -> Result<Self, KeyError> {
        Self::new(name)
    }
}

/// Names one request, so that a repeat is answered with the first result.
/// It is 1 to 200 bytes of printable ASCII and unique in the whole store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey(Arc<str>);

impl IdempotencyKey {
    /// Checks the alphabet and the bound of [`IDEMPOTENCY_KEY_BYTES_MAX`].
    pub fn new(key: &str) -> Result<Self, KeyError> {
        let printable = key.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if key.is_empty() || key.len() > IDEMPOTENCY_KEY_BYTES_MAX || !printable {
            return Err(KeyError::Idempotency { bytes: key.len() });
        }
        Ok(Self(key.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

pub(crate) fn is_run_name(name: &[u8]) -> bool {
    let word = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    name.len() <= RUN_KEY_BYTES_MAX
        && name.first().is_some_and(word)
        && name.iter().all(|byte| word(byte) || *byte == b'-')
}

pub(crate) fn is_kind(kind: &[u8]) -> bool {
    kind.len() <= KIND_BYTES_MAX
        && kind.first().is_some_and(u8::is_ascii_lowercase)
        && kind
            .iter()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_alphabet() {
        for good in ["a", "_store", "0-9_z", &"x".repeat(64)] {
            assert_eq!(RunKey::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "-a", "A", "a.b", "a/b", "ä", "a\0", &"x".repeat(65)] {
            assert!(RunKey::new(bad).is_err(), "{bad}");
        }
        assert!(RunKey::store().is_store());
        for good in ["x", "a b~!", &"k".repeat(200)] {
            assert!(IdempotencyKey::new(good).is_ok(), "{good}");
        }
        for bad in ["", "\n", "é", "\u{7f}", &"k".repeat(201)] {
            assert!(IdempotencyKey::new(bad).is_err(), "{bad}");
        }
        assert!(is_kind(b"step_started2") && !is_kind(b"2x") && !is_kind(b"") && !is_kind(b"_x"));
    }
}
