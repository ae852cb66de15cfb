//! The vendor's procedure for a managed instance: the runbook asks a local cloud through the
//! plugin `otc-rds`, and behind the cloud are four real PostgreSQL servers, or nothing.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use rds_lab::api::{Api, Durations, Options as ApiOptions, without_servers};
use rds_lab::{ProbeOptions, Server};

use super::{
    Options, follow, lab_options, look, print_journal, print_seen, print_servers, windlass,
};
use crate::plugins;
use crate::process::{root, target_dir};

const RUNBOOK: &str = "runbooks/rds_pg_minor_upgrade.yaml";
/// What the demo's policy is made of.
const POLICY: &str = "runbooks/policies/three_groups.yaml";
/// One person runs the demo, who has one way in: the board is one of the leads.
const BOARD: (&str, &str) = (
    "all_of: [{group: dba_leads}, {group: change_managers}]",
    "all_of: [{group: dba_leads}]",
);
/// How long an operation of the cloud takes at least.
const EACH: Duration = Duration::from_secs(2);

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    plugins::ensure()?;
    println!(
        "preparing the cloud{}",
        match options.simulate {
            true => ", with nothing behind it",
            false => ": an instance with two replicas, and its DR instance in another region",
        }
    );
    let mut cloud = match options.simulate {
        true => ApiOptions::simulated(),
        false => ApiOptions::postgres(lab_options(options)),
    };
    cloud.settings.durations = Durations::all(EACH);
    let api = Api::start(cloud).context("cannot prepare the cloud")?;
    let begun = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let dir = target_dir()
        .join("demo")
        .join(format!("rds-{}", begun.as_secs()));
    std::fs::create_dir_all(&dir)?;
    let before = api.lab().map(look).transpose()?;
    if let Some(before) = &before {
        print_seen("before", before);
    }
    print_cloud("before", &api);

    let probe = api
        .lab()
        .map(|lab| lab.write_probe(ProbeOptions::default()));
    let probe = probe.transpose()?;
    let state_dir = dir.join("state");
    let status = upgrade(options, &api, &dir, &state_dir)?;
    let report = probe.map(|probe| probe.stop());

    println!("\n--- proof ---");
    let mut whole = true;
    if let (Some(lab), Some(before), Some(report)) = (api.lab(), &before, &report) {
        lab.wait_streaming(&Server::STANDBYS, Duration::from_secs(60))?;
        whole = print_servers(lab, before, &look(lab)?, report)?;
    }
    whole &= print_cloud("after", &api);
    let started = api.count("upgrade.started");
    println!("\nupgrades that the cloud began: {started}");
    print_journal(&state_dir);
    if !status.success() {
        bail!("windlass ended with {status}; the run's story is above");
    }
    if !whole || started != 1 {
        bail!("the proof failed");
    }
    Ok(())
}

/// What the cloud says of the instance and of DR; answers whether DR is there and all run the
/// same version.
fn print_cloud(when: &str, api: &Api) -> bool {
    println!("\n{when}, by the cloud:");
    let seen = api.overview();
    let (ids, none) = (api.servers(), Vec::new());
    let wanted = [&ids.primary, &ids.replicas[0], &ids.replicas[1], &ids.dr];
    let instances = seen["instances"].as_array().unwrap_or(&none);
    let word = |value: &serde_json::Value| value.as_str().unwrap_or("?").to_owned();
    let mut versions = Vec::new();
    for id in wanted {
        let Some(instance) = instances.iter().find(|instance| instance["id"] == **id) else {
            continue;
        };
        let version = word(&instance["version"]);
        let (name, region) = (word(&instance["name"]), word(&instance["region"]));
        println!(
            "  {name:<12} {region:<6} {version:<11} {}",
            word(&instance["status"])
        );
        versions.push(version);
    }
    let relations = seen["relations"].as_array().unwrap_or(&none);
    let sides = relations.first().map(|relation| {
        let (primary, dr) = (word(&relation["primary_side"]), word(&relation["dr_side"]));
        println!(
            "  DR relation: primary {primary}, DR {dr}, since {}",
            relation["since"][1]
        );
        primary == "Normal" && dr == "Normal"
    });
    versions.dedup();
    sides == Some(true) && versions.len() == 1
}

/// Runs it in this terminal.
fn upgrade(
    options: &Options,
    api: &Api,
    dir: &Path,
    state_dir: &Path,
) -> anyhow::Result<ExitStatus> {
    let inputs = dir.join("inputs.json");
    std::fs::write(&inputs, serde_json::to_vec_pretty(&api.inputs())?)?;
    let runbook = runbook(options, dir)?;
    let policy = policy(dir)?;
    let mut run = windlass(state_dir);
    run.arg("--policy").arg(policy);
    run.arg("run").arg(runbook).arg("--input-file").arg(inputs);
    for (name, value) in api.secrets() {
        let variable = name.to_uppercase();
        run.arg("--secret").arg(format!("{name}=env:{variable}"));
        run.env(variable, value);
    }
    println!("\n$ windlass run {RUNBOOK} --input-file … --secret …\n");
    follow(options, run, state_dir)
}

/// A copy of the runbook for one person, beside the plugins that it names; without servers
/// it asks none.
fn runbook(options: &Options, dir: &Path) -> anyhow::Result<PathBuf> {
    let mut text = std::fs::read_to_string(root().join(RUNBOOK))?;
    if options.simulate {
        text = without_servers(&text)?;
    }
    let text = changed(text, &[BOARD])?;
    std::os::unix::fs::symlink(root().join("plugins"), dir.join("plugins"))?;
    let copy = dir.join(RUNBOOK);
    std::fs::create_dir(dir.join("runbooks"))?;
    std::fs::write(&copy, text)?;
    Ok(copy)
}

/// The shipped policy, in which whoever runs the demo leads, is on shift, and decides about
/// what he started himself.
fn policy(dir: &Path) -> anyhow::Result<PathBuf> {
    use std::os::unix::fs::MetadataExt as _;
    let uid = std::fs::metadata(dir)?.uid();
    let person = format!("{{uid: {uid}}}");
    let text = std::fs::read_to_string(root().join(POLICY))?;
    let changes = [
        ("{os_user: ann}", person.as_str()),
        ("{members: bob}", "{members: ann}"),
        (
            "    may: approve\n    groups: [dba_leads, change_managers, on_shift]\n",
            "    may: approve\n    groups: [dba_leads, change_managers, on_shift]\n    own_runs: true\n",
        ),
    ];
    let text = changed(text, &changes)?;
    let file = dir.join("policy.yaml");
    std::fs::write(&file, &text)?;
    println!("\nthe policy, {}:\n", file.display());
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        println!("  {line}");
    }
    Ok(file)
}

fn changed(mut text: String, changes: &[(&str, &str)]) -> anyhow::Result<String> {
    for (from, to) in changes {
        if !text.contains(from) {
            bail!("nothing says {from:?} any more");
        }
        text = text.replacen(from, to, 1);
    }
    Ok(text)
}
