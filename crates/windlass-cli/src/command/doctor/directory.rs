//! The state directory: whether it can be written, and how much room there is.

use std::path::Path;

use rustix::fs::{Access, access};
use rustix::io::Errno;
use windlass_engine::state_dir::{StateDir, StateDirError};

use super::{Finding, Word, journal};
use crate::args::Place;

const WHAT: &str = "state directory";
/// Below this a run may end in a full disk.
const FREE_BYTES_WARN: u64 = 1 << 30;
/// Below this no run should start.
const FREE_BYTES_FAIL: u64 = 64 << 20;

pub(super) fn look(dir: &StateDir, place: &Place) -> Vec<Finding> {
    let writable = access(dir.root(), Access::WRITE_OK);
    let mut findings = vec![match writable {
        Ok(()) => Finding::ok(WHAT, dir.root().display().to_string()),
        Err(error) => {
            let advice = if error == Errno::ROFS {
                "mount its file system for writing: a file system that met an error turns read-only by itself, and the kernel's log says why"
            } else {
                "mend its permissions"
            };
            let said = format!("{} cannot be written: {error}", dir.root().display());
            Finding::fail(Word::StateDirReadOnly, WHAT, said, advice)
        }
    }];
    findings.push(space(dir.root()));
    if dir.journal().exists() {
        findings.extend(journal::look(dir, place));
    } else if writable.is_ok() {
        findings.extend(journal::trial(dir, place));
    }
    findings
}

/// A directory that cannot be used at all.
pub(super) fn refused(error: &StateDirError) -> Finding {
    let (word, advice) = match error {
        StateDirError::Permissions { .. } => (Word::StateDirOpen, "run the `chmod` above"),
        StateDirError::ForeignOwner { .. } => (
            Word::StateDirForeign,
            "ask that user to run the command, or choose another --state-dir",
        ),
        StateDirError::Io { .. } | StateDirError::NotADirectory(_) => (
            Word::StateDirUnusable,
            "choose another --state-dir, or mend this one",
        ),
    };
    Finding::fail(word, WHAT, error.to_string(), advice)
}

fn space(root: &Path) -> Finding {
    const WHAT: &str = "free space";
    let stat = match rustix::fs::statvfs(root) {
        Ok(stat) => stat,
        Err(error) => {
            return Finding::warn(Word::DiskLow, WHAT, error.to_string(), "look with `df`");
        }
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let said = format!("{} MiB", free >> 20);
    let advice = "make room: a full disk ends the engine, and its runs wait until it is resumed";
    if free < FREE_BYTES_FAIL {
        Finding::fail(Word::DiskFull, WHAT, said, advice)
    } else if free < FREE_BYTES_WARN {
        Finding::warn(Word::DiskLow, WHAT, said, advice)
    } else {
        Finding::ok(WHAT, said)
    }
}
