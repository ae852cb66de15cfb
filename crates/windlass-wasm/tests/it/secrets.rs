//! Secrets reach the wire and nothing else.

use serde_json::json;
use windlass_core::outcome::Effected;
use windlass_http::testing::{Script, Server, answer};
use windlass_wasm::Plugin;

use crate::support::{Attempt, attempt, hostile};

const PASSWORD: &str = "correct horse battery";
const KEY: &str = "SecretKey-0123456789";
const TOKEN: &str = "issued-token-0123456789";
const NESTED: &str = "nested-token-9876543210";

/// Issues tokens, and says back what it was sent.
async fn server() -> Server {
    Server::scripted(|_, request| {
        let headers = format!("x-token: {TOKEN}\r\n");
        if request.starts_with("POST /login") {
            let body = json!({"nested": {"token": NESTED}, "user": "ada"}).to_string();
            return Script::Answer(answer("200 OK", &headers, &body));
        }
        Script::Answer(answer("200 OK", "", request))
    })
    .await
}

fn login(plugin: &Plugin, server: &Server, key: Option<&str>) -> Attempt {
    let with = json!({
        "endpoint": server.origin().to_string(), "user": "ada",
        "password": "$secret:password", "key": key,
    });
    let login = attempt(plugin, "hostile/login", with);
    login.secret("password", PASSWORD).secret("key", KEY)
}

#[tokio::test]
async fn no_secret_that_was_given_or_issued_is_told() {
    let Some(plugin) = hostile().await else {
        return;
    };
    let server = server().await;
    let ended = login(&plugin, &server, None).run().await;
    let told = ended.outputs().to_string();
    assert!(told.contains("Bearer [secret]"), "{told}");
    let requests = server.requests();
    assert!(
        requests[1].contains(&format!("Bearer {TOKEN}")),
        "{requests:?}"
    );
    assert!(ended.log.contains("\"user\":\"ada\""), "{}", ended.log);
    let everything = format!("{ended:?}");
    for secret in [PASSWORD, TOKEN, NESTED] {
        assert!(!everything.contains(secret), "{secret} in {everything}");
    }
}

#[tokio::test]
async fn only_what_the_manifest_says_signs() {
    let Some(plugin) = hostile().await else {
        return;
    };
    let server = server().await;
    let ended = login(&plugin, &server, Some("$secret:key")).run().await;
    // The last thing that it tries is to sign with the password.
    ended.failed(Effected::None, "not_granted");
    assert!(
        ended.log.contains("`password` is not for signing"),
        "{}",
        ended.log
    );
    // HMAC(HMAC("SDK" + key, "20060102"), "message"), computed elsewhere.
    let code = "de2d5f70390cb3a847926e1766af19d2d8215be42c38c51eeba3e5b07cf4b7c5";
    assert!(ended.log.contains(code), "{}", ended.log);
}

#[tokio::test]
async fn a_secret_goes_to_its_hosts_alone() {
    let Some(plugin) = hostile().await else {
        return;
    };
    let server = server().await;
    let elsewhere = login(&plugin, &server, None).granted("password", &["db.example.com"]);
    let ended = elsewhere.run().await;
    let failure = ended.failed(Effected::None, "not_granted");
    assert!(
        failure.message.contains("may not go to `127.0.0.1`"),
        "{}",
        failure.message
    );
    assert_eq!(server.connections(), 0);
    let here = login(&plugin, &server, None).granted("password", &["127.0.0.1"]);
    here.run().await.outputs();
}
