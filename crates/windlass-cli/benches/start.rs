//! From the start of the process to the intent of the first step, which is durable by
//! then; beside it the start of Python, which people know, and of windlass saying its
//! version. All take turns in the same run.
//!
//! `cargo bench -p windlass-cli --bench start -- [--quick] [--dir DIR]`

#[path = "../../windlass-journal/benches/common/report.rs"]
mod report;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use report::{print, print_machine};

const RUNBOOK: &str = "\
windlass: 1
name: first_step
steps:
  first: {uses: shell, effect: read, with: {argv: ['true']}}
";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let rounds = if arguments.iter().any(|word| word == "--quick") {
        1
    } else {
        30
    };
    let dir = arguments.iter().position(|word| word == "--dir");
    let dir = dir.and_then(|at| arguments.get(at + 1));
    let dir = dir.map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    print_machine(&dir);
    let place = tempfile::tempdir_in(&dir).expect("a directory can be made");
    let runbook = place.path().join("first.yaml");
    std::fs::write(&runbook, RUNBOOK).expect("a file can be written");
    let state = place.path().join("state");
    // The journal itself is made by the first run, which is not counted.
    first_step(&state, &runbook);
    let mut times: [Vec<f64>; 3] = Default::default();
    for _ in 0..rounds {
        times[0].push(whole(Command::new("python3").args(["-c", "pass"])));
        times[1].push(whole(
            Command::new(env!("CARGO_BIN_EXE_windlass")).arg("--version"),
        ));
        times[2].push(first_step(&state, &runbook));
    }
    let python = median(&mut times[0]);
    for (name, times) in ["python3 -c pass", "windlass --version", "first step"]
        .into_iter()
        .zip(&mut times)
    {
        let median = median(times);
        print(vec![
            ("line", "start".into()),
            ("what", name.into()),
            ("ms", median.into()),
            ("ratio", (median / python).into()),
        ]);
    }
}

/// Milliseconds from start to end.
fn whole(command: &mut Command) -> f64 {
    let begin = Instant::now();
    let done = command
        .stdout(Stdio::null())
        .status()
        .expect("the program can be started");
    let spent = begin.elapsed();
    assert!(done.success());
    spent.as_secs_f64() * 1_000.0
}

/// Milliseconds until the record of the first step's intent is shown.
fn first_step(state: &Path, runbook: &Path) -> f64 {
    let begin = Instant::now();
    let mut run = Command::new(env!("CARGO_BIN_EXE_windlass"))
        .args(["--allow-volatile-state", "--state-dir"])
        .arg(state)
        .args(["run", "--json"])
        .arg(runbook)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("windlass can be started");
    let printed = BufReader::new(run.stdout.take().expect("it is piped"));
    let mut spent = None;
    for line in printed.lines() {
        let line = line.expect("it prints text");
        if spent.is_none() && line.contains("attempt_started") {
            spent = Some(begin.elapsed());
        }
    }
    let ended = run.wait().expect("it ends");
    assert!(ended.success());
    spent.expect("the first step starts").as_secs_f64() * 1_000.0
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
