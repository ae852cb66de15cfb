//! Runs told in sentences, and lists of runs by what operators ask for.

use windlass_tests::golden::Test;

use crate::endings::id_of;
use crate::runbooks::{DOUBTFUL, FAILING, GATED, HELLO};

#[test]
fn a_run_is_told_with_and_without_an_owner() {
    let mut test = Test::new("why");
    test.file("gated.yaml", GATED);
    let mut run = test.begin(&["run", "gated.yaml"]);
    run.wait_for("windlass reject");
    let id = id_of(&run.printed());
    test.call(&["why", &id]);
    test.call(&["why", &id, "--json"]);
    test.call(&["handover", &id]);
    run.signal("INT");
    test.end(run);
    test.call(&["why", "RUN"]);
    test.call(&["pause", "RUN", "--reason", "the board is at lunch"]);
    test.call(&["why", "RUN"]);
    test.call(&["handover", "RUN"]);
    test.call(&["cancel", "RUN", "--reason", "not today"]);
    test.call(&["why", "RUN"]);
    test.call(&["why", "RUN", "--json"]);
    test.call(&["handover", "RUN"]);
    test.call(&["why", "20261122-0142-k3f9q2"]);
    test.check();
}

/// Each shelf is looked at by a person.
const LOOK_BY_HAND: &str = "\
windlass: 1
name: look
steps:
  look:
    uses: manual
    effect: read
    for_each: \"['a', 'b']\"
    with: {instructions: \"Look at shelf ${{ item }}\"}
";

#[test]
fn runs_are_listed_by_what_is_asked_for() {
    let mut test = Test::new("runs");
    test.file("hello.yaml", HELLO);
    test.file("failing.yaml", FAILING);
    test.file("doubtful.yaml", DOUBTFUL);
    test.call(&["runs"]);
    test.call(&["run", "hello.yaml"]);
    test.call(&["run", "failing.yaml"]);
    test.call(&["run", "doubtful.yaml", "--no-wait"]);
    test.file("look.yaml", LOOK_BY_HAND);
    test.call(&["run", "look.yaml", "--no-wait"]);
    test.call(&["runs", "--needs-me"]);
    test.call(&["runs", "--state", "failed"]);
    test.call(&["runs", "--runbook", "hello", "--since", "1h"]);
    test.call(&["runs", "--until", "1h"]);
    test.call(&["runs", "--limit", "1", "--state", "ended"]);
    test.call(&["runs", "--requester", "nobody-of-this-name"]);
    let labelled = "labels: {service: rds, risk: high}\nsteps:";
    test.file("labelled.yaml", &HELLO.replace("steps:", labelled));
    test.call(&["run", "labelled.yaml", "--no-wait"]);
    test.call(&["runs", "--label", "risk=high", "--label", "service=rds"]);
    test.call(&["runs", "--label", "risk=low"]);
    test.call(&["runs", "--label", "risk=low", "--label", "risk=high"]);
    test.call(&["runs", "--label", "risk"]);
    test.call(&["runs", "--since", "yesterday"]);
    test.call(&["runs", "--limit", "0"]);
    test.check();
}
