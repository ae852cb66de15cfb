//! Shared by the suites: journals in temporary directories, short appends.

use std::path::PathBuf;

use tempfile::TempDir;
use windlass_journal::*;

/// A journal on disk that lives as long as the test.
#[derive(Debug)]
pub(crate) struct Disk {
    dir: TempDir,
    pub(crate) options: Options,
}

impl Disk {
    pub(crate) fn new() -> Self {
        let options = Options {
            filesystem: FilesystemRule::AllowVolatile,
            ..Options::default()
        };
        Self {
            dir: tempfile::tempdir().unwrap(),
            options,
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("state/journal.db")
    }

    pub(crate) fn open(&self) -> SqliteStore {
        self.try_open().unwrap()
    }

    pub(crate) fn try_open(&self) -> Result<SqliteStore, OpenError> {
        SqliteStore::open(&self.path(), &self.options)
    }

    pub(crate) fn open_reader(&self) -> SqliteStore {
        let options = Options {
            access: Access::ReadOnly,
            ..self.options
        };
        SqliteStore::open(&self.path(), &options).unwrap()
    }

    /// A plain connection, as an attacker or a curious operator has it.
    pub(crate) fn sql(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }
}

pub(crate) fn run(name: &str) -> RunKey {
    RunKey::new(name).unwrap()
}

pub(crate) fn key(name: &str) -> IdempotencyKey {
    IdempotencyKey::new(name).unwrap()
}

pub(crate) fn record(body: &str) -> NewRecord {
    NewRecord {
        kind: "noted".into(),
        version: 1,
        at_ms: 1_700_000_000_000,
        body: body.into(),
    }
}

pub(crate) fn records(count: usize) -> Vec<NewRecord> {
    (0..count)
        .map(|n| record(&format!("{{\"n\":{n}}}")))
        .collect()
}

/// An append that erases the bodies of runs.
pub(crate) fn erase(epoch: u64, expected_seq: u64, runs: &[&str]) -> Append {
    let order = Erasure {
        runs: runs.iter().map(|name| run(name)).collect(),
        by: "ann (uid 1)".to_owned(),
        at_ms: 1_700_000_000_000,
    };
    let fence = Fence {
        epoch,
        expected_seq,
    };
    let mut it = Append::new(RunKey::store(), fence, vec![order.record()]);
    it.erase_bodies_of = order.runs;
    it
}

/// An append of `count` records at `expected_seq`.
pub(crate) fn append(name: &str, epoch: u64, expected_seq: u64, count: usize) -> Append {
    Append::new(
        run(name),
        Fence {
            epoch,
            expected_seq,
        },
        records(count),
    )
}

pub(crate) fn index(name: &str, next_seq: u64) -> RunIndexRow {
    RunIndexRow {
        run: run(name),
        runbook: "upgrade".into(),
        title: "Upgrade".into(),
        state: "running".into(),
        waiting_for: String::new(),
        target: "rds:eu-de/1".into(),
        requester: "ann".into(),
        plan_digest: "00".into(),
        started_at_ms: 10,
        updated_at_ms: 20,
        ended_at_ms: None,
        next_wake_at_ms: None,
        next_seq,
        owes: false,
    }
}

/// All records of a run, page by page.
pub(crate) fn read_all(store: &dyn Store, name: &str) -> Vec<Record> {
    let mut all = Vec::new();
    loop {
        let page = store.read(&run(name), all.len() as u64, 7).unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}
