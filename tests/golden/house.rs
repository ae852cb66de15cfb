//! Keeping house: runs are pruned, stay listed, and the journal still verifies.

use windlass_tests::golden::Test;

use crate::endings::id_of;
use crate::runbooks::{GATED, HELLO};

#[test]
fn ended_runs_are_pruned() {
    let mut test = Test::new("prune");
    test.file("hello.yaml", HELLO);
    test.file("gated.yaml", GATED);
    test.call(&["prune", "20261122-0142-k3f9q2"]);
    let first = id_of(&test.call(&["run", "hello.yaml"]));
    test.call(&["run", "gated.yaml", "--no-wait"]);
    test.call(&["prune"]);
    test.call(&["prune", "--older-than", "soon"]);
    test.call(&["prune", &first, "RUN"]);
    test.call(&["prune", "--older-than", "1d"]);
    test.call(&["prune", "--older-than", "0s", "--dry-run"]);
    assert!(holds(&test, "hello, world"), "a dry run erases nothing");
    let out = test.call(&["prune", "--older-than", "0s"]);
    assert!(out.contains("erased bodies and logs of 1 run:"), "{out}");
    assert!(
        !holds(&test, "hello, world"),
        "a log or an output is still there"
    );
    test.call(&["prune", "--older-than", "0s"]);
    test.call(&["runs"]);
    test.call(&["show", &first]);
    test.call(&["why", &first]);
    test.call(&["handover", &first]);
    test.call(&["logs", &first]);
    test.call(&["watch", &first]);
    test.call(&["resume", &first]);
    test.call(&["export", &first, "-o", "pruned.jsonl"]);
    test.call(&["journal", "verify", "--file", "pruned.jsonl"]);
    test.call(&["journal", "verify"]);
    // The other one is as it was.
    test.call(&["approve", "RUN", "go"]);
    test.check();
}

#[test]
fn an_owner_prunes_for_its_user() {
    let mut test = Test::new("prune_by_owner");
    test.file("hello.yaml", HELLO);
    let mut serve = test.begin(&["serve"]);
    serve.wait_for("socket ");
    test.call(&["run", "hello.yaml"]);
    test.call(&["prune", "RUN"]);
    test.call(&["why", "RUN"]);
    test.call(&["logs", "RUN"]);
    test.call(&["journal", "verify"]);
    serve.signal("TERM");
    serve.finish();
    test.check();
}

/// Whether any file of the state directory holds this text.
fn holds(test: &Test, text: &str) -> bool {
    let mut places = vec![test.state()];
    while let Some(place) = places.pop() {
        if place.is_dir() {
            let entries = std::fs::read_dir(&place).expect("it is ours");
            places.extend(entries.map(|entry| entry.expect("it is ours").path()));
        } else if place.is_file() {
            let bytes = std::fs::read(&place).expect("it is ours");
            if bytes.windows(text.len()).any(|it| it == text.as_bytes()) {
                return true;
            }
        }
    }
    false
}
