//! Every run of the shipped runbooks keeps its promises, as `windlass rehearse` says; and of
//! runbooks with a fault in them it says which run does not.

#![expect(
    clippy::unwrap_used,
    reason = "a copy that cannot be made ends the test, which is all it can do"
)]

use std::path::Path;

use windlass_tests::binary::windlass;
use windlass_tests::skip::skip;

const RUNBOOKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../runbooks");
const PLUGINS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins");

/// What a rehearsal says of a runbook, and its exit code. The figure is printed alone: how
/// fast a machine is proves nothing.
fn rehearsed(runbook: &Path, options: &[&str]) -> (String, Option<i32>) {
    let started = std::time::Instant::now();
    let output = std::process::Command::new(windlass())
        .arg("rehearse")
        .arg(runbook)
        .args(options)
        .env("LANG", "C.UTF-8")
        .env_remove("LC_ALL")
        .output()
        .expect("the program can be started");
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    let states = printed.lines().nth(1).unwrap_or_default().trim();
    println!(
        "{}: {states}, in {:?}",
        runbook.display(),
        started.elapsed()
    );
    (printed, output.status.code())
}

fn has_plugins() -> bool {
    let is_built = Path::new(PLUGINS)
        .join("otc-rds/build/plugin.wasm")
        .exists();
    if !is_built {
        skip("plugins/otc-rds is not built: `cargo xtask plugins` builds it");
    }
    is_built
}

fn keeps_its_promises(name: &str) {
    let runbook = Path::new(RUNBOOKS).join(format!("{name}.yaml"));
    let (printed, code) = rehearsed(&runbook, &[]);
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("all that there are"), "{printed}");
}

#[test]
fn every_run_of_the_restart_keeps_its_promises() {
    keeps_its_promises("postgres_rolling_restart");
}

#[test]
fn every_run_of_the_servers_upgrade_keeps_its_promises() {
    keeps_its_promises("postgres_minor_upgrade");
}

#[test]
fn every_run_of_the_vendors_procedure_keeps_its_promises() {
    if has_plugins() {
        keeps_its_promises("rds_pg_minor_upgrade");
    }
}

/// Changes a text of a shipped runbook, and says what a rehearsal of it finds.
fn with_fault(name: &str, from: &str, to: &str) -> String {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("runbooks");
    copy(Path::new(RUNBOOKS), &folder);
    std::os::unix::fs::symlink(PLUGINS, place.path().join("plugins")).unwrap();
    let runbook = folder.join(format!("{name}.yaml"));
    let text = std::fs::read_to_string(&runbook).unwrap();
    assert_eq!(
        text.matches(from).count(),
        1,
        "{from:?} is not where it was"
    );
    std::fs::write(&runbook, text.replace(from, to)).unwrap();
    // The nearest states come first, and faults are near.
    let (printed, code) = rehearsed(&runbook, &["--states", "40000"]);
    assert_eq!(code, Some(1), "{printed}");
    printed
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// That a rule is broken, and by which story: the lines right below it.
fn broken<'a>(printed: &'a str, rule: &str) -> Vec<&'a str> {
    let mut lines = printed.lines();
    let mark = format!("✗ {rule}");
    lines
        .find(|line| line.contains(&mark))
        .unwrap_or_else(|| panic!("{rule} is not broken:\n{printed}"));
    let story: Vec<&str> = lines
        .skip_while(|line| !line.trim_start().starts_with("1. "))
        .take_while(|line| line.starts_with("      "))
        .collect();
    assert!(!story.is_empty(), "{rule} has no story:\n{printed}");
    story
}

#[test]
fn a_debt_that_is_left_out_is_found() {
    let printed = with_fault(
        "postgres_minor_upgrade",
        "    effect: irreversible\n    ensure: dr_established\n",
        "    effect: irreversible\n",
    );
    let story = broken(&printed, "at_every_end: !steps.upgrade_primary.acted").join("\n");
    assert!(story.contains("`upgrade_primary` starts"), "{story}");
    assert!(!story.contains("`dr_established` succeeds"), "{story}");
    assert!(story.contains("the run ends"), "{story}");
}

#[test]
fn a_gate_that_is_passed_by_is_found() {
    let printed = with_fault(
        "postgres_minor_upgrade",
        "    needs: go\n    for_each: inputs.standbys + [inputs.dr]\n",
        "    needs: [backup_verified, scripts]\n    for_each: inputs.standbys + [inputs.dr]\n",
    );
    let story = broken(&printed, "nothing irreversible starts before").join("\n");
    assert!(story.contains("`upgrade_primary` starts"), "{story}");
    broken(&printed, "never: steps.upgrade_standbys.started");
}

/// A change of a database demands a backup; one of something else does not.
#[test]
fn a_guard_that_is_dropped_is_found() {
    let printed = with_fault(
        "postgres_minor_upgrade",
        "target: postgres:${{ steps.identity.outputs.system }}\n",
        "target: service:${{ steps.identity.outputs.system }}\n",
    );
    let rule = "never: steps.upgrade_primary.started && !('backup'";
    let story = broken(&printed, rule).join("\n");
    assert!(story.contains("`upgrade_primary` starts"), "{story}");
}

#[test]
fn a_debt_of_the_vendors_procedure_that_is_left_out_is_found() {
    if !has_plugins() {
        return;
    }
    let printed = with_fault(
        "rds_pg_minor_upgrade",
        "    ensure: dr_established\n    timeout: 1h\n",
        "    timeout: 1h\n",
    );
    let story = broken(&printed, "at_every_end: !(steps.upgrade.acted").join("\n");
    assert!(story.contains("`upgrade` starts"), "{story}");
}
