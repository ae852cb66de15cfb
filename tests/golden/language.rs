//! What the language asks of the program around it: files that a runbook inlines, and
//! secrets whose place it says.

use std::os::unix::fs::PermissionsExt as _;

use windlass_tests::golden::Test;

use crate::runbooks::{HELLO, SECRET};

/// A runbook that inlines another twice.
const AROUND: &str = "\
windlass: 1
name: around
title: Two of a kind
inputs: {whom: string}
steps:
  first: {uses: ./parts/greet.yaml, with: {whom: \"${{ inputs.whom }}\"}}
  second:
    uses: ./parts/greet.yaml
    needs: first
    when: steps.first.outputs.said != ''
    with: {whom: \"${{ steps.first.outputs.said }}\"}
";

const GREET: &str = "\
windlass: 1
name: greet
inputs: {whom: {type: string, max_length: 40}}
outputs: {said: steps.say.outputs.stdout}
steps:
  say:
    uses: shell
    effect: read
    with: {script: printf 'hello %s' \"$WHOM\", env: {WHOM: \"${{ inputs.whom }}\"}}
    outputs: {stdout: string}
";

#[test]
fn a_runbook_inlines_another() {
    let mut test = Test::new("inlined");
    std::fs::create_dir(test.dir().join("parts")).expect("a folder can be made");
    test.file("around.yaml", AROUND);
    test.call(&["check", "around.yaml"]);
    let greet = GREET.replace("{type: string, max_length: 40}", "string");
    test.file("parts/greet.yaml", GREET);
    test.call(&["check", "around.yaml", "--input", "whom=you"]);
    test.file("parts/greet.yaml", &greet);
    test.call(&["run", "around.yaml", "--input", "whom=you"]);
    test.call(&["show", "RUN"]);
    test.call(&["logs", "RUN", "second/say"]);
    test.call(&["logs", "RUN", "second"]);
    test.call_with(&["check", "-"], AROUND);
    test.check();
}

/// The runbook says where the secret is.
fn placed(place: &str) -> String {
    SECRET.replace(
        "secrets: [token]",
        &format!("secrets:\n  token: {{{place}}}"),
    )
}

#[test]
fn secrets_are_read_where_the_runbook_says() {
    let mut test = Test::new("secret_places");
    test.set("THE_TOKEN", "s3cr3t-value");
    test.file("variable.yaml", &placed("env: THE_TOKEN"));
    let path = test.file("token", "s3cr3t-value\n");
    test.file("file.yaml", &placed(&format!("file: {}", path.display())));
    let program = "exec: [sh, -c, 'echo unlocked >&2; echo s3cr3t-value']";
    test.file("program.yaml", &placed(program));
    test.file(
        "broken.yaml",
        &placed("exec: [sh, -c, 'echo s3cr3t-value; exit 3']"),
    );
    test.call(&["run", "file.yaml", "--no-wait"]);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
        .expect("the owner sets the mode");
    test.call(&["run", "broken.yaml", "--no-wait"]);
    test.call(&["run", "program.yaml", "--no-wait"]);
    test.call(&["approve", "RUN", "go"]);
    test.call(&["resume", "RUN"]);
    let log = test.call(&["logs", "RUN", "use_it"]);
    assert!(!log.contains("s3cr3t"), "{log}");
    for book in ["variable.yaml", "file.yaml"] {
        test.call(&["run", book, "--no-wait"]);
        test.call(&["approve", "RUN", "go"]);
        test.call(&["resume"]);
    }
    test.check();
}

#[test]
fn a_secret_that_nobody_gave_is_waited_for() {
    let mut test = Test::new("secret_missing");
    test.file("secret.yaml", SECRET);
    test.call(&["run", "secret.yaml", "--no-wait"]);
    test.call(&["approve", "RUN", "go"]);
    test.call(&["resume", "RUN", "--no-wait"]);
    test.call(&["run", "secret.yaml", "--secret", "toke=env:HOME"]);
    test.call(&["run", "secret.yaml", "--secret", "token=env:NOT_SET"]);
    test.call(&[
        "run",
        "secret.yaml",
        "--secret",
        "token=exec:pass show token",
    ]);
    test.call(&[
        "resume",
        "RUN",
        "--secret",
        r#"token=exec:["printf", "s3cr3t-value"]"#,
    ]);
    test.check();
}

/// Of many files each is told, whatever is wrong with the others.
#[test]
fn many_files_are_checked_at_once() {
    let mut test = Test::new("check_many");
    for folder in ["books", "notes"] {
        std::fs::create_dir(test.dir().join(folder)).expect("it is ours");
    }
    test.file("books/hello.yaml", HELLO);
    test.file(
        "books/hello.test.yaml",
        "windlass_test: 1\ncases: {a: {mocks: {helo: ok}, expect: {end: succeeded}}}\n",
    );
    test.file(
        "books/part.yaml",
        "windlass: 1\nname: part\nsteps:\n  a: {uses: shel}\n",
    );
    test.file(
        "books/one.yaml",
        "windlass: 1\nname: one\nsteps:\n  a: {uses: ./part.yaml}\n  b: {uses: ./two.yaml}\n",
    );
    test.file(
        "books/two.yaml",
        "windlass: 1\nname: two\nsteps:\n  a: {uses: ./one.yaml}\n  b: {uses: ./foreign.yaml}\n",
    );
    test.file("books/foreign.yaml", "password: hunter2\ntoken: [\n");
    let latin = test.file("books/latin.yaml", "");
    std::fs::write(latin, b"windlass: 1\nname: gr\xfcn\n").expect("it is ours");
    test.file("notes/compose.yaml", "services: {}\n");
    let found = test.call(&["check", "books"]);
    assert!(!found.contains("hunter2"), "{found}");
    test.call(&[
        "check",
        "books/hello.yaml",
        "missing.yaml",
        "books/hello.test.yaml",
    ]);
    test.call(&["check", "books/one.yaml", "books/two.yaml"]);
    test.call(&["check", "notes"]);
    test.call(&[
        "check",
        "--format",
        "json",
        "missing.yaml",
        "books/hello.yaml",
    ]);
    test.check();
}

/// Durations and sizes within lists and maps, at a gate and before a person.
const UNITS_WITHIN: &str = "\
windlass: 1
name: within
inputs:
  pauses: {type: list, items: {type: duration}, default: [15m, 90s]}
  sizes: {type: map, values: {type: bytes}, default: {data: 1GiB, wal: 64MiB}}
steps:
  go:
    approval:
      show:
        every: \"${{ inputs.pauses }}\"
        first: \"${{ inputs.pauses[0] }}\"
        both: {most: \"${{ inputs.sizes['data'] }}\", count: 3}
  look:
    uses: manual
    needs: go
    effect: read
    with:
      instructions: Look
      show: {longest: \"${{ inputs.pauses.max() }}\"}
";

/// A duration that a person types says of what.
#[test]
fn a_typed_duration_has_a_unit() {
    let mut test = Test::new("units");
    let text = "windlass: 1\nname: units\ntitle: Grün 数\ninputs:\n  d: {type: duration}\n  size: {type: bytes, default: 1MiB}\nsteps:\n  \
                a: {uses: wait, with: {for: \"${{ inputs.d }}\"}}\n";
    test.file("units.yaml", text);
    test.call(&["check", "units.yaml", "--input", "d=5"]);
    test.file("inputs.json", r#"{"d": 5}"#);
    test.call(&["check", "units.yaml", "--input-file", "inputs.json"]);
    test.call(&["run", "units.yaml", "--input", "d=10ms"]);
    test.call(&["show", "RUN"]);
    test.set("LANG", "C");
    test.call(&["show", "RUN"]);
    test.file("within.yaml", UNITS_WITHIN);
    test.call(&["plan", "within.yaml"]);
    test.call(&["run", "within.yaml", "--no-wait"]);
    test.call(&["approve", "RUN", "go"]);
    test.call(&["show", "RUN"]);
    test.check();
}
