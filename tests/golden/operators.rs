//! What only a person can settle, and the commands that settle it.

use windlass_tests::golden::Test;

use crate::runbooks::{DOUBTFUL, LATE, OWING};

#[test]
fn a_change_in_doubt_happened() {
    let mut test = Test::new("doubt_happened");
    test.file("doubtful.yaml", DOUBTFUL);
    test.call(&["run", "doubtful.yaml", "--no-wait"]);
    test.call(&["show", "RUN"]);
    test.call(&[
        "resolve",
        "RUN",
        "change",
        "happened",
        "--output",
        "text=plain",
        "--reason",
        "x",
    ]);
    test.call(&[
        "resolve",
        "RUN",
        "change",
        "not-happened",
        "--output",
        "a=1",
        "--reason",
        "x",
    ]);
    test.call(&["resolve", "RUN", "change", "happened", "--reason", " "]);
    test.call(&[
        "resolve",
        "RUN",
        "after",
        "happened",
        "--reason",
        "too early",
    ]);
    test.call(&[
        "resolve",
        "RUN",
        "change",
        "happened",
        "--output",
        "stdout=\"half way\"",
        "--reason",
        "seen in the console",
    ]);
    test.check();
}

#[test]
fn a_change_in_doubt_did_not_happen() {
    let mut test = Test::new("doubt_not_happened");
    test.file("doubtful.yaml", DOUBTFUL);
    test.call(&["run", "doubtful.yaml", "--no-wait"]);
    test.call(&[
        "resolve",
        "RUN",
        "change",
        "not-happened",
        "--reason",
        "the node was down",
    ]);
    test.check();
}

#[test]
fn a_doubt_is_given_up() {
    let mut test = Test::new("doubt_given_up");
    test.file("doubtful.yaml", DOUBTFUL);
    test.call(&["run", "doubtful.yaml", "--no-wait"]);
    test.call(&[
        "abandon",
        "RUN",
        "change",
        "--reason",
        "the machine is gone",
    ]);
    test.call(&["retry", "RUN", "change", "--reason", "again"]);
    test.check();
}

#[test]
fn what_nothing_contradicts_is_not_acknowledged() {
    let mut test = Test::new("acknowledge");
    test.file("doubtful.yaml", DOUBTFUL);
    test.call(&["run", "doubtful.yaml", "--no-wait"]);
    let acknowledge = |test: &mut Test, node: &str| {
        test.call(&["acknowledge", "RUN", node, "--reason", "nothing to see"]);
    };
    // In doubt, then settled; and a step that is not there.
    acknowledge(&mut test, "change");
    acknowledge(&mut test, "nowhere");
    test.call(&[
        "resolve",
        "RUN",
        "change",
        "not-happened",
        "--reason",
        "the node was down",
    ]);
    acknowledge(&mut test, "change");
    test.check();
}

#[test]
fn a_failure_after_the_point_of_no_return_is_retried() {
    let mut test = Test::new("retry");
    test.file("late.yaml", LATE);
    let file = test.dir().join("there").display().to_string();
    test.call(&[
        "run",
        "late.yaml",
        "--input",
        &format!("file={file}"),
        "--no-wait",
    ]);
    test.call(&["retry", "RUN", "verify", "--reason", "the replica was slow"]);
    test.file("there", "");
    test.call(&["retry", "RUN", "verify", "--reason", "it is there now"]);
    test.call(&["show", "RUN"]);
    test.check();
}

#[test]
fn a_failure_after_the_point_of_no_return_is_attested() {
    let mut test = Test::new("attest");
    test.file("late.yaml", LATE);
    test.call(&["run", "late.yaml", "--input", "file=/nowhere", "--no-wait"]);
    test.call(&["attest", "RUN", "change", "--reason", "it has not failed"]);
    test.call(&[
        "attest",
        "RUN",
        "verify",
        "--output",
        "stdout=\"\"",
        "--reason",
        "checked by hand",
    ]);
    test.check();
}

#[test]
fn a_run_after_the_point_of_no_return_is_given_up() {
    let mut test = Test::new("abandon");
    test.file("late.yaml", LATE);
    test.call(&["run", "late.yaml", "--input", "file=/nowhere", "--no-wait"]);
    test.call(&["show", "RUN"]);
    test.call(&["abandon", "RUN", "--reason", "we restore the backup"]);
    test.call(&["abandon", "RUN", "--reason", "again"]);
    test.check();
}

#[test]
fn a_debt_is_taken_over() {
    let mut test = Test::new("take_over");
    test.file("owing.yaml", OWING);
    test.call(&["run", "owing.yaml", "--no-wait"]);
    test.call(&["show", "RUN"]);
    test.call(&["runs"]);
    test.call(&["take-over", "RUN", "restore", "--reason", "done by hand"]);
    test.call(&["acknowledge", "RUN", "change", "--reason", "nothing to see"]);
    test.check();
}
