//! What is wrong before anything runs, and help.

use windlass_tests::golden::Test;

use crate::endings::id_of;
use crate::runbooks::{GATED, HELLO, WRONG};

#[test]
fn help_names_the_commands_and_exit_codes() {
    let mut test = Test::new("help");
    test.call(&["--help"]);
    test.call(&["run", "--help"]);
    test.call(&["resolve", "--help"]);
    test.call(&["schema", "--help"]);
    test.call(&["--version"]);
    test.check();
}

#[test]
fn a_wrong_command_line() {
    let mut test = Test::new("wrong_command_line");
    test.call(&["frobnicate"]);
    test.call(&["run"]);
    test.call(&["show", "No Run"]);
    test.call(&["runs", "--state", "asleep"]);
    test.call(&["approve", "20261122-0142-k3f9q2", "go", "--plan", "xyz"]);
    test.check();
}

#[test]
fn a_runbook_with_mistakes() {
    let mut test = Test::new("bad_runbook");
    test.file("wrong.yaml", WRONG);
    test.call(&["check", "wrong.yaml"]);
    test.call(&["run", "wrong.yaml"]);
    test.call(&["run", "missing.yaml"]);
    test.call(&["runs"]);
    test.check();
}

#[test]
fn reports_for_other_programs() {
    let mut test = Test::new("check_formats");
    test.file("wrong.yaml", WRONG);
    test.file("hello.yaml", HELLO);
    test.call(&["check", "--format", "json", "hello.yaml", "wrong.yaml"]);
    test.call(&[
        "check",
        "--format",
        "json",
        "hello.yaml",
        "--input",
        "whom=you",
    ]);
    test.call(&["check", "--format", "sarif", "wrong.yaml"]);
    test.call(&["check", "hello.yaml", "wrong.yaml"]);
    test.call(&["check", "hello.yaml", "wrong.yaml", "--input", "whom=you"]);
    test.check();
}

#[test]
fn codes_are_explained() {
    let mut test = Test::new("explain");
    test.call(&["explain", "wl0406"]);
    test.call(&["explain", "WL0046"]);
    test.call(&["explain", "needs"]);
    test.check();
}

#[test]
fn wrong_inputs_and_secrets() {
    let mut test = Test::new("bad_input");
    test.file("hello.yaml", HELLO);
    test.file("inputs.json", "[1]");
    test.call(&["run", "hello.yaml", "--input", "who=me"]);
    test.call(&["run", "hello.yaml", "--input", "whom"]);
    test.call(&[
        "run",
        "hello.yaml",
        "--input",
        "whom=a",
        "--input",
        "whom=b",
    ]);
    test.call(&["run", "hello.yaml", "--input-file", "inputs.json"]);
    test.call(&["run", "hello.yaml", "--secret", "token=hunter2"]);
    test.call(&["run", "hello.yaml", "--secret", "token=env:NOT_SET"]);
    test.call(&["run", "hello.yaml", "--secret", "token=env:HOME"]);
    test.check();
}

#[test]
fn an_unknown_run() {
    let mut test = Test::new("unknown_run");
    test.file("hello.yaml", HELLO);
    test.call(&["show", "20261122-0142-k3f9q2"]);
    test.call(&["run", "hello.yaml"]);
    test.call(&["show", "20261122-0142-k3f9q3"]);
    test.call(&["approve", "20261122-0142-k3f9q3", "go"]);
    test.call(&["watch", "20261122-0142-k3f9q3"]);
    test.call(&["logs", "20261122-0142-k3f9q3"]);
    test.call(&["resume", "20261122-0142-k3f9q3"]);
    test.check();
}

#[test]
fn nobody_listens() {
    let mut test = Test::new("nobody_listens");
    test.file("hello.yaml", HELLO);
    test.call(&["run", "hello.yaml", "--detach"]);
    test.call(&["resume"]);
    test.check();
}

#[test]
fn the_log_as_json_is_one_object_a_line() {
    let mut test = Test::new("log_as_json");
    test.file("gated.yaml", GATED);
    let mut run = test.begin(&["--log-format", "json", "-v", "run", "gated.yaml"]);
    run.wait_for("windlass reject");
    // The owner logs what it is asked.
    let id = id_of(&run.printed());
    test.call(&["approve", &id, "go"]);
    let output = run.finish();
    let log = String::from_utf8(output.stderr).expect("the log is text");
    assert_eq!(output.status.code(), Some(0), "{log}");
    let mut levels = Vec::new();
    for line in log.lines() {
        let object: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for key in ["timestamp", "level", "target"] {
            assert!(object[key].is_string(), "no {key}: {line}");
        }
        assert!(object["fields"]["message"].is_string(), "{line}");
        levels.push(object["level"].clone());
    }
    assert!(levels.contains(&"INFO".into()), "-v logged nothing: {log}");
}

/// A real shell reads the script and completes with it.
#[test]
fn a_shell_completes_commands() {
    let script = "source <(\"$1\" completions bash) || exit 1
        COMP_WORDS=(windlass ta); COMP_CWORD=1; COMP_LINE='windlass ta'; COMP_POINT=11
        _windlass windlass ta windlass
        printf '%s\\n' \"${COMPREPLY[@]}\"";
    let output = std::process::Command::new("bash")
        .args(["--norc", "-c", script, "bash"])
        .arg(windlass_tests::binary::windlass())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.trim(), "take-over", "{output:?}");
}

/// A report that is cut for want of room must not look like a whole one.
#[test]
fn a_full_output_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    let output = std::process::Command::new(windlass_tests::binary::windlass())
        .args(["explain", "WL0601"])
        .stdout(full.expect("Linux has /dev/full"))
        .output()
        .expect("windlass can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(74), "{said}");
    assert!(said.contains("no room"), "{said}");
}
