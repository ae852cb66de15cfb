//! Runs that wait at a gate: the memory that each costs, and how long a new process
//! takes until it is ready and has carried one of them to its end. What is measured runs
//! in processes of their own, so that one does not inherit the memory of another.
//!
//! `cargo bench -p windlass-engine --bench parked -- [--quick] [--dir DIR]`

#[path = "common/bed.rs"]
mod bed;
#[path = "../../windlass-core/benches/common/plans.rs"]
mod plans;
#[path = "../../windlass-journal/benches/common/report.rs"]
mod report;
#[path = "common/resident.rs"]
mod resident;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Program;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bed::{Bed, operator, start};
use plans::{action, id, plan};
use report::{print, print_machine};
use resident::resident_bytes;
use tokio::sync::Semaphore;
use windlass_core::id::RunId;
use windlass_core::plan::{Gate, IndexedPlan, StepKind};
use windlass_core::time::Millis;
use windlass_journal::RunQuery;

const RUNS: usize = 10_000;
const RUNS_QUICK: usize = 50;
/// How many are started at the same time.
const STARTING_MAX: usize = 128;
/// Runs that the second process approves one after the other.
const APPROVED: usize = 50;

fn main() {
    let mut runs = RUNS;
    let mut dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let mut part = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => runs = RUNS_QUICK,
            "--dir" => dir = arguments.next().expect("--dir takes a path").into(),
            "--part" => part = arguments.next(),
            // Cargo passes this to every bench.
            "--bench" => {}
            other => panic!("unknown argument {other}"),
        }
    }
    match part.as_deref() {
        None => parent(runs, &dir),
        Some(part) => {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            match part {
                "empty" => runtime.block_on(reopen(0, &dir)),
                "start" => runtime.block_on(start_all(runs, &dir)),
                "reopen" => runtime.block_on(reopen(runs, &dir)),
                other => panic!("unknown part {other}"),
            }
        }
    }
}

/// Runs each part as a process of its own.
fn parent(runs: usize, dir: &Path) {
    let scratch = dir.join(format!("windlass-parked-bench-{}", std::process::id()));
    fs::create_dir_all(&scratch).expect("the directory can be written");
    print_machine(&scratch);
    let this = std::env::current_exe().expect("this program has a path");
    for (part, state) in [("empty", "empty"), ("start", "full"), ("reopen", "full")] {
        let mut program = Program::new(&this);
        program
            .args(["--part", part, "--dir"])
            .arg(scratch.join(state));
        if runs == RUNS_QUICK {
            program.arg("--quick");
        }
        let status = program.status().expect("this program starts again");
        assert!(status.success(), "{part} ended with {status}");
    }
    fs::remove_dir_all(&scratch).expect("the scratch directory can be removed");
}

/// A step, then a gate that is open for a day, then a step.
fn around_a_gate() -> Arc<IndexedPlan> {
    let mut gate = action(id(1), vec![id(0)]);
    gate.kind = StepKind::Gate(Gate {
        expires: Some(Millis::from_mins(24 * 60)),
        ..Gate::default()
    });
    let (before, after) = (action(id(0), vec![]), action(id(2), vec![id(1)]));
    plan(vec![before, gate, after])
}

/// Starts the runs and lets each come to its gate.
async fn start_all(runs: usize, dir: &Path) {
    let bed = Bed::open(dir).await;
    let plan = around_a_gate();
    // One run first: what the process keeps once is not counted to the runs.
    let first = bed.engine.start(start(&plan)).await;
    first.expect("the run starts");
    bed.engine.wait_idle().await;
    let before = resident_bytes();
    let begin = Instant::now();
    let starting = Arc::new(Semaphore::new(STARTING_MAX));
    let mut tasks = Vec::with_capacity(runs);
    for _ in 1..runs {
        let permit = Arc::clone(&starting).acquire_owned().await;
        let (engine, start) = (bed.engine.clone(), start(&plan));
        tasks.push(tokio::spawn(async move {
            engine.start(start).await.expect("the run starts");
            drop(permit);
        }));
    }
    for task in tasks {
        task.await.expect("a start does not panic");
    }
    bed.engine.wait_idle().await;
    let elapsed = begin.elapsed();
    let after = resident_bytes();
    let stats = bed.store.stats();
    print(vec![
        ("line", "parked".into()),
        ("runs", (runs as u64).into()),
        ("resident_before_bytes", before.into()),
        ("resident_after_bytes", after.into()),
        (
            "bytes_per_run",
            (after.saturating_sub(before) as f64 / (runs - 1) as f64).into(),
        ),
        ("starts_per_s", (runs as f64 / elapsed.as_secs_f64()).into()),
        ("records", stats.records.into()),
        (
            "commits_per_run",
            (stats.commits as f64 / runs as f64).into(),
        ),
    ]);
    bed.engine
        .park(Duration::from_secs(10))
        .await
        .expect("the engine parks");
}

/// Opens what the other process left, as a restart does, and approves some of the runs.
async fn reopen(runs: usize, dir: &Path) {
    let begin = Instant::now();
    let bed = Bed::open(dir).await;
    let opened = begin.elapsed();
    let resident = resident_bytes();
    let query = RunQuery {
        limit: APPROVED.min(runs),
        ..RunQuery::default()
    };
    let rows = bed.engine.runs(query).await.expect("the index is read");
    let listed = begin.elapsed();
    let mut approvals = Vec::new();
    for row in rows {
        let run = row.run.as_str().parse().expect("a run's name");
        let asked = Instant::now();
        approve(&bed, &run).await;
        approvals.push(asked.elapsed());
    }
    let first = approvals.first().copied().unwrap_or_default();
    approvals.sort_unstable();
    let middle = approvals.get(approvals.len() / 2);
    let ms = |span: Duration| span.as_secs_f64() * 1e3;
    print(vec![
        ("line", "restart".into()),
        ("runs", (runs as u64).into()),
        ("ready_ms", ms(opened).into()),
        ("first_listing_ms", ms(listed - opened).into()),
        ("resident_bytes", resident.into()),
        ("first_approved_run_ended_ms", ms(first).into()),
        (
            "median_approved_run_ended_ms",
            ms(middle.copied().unwrap_or_default()).into(),
        ),
    ]);
}

/// Approves a run's gate and waits until the run has ended.
async fn approve(bed: &Bed, run: &RunId) {
    let snapshot = bed.engine.view(run).await.expect("the run is whole");
    let command = snapshot.state.approval(id(1), operator(), String::new());
    let answer = bed.engine.command(run, command).await;
    answer.expect("the approval is accepted");
    bed.engine.wait_ended(run).await.expect("the run ends");
}
