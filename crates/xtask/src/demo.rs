//! `cargo xtask demo`: a flagship runbook on a lab, from nothing to a printed proof. It drives
//! the built binary as a user would. The vendor's procedure runs against a local cloud; with
//! `--self-managed` it is the upgrade of servers that nobody manages.

mod rds;
mod self_managed;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rds_lab::{BuildSource, Lab, Options as LabOptions, ProbeReport, Server};

use crate::process::{cargo, root, run as run_program, target_dir};
use crate::tools;

/// How often `--yes` looks whether the gate is open.
const LOOK_EVERY: Duration = Duration::from_millis(300);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Approve the gates as the user who runs this, instead of asking in the terminal.
    #[arg(long)]
    yes: bool,
    /// Upgrade four servers over their hosts, instead of an instance through a cloud's API.
    #[arg(long)]
    self_managed: bool,
    /// A cloud with nothing behind it: no PostgreSQL is needed, and no server is asked.
    #[arg(long, conflicts_with_all = ["self_managed", "pg_old"])]
    simulate: bool,
    /// Directory of the old PostgreSQL build, instead of the pinned one.
    #[arg(long, value_name = "DIR", requires = "pg_new")]
    pg_old: Option<PathBuf>,
    /// Directory of the new PostgreSQL build, instead of the pinned one.
    #[arg(long, value_name = "DIR", requires = "pg_old")]
    pg_new: Option<PathBuf>,
    /// Leave the servers running at the end.
    #[arg(long, requires = "self_managed")]
    keep: bool,
}

/// What can be seen of one server.
struct Seen {
    server: Server,
    version: String,
    role: String,
    checksum: String,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if !options.yes && !std::io::stdin().is_terminal() {
        bail!("the demo asks for the approval in the terminal; without one, give --yes");
    }
    tools::ensure_packages(if options.pg_old.is_some() || options.simulate {
        &[]
    } else {
        tools::DEMO
    })?;
    println!("building windlass");
    run_program(cargo().args(["build", "--quiet", "--locked", "-p", "windlass-cli"]))?;
    if options.self_managed {
        self_managed::run(options)
    } else {
        rds::run(options)
    }
}

fn lab_options(options: &Options) -> LabOptions {
    let mut lab = LabOptions::new(target_dir().join("lab").join("builds"));
    if let (Some(old), Some(new)) = (&options.pg_old, &options.pg_new) {
        lab.pg_old = BuildSource::Directory(old.clone());
        lab.pg_new = BuildSource::Directory(new.clone());
    }
    lab
}

/// The built program.
fn binary() -> PathBuf {
    target_dir().join("debug").join("windlass")
}

fn windlass(state_dir: &Path) -> Command {
    let mut command = Command::new(binary());
    command
        .current_dir(root())
        .arg("--state-dir")
        .arg(state_dir);
    command
}

/// Follows a run in this terminal; with `--yes` a second process approves.
fn follow(options: &Options, mut run: Command, state_dir: &Path) -> anyhow::Result<ExitStatus> {
    if options.yes {
        run.stdin(Stdio::null());
    }
    let mut child = run.spawn().context("cannot start windlass")?;
    if !options.yes {
        return Ok(child.wait()?);
    }
    let mut approved = Vec::new();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if let Some((run, gate)) = open_gate(state_dir).filter(|gate| !approved.contains(gate)) {
            println!(
                "--yes: approving the gate `{gate}` of {run} as {}",
                whoami()
            );
            let note = "approved by cargo xtask demo --yes, without a look";
            run_program(windlass(state_dir).args(["approve", &run, &gate, "--note", note]))?;
            approved.push((run, gate));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// The run whose gate is open and the gate, if there is one: a run waits for other things, too.
fn open_gate(state_dir: &Path) -> Option<(String, String)> {
    let asked = |arguments: &[&str]| {
        let output = windlass(state_dir).args(arguments).arg("--json").output();
        let text = String::from_utf8(output.ok()?.stdout).ok()?;
        let values = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>();
        Some(values.filter_map(Result::ok).collect::<Vec<_>>())
    };
    let runs = asked(&["runs"])?;
    let run = runs.iter().find(|run| run["state"] == "waiting")?["run"].as_str()?;
    let why = asked(&["why", run])?;
    let waits = why.first()?["waits"].as_array()?;
    let gate = waits.iter().find(|wait| wait["kind"] == "gate")?;
    // What is typed next is `windlass approve RUN GATE`.
    let approve = gate["next"].as_array()?.first()?.as_str()?;
    let step = approve.split(' ').nth(3)?;
    Some((run.to_owned(), step.to_owned()))
}

fn whoami() -> String {
    let output = Command::new("id").arg("-un").output();
    let name = output
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok());
    name.map_or_else(|| "this user".to_owned(), |name| name.trim().to_owned())
}

fn look(lab: &Lab) -> anyhow::Result<Vec<Seen>> {
    let streaming = lab.streaming()?;
    Server::ALL
        .into_iter()
        .map(|server| {
            let role = if lab.is_in_recovery(server)? {
                let state = streaming
                    .iter()
                    .find(|standby| standby.name == server.as_str());
                format!(
                    "standby, {}",
                    state.map_or("not connected", |standby| &standby.state)
                )
            } else {
                "primary".to_owned()
            };
            let (version, checksum) = (lab.version(server)?, lab.checksum(server)?);
            Ok(Seen {
                server,
                version,
                role,
                checksum,
            })
        })
        .collect()
}

fn print_seen(when: &str, seen: &[Seen]) {
    println!("\n{when}:");
    for Seen {
        server,
        version,
        role,
        checksum,
    } in seen
    {
        println!(
            "  {:<9} {version:<7} {role:<20} data {checksum}",
            server.as_str()
        );
    }
}

/// What the servers and the writer saw; answers whether nothing was lost.
fn print_servers(
    lab: &Lab,
    before: &[Seen],
    after: &[Seen],
    report: &ProbeReport,
) -> anyhow::Result<bool> {
    print_seen("before", before);
    print_seen("after", after);
    let equal = before
        .iter()
        .zip(after)
        .all(|(before, after)| before.checksum == after.checksum);
    println!(
        "\ndata checksum equal on every server: {}",
        if equal { "yes" } else { "NO" }
    );
    let verdict = report.verify(lab, Server::Primary)?;
    println!(
        "writes during the upgrade: {} accepted, {} refused, {} without an answer; refused for {:.2} s",
        report.accepted(),
        report.refused(),
        report.unknown(),
        report.refused_for().as_secs_f64()
    );
    println!(
        "acknowledged rows that are not there: {}",
        verdict.lost.len()
    );
    Ok(equal && verdict.lost.is_empty())
}

/// Where the story of the run is.
fn print_journal(state_dir: &Path) {
    let near = |path: &Path| {
        path.strip_prefix(root())
            .unwrap_or(path)
            .display()
            .to_string()
    };
    let (state, program) = (near(state_dir), near(&binary()));
    println!("\nthe journal lies in {state}; look at it with");
    println!("  {program} --state-dir {state} runs");
    println!("  {program} --state-dir {state} show RUN");
    println!("  {program} --state-dir {state} journal verify");
}
