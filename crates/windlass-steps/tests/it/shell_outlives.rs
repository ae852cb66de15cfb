//! A command whose engine is killed, and the files that let it go on.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use windlass_core::outcome::Effected;
use windlass_core::plan::EffectClass;
use windlass_core::value::Value;
use windlass_steps::{POLL, STDERR_TAIL_BYTES_MAX, STDOUT_BYTES_MAX};

use crate::support::{Attempt, is_alive, shell, until};

/// Where the engine that is to be killed finds what it shall run.
const WITH: &str = "WINDLASS_TEST_ENGINE_WITH";
/// More than a pipe holds.
const PADDING_BYTES: usize = 300_000;

/// No test of its own: with the variable set, the process that others kill.
#[tokio::test]
async fn engine_to_be_killed() {
    let Some(told) = std::env::var_os(WITH) else {
        return;
    };
    let told: Value = serde_json::from_slice(&std::fs::read(told).unwrap()).unwrap();
    let with = serde_json::to_value(told.get("with").unwrap()).unwrap();
    let idempotent = told.get("idempotent") == Some(&Value::Bool(true));
    let attempt = shell(with).step("outlives");
    let attempt = if idempotent {
        attempt.idempotent()
    } else {
        attempt.change()
    };
    let _running = attempt.start();
    std::future::pending::<()>().await;
}

/// Runs a change in a process of its own, and kills that once `started` is there.
async fn start_and_kill(dir: &Path, with: serde_json::Value, idempotent: bool) {
    let told = dir.join("with.json");
    let text = json!({"with": with, "idempotent": idempotent}).to_string();
    std::fs::write(&told, text).unwrap();
    let mut engine = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "shell_outlives::engine_to_be_killed"])
        .env(WITH, told)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until(|| dir.join("started").exists()).await;
    engine.kill().unwrap();
    assert_eq!(engine.wait().unwrap().signal(), Some(9));
}

fn environ(pid: &str) -> Vec<u8> {
    std::fs::read(format!("/proc/{pid}/environ")).unwrap()
}

#[tokio::test]
async fn a_change_that_prints_after_its_engine_died_completes_its_work() {
    let script = "echo before; echo before >&2; echo $$ > pid; : > started
        while [ ! -e go ]; do sleep 0.02; done
        echo waiting for server to shut down....; echo after >&2; seq 100000 | cat
        : > done";
    for idempotent in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let with = json!({"script": script, "cwd": dir.path()});
        start_and_kill(dir.path(), with, idempotent).await;
        let pid = std::fs::read_to_string(dir.path().join("pid")).unwrap();
        let pid = pid.trim();
        assert!(is_alive(pid.parse().unwrap()));
        let marker = b"WINDLASS_ATTEMPT=run-1/outlives/2";
        let environ = environ(pid);
        let mut variables = environ.split(|byte| *byte == 0);
        assert!(variables.any(|variable| variable == marker));
        std::fs::write(dir.path().join("go"), "").unwrap();
        until(|| dir.path().join("done").exists()).await;
        until(|| !is_alive(pid.parse().unwrap())).await;
    }
}

#[tokio::test]
async fn a_script_is_whole_although_its_engine_died_before_it_was_read() {
    let padding = "#".repeat(PADDING_BYTES);
    let script = format!(": > first\n{padding}\n: > last\n");
    // It reads nothing until its engine is dead. `env` is no shell, so that the script
    // is fed as it is.
    let reader = ": > started; while [ ! -e go ]; do sleep 0.02; done; exec sh";
    let dir = tempfile::tempdir().unwrap();
    let with = json!({
        "script": script, "interpreter": ["env", "sh", "-c", reader], "cwd": dir.path(),
    });
    start_and_kill(dir.path(), with, false).await;
    std::fs::write(dir.path().join("go"), "").unwrap();
    until(|| dir.path().join("last").exists()).await;
    assert!(dir.path().join("first").exists());
}

