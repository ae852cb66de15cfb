//! The journal: whether it can be read, what it says of the clock, who else locks it, and
//! which processes of its runs outlived their engine.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use windlass_core::time::{Millis, Timestamp};
use windlass_engine::state_dir::StateDir;
use windlass_engine::{offline, outbox, owner};
use windlass_journal::{
    Access, OpenError, RunQuery, RunState, SqliteStore, StorageError, Store as _, verify,
};

use super::{Finding, Word};
use crate::args::Place;
use crate::render::undelivered;
use crate::{text, time};

/// How far the clock may be behind the newest record: two machines' clocks are no closer.
const BEHIND_MS: u64 = 5_000;
/// A journal is verified as a whole up to this size.
const VERIFIED_BYTES_MAX: u64 = 64 << 20;
/// How many orphans are named.
const NAMED_MAX: usize = 5;

/// The journal that is there, read beside whoever owns it.
pub(super) fn look(dir: &StateDir, place: &Place) -> Vec<Finding> {
    let path = dir.journal();
    let mut findings: Vec<Finding> = locked(dir, &path).into_iter().collect();
    let store = match SqliteStore::open(&path, &place.journal_options(Access::ReadOnly)) {
        Ok(store) => store,
        Err(OpenError::Storage(error)) if error.is_busy() && !findings.is_empty() => {
            return findings;
        }
        Err(error) => {
            findings.push(unopened(&error));
            return findings;
        }
    };
    let facts = store.facts();
    let mut said = format!(
        "SQLite {}, journal_mode={}",
        facts.sqlite, facts.journal_mode
    );
    if let Ok(head) = store.head() {
        said.push_str(&format!(", {} records", head.next_position));
    }
    findings.push(Finding::ok("journal", said));
    findings.extend(volatile(facts.volatile_filesystem));
    findings.extend(messages(&store));
    if facts.was_dirty {
        findings.push(Finding::ok(
            "journal end",
            "not closed cleanly, or in use; it is checked when an owner opens it",
        ));
    }
    findings.extend(damage(&path));
    match behind(&store) {
        Ok(finding) => findings.extend(finding),
        Err(error) => findings.push(unopened(&OpenError::Storage(error))),
    }
    findings.extend(orphans(dir, &store));
    findings
}

/// What the outbox holds that nobody has taken.
fn messages(store: &SqliteStore) -> Option<Finding> {
    // Whether the journal can be read is told above.
    let unsent = outbox::unsent(store, None).ok()?;
    let said = undelivered(&unsent)?;
    let mut newest_first = unsent.iter().rev();
    let said = match newest_first.find(|message| !message.reason.is_empty()) {
        Some(message) => format!("{said}; the newest reason: {}", text::line(&message.reason)),
        None => said,
    };
    let advice = "`windlass outbox` lists them; without an owner nothing is sent: `windlass serve`";
    Some(Finding::warn(
        Word::MessagesUndelivered,
        "messages",
        said,
        advice,
    ))
}

/// No journal yet: one is made elsewhere in the same directory and taken away again,
/// so that the settings that a writer needs are seen to be granted.
pub(super) fn trial(dir: &StateDir, place: &Place) -> Vec<Finding> {
    let path = dir.root().join(format!("doctor.{}.db", std::process::id()));
    let opened = SqliteStore::open(&path, &place.journal_options(Access::ReadWrite));
    let findings = match opened {
        Ok(store) => {
            let facts = store.facts();
            let synchronous = facts.synchronous.as_deref().unwrap_or("?");
            let said = format!(
                "none yet; SQLite {} grants journal_mode={}, synchronous={synchronous} here",
                facts.sqlite, facts.journal_mode
            );
            let mut findings = vec![Finding::ok("journal", said)];
            findings.extend(volatile(facts.volatile_filesystem));
            findings
        }
        Err(error) => vec![unopened(&error)],
    };
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.clone().into_os_string();
        name.push(suffix);
        let _absent = fs::remove_file(name);
    }
    findings
}

fn unopened(error: &OpenError) -> Finding {
    let (word, advice) = match error {
        OpenError::Filesystem { .. } => (
            Word::FileSystemUnfit,
            "put the state directory on a local disk; --allow-volatile-state is for rehearsals only",
        ),
        OpenError::Permissions { .. } => (Word::StateDirOpen, "run the `chmod` above"),
        OpenError::BadHead { .. } | OpenError::Damaged { .. } => return damaged(error.to_string()),
        OpenError::TooNew { .. } => (Word::JournalTooNew, "use the newer windlass that wrote it"),
        OpenError::NotAJournal { .. }
        | OpenError::TooOld { .. }
        | OpenError::Setting { .. }
        | OpenError::SqliteTooOld { .. }
        | OpenError::Storage(_) => (
            Word::JournalUnusable,
            "keep a copy of the directory; docs/journal-format.md says what a journal must be",
        ),
    };
    Finding::fail(word, "journal", error.to_string(), advice)
}

