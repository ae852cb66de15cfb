//! Two runs of one target: the second one waits, and says for whom.

use windlass_tests::golden::Test;

use crate::endings::id_of;

/// A change, then a gate: the lock is held while people think.
const HOLDER: &str = "\
windlass: 1
name: holder
title: A change that holds its target through a gate
target: db:main
steps:
  prepare: {uses: shell, effect: idempotent, with: {argv: [echo, prepared]}}
  go: {needs: prepare, approval: {expires: 1h}}
  swap: {uses: shell, effect: reversible, timeout: 1m, needs: go, with: {argv: [echo, swapped]}}
";

/// The same target by an input.
const OTHER: &str = "\
windlass: 1
name: other
title: Another change of the same target
inputs:
  name: {type: string}
target: db:${{ inputs.name }}
steps:
  look: {uses: shell, effect: read, with: {argv: [echo, \"${{ inputs.name }}\"]}}
  restart: {uses: shell, effect: reversible, timeout: 1m, needs: look, with: {argv: [echo, done]}}
finally:
  report: {uses: shell, effect: idempotent, with: {argv: [echo, report]}}
";

#[test]
fn a_run_waits_for_the_lock_of_its_target() {
    let mut test = Test::new("locks");
    test.file("holder.yaml", HOLDER);
    test.file("other.yaml", OTHER);
    let mut holder = test.begin(&["run", "holder.yaml"]);
    holder.wait_for("windlass reject");
    let mut other = test.begin(&["run", "other.yaml", "--input", "name=main"]);
    other.wait_for("held by run");
    let id = id_of(&other.printed());
    test.call(&["runs"]);
    test.call(&["show", &id]);
    test.call(&["why", &id]);
    test.call(&["cancel", &id, "--reason", "no longer needed"]);
    test.end(other);
    holder.signal("INT");
    test.end(holder);
    test.call(&["runs", "--state", "live"]);
    test.check();
}
