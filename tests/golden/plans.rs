//! What `windlass plan` prints in each of its forms, for a small runbook and the shipped
//! one. The pictures are kept as files that can be opened.

use std::path::{Path, PathBuf};

use windlass_tests::golden::{Test, compare};

use crate::runbooks::{GATED, HELLO, WRONG};

/// A runbook of six steps, with one of nearly everything.
const RESTART: &str = r#"windlass: 1
name: restart_service
title: Restart the billing service after draining it
owner: team-billing
labels: {service: billing}
inputs:
  host: {type: string}
  spares: {type: list, default: [billing-2.example, billing-3.example]}
secrets: [token]
timeout: 3h
steps:
  healthy:
    title: The service answers
    uses: shell
    effect: read
    timeout: 30s
    with: {argv: [curl, -fsS, "http://${{ inputs.host }}/health"]}
  drain:
    title: Move the sessions to the spares
    uses: shell
    needs: healthy
    effect: reversible
    for_each: inputs.spares
    max_parallel: 1
    timeout: 5m
    with:
      argv: [/usr/local/bin/drain, "${{ inputs.host }}", "${{ item }}"]
      env: {TOKEN: "${{ secrets.token }}"}
    undo: {uses: shell, timeout: 5m, with: {argv: [/usr/local/bin/undrain, "${{ item }}"]}}
  go:
    title: Restart now?
    needs: drain
    approval: {expires: 15m, show: {host: "${{ inputs.host }}"}}
  restart:
    uses: shell
    needs: go
    effect: irreversible
    ensure: fill
    timeout: 2m
    with: {argv: [ssh, "${{ inputs.host }}", systemctl, restart, billing]}
  fill:
    uses: shell
    needs: restart
    effect: idempotent
    timeout: 5m
    with: {argv: [/usr/local/bin/fill, "${{ inputs.host }}", "${{ run.id }}"]}
finally:
  note: {uses: shell, effect: read, timeout: 10s, with: {script: "logger restarted\nexit 0\n"}}
"#;

/// A form, and how its files end.
const FORMS: [(&str, &str); 4] = [
    ("text", "txt"),
    ("json", "json"),
    ("mermaid", "mmd"),
    ("svg", "svg"),
];

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Writes each form to a file, and compares it without the digests.
fn forms(name: &'static str, arguments: &[&str]) {
    let test = Test::new(name);
    test.file("restart.yaml", RESTART);
    let output = |form: &str, file: &str| {
        let mut all = vec!["plan"];
        all.extend(arguments);
        all.extend(["--format", form, "-o", file]);
        let output = test.command(&all).output().expect("the program starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        assert!(output.stdout.is_empty() && said.is_empty(), "{said}");
        std::fs::read_to_string(test.dir().join(file)).expect("the file is written")
    };
    let json: serde_json::Value =
        serde_json::from_str(&output("json", "plan.json")).expect("it is JSON");
    let digests: Vec<&str> = [&json["digest"], &json["source"]]
        .into_iter()
        .filter_map(|digest| digest.as_str())
        .collect();
    assert_eq!(digests.len(), 2);
    for (form, ending) in FORMS {
        let file = format!("{name}.{ending}");
        let mut text = output(form, &file);
        for digest in &digests {
            text = text.replace(digest, "[DIGEST]");
            text = text.replace(&digest[..12], "[DIGEST]");
        }
        compare(&file, &text);
    }
}

#[test]
fn a_small_plan_in_each_form() {
    forms(
        "plan_small",
        &["restart.yaml", "--input", "host=billing-1.example"],
    );
}

#[test]
fn the_shipped_plan_in_each_form() {
    let runbook = repository("runbooks/postgres_minor_upgrade.yaml");
    let inputs = repository("runbooks/postgres_minor_upgrade.inputs.json");
    let (runbook, inputs) = (runbook.display().to_string(), inputs.display().to_string());
    forms("plan_shipped", &[&runbook, "--input-file", &inputs]);
}

#[test]
fn plans_on_standard_output_and_without_inputs() {
    let mut test = Test::new("plan");
    test.file("hello.yaml", HELLO);
    test.file("gated.yaml", GATED);
    test.file("wrong.yaml", WRONG);
    test.file("restart.yaml", RESTART);
    test.call(&["plan", "--help"]);
    test.call(&["plan", "hello.yaml"]);
    test.call(&["plan", "hello.yaml", "--input", "whom=you"]);
    test.set("LANG", "C");
    test.call(&["plan", "gated.yaml"]);
    test.call(&["plan", "restart.yaml"]);
    test.call(&["plan", "wrong.yaml"]);
    test.call(&["plan", "hello.yaml", "--format", "png"]);
    test.call(&["plan", "hello.yaml", "-o", "missing/plan.txt"]);
    // Nothing of it has touched the state directory.
    assert!(!test.state().exists());
    test.check();
}

/// A plan against that of a run, of a file that holds a plan, and of another runbook.
#[test]
fn what_differs_between_plans() {
    let mut test = Test::new("plan_diff");
    test.file("gated.yaml", GATED);
    test.file("hello.yaml", HELLO);
    test.file("restart.yaml", RESTART);
    test.call(&["run", "gated.yaml", "--no-wait"]);
    test.call(&["plan", "gated.yaml", "--diff", "RUN"]);
    let stricter = GATED.replace("expires: 30m", "expires: 5m");
    assert_ne!(stricter, GATED, "the gate expires earlier");
    test.file("stricter.yaml", &stricter);
    test.call(&["plan", "stricter.yaml", "--diff", "RUN"]);
    let inputs = ["restart.yaml", "--input", "host=billing-1.example"];
    let call = |test: &mut Test, more: &[&str]| test.call(&[&["plan"], &inputs[..], more].concat());
    call(&mut test, &["--format", "record", "-o", "approved.json"]);
    call(&mut test, &["--diff", "approved.json"]);
    let changed = RESTART
        .replace("timeout: 2m", "timeout: 150s")
        .replace("logger restarted", "logger 'restarted at last'")
        .replace("    ensure: fill\n", "");
    test.file("restart.yaml", &changed);
    call(
        &mut test,
        &["--input", "spares=[]", "--diff", "approved.json"],
    );
    test.file("before.yaml", RESTART);
    call(&mut test, &["--diff", "before.yaml"]);
    call(&mut test, &["--diff", "20261122-0142-k3f9q2"]);
    call(&mut test, &["--diff", "nothing.yaml"]);
    test.file("broken.json", "{\"name\": ");
    test.file("other.json", "{\"name\":1}");
    call(&mut test, &["--diff", "broken.json"]);
    call(&mut test, &["--diff", "other.json"]);
    call(&mut test, &["--diff", "approved.json", "--format", "json"]);
    test.check();
}
