//! How a command ends: by its exit code, a signal, a deadline or a cancel.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use windlass_core::outcome::{Effected, Outcome};
use windlass_core::value::Value;

use crate::support::{Attempt, is_alive, shell, until};

#[tokio::test]
async fn exit_codes() {
    let exit = |code: i64| {
        shell(json!({
            "script": format!("echo why >&2; exit {code}"),
            "ok_exit_codes": [0, 3],
            "no_effect_exit_codes": [4],
        }))
    };
    assert_eq!(
        *exit(3).change().run().await.output("exit_code"),
        Value::Int(3)
    );
    let told = exit(4).change().run().await;
    let failure = told.failed(Effected::None, "exit_status");
    assert_eq!(
        failure.evidence.as_ref().unwrap().to_string(),
        r#"{"exit_code":4,"stderr_tail":"why"}"#
    );
    exit(5)
        .change()
        .run()
        .await
        .failed(Effected::Unknown, "exit_status");
    exit(5)
        .idempotent()
        .run()
        .await
        .failed(Effected::None, "exit_status");
    exit(5).run().await.failed(Effected::None, "exit_status");
}

#[tokio::test]
async fn a_signal_leaves_a_doubt() {
    let killed = || shell(json!({"script": "kill -9 $$"}));
    let ended = killed().change().run().await;
    let failure = ended.failed(Effected::Unknown, "killed");
    assert_eq!(failure.message, "killed by signal 9");
    killed().run().await.failed(Effected::Unknown, "killed");
}

/// Says its pid, waits for the file `go`, then makes the file `done`.
fn waits_for_go(dir: &Path) -> Attempt {
    let script =
        "echo $$ > pid; echo ready; while [ ! -e go ]; do sleep 0.02; done; : > done; echo went";
    shell(json!({"script": script, "cwd": dir, "output": "lines"}))
}

fn pid(dir: &Path) -> i64 {
    std::fs::read_to_string(dir.join("pid"))
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

#[tokio::test]
async fn a_deadline_and_a_cancel_leave_a_change_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut running = waits_for_go(dir.path()).change().timeout_ms(400).start();
    running.says("ready").await;
    running.cancel.send_replace(true);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(!running.outcome.is_finished(), "the runner waits on");
    assert!(is_alive(pid(dir.path())));
    std::fs::write(dir.path().join("go"), "").unwrap();
    let ended = running.end().await;
    assert_eq!(ended.output("stdout").to_string(), r#"["ready","went"]"#);
}

#[tokio::test]
async fn a_change_goes_on_when_nobody_waits_and_a_read_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut running = waits_for_go(dir.path()).change().start();
    running.says("ready").await;
    running.outcome.abort();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(is_alive(pid(dir.path())));
    std::fs::write(dir.path().join("go"), "").unwrap();
    let done = dir.path().join("done");
    until(|| done.exists()).await;

    let dir = tempfile::tempdir().unwrap();
    let mut running = waits_for_go(dir.path()).start();
    running.says("ready").await;
    running.outcome.abort();
    let pid = pid(dir.path());
    until(|| !is_alive(pid)).await;
}

#[tokio::test]
async fn a_read_past_its_deadline_is_asked_to_end() {
    let script = "trap 'echo bye >&2; exit 0' TERM; echo ready; while :; do sleep 0.02; done";
    for idempotent in [false, true] {
        let attempt = shell(json!({"script": script})).timeout_ms(700);
        let attempt = if idempotent {
            attempt.idempotent()
        } else {
            attempt
        };
        let started = Instant::now();
        let ended = attempt.run().await;
        let failure = ended.failed(Effected::Unknown, "timeout");
        let evidence = failure.evidence.as_ref().unwrap();
        let tail = evidence.get("stderr_tail").unwrap().as_text().unwrap();
        assert!(tail.ends_with("bye"), "{tail}");
        assert!(started.elapsed() < Duration::from_secs(4));
    }
}

#[tokio::test]
async fn a_cancelled_read_that_does_not_listen_is_killed_with_its_children() {
    let dir = tempfile::tempdir().unwrap();
    let script = "trap '' TERM; sleep 60 & echo $! > pid; echo ready; wait; sleep 60";
    let mut running = shell(json!({"script": script, "cwd": dir.path()})).start();
    running.says("ready").await;
    let child = pid(dir.path());
    let asked = Instant::now();
    running.cancel.send_replace(true);
    let ended = running.end().await;
    ended.failed(Effected::Unknown, "cancelled");
    assert!(asked.elapsed() >= windlass_steps::KILL_GRACE);
    assert!(asked.elapsed() < windlass_steps::KILL_GRACE + Duration::from_secs(4));
    until(|| !is_alive(child)).await;
}

#[tokio::test]
async fn the_log_is_named_by_the_outcome() {
    let ended = shell(json!({"argv": ["echo", "hello"]})).run().await;
    let Outcome::Succeeded { log: Some(log), .. } = &ended.outcome else {
        panic!("{:?}", ended.outcome)
    };
    assert_eq!((log.bytes, ended.log.as_str()), (6, "hello\n"));
}
