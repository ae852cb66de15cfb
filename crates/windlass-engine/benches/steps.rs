//! Sequential no-op steps through the whole engine on SQLite: steps a second and syncs a
//! step, for one run and for many at once, beside a raw append and fdatasync of as many
//! bytes in turns on the same disk.
//!
//! `cargo bench -p windlass-engine --bench steps -- [--quick] [--dir DIR]`

#[path = "common/bed.rs"]
mod bed;
#[path = "../../windlass-core/benches/common/plans.rs"]
mod plans;
#[path = "../../windlass-journal/benches/common/raw.rs"]
mod raw;
#[path = "../../windlass-journal/benches/common/report.rs"]
mod report;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bed::{Bed, start};
use raw::{RawLog, median, percentile_ms};
use report::{print, print_machine};
use windlass_core::id::RunId;
use windlass_journal::{RunKey, Stats, Store as _};

struct Case {
    runs: usize,
    /// Steps of each run.
    steps: usize,
    rounds: usize,
    raw_turn: Duration,
}

fn main() {
    let mut quick = false;
    let mut dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => quick = true,
            "--dir" => dir = arguments.next().expect("--dir takes a path").into(),
            // Cargo passes this to every bench.
            "--bench" => {}
            other => panic!("unknown argument {other}"),
        }
    }
    let case = |runs, steps| match quick {
        true => Case {
            runs,
            steps: 10,
            rounds: 1,
            raw_turn: Duration::from_millis(50),
        },
        false => Case {
            runs,
            steps,
            rounds: 20,
            raw_turn: Duration::from_millis(300),
        },
    };
    let scratch = dir.join(format!("windlass-engine-bench-{}", std::process::id()));
    fs::create_dir_all(&scratch).expect("the directory can be written");
    print_machine(&scratch);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    for (number, case) in [case(1, 500), case(64, 50)].iter().enumerate() {
        runtime.block_on(measure(case, &scratch.join(number.to_string())));
    }
    drop(runtime);
    fs::remove_dir_all(&scratch).expect("the scratch directory can be removed");
}

/// One case: the engine and the raw log in turns, a pair each round.
async fn measure(case: &Case, dir: &Path) {
    let bed = Bed::open(dir).await;
    // One run before anything is measured: the raw log must know how much a step keeps.
    let run = drive(&bed, case.steps).await;
    let bytes_per_step = kept_bytes(&bed, &run) / case.steps as u64;
    let mut raw = RawLog::create(&dir.join("raw"));
    let steps_per_round = (case.runs * case.steps) as u64;
    let (mut spent, mut raw_spent, mut ratios) = (Duration::ZERO, Duration::ZERO, Vec::new());
    let mut syncs = 0;
    let before = bed.store.stats();
    for _ in 0..case.rounds {
        let elapsed = drive_all(&bed, case).await;
        spent += elapsed;
        // What one sync carries at best: one step of each run.
        let bytes = bytes_per_step * case.runs as u64;
        let (turn_syncs, raw_elapsed) = raw.append_for(bytes, case.raw_turn);
        syncs += turn_syncs;
        raw_spent += raw_elapsed;
        let each = elapsed.as_secs_f64() / steps_per_round as f64;
        let raw_each = raw_elapsed.as_secs_f64() / (turn_syncs * case.runs as u64) as f64;
        ratios.push(each / raw_each);
    }
    let after = bed.store.stats();
    let count = |of: fn(&Stats) -> u64| of(&after) - of(&before);
    let steps = steps_per_round * case.rounds as u64;
    let per_step = |count: u64| count as f64 / steps as f64;
    let rate = steps as f64 / spent.as_secs_f64();
    let raw_rate = (syncs * case.runs as u64) as f64 / raw_spent.as_secs_f64();
    print(vec![
        ("line", "steps".into()),
        ("runs", (case.runs as u64).into()),
        ("steps_of_a_run", (case.steps as u64).into()),
        ("steps", steps.into()),
        ("steps_per_s", rate.into()),
        ("syncs_per_step", per_step(count(|it| it.commits)).into()),
        ("records_per_step", per_step(count(|it| it.records)).into()),
        ("checkpoints", count(|it| it.checkpoints).into()),
        ("bytes_per_step", bytes_per_step.into()),
        ("raw_steps_per_s", raw_rate.into()),
        ("raw_p50_ms", percentile_ms(&mut raw.latencies, 50).into()),
        ("raw_p99_ms", percentile_ms(&mut raw.latencies, 99).into()),
        ("times_raw", (raw_rate / rate).into()),
        ("times_raw_median", median(&mut ratios).into()),
    ]);
}

/// Starts all runs of a case at once and waits until each has ended.
async fn drive_all(bed: &Bed, case: &Case) -> Duration {
    let plan = plans::chain(case.steps);
    let begin = Instant::now();
    let runs: Vec<_> = (0..case.runs)
        .map(|_| {
            let (engine, start) = (bed.engine.clone(), start(&plan));
            tokio::spawn(async move {
                let run = engine.start(start).await.expect("the run starts");
                engine.wait_ended(&run).await.expect("the run ends");
            })
        })
        .collect();
    for run in runs {
        run.await.expect("a waiting task does not panic");
    }
    begin.elapsed()
}

async fn drive(bed: &Bed, steps: usize) -> RunId {
    let plan = plans::chain(steps);
    let run = bed.engine.start(start(&plan)).await;
    let run = run.expect("the run starts");
    bed.engine.wait_ended(&run).await.expect("the run ends");
    run
}

/// What the records of a run keep, but for the first, which holds the plan.
fn kept_bytes(bed: &Bed, run: &RunId) -> u64 {
    let key = RunKey::new(run.as_str()).expect("a run's name");
    let (mut seq, mut bytes) = (1, 0);
    loop {
        let records = bed.store.read(&key, seq, 1_000).expect("the run is whole");
        if records.is_empty() {
            return bytes;
        }
        seq += records.len() as u64;
        let kept = records.iter().map(|record| {
            let body = record.body.as_ref().map_or(0, Vec::len);
            record.header.encode().len() + body
        });
        bytes += kept.sum::<usize>() as u64;
    }
}