#[tokio::test]
async fn what_a_change_prints_is_on_no_path_before_it_is_redacted() {
    let dir = tempfile::tempdir().unwrap();
    let script = "echo \"it is $TOKEN\"; printf %s \"$TOKEN\" >&2; echo ready
        while [ ! -e go ]; do sleep 0.02; done";
    let with = json!({
        "script": script, "env": {"TOKEN": "$secret:token"}, "cwd": dir.path(),
    });
    let attempt = shell(with).secret("token", "canary-on-disk").change();
    let mut running = attempt.start();
    running.says("ready").await;
    let on_disk = running.on_disk();
    assert!(on_disk.contains("it is [secret]"), "{on_disk}");
    assert!(!on_disk.contains("canary"), "{on_disk}");
    std::fs::write(dir.path().join("go"), "").unwrap();
    let ended = running.end().await;
    assert!(!ended.everything().contains("canary"));
}

#[tokio::test]
async fn a_change_that_prints_much_is_bounded_and_comes_to_its_end() {
    let bytes = 100_000_000;
    let script = format!("yes | head -c {bytes}; yes | head -c {bytes} >&2; exit 7");
    let ended = shell(json!({"script": script})).change().run().await;
    let failure = ended.failed(Effected::Unknown, "exit_status");
    let tail = failure.evidence.as_ref().unwrap().get("stderr_tail");
    let tail = tail.unwrap().as_text().unwrap();
    assert!(tail.starts_with("y\ny\n") && tail.len() <= STDERR_TAIL_BYTES_MAX);
    assert!(ended.log.len() < 2 * 1024 * 1024);
    let script = format!("yes | head -c {bytes}");
    let ended = shell(json!({"script": script})).change().run().await;
    let stdout = ended.output("stdout").as_text().unwrap();
    assert_eq!(stdout, &"y\n".repeat(STDOUT_BYTES_MAX)[..STDOUT_BYTES_MAX]);
}

#[tokio::test]
async fn a_command_that_empties_its_output_goes_on() {
    let script = "echo one; sleep 0.3; echo two > /dev/stdout; sleep 0.3; echo three";
    let ended = shell(json!({"script": script})).change().run().await;
    assert_eq!(*ended.output("stdout"), "one\ntwo\nthree".into());
    assert!(ended.log.contains("emptied its output"), "{}", ended.log);
}

#[tokio::test]
async fn a_short_command_waits_for_no_poll() {
    let quickest = async |effect: EffectClass| {
        let mut quickest = Duration::MAX;
        for _ in 0..15 {
            let attempt = shell(json!({"argv": ["echo", "at once"]}));
            let started = Instant::now();
            let ended = Attempt { effect, ..attempt }.run().await;
            quickest = quickest.min(started.elapsed());
            assert_eq!(*ended.output("stdout"), "at once".into());
        }
        quickest
    };
    let pipes = quickest(EffectClass::Read).await;
    let files = quickest(EffectClass::Irreversible).await;
    println!("with pipes {pipes:?}, with files {files:?}");
    assert!(files < pipes + POLL, "{files:?} and {pipes:?}");
}

#[tokio::test]
async fn the_session_of_a_change_is_recorded_and_that_of_a_read_is_not() {
    let script = "echo \"leader $$\"; while [ ! -e go ]; do sleep 0.02; done";
    for change in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let attempt = shell(json!({"script": script, "cwd": dir.path()}));
        let attempt = if change { attempt.change() } else { attempt };
        let mut running = attempt.start();
        let said = running
            .progress
            .wait_for(|said| said.starts_with("leader "));
        let leader = said.await.unwrap().replace("leader ", "");
        let on_disk = running.on_disk();
        let record = on_disk.contains(&format!("log.session\n{leader} "));
        assert_eq!(record, change, "{on_disk}");
        std::fs::write(dir.path().join("go"), "").unwrap();
        running.end().await.outputs();
    }
}
