//! Reviews: what somebody is still to look at, and that he has, also after the end.

use windlass_tests::golden::Test;

const FAILING: &str = "\
windlass: 1
name: failing
title: A change that does not go through
owner: team-dba
steps:
  change:
    uses: shell
    effect: reversible
    timeout: 1m
    with: {argv: [\"false\"], no_effect_exit_codes: [1]}
";

#[test]
fn a_failure_is_looked_at_after_the_end() {
    let mut test = Test::new("reviews");
    test.file("failing.yaml", FAILING);
    test.call(&["reviews"]);
    test.call(&["run", "failing.yaml"]);
    test.call(&["reviews"]);
    test.call(&["show", "RUN"]);
    let close = |reason: &'static str| {
        let words = ["review", "close", "RUN", "1", "--code", "mended"];
        [&words[..], &["--reason", reason]].concat()
    };
    test.call(&close(" "));
    test.call(&close("the disk was full"));
    test.call(&close("once more"));
    test.call(&["reviews"]);
    test.call(&["reviews", "--all"]);
    test.call(&["show", "RUN"]);
    test.call(&[
        "review", "close", "RUN", "2", "--code", "mended", "--reason", "x",
    ]);
    test.call(&[
        "review", "close", "RUN", "1", "--code", "done", "--reason", "x",
    ]);
    test.remark("An owner takes it, too.");
    let mut serve = test.begin(&["serve"]);
    serve.wait_for("socket ");
    test.call(&["run", "failing.yaml"]);
    test.call(&["reviews"]);
    test.call(&close("known"));
    test.call(&["reviews"]);
    serve.signal("TERM");
    serve.finish();
    test.call(&["journal", "verify"]);
    test.check();
}
