//! Steps of a plugin by the built program: checked, planned, run; and a run whose plugin is
//! gone, or is another one, waits for it. What is printed names the bytes of a build, so
//! these are no transcripts.

use crate::desk::Desk;

const GREETING: &str = r#"windlass: 1
name: greeting
inputs:
  who: {type: string, default: Ada}
plugins:
  hi: {source: ./hello, grants: manifest, networks: [127.0.0.0/8]}
steps:
  go: {approval: {}}
  greet:
    uses: hi/greet
    needs: go
    with: {name: "${{ inputs.who }}", times: 2}
  said:
    uses: assert
    needs: greet
    with: {checks: {greeted: "${{ steps.greet.outputs.text == 'Hello, Ada! Hello, Ada!' }}"}}
"#;

#[test]
fn a_runbook_with_a_plugin_is_checked_and_planned() {
    let Some(desk) = Desk::with("hello") else {
        return;
    };
    std::fs::write(desk.path("greeting.yaml"), GREETING).unwrap();
    desk.call(&["check", "greeting.yaml"])
        .with(0, &["ok, 3 steps"]);
    let bytes = std::fs::read(desk.path("hello/build/plugin.wasm")).unwrap();
    let digest = windlass_core::plan::Digest::of(&bytes).to_string();
    let plan = desk.call(&["plan", "greeting.yaml", "--format", "json"]);
    plan.with(0, &["\"plugins\": [", &digest, "127.0.0.0/8"]);
    desk.call(&["plan", "greeting.yaml"])
        .with(0, &["plugins", "hi 0.1.0 ./hello, SHA-256", "127.0.0.0/8"]);
    // What the manifest says is what the check knows.
    let wrong = GREETING.replace("times: 2", "tims: 2");
    std::fs::write(desk.path("wrong.yaml"), wrong).unwrap();
    desk.call(&["check", "wrong.yaml"]).with(
        2,
        &[
            "`hi/greet` has no parameter `tims`",
            "did you mean `times`?",
        ],
    );
    // A component of somebody else is used when the lock names it, and no other.
    let foreign = GREETING.replace("./hello", "./hello.wasm");
    std::fs::write(desk.path("foreign.yaml"), foreign).unwrap();
    std::fs::copy(
        desk.path("hello/build/plugin.wasm"),
        desk.path("hello.wasm"),
    )
    .unwrap();
    desk.call(&["check", "foreign.yaml"])
        .with(2, &["WL0703", "windlass plugin lock foreign.yaml"]);
    std::fs::write(
        desk.path("windlass.lock"),
        format!("{digest}  hello.wasm\n"),
    )
    .unwrap();
    desk.call(&["check", "foreign.yaml"]).with(0, &["ok"]);
    std::fs::write(desk.path("hello.wasm"), b"another").unwrap();
    desk.call(&["check", "foreign.yaml"])
        .with(2, &["WL0703", "another one"]);
    std::fs::remove_file(desk.path("hello/build/plugin.wasm")).unwrap();
    std::fs::write(desk.path("hello/plugin.toml"), "name = \"hello\"\n").unwrap();
    desk.call(&["check", "greeting.yaml"])
        .with(2, &["WL0702", "windlass plugin build hello"]);
}

#[test]
fn a_run_waits_for_the_plugin_that_it_pinned() {
    let Some(desk) = Desk::with("hello") else {
        return;
    };
    std::fs::write(desk.path("greeting.yaml"), GREETING).unwrap();
    // It stops at the gate.
    let started = desk
        .call(&["run", "greeting.yaml", "--no-wait"])
        .with(5, &[]);
    let run = started.text.split_whitespace().nth(1).unwrap().to_owned();
    // What is built meanwhile is nothing to it.
    std::fs::write(desk.path("hello/build/plugin.wasm"), b"rebuilt").unwrap();
    let kept = desk.kept();
    let bytes = std::fs::read(&kept).unwrap();
    std::fs::write(&kept, b"another").unwrap();
    desk.call(&["approve", &run, "go"]);
    let lacks = |why: &str| {
        let said = desk.call(&["resume", &run, "--no-wait"]);
        let said = said.with(5, &["hi/greet cannot begin without its plugin"]);
        let text = said.text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(why), "no {why:?} in {text}");
    };
    lacks("its bytes in the state directory are others");
    std::fs::remove_file(&kept).unwrap();
    lacks("it is gone from the state directory");
    let listed = desk.call(&["runs"]).with(0, &["plugin hi/greet"]);
    assert!(!listed.text.contains("succeeded"), "{}", listed.text);
    std::fs::write(&kept, bytes).unwrap();
    desk.call(&["resume", &run, "--no-wait"])
        .with(0, &["greet succeeded", "said succeeded"]);
}
