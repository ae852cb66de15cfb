//! The fuzz targets, built with coverage feedback on the stable compiler and run for some
//! seconds each. What they assert is theirs; a run that finds something leaves the text
//! that did it, and the next one can be started on it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, bail};

use crate::process::{cargo, root, run, target_dir};

/// The targets, each with the folders of texts that it starts from.
const TARGETS: [(&str, &[&str]); 3] = [
    ("yaml", &["tests/right", "tests/wrong"]),
    ("expression", &[]),
    ("fmt", &["tests/format", "tests/wrong"]),
];
/// How long each target runs with every change.
const SECONDS: u32 = 20;
/// How long each target runs in the whole set.
const SECONDS_FULL: u32 = 600;
/// The longest text that is made: long enough for every construct of the language.
const TEXT_BYTES_MAX: u32 = 4096;
/// One text must be done with in this time, also on a busy machine.
const TEXT_SECONDS_MAX: u32 = 20;
const MEMORY_MIB_MAX: u32 = 2048;

/// What `cargo fuzz` gives the compiler, without the sanitizers, which need a nightly one:
/// counters at each branch and the operands of comparisons.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Ccodegen-units=1";

/// Builds all targets and runs each for its time; what was reached is kept for the next run.
pub(crate) fn fuzz(full: bool) -> anyhow::Result<()> {
    let seconds = if full { SECONDS_FULL } else { SECONDS };
    let home = root().join("crates/windlass-runbook");
    let work = target_dir().join("fuzz");
    let start = Instant::now();
    let built = build(&home, &work)?;
    println!("built in {:.1} s", start.elapsed().as_secs_f64());
    for (name, seeds) in TARGETS {
        let corpus = work.join("corpus").join(name);
        std::fs::create_dir_all(&corpus).context("a folder for what is found")?;
        let start = Instant::now();
        let mut command = Command::new(built.join(name));
        command
            .current_dir(&home)
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={TEXT_BYTES_MAX}"))
            .arg(format!("-timeout={TEXT_SECONDS_MAX}"))
            .arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"))
            .arg(format!("-artifact_prefix={}/{name}-", work.display()))
            .args(["-print_final_stats=1", "-verbosity=0"])
            .arg("-dict=fuzz/words.dict")
            .arg(&corpus)
            .args(seeds);
        run(&mut command).with_context(|| {
            let place = work.display();
            format!(
                "{name} found something; the text lies in {place}, and `{name} TEXT` repeats it"
            )
        })?;
        println!("{name}: {:.1} s", start.elapsed().as_secs_f64());
    }
    Ok(())
}

/// Builds the targets and answers where they are.
fn build(home: &Path, work: &Path) -> anyhow::Result<PathBuf> {
    let target = host()?;
    run(cargo()
        .args(["build", "--locked", "--bins", "--target", &target])
        .arg("--manifest-path")
        .arg(home.join("fuzz/Cargo.toml"))
        .arg("--target-dir")
        .arg(work)
        // For the host alone they would be used for build scripts too.
        .env("RUSTFLAGS", FLAGS))?;
    Ok(work.join(target).join("debug"))
}

/// This machine's kind, as the compiler names it.
fn host() -> anyhow::Result<String> {
    let said = Command::new("rustc").arg("-vV").output()?;
    let said = String::from_utf8(said.stdout)?;
    match said.lines().find_map(|line| line.strip_prefix("host: ")) {
        Some(host) => Ok(host.to_owned()),
        None => bail!("`rustc -vV` names no host"),
    }
}
