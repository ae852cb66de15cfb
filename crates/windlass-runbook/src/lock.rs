//! Locks: which bytes the plugins of a directory's runbooks are. A lock is text as
//! `sha256sum` writes and checks it: a digest, two spaces and a path on each line.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use windlass_core::plan::Digest;

/// The lock of components that somebody else built; it is committed.
pub const LOCK_FILE: &str = "windlass.lock";
/// The lock of plugins that are built here; it is not committed.
pub const LOCAL_LOCK_FILE: &str = "windlass.local.lock";
/// The most plugins of a lock.
const ENTRIES_MAX: usize = 1_000;

/// Digests by the paths of components, from the lock's directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    pub plugins: BTreeMap<String, Digest>,
}

/// Why a text is no lock.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLock {
    #[error("line {0} is not a SHA-256 in hex, two spaces and a path")]
    Line(usize),
    #[error("line {0} names a path again")]
    Twice(usize),
    #[error("it has more than {ENTRIES_MAX} lines")]
    Long,
}

impl FromStr for Lock {
    type Err = BadLock;

    fn from_str(text: &str) -> Result<Self, BadLock> {
        let mut lock = Self::default();
        for (line, number) in text.lines().zip(1..) {
            if line.starts_with('#') || line.is_empty() {
                continue;
            }
            let (digest, path) = line.split_once("  ").ok_or(BadLock::Line(number))?;
            let digest = Digest::try_from(digest.to_owned());
            let digest = digest.map_err(|_| BadLock::Line(number))?;
            if path.is_empty() {
                return Err(BadLock::Line(number));
            }
            if lock.plugins.len() >= ENTRIES_MAX {
                return Err(BadLock::Long);
            }
            if lock.plugins.insert(path.to_owned(), digest).is_some() {
                return Err(BadLock::Twice(number));
            }
        }
        Ok(lock)
    }
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("# The plugins of the runbooks here; `windlass plugin lock` writes it.\n")?;
        let mut plugins = self.plugins.iter();
        plugins.try_for_each(|(path, digest)| writeln!(f, "{digest}  {path}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_what_sha256sum_writes() {
        let digest = Digest::of(b"a");
        let lock: Lock = format!("# one\n\n{digest}  vendor/a b.wasm\n")
            .parse()
            .unwrap();
        assert_eq!(lock.plugins["vendor/a b.wasm"], digest);
        assert_eq!(lock.to_string().parse(), Ok(lock));
        for (text, expected) in [
            (format!("{digest} a"), BadLock::Line(1)),
            ("x  a".to_owned(), BadLock::Line(1)),
            (format!("{digest}  "), BadLock::Line(1)),
            (format!("{digest}  a\n{digest}  a"), BadLock::Twice(2)),
        ] {
            assert_eq!(text.parse::<Lock>(), Err(expected), "{text}");
        }
    }
}
