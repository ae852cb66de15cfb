//! The state directory's file system, space, and journal.

use std::path::Path;

use windlass_engine::state_dir::StateDir;
use windlass_journal::{Access, OpenError, SqliteStore, Store as _};

use super::Finding;
use crate::args::Place;

/// Below this a run may end in a full disk.
const FREE_BYTES_WARN: u64 = 1 << 30;
/// Below this no run should start.
const FREE_BYTES_FAIL: u64 = 64 << 20;

pub(super) fn look(dir: &StateDir, place: &Place) -> Vec<Finding> {
    let mut findings = vec![space(dir.root())];
    if dir.journal().exists() {
        findings.extend(journal(&dir.journal(), place));
    } else {
        findings.push(trial(dir));
    }
    findings
}

/// The journal that is there, read beside whoever owns it.
fn journal(path: &Path, place: &Place) -> Vec<Finding> {
    let store = match SqliteStore::open(path, &place.journal_options(Access::ReadOnly)) {
        Ok(store) => store,
        Err(error) => return vec![unopened(&error)],
    };
    let facts = store.facts();
    let mut said = format!(
        "SQLite {}, journal_mode={}",
        facts.sqlite, facts.journal_mode
    );
    if let Ok(head) = store.head() {
        said.push_str(&format!(", {} records", head.next_position));
    }
    let mut findings = vec![Finding::ok("journal", said)];
    findings.extend(volatile(facts.volatile_filesystem));
    if facts.was_dirty {
        findings.push(Finding::ok(
            "journal end",
            "not closed cleanly, or in use; it is checked when an owner opens it",
        ));
    }
    findings
}

/// No journal yet: one is made elsewhere in the same directory and taken away again,
/// so that the settings that a writer needs are seen to be granted.
fn trial(dir: &StateDir) -> Finding {
    let path = dir.root().join(format!("doctor.{}.db", std::process::id()));
    let opened = SqliteStore::open(&path, &windlass_journal::Options::default());
    let finding = match opened {
        Ok(store) => {
            let facts = store.facts();
            let synchronous = facts.synchronous.as_deref().unwrap_or("?");
            Finding::ok(
                "journal",
                format!(
                    "none yet; SQLite {} grants journal_mode={}, synchronous={synchronous} here",
                    facts.sqlite, facts.journal_mode
                ),
            )
        }
        Err(error) => unopened(&error),
    };
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.clone().into_os_string();
        name.push(suffix);
        let _absent = std::fs::remove_file(name);
    }
    finding
}

fn unopened(error: &OpenError) -> Finding {
    let advice = match error {
        OpenError::Filesystem { .. } => {
            "put the state directory on a local disk; --allow-volatile-state is for rehearsals only"
        }
        OpenError::Permissions { .. } => "run the `chmod` above",
        OpenError::BadHead { .. } | OpenError::Damaged { .. } => {
            "keep a copy, then run `windlass journal verify`"
        }
        OpenError::TooNew { .. } => "use the newer windlass that wrote it",
        OpenError::NotAJournal { .. }
        | OpenError::TooOld { .. }
        | OpenError::Setting { .. }
        | OpenError::SqliteTooOld { .. }
        | OpenError::Storage(_) => "see docs/journal-format.md",
    };
    Finding::fail("journal", error.to_string(), advice)
}

fn volatile(filesystem: Option<&str>) -> Option<Finding> {
    filesystem.map(|name| {
        Finding::warn(
            "file system",
            format!("{name} forgets on restart"),
            "for rehearsals only: put the state directory on a local disk",
        )
    })
}

fn space(root: &Path) -> Finding {
    const WHAT: &str = "free space";
    let stat = match rustix::fs::statvfs(root) {
        Ok(stat) => stat,
        Err(error) => return Finding::warn(WHAT, error.to_string(), "look with `df`"),
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let said = format!("{} MiB", free >> 20);
    if free < FREE_BYTES_FAIL {
        Finding::fail(WHAT, said, "a full disk ends the engine: make room")
    } else if free < FREE_BYTES_WARN {
        Finding::warn(WHAT, said, "a full disk ends the engine: make room")
    } else {
        Finding::ok(WHAT, said)
    }
}
