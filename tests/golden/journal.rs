//! The record itself, and the doctor.

use windlass_tests::golden::Test;

use crate::runbooks::HELLO;

#[test]
fn a_journal_is_verified() {
    let mut test = Test::new("verify");
    test.file("hello.yaml", HELLO);
    test.call(&["journal", "verify"]);
    test.call(&["run", "hello.yaml"]);
    let report = test.call(&["journal", "verify"]);
    let head = report.lines().find_map(|line| line.strip_prefix("head: "));
    let head = head.expect("the report has a head").to_owned();
    test.call(&["journal", "verify", "--head", &head]);
    test.call(&["journal", "verify", "--head", &"0".repeat(63)]);
    test.call(&["journal", "verify", "--head", &"f".repeat(64)]);
    test.check();
}

#[test]
fn a_tampered_journal_is_noticed() {
    let mut test = Test::new("verify_tampered");
    test.file("hello.yaml", HELLO);
    test.call(&["run", "hello.yaml"]);
    tamper(&test.state().join("journal.db"));
    test.call(&["journal", "verify"]);
    test.call(&["show", "RUN"]);
    test.check();
}

#[test]
fn a_file_that_is_no_journal() {
    let mut test = Test::new("no_journal");
    test.file("hello.yaml", HELLO);
    test.call(&["run", "hello.yaml"]);
    std::fs::write(test.state().join("journal.db"), "this is no database").expect("it is ours");
    test.call(&["runs"]);
    test.call(&["run", "hello.yaml"]);
    test.check();
}

#[test]
fn the_doctor_looks_at_everything() {
    let mut test = Test::new("doctor");
    let said = test.call(&["doctor"]);
    // What machines differ in is not compared: only that each line says how it is.
    let graded = said.lines().filter(|line| !line.starts_with(' '));
    for line in graded {
        assert!(
            line.starts_with("ok  ") || line.starts_with("warn  "),
            "{line}"
        );
    }
    for what in [
        "state directory",
        "free space",
        "journal",
        "owner",
        "clock",
        "/proc",
        "processes",
        "TLS roots",
        "terminal",
    ] {
        assert!(said.contains(what), "{what} is missing in\n{said}");
    }
}

/// Changes one letter of a record's body, in place.
fn tamper(path: &std::path::Path) {
    let mut bytes = std::fs::read(path).expect("the journal can be read");
    let needle = b"Say hello";
    let at = bytes
        .windows(needle.len())
        .position(|window| window == needle);
    let at = at.expect("the title is in the first record");
    bytes[at] = b'D';
    std::fs::write(path, bytes).expect("the journal can be written");
}
