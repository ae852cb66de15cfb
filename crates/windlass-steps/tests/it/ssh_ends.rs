//! How a command on another machine ends, and what is known of it when nobody said so.

use std::fs;

use serde_json::json;
use windlass_core::outcome::Effected;

use crate::ssh::ssh;
use crate::sshd::Sshd;
use crate::support::{is_alive, json as value, kill, until};

#[tokio::test]
async fn an_exit_code_of_255_is_the_commands_own() {
    let sshd = Sshd::start();
    let what = json!({"script": "echo why >&2; exit 255"});
    let ended = ssh(sshd.login(), what.clone()).change().run().await;
    let failure = ended.failed(Effected::Unknown, "exit_status");
    assert_eq!(failure.message, "exit code 255: why");
    let evidence = failure.evidence.as_ref().unwrap();
    assert_eq!(*evidence, value(r#"{"exit_code":255,"stderr_tail":"why"}"#));
    let ended = ssh(sshd.login(), what).run().await;
    ended.failed(Effected::None, "exit_status");
    let what = json!({"script": "exit 255", "no_effect_exit_codes": [255]});
    let ended = ssh(sshd.login(), what).change().run().await;
    ended.failed(Effected::None, "exit_status");
    // As a shell says it: 128 and the signal.
    let what = json!({"script": "kill -KILL $$", "ok_exit_codes": [137]});
    let ended = ssh(sshd.login(), what).change().run().await;
    assert_eq!(*ended.output("exit_code"), 137.into());
}

#[tokio::test]
async fn a_cut_connection_leaves_a_change_in_doubt_and_its_command_goes_on() {
    let sshd = Sshd::start();
    for change in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let script = "echo $$ > pid; echo begun; while [ ! -e go ]; do sleep 0.02; done; : > done";
        let what = json!({"script": script, "cwd": dir.path()});
        let attempt = ssh(sshd.login(), what);
        let attempt = if change { attempt.change() } else { attempt };
        let mut running = attempt.start();
        running.says("begun").await;
        assert!(sshd.cut_all() > 0);
        let ended = running.end().await;
        let failure = ended.failed(Effected::Unknown, "connection_lost");
        assert!(failure.message.contains("had begun, and may go on there"));
        let began = failure.evidence.as_ref().unwrap().get("began");
        assert_eq!(began, Some(&true.into()));
        // Nothing there was told of it.
        let pid = fs::read_to_string(dir.path().join("pid")).unwrap();
        assert!(is_alive(pid.trim().parse().unwrap()));
        fs::write(dir.path().join("go"), "").unwrap();
        until(|| dir.path().join("done").exists()).await;
    }
}

#[tokio::test]
async fn a_command_that_prints_into_a_cut_connection_ends_there() {
    let sshd = Sshd::start();
    let dir = tempfile::tempdir().unwrap();
    let script = "echo begun; while [ ! -e go ]; do sleep 0.02; done
        trap ': > told; exit 1' PIPE; echo more; echo more; : > done";
    let what = json!({"script": script, "interpreter": ["bash"], "cwd": dir.path()});
    let mut running = ssh(sshd.login(), what).change().start();
    running.says("begun").await;
    assert!(sshd.cut_all() > 0);
    running
        .end()
        .await
        .failed(Effected::Unknown, "connection_lost");
    fs::write(dir.path().join("go"), "").unwrap();
    until(|| dir.path().join("told").exists()).await;
    assert!(!dir.path().join("done").exists());
}

#[tokio::test]
async fn a_killed_client_is_a_lost_connection() {
    let sshd = Sshd::start();
    let dir = tempfile::tempdir().unwrap();
    let script = "echo begun; while [ ! -e go ]; do sleep 0.02; done; : > done";
    let what = json!({"script": script, "cwd": dir.path()});
    let mut running = ssh(sshd.login(), what).change().start();
    running.says("begun").await;
    let session = running.on_disk();
    let leader = session.split("log.session\n").nth(1).unwrap();
    let leader = leader.split(' ').next().unwrap();
    kill(leader.parse().unwrap());
    running
        .end()
        .await
        .failed(Effected::Unknown, "connection_lost");
    fs::write(dir.path().join("go"), "").unwrap();
    until(|| dir.path().join("done").exists()).await;
}

#[tokio::test]
async fn a_read_that_nobody_waits_for_lets_go_and_a_change_does_not() {
    let sshd = Sshd::start();
    let what = json!({"script": "echo begun; sleep 60"});
    let mut running = ssh(sshd.login(), what).start();
    running.says("begun").await;
    running.cancel.send(true).unwrap();
    let ended = running.end().await;
    ended.failed(Effected::Unknown, "cancelled");
    let dir = tempfile::tempdir().unwrap();
    let script = "echo begun; while [ ! -e go ]; do sleep 0.02; done; echo done";
    let what = json!({"script": script, "cwd": dir.path()});
    let mut running = ssh(sshd.login(), what).change().timeout_ms(3000).start();
    running.says("begun").await;
    running.cancel.send(true).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    fs::write(dir.path().join("go"), "").unwrap();
    assert_eq!(*running.end().await.output("stdout"), "begun\ndone".into());
}

#[tokio::test]
async fn what_a_command_leaves_behind_holds_no_step() {
    let sshd = Sshd::start();
    for change in [true, false] {
        let what = json!({"script": "sleep 30 & echo $!"});
        let attempt = ssh(sshd.login(), what);
        let attempt = if change { attempt.change() } else { attempt };
        let ended = attempt.run().await;
        let pid = ended.output("stdout").as_text().unwrap().parse().unwrap();
        assert!(is_alive(pid));
        kill(pid);
    }
}
