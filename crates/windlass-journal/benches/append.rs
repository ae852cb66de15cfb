//! How fast appends become durable, beside a raw append and fdatasync of as
//! many bytes in the same run. Prints JSON lines and judges nothing.
//!
//! `cargo bench -p windlass-journal --bench append -- --seconds-per-case 2 [--dir DIR]`
//!
//! DIR should be on the disk in question; the default is the target folder's.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use windlass_journal::{
    Access, Append, Fence, FilesystemRule, NewRecord, Options, RunKey, SqliteStore, Store,
};

/// A typical event: what `reference` measurements used as well.
const BODY_BYTES: usize = 300;
const PRODUCERS: usize = 32;

fn main() {
    let (seconds, dir) = arguments();
    let scratch = dir.join(format!("windlass-journal-bench-{}", std::process::id()));
    fs::create_dir_all(&scratch).expect("the directory can be written");
    print_machine(&scratch);
    for batch in [1, 10, 100] {
        compare(
            &format!("{batch} a commit"),
            &scratch,
            batch,
            |store, epoch| one_producer(store, epoch, batch, seconds),
            seconds,
        );
    }
    compare(
        "32 producers",
        &scratch,
        1,
        |store, epoch| many_producers(store, epoch, seconds),
        seconds,
    );
    fs::remove_dir_all(&scratch).expect("the scratch directory can be removed");
}

fn arguments() -> (Duration, PathBuf) {
    let mut seconds = 2.0;
    let mut dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seconds-per-case" => {
                let value = arguments.next().expect("--seconds-per-case takes a number");
                seconds = value.parse().expect("--seconds-per-case takes a number");
            }
            "--dir" => dir = arguments.next().expect("--dir takes a path").into(),
            // Cargo passes this to every bench.
            "--bench" => {}
            other => panic!("unknown argument {other}"),
        }
    }
    (Duration::from_secs_f64(seconds), dir)
}

/// What one case came to.
struct Measured {
    events: u64,
    commits: u64,
    elapsed: Duration,
    /// Time of each acknowledged append.
    latencies: Vec<Duration>,
}

impl Measured {
    fn events_per_second(&self) -> f64 {
        self.events as f64 / self.elapsed.as_secs_f64()
    }

