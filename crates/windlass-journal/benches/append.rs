//! How fast appends become durable, beside a raw append and fdatasync of as many bytes
//! in the same run. Both take turns, so that they see the same disk.
//!
//! `cargo bench -p windlass-journal --bench append -- [--quick] [--dir DIR] [--only TEXT]`
//!
//! DIR should be on the disk in question; the default is the target folder's.

#[path = "common/raw.rs"]
mod raw;
#[path = "common/report.rs"]
mod report;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use raw::{RawLog, median, percentile_ms};
use report::{print, print_machine};
use windlass_journal::{
    Access, Append, Fence, FilesystemRule, NewRecord, Options, RunKey, SqliteStore, Store,
};

/// A typical event.
const BODY_BYTES: usize = 300;
const KIND: &str = "attempt_succeeded";
/// What else a record must keep: its header as it is hashed, with a run's name and a kind.
const HEADER_BYTES: usize = 124 + "bench00-0".len() + KIND.len();

struct Case {
    name: &'static str,
    producers: usize,
    /// Events in one append.
    batch: usize,
}

const CASES: &[Case] = &[
    Case {
        name: "1 event a commit",
        producers: 1,
        batch: 1,
    },
    Case {
        name: "10 events a commit",
        producers: 1,
        batch: 10,
    },
    Case {
        name: "100 events a commit",
        producers: 1,
        batch: 100,
    },
    Case {
        name: "32 producers, 1 event each",
        producers: 32,
        batch: 1,
    },
];

fn main() {
    let mut quick = false;
    let mut dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let mut only = String::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => quick = true,
            "--dir" => dir = arguments.next().expect("--dir takes a path").into(),
            "--only" => only = arguments.next().expect("--only takes a text"),
            // Cargo passes this to every bench.
            "--bench" => {}
            other => panic!("unknown argument {other}"),
        }
    }
    let (rounds, turn) = match quick {
        true => (2, Duration::from_millis(50)),
        false => (60, Duration::from_millis(100)),
    };
    let scratch = dir.join(format!("windlass-journal-bench-{}", std::process::id()));
    fs::create_dir_all(&scratch).expect("the directory can be written");
    print_machine(&scratch);
    for (number, case) in CASES.iter().enumerate() {
        if case.name.contains(&only) {
            measure(case, &scratch.join(number.to_string()), rounds, turn);
        }
    }
    fs::remove_dir_all(&scratch).expect("the scratch directory can be removed");
}

/// One case: the journal and the raw log in turns, a pair each round.
fn measure(case: &Case, dir: &Path, rounds: usize, turn: Duration) {
    let options = Options {
        access: Access::ReadWrite,
        filesystem: FilesystemRule::AllowVolatile,
        ..Options::default()
    };
    let path = dir.join("journal.db");
    let store = Arc::new(SqliteStore::open(&path, &options).expect("the journal opens"));
    let epoch = store.take_epoch().expect("the epoch can be taken");
    let mut raw = RawLog::create(&dir.join("raw"));
    // One sync of the raw log carries what one commit could carry at best.
    let events_per_sync = (case.producers * case.batch) as u64;
    let bytes_per_sync = events_per_sync * (BODY_BYTES + HEADER_BYTES) as u64;
    let (mut latencies, mut ratios) = (Vec::new(), Vec::new());
    let (mut events, mut spent) = (0, Duration::ZERO);
    let (mut raw_events, mut raw_spent) = (0, Duration::ZERO);
    for round in 0..rounds {
        let begin = Instant::now();
        let appended = produce_all(case, &store, epoch, round, turn);
        let elapsed = begin.elapsed();
        let appends = appended.len() as u64;
        latencies.extend(appended);
        let turn_events = appends * case.batch as u64;
        events += turn_events;
        spent += elapsed;
        let (syncs, raw_elapsed) = raw.append_for(bytes_per_sync, turn);
        raw_events += syncs * events_per_sync;
        raw_spent += raw_elapsed;
        let each = elapsed.as_secs_f64() / turn_events as f64;
        let raw_each = raw_elapsed.as_secs_f64() / (syncs * events_per_sync) as f64;
        ratios.push(each / raw_each);
    }
    let stats = store.stats();
    let facts = store.facts();
    let rate = events as f64 / spent.as_secs_f64();
    let raw_rate = raw_events as f64 / raw_spent.as_secs_f64();
    print(vec![
        ("line", "append".into()),
        ("case", case.name.into()),
        ("journal_mode", facts.journal_mode.as_str().into()),
        (
            "synchronous",
            facts.synchronous.as_deref().unwrap_or("none").into(),
        ),
        ("sqlite", facts.sqlite.into()),
        ("events", events.into()),
        ("events_per_s", rate.into()),
        (
            "events_per_commit",
            (events as f64 / (stats.commits - 1) as f64).into(),
        ),
        ("checkpoints", stats.checkpoints.into()),
        ("p50_ms", percentile_ms(&mut latencies, 50).into()),
        ("p99_ms", percentile_ms(&mut latencies, 99).into()),
        ("raw_bytes_per_sync", bytes_per_sync.into()),
        ("raw_events_per_s", raw_rate.into()),
        ("raw_p50_ms", percentile_ms(&mut raw.latencies, 50).into()),
        ("raw_p99_ms", percentile_ms(&mut raw.latencies, 99).into()),
        ("times_raw", (raw_rate / rate).into()),
        ("times_raw_median", median(&mut ratios).into()),
    ]);
}

/// All producers of a case for one turn; answers the time of each acknowledged append.
fn produce_all(
    case: &Case,
    store: &Arc<SqliteStore>,
    epoch: u64,
    round: usize,
    turn: Duration,
) -> Vec<Duration> {
    let producer = |n: usize| {
        let (store, batch) = (Arc::clone(store), case.batch);
        let run = RunKey::new(&format!("bench{round:02}-{n}")).expect("a run name");
        move || produce(&store, &run, epoch, batch, turn)
    };
    if case.producers == 1 {
        return producer(0)();
    }
    let threads: Vec<_> = (0..case.producers)
        .map(|n| thread::spawn(producer(n)))
        .collect();
    let joined = threads
        .into_iter()
        .map(|thread| thread.join().expect("a producer does not panic"));
    joined.flatten().collect()
}

/// Appends, waits until it is durable, again.
fn produce(
    store: &SqliteStore,
    run: &RunKey,
    epoch: u64,
    batch: usize,
    turn: Duration,
) -> Vec<Duration> {
    let (begin, mut latencies, mut seq) = (Instant::now(), Vec::new(), 0);
    while begin.elapsed() < turn {
        let sent = Instant::now();
        let appended = store.append(append(run, epoch, seq, batch)).wait();
        latencies.push(sent.elapsed());
        seq = appended.expect("the append succeeds").next_seq;
    }
    latencies
}

fn append(run: &RunKey, epoch: u64, expected_seq: u64, batch: usize) -> Append {
    let record = NewRecord {
        kind: KIND.to_owned(),
        version: 1,
        at_ms: 1_790_000_000_000,
        body: vec![b'e'; BODY_BYTES],
    };
    let fence = Fence {
        epoch,
        expected_seq,
    };
    Append::new(run.clone(), fence, vec![record; batch])
}
