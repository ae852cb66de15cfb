//! Exports of runs: written, verified by the program, and by the one that the format's
//! page shows.

use std::path::Path;
use std::process::Command;

use windlass_tests::golden::Test;
use windlass_tests::skip::skip;

use crate::runbooks::{DOUBTFUL, GATED, HELLO};

#[test]
fn a_run_is_exported_and_verified() {
    let mut test = Test::new("export");
    test.file("hello.yaml", HELLO);
    test.file("doubtful.yaml", DOUBTFUL);
    test.call(&["export", "20261122-0142-k3f9q2"]);
    test.call(&["run", "hello.yaml"]);
    test.call(&["export", "RUN", "-o", "run.jsonl"]);
    test.call(&["export", "RUN", "-o", "run.jsonl"]);
    let report = test.call(&["journal", "verify", "--file", "run.jsonl"]);
    let head = report
        .lines()
        .find_map(|line| line.strip_prefix("run head: "));
    let head = head.expect("the report has a head").to_owned();
    test.call(&["journal", "verify", "--file", "run.jsonl", "--head", &head]);
    let other = "f".repeat(64);
    test.call(&["journal", "verify", "--file", "run.jsonl", "--head", &other]);

    let path = test.dir().join("run.jsonl");
    let kept = std::fs::read_to_string(&path).expect("the export is text");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(&path)
            .expect("the export is there")
            .permissions(),
    );
    assert_eq!(mode & 0o777, 0o600, "bodies are private");
    std::fs::write(&path, kept.replace("Say hello", "Say howdy")).expect("it is ours");
    test.call(&["journal", "verify", "--file", "run.jsonl"]);
    let cut = kept.lines().count() - 1;
    let lines: Vec<&str> = kept.lines().take(cut).collect();
    std::fs::write(&path, lines.join("\n")).expect("it is ours");
    test.call(&["journal", "verify", "--file", "run.jsonl"]);
    test.file("run.jsonl", "no export\n");
    test.call(&["journal", "verify", "--file", "run.jsonl"]);
    test.call(&["journal", "verify", "--file", "missing.jsonl"]);
    test.call(&["export", "RUN", "-o", "bare.jsonl", "--without-logs"]);
    assert!(!test.dir().join("bare.jsonl.logs").exists());
    let kept = test.dir().join("run.jsonl.logs/greet-1.log");
    assert_eq!(
        std::fs::read_to_string(&kept).expect("it is a log"),
        "hello, world\n"
    );
    let log = test
        .state()
        .join("logs")
        .join(test.run_id())
        .join("greet-1.log");
    std::fs::write(&log, "howdy\n").expect("it is ours");
    test.call(&["export", "RUN", "-o", "changed.jsonl"]);
    std::fs::remove_file(&log).expect("it is ours");
    test.call(&["export", "RUN", "-o", "lost.jsonl"]);
    test.call(&["run", "doubtful.yaml", "--no-wait"]);
    test.call(&["export", "RUN", "-o", "live.jsonl"]);
    test.check();
}

#[test]
fn the_formats_own_program_verifies_an_export() {
    let python = |arguments: &[&str], dir: &Path| {
        Command::new("python3")
            .args(arguments)
            .current_dir(dir)
            .output()
    };
    let mut test = Test::new("export_by_python");
    if !python(&["--version"], test.dir()).is_ok_and(|output| output.status.success()) {
        skip("there is no python3: the program of docs/journal-format.md was not run");
        return;
    }
    let page = include_str!("../../docs/journal-format.md");
    let (_, program) = page
        .split_once("```python verify-export\n")
        .expect("the page has the program");
    let (program, _) = program.split_once("```").expect("the program ends");
    test.file("verify.py", program);
    test.file("hello.yaml", HELLO);
    test.call(&["run", "hello.yaml"]);
    test.call(&["export", "RUN", "-o", "run.jsonl"]);
    let report = test.call(&["journal", "verify", "--file", "run.jsonl"]);
    let output = python(&["verify.py", "run.jsonl"], test.dir()).expect("it is there");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    let head = report
        .lines()
        .find_map(|line| line.strip_prefix("run head: "));
    assert!(
        said.contains(head.expect("the report has a head")),
        "{said}"
    );

    let path = test.dir().join("run.jsonl");
    let kept = std::fs::read_to_string(&path).expect("the export is text");
    let changes = [
        ("Say hello", "Say howdy"),
        ("\"seq\":1,", "\"seq\":2,"),
        ("\"kind\":\"run_started\"", "\"kind\":\"run_stirred\""),
        ("\"erased\":0", "\"erased\":1"),
    ];
    for (from, to) in changes {
        assert!(kept.contains(from), "{from}");
        std::fs::write(&path, kept.replacen(from, to, 1)).expect("it is ours");
        let output = python(&["verify.py", "run.jsonl"], test.dir()).expect("it is there");
        assert!(!output.status.success(), "{from} -> {to}: {output:?}");
    }
}

/// The program of `docs/plan-digest.md` computes the digest that the record names.
#[test]
fn the_digest_of_a_plan_by_python() {
    let mut test = Test::new("plan_digest_by_python");
    let page = include_str!("../../docs/plan-digest.md");
    let (_, program) = page
        .split_once("```python plan-digest\n")
        .expect("the page has the program");
    let (program, _) = program.split_once("```").expect("the program ends");
    test.file("digest.py", program);
    test.file("gated.yaml", GATED);
    test.call(&["run", "gated.yaml", "--no-wait"]);
    test.call(&["export", "RUN", "-o", "run.jsonl"]);
    let lines = test.call(&["plan", "gated.yaml", "--format", "digest"]);
    let python = |file: &str| {
        let output = Command::new("python3")
            .args(["digest.py", file])
            .current_dir(test.dir())
            .output()
            .expect("python3 starts");
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let (succeeded, said) = python("run.jsonl");
    assert!(succeeded && said.starts_with("windlass plan 2\n"), "{said}");
    let lines = lines
        .lines()
        .filter(|line| line.contains(' ') && !line.starts_with('$'));
    let found = lines.filter(|line| said.contains(*line)).count();
    assert!(found >= 12, "{found} lines are the program's: {said}");

    let path = test.dir().join("run.jsonl");
    let kept = std::fs::read_to_string(&path).expect("the export is text");
    let changed = kept.replacen("A change behind", "A change before", 1);
    assert_ne!(kept, changed, "the export holds the title");
    std::fs::write(&path, changed).expect("the export can be written");
    assert!(!python("run.jsonl").0, "a plan that was changed is found");
}
