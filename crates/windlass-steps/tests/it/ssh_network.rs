//! Networks that fail between the client and its server, at every point of an attempt.

use std::fs;
use std::time::Duration;

use rds_lab::proxy::{Fault, Moment, Proxy, Way};
use serde_json::json;
use windlass_core::outcome::{Effected, Outcome};
use windlass_steps::GO_WITHIN;

use crate::ssh::ssh;
use crate::sshd::Sshd;
use crate::support::until;

/// How many bytes a whole attempt is, there and back.
async fn whole(sshd: &Sshd) -> [(Way, u64); 2] {
    let proxy = Proxy::to(sshd.port).unwrap();
    let what = json!({"script": "echo did >> /dev/null"});
    ssh(sshd.login_at(proxy.port()), what).run().await.outputs();
    [Way::ToServer, Way::ToClient].map(|way| (way, proxy.passed(way)))
}

/// Where to cut: here and there, and close to each other where the command goes out.
fn cuts(whole: u64) -> impl Iterator<Item = u64> {
    let sparse = (1..8).map(move |at| whole * at / 8);
    let dense = (0..16).map(move |at| whole.saturating_sub(1_600) + at * 100);
    sparse.chain(dense)
}

#[tokio::test]
async fn wherever_the_connection_is_cut_the_outcome_is_true() {
    let sshd = Sshd::start();
    let whole = whole(&sshd).await;
    let mut attempts = Vec::new();
    for (way, whole) in whole {
        for bytes in cuts(whole) {
            let proxy = Proxy::to(sshd.port).unwrap();
            proxy.arm(Moment::Bytes(way, bytes), Fault::Cut);
            let what = format!("{bytes} bytes {way:?}");
            let file = sshd.path(&what);
            let script = format!("echo did >> '{}'", file.display());
            let attempt = ssh(sshd.login_at(proxy.port()), json!({"script": script}));
            attempts.push((what, file, proxy, attempt.change().start()));
        }
    }
    let count = attempts.len();
    let mut fired = 0;
    let mut ended = Vec::new();
    for (what, file, proxy, attempt) in attempts {
        ended.push((what, file, attempt.end().await));
        fired += proxy.fired();
    }
    // Nothing of them is on its way any more.
    until(|| sshd.serves() == 0).await;
    let (mut none, mut unknown, mut succeeded, mut done) = (0, 0, 0, 0);
    for (what, file, ended) in ended {
        let times = fs::read_to_string(file).unwrap_or_default().lines().count();
        let effect = match &ended.outcome {
            Outcome::Succeeded { .. } => None,
            Outcome::Failed(failure) => Some(failure.effect),
        };
        let is_true = match effect {
            None => times == 1,
            Some(Effected::None) => times == 0,
            Some(Effected::Unknown) => times <= 1,
            Some(Effected::Settled) => false,
        };
        assert!(is_true, "{what}, done {times} times: {ended:?}");
        match effect {
            None => succeeded += 1,
            Some(Effected::None) => none += 1,
            Some(_) => (unknown, done) = (unknown + 1, done + times),
        }
    }
    println!(
        "{fired} cuts in {count} attempts: {none} not sent, {unknown} in doubt of which {done} had happened, \
         {succeeded} succeeded"
    );
    assert!(
        fired + succeeded >= count && none > 0 && done > 0 && unknown > done,
        "the cuts came on both sides of the sending"
    );
}

#[tokio::test]
async fn a_server_that_says_nothing_was_sent_nothing() {
    let sshd = Sshd::start();
    let proxy = Proxy::to(sshd.port).unwrap();
    proxy.arm(Moment::Now, Fault::BlackHole);
    let what = json!({"argv": ["true"], "connect_timeout": 500});
    let attempt = ssh(sshd.login_at(proxy.port()), what).change();
    let ended = attempt.run().await;
    let failure = ended.failed(Effected::None, "not_sent");
    assert!(failure.message.contains("within 0.5 s"), "{failure:?}");
    assert!(proxy.fired() > 0);
}

#[tokio::test]
async fn a_network_that_swallows_the_answer_leaves_a_doubt() {
    let sshd = Sshd::start();
    let dir = tempfile::tempdir().unwrap();
    let proxy = Proxy::to(sshd.port).unwrap();
    let script = "echo begun; while [ ! -e go ]; do sleep 0.02; done; : > done";
    let what = json!({"script": script, "cwd": dir.path()});
    let mut running = ssh(sshd.login_at(proxy.port()), what).change().start();
    running.says("begun").await;
    proxy.arm(Moment::Now, Fault::BlackHole);
    fs::write(dir.path().join("go"), "").unwrap();
    until(|| dir.path().join("done").exists()).await;
    // The client asks whether anybody is there, and gives up.
    let ended = running.end().await;
    ended.failed(Effected::Unknown, "connection_lost");
    assert!(proxy.fired() > 0);
}

#[tokio::test]
async fn a_command_that_comes_late_is_not_begun() {
    let sshd = Sshd::start();
    let made = sshd.path("made");
    let [(way, there), _] = whole(&sshd).await;
    let proxy = Proxy::to(sshd.port).unwrap();
    // So much brings the greeting, and not the whole line.
    proxy.arm(Moment::Bytes(way, there + 2_000), Fault::HoldOneWay(way));
    let padding = "x".repeat(6_000);
    let what = json!({"argv": ["touch", made], "env": {"PADDING": padding}});
    let running = ssh(sshd.login_at(proxy.port()), what).change().start();
    until(|| proxy.fired() > 0).await;
    tokio::time::sleep(GO_WITHIN + Duration::from_secs(2)).await;
    proxy.disarm();
    let ended = running.end().await;
    let failure = ended.failed(Effected::None, "refused");
    assert!(failure.message.contains("was not begun"), "{failure:?}");
    assert!(!made.exists());
}