fn volatile(filesystem: Option<&str>) -> Option<Finding> {
    filesystem.map(|name| {
        Finding::warn(
            Word::FileSystemVolatile,
            "file system",
            format!("{name} forgets on restart"),
            "for rehearsals only: put the state directory on a local disk",
        )
    })
}

/// Opening looks at the newest headers alone; a journal that is not large is read whole.
fn damage(path: &Path) -> Option<Finding> {
    let is_small = fs::metadata(path).is_ok_and(|file| file.len() <= VERIFIED_BYTES_MAX);
    let report = is_small.then(|| verify(path, None).ok()).flatten()?;
    let told = report.to_string();
    let bad = told.lines().find_map(|line| line.strip_prefix("BAD: "))?;
    Some(damaged(text::line(bad)))
}

fn damaged(said: String) -> Finding {
    Finding::fail(
        Word::JournalDamaged,
        "journal",
        said,
        "keep a copy of the directory, then run `windlass journal verify`",
    )
}

/// A clock that shows less than the newest record was set back, or was wrong before.
fn behind(store: &SqliteStore) -> Result<Option<Finding>, StorageError> {
    let rows = store.runs(&RunQuery::default())?;
    let newest = rows.iter().map(|row| row.updated_at_ms).max();
    let now = time::now();
    let behind = newest.map_or(Millis(0), |newest| Timestamp(newest).since(now));
    Ok((behind.0 > BEHIND_MS).then(|| {
        Finding::warn(
            Word::ClockBehind,
            "clock",
            format!("it is {behind} behind the newest record of the journal"),
            "set it right: between two owners only it tells how much time has passed",
        )
    }))
}

/// Processes of attempts whose engine is dead.
fn orphans(dir: &StateDir, store: &SqliteStore) -> Vec<Finding> {
    if !matches!(owner::current(dir), Ok(None)) {
        // What lives belongs to the owner's attempts.
        return Vec::new();
    }
    let query = RunQuery {
        ended: RunState::Live,
        ..RunQuery::default()
    };
    let rows = store.runs(&query).unwrap_or_default();
    let runs = rows.iter().filter_map(|row| row.run.as_str().parse().ok());
    let mut named = Vec::new();
    for run in runs {
        let living = offline::living(dir, &run).unwrap_or_default();
        named.extend(
            living
                .into_iter()
                .map(|orphan| format!("process {} of {run} {}", orphan.pid, orphan.node)),
        );
    }
    if named.is_empty() {
        return Vec::new();
    }
    let more = match named.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    named.truncate(NAMED_MAX);
    vec![Finding::warn(
        Word::OrphansAlive,
        "orphans",
        format!("{}{more} outlived the engine", named.join(", ")),
        "let them end: their steps wait for that; windlass kills none of them",
    )]
}

/// The files whose locks SQLite takes, and a process other than the owner that holds one for
/// writing. `/proc/locks` says it, so that nothing needs to be locked for the look.
fn locked(dir: &StateDir, journal: &Path) -> Option<Finding> {
    let owner = owner::current(dir).ok().flatten().map(|owner| owner.pid);
    let table = fs::read_to_string("/proc/locks").ok()?;
    let mut shm = journal.as_os_str().to_owned();
    shm.push("-shm");
    let inodes: Vec<u64> = [journal, Path::new(&shm)]
        .into_iter()
        .filter_map(|path| Some(fs::metadata(path).ok()?.ino()))
        .collect();
    let holder = table.lines().find_map(|line| {
        let held = Held::parse(line)?;
        let is_ours = Some(held.pid) == owner || held.pid == std::process::id();
        (held.writes && inodes.contains(&held.inode) && !is_ours).then_some(held.pid)
    })?;
    let name = fs::read_to_string(format!("/proc/{holder}/comm")).unwrap_or_default();
    Some(Finding::fail(
        Word::JournalLocked,
        "journal lock",
        format!(
            "process {holder} (`{}`) holds the journal for writing",
            text::line(name.trim())
        ),
        "end it, or let it finish: nothing is written meanwhile; read copies, not the journal",
    ))
}

/// A line of `/proc/locks`: `1: POSIX  ADVISORY  WRITE 4711 08:01:131077 120 120`.
struct Held {
    writes: bool,
    pid: u32,
    inode: u64,
}

impl Held {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace().skip(1);
        // A lock that is waited for has an arrow before its kind.
        let kind = words.next()?;
        if kind != "POSIX" && kind != "OFDLCK" {
            return None;
        }
        let writes = words.nth(1)? == "WRITE";
        let pid = words.next()?.parse().ok()?;
        let inode = words.next()?.rsplit(':').next()?.parse().ok()?;
        Some(Self { writes, pid, inode })
    }
}
