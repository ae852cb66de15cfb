//! Every run of the flagships, as `windlass rehearse` goes through them, beside the check of
//! the same file, which reads and plans it too. Both take turns in the same run.
//!
//! `cargo bench -p windlass-cli --bench rehearse -- [--quick]`; the plugins are built before.

#[path = "../../windlass-journal/benches/common/report.rs"]
mod report;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use report::{print, print_machine};
use serde_json::Value;

const FLAGSHIPS: [&str; 2] = ["postgres_minor_upgrade", "rds_pg_minor_upgrade"];

fn main() {
    let is_quick = std::env::args().any(|word| word == "--quick");
    print_machine(&PathBuf::from(env!("CARGO_TARGET_TMPDIR")));
    let rounds = if is_quick { 1 } else { 5 };
    // Without optimisation they would take longer than all other benchmarks together.
    let bound: &[&str] = if is_quick { &["--states", "1000"] } else { &[] };
    for name in FLAGSHIPS {
        let runbook = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../runbooks")
            .join(format!("{name}.yaml"));
        let mut times: [Vec<f64>; 2] = Default::default();
        let mut states = 0;
        for _ in 0..rounds {
            let (ms, _) = timed(&["check", "--format", "json"], &runbook, &[]);
            times[0].push(ms);
            let (ms, said) = timed(&["rehearse", "--json"], &runbook, bound);
            times[1].push(ms);
            states = said["states"].as_u64().expect("it counts states");
            let is_whole = said["complete"] == Value::Bool(true);
            assert!(
                is_whole || is_quick,
                "{name}: not every state was looked at"
            );
        }
        let [check, rehearse] = times.map(median);
        print(vec![
            ("line", "rehearse".into()),
            ("runbook", name.into()),
            ("states", states.into()),
            ("ms", rehearse.into()),
            ("check_ms", check.into()),
            ("ratio", (rehearse / check).into()),
        ]);
    }
}

/// Milliseconds from start to end of a command about a runbook, and what it prints.
fn timed(command: &[&str], runbook: &Path, options: &[&str]) -> (f64, Value) {
    let begin = Instant::now();
    let done = Command::new(env!("CARGO_BIN_EXE_windlass"))
        .args(command)
        .arg(runbook)
        .args(options)
        .output()
        .expect("windlass can be started");
    let spent = begin.elapsed().as_secs_f64() * 1_000.0;
    let said = String::from_utf8_lossy(&done.stdout);
    let said: Value = serde_json::from_str(&said).unwrap_or(Value::Null);
    (spent, said)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
