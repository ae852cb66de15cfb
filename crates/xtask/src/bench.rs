//! `cargo xtask bench`: runs every benchmark and writes what they print as a page.
//! What is measured lies with the crates (`benches/`); what is aimed at lies in `page`.

mod page;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

use crate::process::{cargo, root};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Show that the benchmarks still run: little work, unoptimised, no page is written.
    #[arg(long)]
    quick: bool,
    /// A directory on the disk that is to be measured, instead of the target folder.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// A benchmark and the kinds of lines that it must print.
struct Bench {
    package: &'static str,
    name: &'static str,
    lines: &'static [&'static str],
    /// Whether it measures a disk.
    on_disk: bool,
}

const BENCHES: &[Bench] = &[
    Bench {
        package: "windlass-journal",
        name: "append",
        lines: &["append"],
        on_disk: true,
    },
    Bench {
        package: "windlass-engine",
        name: "steps",
        lines: &["steps"],
        on_disk: true,
    },
    Bench {
        package: "windlass-core",
        name: "decisions",
        lines: &["decisions"],
        on_disk: false,
    },
    Bench {
        package: "windlass-core",
        name: "allocations",
        lines: &["allocations"],
        on_disk: false,
    },
    Bench {
        package: "windlass-engine",
        name: "parked",
        lines: &["parked", "restart"],
        on_disk: true,
    },
    Bench {
        package: "windlass-runbook",
        name: "check",
        lines: &["check"],
        on_disk: false,
    },
    Bench {
        package: "windlass-cli",
        name: "start",
        lines: &["start"],
        on_disk: true,
    },
    Bench {
        package: "windlass-cli",
        name: "plugins",
        lines: &[
            "plugin_load",
            "plugin_step",
            "plugin_live",
            "plugin_parallel",
        ],
        on_disk: true,
    },
    Bench {
        package: "windlass-cli",
        name: "rehearse",
        lines: &["rehearse"],
        on_disk: false,
    },
];

/// One printed line: its fields by name.
pub(crate) type Line = Map<String, Value>;

/// All printed lines by their kind.
pub(crate) type Lines = BTreeMap<String, Vec<Line>>;

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let load_before = page::load();
    // Some of them take a plugin.
    crate::plugins::ensure()?;
    let mut lines = Lines::new();
    for bench in BENCHES {
        println!("\n=== {} of {}", bench.name, bench.package);
        measure(bench, options, &mut lines)?;
        for kind in bench.lines {
            if !lines.contains_key(*kind) {
                bail!("{} printed no line of the kind {kind}", bench.name);
            }
        }
    }
    let text = page::render(&lines, &load_before)?;
    if options.quick {
        println!("\nevery benchmark runs; nothing is written");
        return Ok(());
    }
    let path = root().join("docs").join("benchmarks.md");
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    println!("\nwrote {}", path.display());
    Ok(())
}

/// Runs one benchmark, shows what it prints and keeps it.
fn measure(bench: &Bench, options: &Options, lines: &mut Lines) -> anyhow::Result<()> {
    let mut command = cargo();
    command.args(["bench", "--quiet", "--locked", "-p", bench.package]);
    command.args(["--bench", bench.name]);
    if options.quick {
        command.args(["--profile", "dev"]);
    }
    command.arg("--");
    if options.quick {
        command.arg("--quick");
    }
    if let (Some(dir), true) = (&options.dir, bench.on_disk) {
        command.arg("--dir").arg(std::path::absolute(dir)?);
    }
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    if !output.status.success() {
        bail!("the benchmark {} ended with {}", bench.name, output.status);
    }
    for line in text.lines().filter(|line| line.starts_with('{')) {
        let line: Line = serde_json::from_str(line)
            .with_context(|| format!("{} printed what is no JSON: {line}", bench.name))?;
        let kind = line.get("line").and_then(Value::as_str);
        let kind = kind.context("a printed line has no kind")?.to_owned();
        lines.entry(kind).or_default().push(line);
    }
    Ok(())
}
