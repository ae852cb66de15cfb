//! Changes: what is known after each end, and what a reconcile may say.

use serde_json::json;
use windlass_core::outcome::{Answer, Effected};
use windlass_core::time::{Millis, Timestamp};
use windlass_core::value::Value;
use windlass_engine::SimClock;
use windlass_http::testing::{Script, Server, answer};
use windlass_wasm::Plugin;

use crate::support::{Attempt, attempt, hostile};

fn change(plugin: &Plugin, server: &Server, how: &str) -> Attempt {
    let with = json!({"endpoint": server.origin().to_string(), "how": how});
    attempt(plugin, "hostile/change", with)
}

async fn answering(status: &str, body: &str) -> Server {
    Server::always(Script::Answer(answer(status, "", body))).await
}

#[tokio::test]
async fn the_end_of_a_guest_after_its_request_is_unknown() {
    let Some(plugin) = hostile().await else {
        return;
    };
    for (how, code) in [("trap", "plugin_trap"), ("loop", "timeout")] {
        let server = answering("200 OK", "").await;
        let ended = change(&plugin, &server, how).timeout_ms(1500).run().await;
        let failure = ended.failed(Effected::Unknown, code);
        assert_eq!(server.requests().len(), 1, "{how}");
        assert_eq!(ended.kept, ["\"begun\""], "kept before it was sent");
        let seen = failure
            .evidence
            .as_ref()
            .unwrap()
            .get("seen")
            .unwrap()
            .to_string();
        assert!(seen.contains("\"status\":200"), "{seen}");
    }
    let server = answering("200 OK", "").await;
    let ended = change(&plugin, &server, "trap_first").run().await;
    ended.failed(Effected::Unknown, "plugin_trap");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn an_answer_of_the_target_is_evidence_that_nothing_happened() {
    let Some(plugin) = hostile().await else {
        return;
    };
    let server = answering("409 Conflict", "busy").await;
    let ended = change(&plugin, &server, "plain").run().await;
    let failure = ended.failed(Effected::None, "busy");
    let evidence = failure.evidence.as_ref().unwrap();
    assert_eq!(evidence.get("plugin"), Some(&Value::Int(409)));
    let seen = evidence.get("seen").unwrap().to_string();
    for part in [
        "\"method\":\"POST\"",
        "\"status\":409",
        "body_sha256",
        "/change",
    ] {
        assert!(seen.contains(part), "{part} in {seen}");
    }
}

#[tokio::test]
async fn a_plugin_cannot_say_that_nothing_happened_where_nobody_answered() {
    let Some(plugin) = hostile().await else {
        return;
    };
    let server = Server::always(Script::Close).await;
    let ended = change(&plugin, &server, "deny").run().await;
    let failure = ended.failed(Effected::Unknown, "denied");
    assert!(
        failure.message.contains("got no answer"),
        "{}",
        failure.message
    );
    assert_eq!(server.requests().len(), 1);
    // Where no connection came about, it is true.
    let refusing = Server::always(Script::Close).await;
    let with = json!({"endpoint": "http://127.0.0.1:9", "how": "deny"});
    let ended = attempt(&plugin, "hostile/change", with).run().await;
    ended.failed(Effected::None, "denied");
    assert_eq!(refusing.connections(), 0);
}

#[tokio::test]
async fn a_change_is_stopped_before_it_is_sent_and_not_after() {
    let Some(plugin) = hostile().await else {
        return;
    };
    let server = answering("200 OK", "").await;
    let waiting = change(&plugin, &server, "wait_first").start();
    waiting.beside.cancel.send(true).unwrap();
    let ended = waiting.end().await;
    ended.failed(Effected::None, "cancelled");
    assert_eq!(server.connections(), 0);

    let server = Server::always(Script::Drip(
        answer("200 OK", "", "done"),
        std::time::Duration::from_millis(5),
    ))
    .await;
    let sent = change(&plugin, &server, "plain").start();
    while server.requests().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    sent.beside.cancel.send(true).unwrap();
    sent.end().await.outputs();
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn nothing_is_sent_after_the_send_deadline() {
    let Some(plugin) = hostile().await else {
        return;
    };
    let server = answering("200 OK", "").await;
    let clock = SimClock::at(Timestamp(1_000));
    let late = change(&plugin, &server, "plain").send_by(&clock, Timestamp(2_000));
    clock.advance(Millis(5_000));
    let ended = late.run().await;
    ended.failed(Effected::None, "not_sent");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_reconcile_reads_what_the_target_says() {
    let Some(plugin) = hostile().await else {
        return;
    };
    let looked = async |body: &str, how: &str| {
        let server = answering("200 OK", body).await;
        let (answer, log) = change(&plugin, &server, how)
            .kept("\"begun\"")
            .reconcile()
            .await;
        assert!(log.contains("begun"), "{log}");
        let changed = server
            .requests()
            .iter()
            .any(|request| request.starts_with("POST"));
        assert!(!changed, "a reconcile sent a change");
        answer
    };
    assert!(matches!(
        looked("done", "plain").await,
        Answer::Happened { .. }
    ));
    assert!(matches!(
        looked("wait", "plain").await,
        Answer::InProgress { .. }
    ));
    let Answer::NotHappened { evidence } = looked("idle", "plain").await else {
        panic!("it did not happen");
    };
    assert_eq!(evidence.get("plugin").unwrap().as_text(), Some("idle"));
    assert!(evidence.get("seen").unwrap().to_string().contains("/state"));
    // Without a look nothing is known.
    let Answer::Unknown { note } = looked("idle", "blind").await else {
        panic!("nobody looked");
    };
    assert!(note.contains("no target answered"), "{note}");
    let Answer::Failed { message } = looked("idle", "change_again").await else {
        panic!("a change was sent");
    };
    assert!(message.contains("a reconcile only reads"), "{message}");
    let Answer::Unknown { note } = looked("idle", "keep").await else {
        panic!("something was kept");
    };
    assert_eq!(note, "kept false");
}
