//! Policies: their mistakes, what they answer, and a directory that is governed by one.

use std::os::unix::fs::MetadataExt as _;

use windlass_core::plan::Digest;
use windlass_tests::golden::Test;

use crate::runbooks::GATED;

/// Whoever runs the tests is ann; nobody on this machine is bob or cyd.
fn policy(rules: &str) -> String {
    let uid = std::fs::metadata("/proc/self")
        .expect("this is Linux")
        .uid();
    of(uid, rules)
}

/// The same with another ann, where the digest must be the same on every machine.
fn of(uid: u32, rules: &str) -> String {
    format!(
        "windlass_policy: 1\n\
         zone: Europe/Berlin\n\
         people:\n  ann: {{uid: {uid}}}\n  bob: {{uid: 4000000001}}\n  cyd: {{uid: 4000000002}}\n\
         groups:\n  board: {{members: [bob, cyd]}}\n  \
         on_shift:\n    shifts:\n      - {{people: cyd, weekly: mon-fri, from: \"08:00\", to: \"18:00\"}}\n\
         rules:\n{rules}"
    )
}

const BOARD: &str = "  ann_runs: {may: [start, direct, perform], people: ann}\n  board_decides: {may: approve, groups: board}\n";

#[test]
fn a_policy_is_checked_as_a_runbook_is() {
    let mut test = Test::new("policy_checked");
    let wrong = policy(
        "  ann_runs: {may: [start, dirct], people: anna}\n  \
         all_decide: {may: approve}\n\
         windows:\n  off_peak:\n    open:\n      - {weekly: [sat, sunday], from: \"22:00\", to: \"4\"}\n\
         demands:\n  backups: {targets: db-1, guard: {backup: {}}, windows: of_peak}\n\
         on: {debt: page}\n",
    );
    test.file("wrong.yaml", &wrong);
    test.file("policy.yaml", &policy(BOARD));
    let wider = BOARD.replace("groups: board", "groups: [board, on_shift]");
    test.file("wider.yaml", &policy(&wider));
    test.call(&["policy", "check", "wrong.yaml"]);
    test.call(&["policy", "check", "policy.yaml"]);
    test.call(&["policy", "check", "wider.yaml", "--against", "policy.yaml"]);
    test.call(&["policy", "check", "policy.yaml", "--against", "policy.yaml"]);
    test.check();
}

#[test]
fn a_policy_is_asked_who_could_and_when() {
    let mut test = Test::new("policy_explained");
    let more = "windows:\n  off_peak:\n    open:\n      - {weekly: [sat, sun], from: \"22:00\", to: \"04:00\"}\n\
                freezes:\n  year_end: {reason: The books are closed, dates: 2026-12-28..2027-01-03}\n";
    let rules = BOARD.replace("groups: board", "groups: [board, on_shift]");
    test.file("policy.yaml", &(of(4_000_000_000, &rules) + more));
    test.file("gated.yaml", GATED);
    let monday = [
        "--policy",
        "policy.yaml",
        "--at",
        "2026-11-23T10:00:00+01:00",
    ];
    let ask = |test: &mut Test, more: &[&str]| {
        let all: Vec<&str> = ["policy", "explain"]
            .iter()
            .chain(&monday)
            .chain(more)
            .copied()
            .collect();
        test.call(&all);
    };
    ask(&mut test, &[]);
    ask(&mut test, &["gated.yaml", "--requester", "ann"]);
    ask(
        &mut test,
        &["gated.yaml", "--gate", "go", "--requester", "bob"],
    );
    // A gate that asks for a group is for those who are in it then.
    let shift = GATED.replace("expires: 30m", "all_of: [{group: on_shift}]");
    assert_ne!(shift, GATED);
    test.file("shift.yaml", &shift);
    ask(&mut test, &["shift.yaml", "--gate", "go"]);
    ask(&mut test, &["--person", "bob"]);
    ask(&mut test, &["--person", "eve"]);
    test.call(&["policy", "explain"]);
    test.check();
}

#[test]
fn a_directory_is_governed_until_another_policy_is_loaded() {
    let mut test = Test::new("policy_governs");
    test.file("gated.yaml", GATED);
    test.file("policy.yaml", &policy(BOARD));
    let alone = BOARD.replace("groups: board", "people: ann, own_runs: true");
    test.file("alone.yaml", &policy(&alone));
    test.file(
        "nobody.yaml",
        &policy("  board_decides: {may: approve, groups: board}\n"),
    );
    // Who runs the tests stands in them, and so their digests differ by machine.
    for (name, hidden) in [
        ("policy.yaml", "[FIRST]"),
        ("alone.yaml", "[SECOND]"),
        ("nobody.yaml", "[THIRD]"),
    ] {
        let text = std::fs::read(test.dir().join(name)).expect("it was written");
        test.hide(&Digest::of(&text).short(), hidden);
    }
    test.call(&["run", "gated.yaml", "--no-wait", "--policy", "policy.yaml"]);
    // Named once, it holds until another one takes its place.
    test.call(&["approve", "RUN", "go"]);
    test.call(&["approve", "RUN", "go", "--policy", "alone.yaml"]);
    test.call(&["show", "RUN"]);
    test.call(&["run", "gated.yaml", "--no-wait", "--policy", "nobody.yaml"]);
    test.call(&["journal", "verify"]);
    test.call(&["policy", "log"]);
    test.check();
}

#[test]
fn signatures_are_what_a_policy_asks_of_the_next_one() {
    let mut test = Test::new("policy_unsigned");
    test.file("gated.yaml", GATED);
    let careful = format!("{BOARD}loads: {{require_signatures: 1}}\n");
    test.file("policy.yaml", &policy(&careful));
    let alone = BOARD.replace("groups: board", "people: ann, own_runs: true");
    test.file("alone.yaml", &policy(&alone));
    test.call(&["run", "gated.yaml", "--no-wait", "--policy", "policy.yaml"]);
    test.call(&["approve", "RUN", "go", "--policy", "alone.yaml"]);
    test.check();
}
