//! The flagship for servers that nobody manages: four real PostgreSQL servers, upgraded over
//! their hosts.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::{Context as _, bail};
use rds_lab::{Lab, ProbeOptions};

use super::{
    Options, follow, lab_options, look, print_journal, print_seen, print_servers, windlass,
};
use crate::process::target_dir;

const RUNBOOK: &str = "runbooks/postgres_minor_upgrade.yaml";

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    println!("preparing the lab: four PostgreSQL servers");
    let mut lab = Lab::create(&lab_options(options)).context("cannot prepare the lab")?;
    if options.keep {
        lab.keep();
    }
    let before = look(&lab)?;
    print_seen("before", &before);

    // A journal of its own, which stays when the lab goes.
    let name = lab
        .dir()
        .file_name()
        .context("the lab's directory has a name")?;
    let state_dir = target_dir().join("demo").join(name);
    let inputs = write_inputs(&lab)?;
    let probe = lab.write_probe(ProbeOptions::default())?;
    let status = upgrade(options, &lab, &state_dir, &inputs)?;
    let report = probe.stop();

    let after = look(&lab)?;
    println!("\n--- proof ---");
    let whole = print_servers(&lab, &before, &after, &report)?;
    print_journal(&state_dir);
    if !whole {
        bail!("the proof failed");
    }
    if options.keep {
        println!(
            "The servers still run; the lab lies in {}",
            lab.dir().display()
        );
    }
    if !status.success() {
        bail!("windlass ended with {status}; the run's story is above");
    }
    Ok(())
}

/// The runbook's inputs as a file.
fn write_inputs(lab: &Lab) -> anyhow::Result<PathBuf> {
    let inputs = lab.inputs();
    let file = lab.dir().join("inputs.json");
    std::fs::write(&file, serde_json::to_vec_pretty(&inputs)?)?;
    Ok(file)
}

/// Runs it in this terminal.
fn upgrade(
    options: &Options,
    lab: &Lab,
    state_dir: &Path,
    inputs: &Path,
) -> anyhow::Result<ExitStatus> {
    let mut run = windlass(state_dir);
    run.args(["run", RUNBOOK, "--input-file"]).arg(inputs);
    for (name, file) in lab.secret_files() {
        run.arg("--secret")
            .arg(format!("{name}=file:{}", file.display()));
    }
    println!("\n$ windlass run {RUNBOOK} --input-file … --secret …\n");
    follow(options, run, state_dir)
}
