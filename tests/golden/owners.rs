//! One owner, many terminals: handing over, attaching, parking, going on.

use windlass_tests::golden::Test;

use crate::endings::id_of;
use crate::runbooks::{GATED, HELLO, MOVING, SLOW};

#[test]
fn a_run_is_handed_to_the_owner_and_followed() {
    let mut test = Test::new("handed_over");
    test.file("gated.yaml", GATED);
    test.file("hello.yaml", HELLO);
    let mut serve = test.begin(&["serve"]);
    serve.wait_for("socket ");
    test.call(&["run", "hello.yaml"]);
    let mut run = test.begin(&["run", "gated.yaml"]);
    run.wait_for("windlass reject");
    let id = id_of(&run.printed());
    test.call(&["approve", &id, "go"]);
    test.end(run);
    test.call(&["serve"]);
    test.call(&["runs"]);
    serve.signal("TERM");
    test.end_without_times(serve);
    test.check();
}

#[test]
fn ctrl_c_parks_tells_those_attached_and_resume_goes_on() {
    let mut test = Test::new("park_and_resume");
    test.file("gated.yaml", GATED);
    let mut run = test.begin(&["run", "gated.yaml"]);
    run.wait_for("windlass reject");
    let id = id_of(&run.printed());
    let mut watch = test.begin(&["watch", &id]);
    watch.wait_for("windlass reject");
    run.signal("INT");
    test.end(run);
    test.end(watch);
    let mut resume = test.begin(&["resume"]);
    resume.wait_for("windlass reject");
    test.call(&["approve", "RUN", "go"]);
    test.end(resume);
    test.check();
}

/// Parks a foreground run by a signal; a decision then goes on with it.
fn parks(name: &'static str, signal: &str) {
    let mut test = Test::new(name);
    test.file("gated.yaml", GATED);
    let mut run = test.begin(&["run", "gated.yaml"]);
    run.wait_for("windlass reject");
    run.signal(signal);
    let printed = test.end(run);
    let id = id_of(&printed);
    assert!(
        printed.ends_with(&format!("windlass resume {id}\n")),
        "no hint at the end of {printed}"
    );
    test.call(&["approve", "RUN", "go"]);
    test.check();
}

#[test]
fn sigterm_parks_a_foreground_run() {
    parks("park_by_sigterm", "TERM");
}

#[test]
fn a_hang_up_parks_a_foreground_run() {
    parks("park_by_sighup", "HUP");
}

#[test]
fn ctrl_c_of_one_who_is_attached_only_detaches() {
    let mut test = Test::new("detach");
    test.file("gated.yaml", GATED);
    let mut serve = test.begin(&["serve"]);
    serve.wait_for("socket ");
    let mut run = test.begin(&["run", "gated.yaml"]);
    run.wait_for("windlass reject");
    run.signal("INT");
    test.end(run);
    test.call(&["approve", "RUN", "go"]);
    test.call(&["watch", "RUN"]);
    serve.signal("INT");
    test.end_without_times(serve);
    test.check();
}

#[test]
fn the_owner_stays_for_a_run_that_was_handed_to_it() {
    let mut test = Test::new("owner_stays");
    test.file("slow.yaml", SLOW);
    test.file("gated.yaml", GATED);
    let file = test.dir().join("there").display().to_string();
    let mut owner = test.begin(&["run", "slow.yaml", "--input", &format!("file={file}")]);
    owner.wait_for("wait_for_it started");
    let mut other = test.begin(&["run", "gated.yaml"]);
    other.wait_for("windlass reject");
    let id = id_of(&other.printed());
    test.file("there", "");
    owner.wait_for("stays for the runs");
    test.call(&["approve", &id, "go"]);
    test.end(other);
    test.end(owner);
    test.check();
}

#[test]
fn ctrl_c_waits_for_a_change_in_flight() {
    let mut test = Test::new("park_a_change");
    test.file("moving.yaml", MOVING);
    let file = test.dir().join("there").display().to_string();
    let mut run = test.begin(&["run", "moving.yaml", "--input", &format!("file={file}")]);
    run.wait_for("change started");
    run.signal("INT");
    run.wait_for("parking");
    test.file("there", "");
    test.end(run);
    test.call(&["show", "RUN"]);
    test.call(&["resume"]);
    test.check();
}