    /// Needs sorted latencies.
    fn percentile_ms(&self, percent: usize) -> f64 {
        let at = (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
        self.latencies
            .get(at)
            .map_or(0.0, |it| it.as_secs_f64() * 1e3)
    }
}

fn compare(
    case: &str,
    scratch: &Path,
    batch: usize,
    measure: impl FnOnce(&Arc<SqliteStore>, u64) -> Measured,
    seconds: Duration,
) {
    let dir = scratch.join(case.replace(' ', "-"));
    let path = dir.join("journal.db");
    let options = Options {
        access: Access::ReadWrite,
        filesystem: FilesystemRule::AllowVolatile,
        ..Options::default()
    };
    let store = Arc::new(SqliteStore::open(&path, &options).expect("the journal opens"));
    let epoch = store.take_epoch().expect("the epoch can be taken");
    let mut journal = measure(&store, epoch);
    let facts = store.facts().clone();
    let checkpoints = store.stats().checkpoints;
    drop(store);
    // As many events a sync as the journal managed, so that both pay alike.
    let events_per_commit = journal
        .events
        .div_ceil(journal.commits.max(1))
        .max(batch as u64);
    let bytes = body().len() as u64 + 124;
    let mut raw = raw_log(
        &dir.join("raw"),
        events_per_commit * bytes,
        events_per_commit,
        seconds,
    );
    journal.latencies.sort_unstable();
    raw.latencies.sort_unstable();
    let ratio = journal.events_per_second() / raw.events_per_second().max(f64::MIN_POSITIVE);
    println!(
        "{{\"case\":\"{case}\",\"body_bytes\":{BODY_BYTES},\
         \"journal_mode\":\"{}\",\"synchronous\":\"{}\",\"volatile_filesystem\":{},\
         \"events\":{},\"events_per_s\":{:.0},\"commits\":{},\"events_per_commit\":{:.1},\
         \"checkpoints\":{checkpoints},\"p50_ms\":{:.3},\"p99_ms\":{:.3},\
         \"raw_bytes_per_sync\":{},\"raw_events_per_s\":{:.0},\"raw_p50_ms\":{:.3},\
         \"raw_p99_ms\":{:.3},\"ratio_to_raw\":{ratio:.3}}}",
        facts.journal_mode,
        facts.synchronous.as_deref().unwrap_or("none"),
        facts.volatile_filesystem.is_some(),
        journal.events,
        journal.events_per_second(),
        journal.commits,
        journal.events as f64 / journal.commits.max(1) as f64,
        journal.percentile_ms(50),
        journal.percentile_ms(99),
        events_per_commit * bytes,
        raw.events_per_second(),
        raw.percentile_ms(50),
        raw.percentile_ms(99),
    );
}

fn body() -> Vec<u8> {
    vec![b'e'; BODY_BYTES]
}

fn append(run: &RunKey, epoch: u64, expected_seq: u64, batch: usize) -> Append {
    let record = NewRecord {
        kind: "step_succeeded".to_owned(),
        version: 1,
        at_ms: 1_790_000_000_000,
        body: body(),
    };
    Append::new(
        run.clone(),
        Fence {
            epoch,
            expected_seq,
        },
        vec![record; batch],
    )
}

fn one_producer(store: &Arc<SqliteStore>, epoch: u64, batch: usize, limit: Duration) -> Measured {
    let run = RunKey::new("bench").expect("a run name");
    let (events, latencies, elapsed) = produce(store, &run, epoch, batch, limit);
    // The count is raised before the answer is sent, so it is complete here.
    Measured {
        events,
        commits: store.stats().commits - 1,
        elapsed,
        latencies,
    }
}

fn many_producers(store: &Arc<SqliteStore>, epoch: u64, limit: Duration) -> Measured {
    let begin = Instant::now();
    let producer = |n: usize| {
        let store = Arc::clone(store);
        move || {
            let run = RunKey::new(&format!("bench{n}")).expect("a run name");
            produce(&store, &run, epoch, 1, limit)
        }
    };
    let threads: Vec<_> = (0..PRODUCERS).map(|n| thread::spawn(producer(n))).collect();
    let mut all = Measured {
        events: 0,
        commits: 0,
        elapsed: Duration::ZERO,
        latencies: Vec::new(),
    };
    for thread in threads {
        let (events, latencies, _) = thread.join().expect("a producer does not panic");
        all.events += events;
        all.latencies.extend(latencies);
    }
    all.elapsed = begin.elapsed();
    all.commits = store.stats().commits - 1;
    all
}

fn produce(
    store: &SqliteStore,
    run: &RunKey,
    epoch: u64,
    batch: usize,
    limit: Duration,
) -> (u64, Vec<Duration>, Duration) {
    let begin = Instant::now();
    let mut latencies = Vec::new();
    let mut seq = 0;
    while begin.elapsed() < limit {
        let sent = Instant::now();
        let appended = store
            .append(append(run, epoch, seq, batch))
            .wait()
            .expect("the append succeeds");
        latencies.push(sent.elapsed());
        seq = appended.next_seq;
    }
    (seq, latencies, begin.elapsed())
}

/// The least that durability can cost: append the bytes, sync, again.
fn raw_log(path: &Path, bytes: u64, events: u64, limit: Duration) -> Measured {
    let mut file: File = OpenOptions::new()
        .create_new(true)
        .append(true)
        .open(path)
        .expect("the raw file can be made");
    let block = vec![b'e'; usize::try_from(bytes).expect("a block fits into memory")];
    let mut measured = Measured {
        events: 0,
        commits: 0,
        elapsed: Duration::ZERO,
        latencies: Vec::new(),
    };
    let begin = Instant::now();
    while begin.elapsed() < limit {
        let sent = Instant::now();
        file.write_all(&block).expect("the raw file can be written");
        file.sync_data().expect("the raw file can be synced");
        measured.latencies.push(sent.elapsed());
        measured.events += events;
        measured.commits += 1;
    }
    measured.elapsed = begin.elapsed();
    measured
}

/// Which machine the numbers are from; unknown facts are left empty.
fn print_machine(dir: &Path) {
    let cpus = thread::available_parallelism().map_or(0, usize::from);
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("", |(_, model)| model.trim());
    let magic = rustix::fs::statfs(dir).map_or(0, |statfs| statfs.f_type as u64);
    println!(
        "{{\"machine\":{{\"cpus\":{cpus},\"cpu\":{:?},\"kernel\":{:?},\"os\":\"{}\",\"arch\":\"{}\",\
         \"filesystem_magic\":\"{magic:#x}\",\"sqlite\":\"{}\",\"debug_build\":{}}}}}",
        model,
        kernel.trim(),
        std::env::consts::OS,
        std::env::consts::ARCH,
        rusqlite::version(),
        cfg!(debug_assertions),
    );
}
