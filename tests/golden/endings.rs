//! Runs that end by themselves, and by a person's will.

use windlass_tests::golden::Test;

use crate::runbooks::{FAILING, GATED, HELLO, SLOW, UNDOING};

#[test]
fn a_run_that_succeeds() {
    let mut test = Test::new("hello");
    test.file("hello.yaml", HELLO);
    test.call(&["check", "hello.yaml", "--input", "whom=you"]);
    test.call(&["run", "hello.yaml", "--input", "whom=you"]);
    test.call(&["show", "RUN"]);
    test.call(&["logs", "RUN"]);
    test.call(&["watch", "RUN"]);
    test.call(&["runs"]);
    test.call_with(&["run", "-"], HELLO);
    test.check();
}

#[test]
fn a_run_that_fails() {
    let mut test = Test::new("failing");
    test.file("failing.yaml", FAILING);
    test.call(&["run", "failing.yaml"]);
    test.call(&["show", "RUN"]);
    test.call(&["logs", "RUN", "look"]);
    test.call(&["logs", "RUN", "never"]);
    test.call(&["resume", "RUN"]);
    test.check();
}

#[test]
fn a_run_that_is_undone() {
    let mut test = Test::new("undone");
    test.file("undoing.yaml", UNDOING);
    test.call(&["run", "undoing.yaml"]);
    test.call(&["show", "RUN"]);
    test.call(&["logs", "RUN", "undo:change"]);
    test.check();
}

#[test]
fn records_as_json_lines() {
    let mut test = Test::new("json");
    test.file("hello.yaml", HELLO);
    test.call(&["run", "hello.yaml", "--json"]);
    test.call(&["runs", "--json"]);
    test.call(&["show", "RUN", "--json"]);
    test.check();
}

#[test]
fn a_run_that_is_cancelled_by_another_terminal() {
    let mut test = Test::new("cancel");
    test.file("slow.yaml", SLOW);
    let file = test.dir().join("there").display().to_string();
    let mut run = test.begin(&["run", "slow.yaml", "--input", &format!("file={file}")]);
    run.wait_for("wait_for_it started");
    let id = id_of(&run.printed());
    test.call(&["cancel", &id, "--reason", "the wrong database"]);
    // What is in flight comes to its end first.
    test.file("there", "");
    test.end(run);
    test.call(&["cancel", "RUN", "--reason", "again"]);
    test.check();
}

#[test]
fn a_run_that_is_paused_and_resumed() {
    let mut test = Test::new("pause");
    test.file("gated.yaml", GATED);
    test.call(&["run", "gated.yaml", "--no-wait"]);
    test.call(&["pause", "RUN", "--reason", "lunch"]);
    test.call(&["pause", "RUN", "--reason", "more lunch"]);
    test.call(&["approve", "RUN", "go"]);
    test.call(&["show", "RUN"]);
    test.call(&["resume", "RUN"]);
    test.check();
}

/// The run's id in what `run` printed first.
pub(crate) fn id_of(printed: &str) -> String {
    let first = printed.lines().next().expect("`run` says the id first");
    let id = first.strip_prefix("run ").expect("`run` says the id first");
    id.split(',')
        .next()
        .expect("a split has a first part")
        .to_owned()
}
