//! What the plan of the vendor's procedure says under the policy that ships with it: who
//! decides, when, and what the instance may be without.

use std::path::Path;
use std::process::Command;

use windlass_tests::binary::windlass;
use windlass_tests::cache;

const RUNBOOKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../runbooks");

fn said(command: &mut Command) -> String {
    let output = command.output().expect("the program can be started");
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    assert!(output.status.success(), "{printed}");
    printed
}

#[test]
fn the_shipped_policy_is_right() {
    let policy = Path::new(RUNBOOKS).join("policies/three_groups.yaml");
    said(
        Command::new(windlass())
            .args(["policy", "check"])
            .arg(policy),
    );
}

#[test]
fn the_plan_says_who_decides_when_and_what_is_owed() {
    if !super::are_built() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = Path::new(RUNBOOKS).join("rds_pg_minor_upgrade.yaml");
    let mut plan = Command::new(windlass());
    plan.arg("plan")
        .arg(&file)
        .arg("--input-file")
        .arg(file.with_extension("inputs.json"))
        .arg("--policy")
        .arg(Path::new(RUNBOOKS).join("policies/three_groups.yaml"))
        .env("XDG_STATE_HOME", folder.path())
        .env("XDG_CACHE_HOME", cache::dir());
    let printed = said(&mut plan);
    // Lines are broken by width: their words stay in order.
    let words: Vec<&str> = printed.split_whitespace().collect();
    let printed = words.join(" ");
    for expected in [
        "input without_dr = 4h",
        "takes dba_leads, change_managers, each another person",
        "takes one of on_shift",
        "window dr_detached to replica_servers begin as one in an opening of off_peak of at least 4h 36m",
        "debt upgrade owes dr_established",
        "debt dr_detached owes dr_established",
        // Where the cloud offers no endpoints for it, people do it.
        "dr_in_hand irreversible manual",
        "dr_established_by_hand idempotent manual",
    ] {
        assert!(printed.contains(expected), "no {expected:?} in\n{printed}");
    }
    let page = std::fs::read_to_string(file.with_extension("md")).unwrap();
    assert!(page.contains("four hours and 36 minutes"));
}
