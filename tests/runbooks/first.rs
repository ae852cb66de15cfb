//! What `windlass init --kind postgres` writes, as a stranger uses it: checked, tested, and
//! run against a real server.

use std::path::Path;

use windlass_tests::golden::Test;
use windlass_tests::postgres::Server;

/// The password of the role `postgres`.
const PASSWORD: &str = "first-canary-5d1e";

/// The id in `windlass approve RUN go`.
fn run_in(printed: &str) -> String {
    let (_, after) = printed
        .split_once("windlass approve ")
        .expect("a gate is open");
    after
        .split_whitespace()
        .next()
        .expect("a call has a word")
        .to_owned()
}

#[test]
fn the_first_postgres_runbook_runs_on_a_real_server() {
    let server = Server::start(PASSWORD);
    let mut test = Test::new("first_postgres");
    test.set("PGPASSWORD", PASSWORD);
    test.call(&["init", "--kind", "postgres"]);
    assert!(Path::new(&test.dir().join("postgres.yaml")).exists());
    let checked = test.call(&["check", "postgres.yaml", "postgres.test.yaml"]);
    assert!(checked.contains("postgres.yaml: ok"), "{checked}");
    assert!(checked.contains("postgres.test.yaml: ok"), "{checked}");
    let tested = test.call(&["test", "--coverage", "--min-coverage", "100"]);
    assert!(tested.contains(": 100 %"), "{tested}");
    let port = format!("port={}", server.port());
    let mut run = test.begin(&[
        "run",
        "postgres.yaml",
        "--input",
        "host=127.0.0.1",
        "--input",
        &port,
        "--input",
        "sslmode=disable",
        "--input",
        "insecure_reason=this machine alone",
        "--secret",
        "password=env:PGPASSWORD",
    ]);
    run.wait_for("windlass reject");
    let id = run_in(&run.printed());
    test.call(&["approve", &id, "go"]);
    let ended = test.end(run);
    assert!(ended.contains("succeeded"), "{ended}\n{}", server.log());
    let shown = test.call(&["show", &id, "--json"]);
    assert!(!shown.contains(PASSWORD), "{shown}");
    assert!(shown.contains("\"end\":\"succeeded\""), "{shown}");
    // What the runbook is for has come to pass at the server.
    let logs = test.call(&["logs", &id, "analyze"]);
    assert!(!logs.contains(PASSWORD), "{logs}");
}
