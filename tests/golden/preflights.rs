//! `windlass preflight`: what it looks at, what it leaves out, and that it leaves nothing
//! behind.

use std::path::Path;

use windlass_tests::golden::Test;

use crate::runbooks::{GATED, HELLO};

/// Looks that are well, skipped, failing, and behind each kind of obstacle.
const LOOKS: &str = r#"windlass: 1
name: looks
title: Looks before a change
target: service:billing
inputs:
  code: {type: integer, default: 0}
secrets: [token, other]
steps:
  answers:
    title: The service answers
    uses: shell
    effect: read
    with: {argv: [echo, "42"], output: json, env: {TOKEN: "${{ secrets.token }}"}}
    expect: json == 42
  large: {uses: shell, effect: read, needs: answers, when: steps.answers.outputs.json > 100, with: {argv: [echo, large]}}
  strict:
    uses: shell
    effect: read
    needs: large
    with: {script: "echo \"looking with $TOKEN\"; exit \"$CODE\"", env: {TOKEN: "${{ secrets.token }}", CODE: "${{ inputs.code }}"}}
  last: {uses: shell, effect: read, needs: strict, with: {argv: [echo, last]}}
  pause_a_bit: {uses: wait, needs: answers, with: {for: 1h}}
  later: {uses: shell, effect: read, needs: pause_a_bit, with: {argv: [echo, later]}}
  go: {needs: last, approval: {expires: 1h}}
  swap: {uses: shell, needs: go, effect: irreversible, timeout: 1m, with: {argv: [swap], env: {OTHER: "${{ secrets.other }}"}}}
  verify: {uses: shell, effect: read, needs: swap, with: {argv: [echo, verified]}}
finally:
  say: {uses: shell, effect: read, with: {argv: [echo, said]}}
"#;

/// A run that may have nothing to do.
const DONE: &str = r#"windlass: 1
name: done
steps:
  latest: {uses: shell, effect: read, with: {argv: [echo, "15.18"], output: lines}, done: "stdout[0] == '15.18'"}
  after: {uses: shell, effect: read, needs: latest, with: {argv: [echo, after]}}
  change: {uses: shell, effect: irreversible, needs: after, timeout: 1m, with: {argv: [echo, changed]}}
"#;

/// Nothing that could look first.
const GATE_FIRST: &str = r#"windlass: 1
name: gate_first
steps:
  go: {approval: {expires: 1h}}
  look: {uses: shell, effect: read, needs: go, with: {argv: [echo, looked]}}
"#;

/// A look that is long in coming.
const SLOW: &str = r#"windlass: 1
name: slow
inputs: {started: {type: string}}
steps:
  look:
    uses: shell
    effect: read
    timeout: 10m
    with: {script: "echo $$ > \"$STARTED.new\"; mv \"$STARTED.new\" \"$STARTED\"; sleep 600", env: {STARTED: "${{ inputs.started }}"}}
  after: {uses: shell, effect: read, needs: look, with: {argv: [echo, after]}}
"#;

/// A test whose temporary files can be counted.
fn test(name: &'static str) -> Test {
    let mut test = Test::new(name);
    let temporary = test.dir().join("temporary");
    std::fs::create_dir(&temporary).expect("a directory can be made");
    test.set("TMPDIR", &temporary.display().to_string());
    test
}

/// Neither the state directory nor a temporary file is there.
fn nothing_is_left(test: &Test) {
    assert!(!test.state().exists(), "the state directory was made");
    let left = std::fs::read_dir(test.dir().join("temporary")).expect("it can be listed");
    let left: Vec<_> = left.flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "{left:?} is left");
}

#[test]
fn looks_that_are_well_and_looks_that_fail() {
    let mut test = test("preflight");
    test.file("looks.yaml", LOOKS);
    test.file("hello.yaml", HELLO);
    test.file("gated.yaml", GATED);
    test.file("done.yaml", DONE);
    test.file("gate_first.yaml", GATE_FIRST);
    test.set("TOKEN_VALUE", "hunter2");
    let token = "token=env:TOKEN_VALUE";
    test.call(&["preflight", "--help"]);
    test.call(&["preflight", "looks.yaml", "--secret", token]);
    test.call(&[
        "preflight",
        "looks.yaml",
        "--secret",
        token,
        "--input",
        "code=3",
    ]);
    let json = test.call(&["preflight", "looks.yaml", "--secret", token, "--json"]);
    assert!(!json.contains("hunter2"));
    test.call(&["preflight", "looks.yaml"]);
    test.call(&[
        "preflight",
        "looks.yaml",
        "--secret",
        "others=env:TOKEN_VALUE",
    ]);
    test.call(&["preflight", "looks.yaml", "--input", "code=x"]);
    test.call(&["preflight", "gated.yaml"]);
    test.call(&["preflight", "done.yaml"]);
    test.call(&["preflight", "gate_first.yaml"]);
    nothing_is_left(&test);
    test.check();
}

#[test]
fn a_preflight_beside_an_owner_meets_nothing_of_its_directory() {
    let mut test = test("preflight_beside_an_owner");
    test.file("looks.yaml", LOOKS);
    let serve = test.begin(&["serve"]);
    let journal = test.state().join("journal.db");
    wait_for(&journal);
    let records = || {
        let shown = test.command(&["runs"]).output().expect("it can be asked");
        String::from_utf8_lossy(&shown.stdout).into_owned()
    };
    let before = records();
    let mut command = test.command(&["preflight", "looks.yaml", "--secret", "token=env:T"]);
    let looked = command.env("T", "hunter2").output().expect("it starts");
    assert!(looked.status.success(), "{looked:?}");
    assert_eq!(records(), before);
    serve.signal("INT");
    let _ended = serve.finish();
}

#[test]
fn a_signal_stops_the_looks_and_their_processes() {
    let mut test = test("preflight_stopped");
    test.file("slow.yaml", SLOW);
    let started = test.dir().join("started");
    let input = format!("started={}", started.display());
    let background = test.begin(&["preflight", "slow.yaml", "--input", &input]);
    wait_for(&started);
    let pid = std::fs::read_to_string(&started).expect("it says its process");
    background.signal("INT");
    let output = background.finish();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("Ctrl-C: the looks are stopped"), "{said}");
    for line in [
        "  not run   look   stopped by a signal",
        "0 of 2 steps looked",
    ] {
        assert!(said.contains(line), "{line:?} is not in {said}");
    }
    let process = Path::new("/proc").join(pid.trim());
    assert!(!process.exists(), "its process lives");
    nothing_is_left(&test);
}

/// Waits for a file, as another process makes it.
fn wait_for(file: &Path) {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !file.exists() {
        assert!(std::time::Instant::now() < until, "no {}", file.display());
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}
