//! Fixtures, by the hostile plugin: what is as it is written passes, and every difference
//! is found. A recorded call plays as it went.

use serde_json::{Value, json};
use windlass_core::outcome::Effected;
use windlass_http::testing::{Script, Server, answer};
use windlass_wasm::fixture::Fixture;
use windlass_wasm::{Host, Options, Plugin, conformance, play};

use crate::support::{attempt, component, hostile, options};

async fn played(plugin: &Plugin, fixture: &Value) -> Vec<String> {
    let fixture = Fixture::read(&fixture.to_string()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    play(plugin, &fixture, &dir.path().join("log")).await
}

fn busy() -> Value {
    json!({
        "action": "change",
        "with": {"endpoint": "https://api.example.com", "how": "plain"},
        "exchanges": [{
            "request": {"method": "POST", "url": "https://api.example.com/change", "json": "plain"},
            "answer": {"status": 409},
        }],
        "expect": {
            "failure": {"effect": "none", "code": "busy"},
            "checkpoint": "begun",
        },
    })
}

#[tokio::test]
async fn a_fixture_passes_as_it_is_and_every_difference_is_found() {
    let Some(plugin) = hostile().await else {
        return;
    };
    assert_eq!(played(&plugin, &busy()).await, Vec::<String>::new());
    let found = async |at: &str, value: Value| {
        let mut fixture = busy();
        *fixture.pointer_mut(at).unwrap() = value;
        played(&plugin, &fixture).await.join("\n")
    };
    for (at, value, why) in [
        ("/exchanges/0/request/method", json!("PUT"), "`POST https"),
        (
            "/exchanges/0/request/url",
            json!("https://api.example.com/x"),
            "has `POST https://api.example.com/x`",
        ),
        (
            "/exchanges/0/request/json",
            json!("other"),
            "the body is `\"plain\"`",
        ),
        ("/exchanges", json!([]), "the fixture has no more"),
        (
            "/exchanges/0/answer/status",
            json!(200),
            "it ended {\"output\"",
        ),
        ("/expect/failure/code", json!("idle"), "\"code\":\"busy\""),
        (
            "/expect/failure/effect",
            json!("unknown"),
            "\"effect\":\"none\"",
        ),
        (
            "/expect/checkpoint",
            json!("ended"),
            "\"checkpoint\":\"begun\"",
        ),
        ("/action", json!("changes"), "no action `changes`"),
        (
            "/with/endpoint",
            json!("https://other.example.com"),
            "`POST https://other",
        ),
    ] {
        let wrong = found(at, value).await;
        assert!(wrong.contains(why), "{at}: {wrong:?}");
    }
    let mut twice = busy();
    let exchange = twice["exchanges"][0].clone();
    twice["exchanges"].as_array_mut().unwrap().push(exchange);
    let wrong = played(&plugin, &twice).await;
    assert_eq!(
        wrong,
        ["POST https://api.example.com/change was never sent"]
    );
}

#[tokio::test]
async fn a_request_without_an_answer_leaves_what_the_engine_would_see() {
    let Some(plugin) = hostile().await else {
        return;
    };
    let mut fixture = busy();
    let exchange = fixture["exchanges"][0].as_object_mut().unwrap();
    exchange.remove("answer");
    exchange.insert(
        "lost".to_owned(),
        json!({"kind": "cut", "sent": true, "message": "gone"}),
    );
    fixture["expect"] = json!({"failure": {"effect": "unknown", "code": "connection_lost"}});
    assert_eq!(played(&plugin, &fixture).await, Vec::<String>::new());
    // The host's own judgement stands between: this plugin would say that nothing happened.
    fixture["with"]["how"] = json!("deny");
    fixture["exchanges"][0]["request"]["json"] = json!("deny");
    fixture["expect"] = json!({"failure": {"effect": "unknown", "code": "denied"}});
    assert_eq!(played(&plugin, &fixture).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_a_run_records_plays_as_it_went_and_holds_no_secret() {
    let Some(bytes) = component("hostile") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let recorded = dir.path().join("recorded");
    let host = Host::new(Options {
        record: Some(recorded.clone()),
        ..options()
    })
    .unwrap();
    let plugin = host.load(bytes).await.unwrap();
    let (password, token) = ("correct horse battery", "issued-token-0123456789");
    let server = Server::scripted(move |_, request| {
        let header = format!("x-token: {token}\r\n");
        Script::Answer(answer(
            "200 OK",
            &header,
            &json!({"was": request}).to_string(),
        ))
    })
    .await;
    let with = json!({
        "endpoint": server.origin().to_string(),
        "user": "ada",
        "password": "$secret:password",
        "key": "$secret:key",
    });
    let ended = attempt(&plugin, "hostile/login", with)
        .secret("password", password)
        .secret("key", "SecretKey-0123456789")
        .run()
        .await;
    // It signs with what its manifest does not name.
    ended.failed(Effected::None, "not_granted");
    assert_eq!(server.requests().len(), 2);
    let text = std::fs::read_to_string(recorded.join("step_2_run.json")).unwrap();
    for secret in [password, token, "SecretKey", "fixture-value"] {
        assert!(!text.contains(secret), "{text}");
    }
    for part in [
        "${{ secrets.password }}",
        "Bearer ${{ issued.1 }}",
        "\"x-token\": \"${{ issued.1 }}\"",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    drop(server);
    let fixture: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(played(&plugin, &fixture).await, Vec::<String>::new());
    let again = std::fs::read_dir(&recorded).unwrap().count();
    assert_eq!(again, 1, "what is played is not recorded");
}

#[tokio::test]
async fn conformance_names_what_a_plugin_does_not_hold() {
    let Some(plugin) = hostile().await else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let wrong = async |how: &str, checked: &str| {
        let mut fixture = busy();
        fixture["with"]["how"] = json!(how);
        fixture["exchanges"][0]["request"]["json"] = json!(how);
        let fixture = Fixture::read(&fixture.to_string()).unwrap();
        let fixtures = [("busy".to_owned(), fixture)];
        let checks = conformance(&plugin, &fixtures, &log).await;
        let check = checks.iter().find(|check| check.name.contains(checked));
        check.unwrap().wrong.join("\n")
    };
    assert_eq!(wrong("plain", "a reconcile changes nothing").await, "");
    assert_eq!(wrong("plain", "the same of itself").await, "");
    assert_eq!(wrong("plain", "that is not granted").await, "");
    let why = wrong("change_again", "a reconcile changes nothing").await;
    assert!(why.contains("a reconcile only reads"), "{why}");
    let why = wrong("keep", "a reconcile changes nothing").await;
    assert!(why.contains("a reconcile keeps nothing"), "{why}");
    let why = wrong("stubborn", "stops when").await;
    assert!(
        why.contains("times more") && why.contains("change something"),
        "{why}"
    );
    let why = wrong("stray", "that is not granted").await;
    assert!(why.contains("no grant allows"), "{why}");
    let none = conformance(&plugin, &[], &log).await;
    let why = none
        .iter()
        .find(|check| check.name.contains("changes nothing"));
    assert!(
        why.unwrap()
            .wrong
            .join("")
            .contains("`change` reconciles and has no fixture")
    );
}
