//! Checking and planning a runbook of many steps, as a ratio to reading its YAML alone in
//! the same run; and the most memory that a process needs for each.
//!
//! `cargo bench -p windlass-runbook --bench check -- [--quick]`

#[path = "../../windlass-journal/benches/common/report.rs"]
mod report;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use report::{print, print_machine};
use windlass_core::catalog::Catalog;
use windlass_core::plan::IndexedPlan;
use windlass_runbook::outline::Outline;
use windlass_runbook::{check, yaml_mistakes};

/// What is measured, the base of the ratios first.
const WORKS: [&str; 3] = ["yaml", "check", "plan"];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|word| word == "--memory") {
        let steps = arguments[at + 2].parse().expect("a number of steps");
        work(&arguments[at + 1], &runbook(steps), &catalog());
        println!("{}", peak_kib());
        return;
    }
    let quick = arguments.iter().any(|word| word == "--quick");
    let rounds = if quick { 1 } else { 15 };
    print_machine(&std::env::current_dir().expect("there is a working directory"));
    let catalog = catalog();
    for steps in [1_000, 10_000] {
        let text = runbook(steps);
        let mut times = [const { Vec::new() }; WORKS.len()];
        // In turns, so that all see the same machine; the median counts.
        for _ in 0..rounds {
            for (name, times) in WORKS.iter().zip(&mut times) {
                let begin = Instant::now();
                work(name, &text, &catalog);
                times.push(begin.elapsed().as_secs_f64() * 1_000.0);
            }
        }
        let medians = times.map(|mut times| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        });
        for (name, ms) in WORKS.iter().zip(medians) {
            print(vec![
                ("line", "check".into()),
                ("what", (*name).into()),
                ("steps", steps.into()),
                ("bytes", (text.len() as u64).into()),
                ("ms", ms.into()),
                ("ratio", (ms / medians[0]).into()),
                ("peak_kib", peak_of(name, steps).into()),
            ]);
        }
    }
}

fn work(name: &str, text: &str, catalog: &Catalog) {
    if name == "yaml" {
        assert!(black_box(yaml_mistakes(text)).is_empty());
        return;
    }
    let checked = black_box(check("bench.yaml", text, Some(&BTreeMap::new()), catalog));
    assert!(!checked.has_errors(), "the runbook of the bench is right");
    if name == "plan" {
        let plan = IndexedPlan::new(checked.plan.expect("there is a plan"));
        let plan = plan.expect("what the check lets pass is a plan");
        black_box(Outline::new(&plan, catalog));
    }
}

/// The catalog of the crate's tests.
fn catalog() -> Catalog {
    serde_json::from_str(include_str!("../tests/catalog.json")).expect("the catalog is valid")
}

/// Steps as people write them: looks with conditions on others, changes with bounds.
fn runbook(steps: u64) -> String {
    let mut text =
        "windlass: 1\nname: many\ninputs:\n  host: {type: string, default: db-1}\nsteps:\n"
            .to_owned();
    for step in 0..steps {
        let _ = writeln!(
            text,
            "  step_{step}:\n    title: Step number {step}\n    uses: shell"
        );
        if step > 0 {
            let _ = writeln!(text, "    needs: step_{}", step - 1);
        }
        let _ = match step % 4 {
            0 => writeln!(
                text,
                "    effect: read\n    with: {{script: look, env: {{HOST: \"${{{{ inputs.host }}}}\"}}}}"
            ),
            1 => writeln!(
                text,
                "    effect: read\n    with: {{script: look}}\n    expect: stdout.size() > 0 && exit_code == 0"
            ),
            2 => writeln!(
                text,
                "    effect: idempotent\n    timeout: 5m\n    retry: {{attempts: 3}}\n    with: {{script: act, env: {{SEEN: \"${{{{ steps.step_{}.outputs.stdout }}}}\"}}}}",
                step - 1
            ),
            _ => writeln!(
                text,
                "    effect: read\n    with: {{script: look}}\n    when: inputs.host != ''"
            ),
        };
    }
    text
}

/// The most memory that a process of its own needs for the work.
fn peak_of(name: &str, steps: u64) -> u64 {
    let myself = std::env::current_exe().expect("a process knows its program");
    let said = Command::new(myself)
        .args(["--memory", name, &steps.to_string()])
        .output()
        .expect("this program can be started");
    assert!(said.status.success());
    let text = String::from_utf8_lossy(&said.stdout);
    text.trim().parse().expect("it prints a number")
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let words = line.and_then(|line| line.split_whitespace().next());
    words.and_then(|word| word.parse().ok()).unwrap_or_default()
}
