//! Guests of other languages: the same contract, the same host.

use serde_json::json;
use windlass_core::outcome::Effected;
use windlass_engine::ports::CatalogSource as _;
use windlass_http::testing::{Script, Server, answer};
use windlass_wasm::Plugin;

use crate::support::{attempt, hello_js, hello_python};

const TOKEN: &str = "token-0123456789";

/// Greets who has the token.
async fn server() -> Server {
    Server::scripted(|_, request| {
        let known = request.contains(&format!("authorization: Bearer {TOKEN}\r\n"));
        let status = if known { "200 OK" } else { "401 Unauthorized" };
        let body = json!({"text": "Grüezi", "echo": request}).to_string();
        Script::Answer(answer(status, "", &body))
    })
    .await
}

async fn greets_and_asks(plugin: &Plugin, name: &'static str) {
    assert_eq!(plugin.manifest().name, name);
    let (greet, ask) = match name {
        "hello_js" => ("hello_js/greet", "hello_js/ask"),
        _ => ("hello_python/greet", "hello_python/ask"),
    };
    let entry = &plugin.catalog().actions[&ask.parse().unwrap()];
    assert!(entry.params["token"].secret, "{entry:?}");
    let greeted = attempt(plugin, greet, json!({"name": "Ada"})).run().await;
    let text = |ended: &crate::support::Ended| ended.outputs().get("text").unwrap().to_string();
    assert_eq!(text(&greeted), "\"Hello, Ada!\"");
    assert_eq!(greeted.log, "somebody is greeted\n");

    let server = server().await;
    let endpoint = server.origin().to_string();
    let with = json!({"endpoint": endpoint, "token": "$secret:token"});
    let asking = attempt(plugin, ask, with.clone()).secret("token", TOKEN);
    let asked = asking.run().await;
    assert_eq!(text(&asked), "\"Grüezi\"");
    assert!(!asked.log.contains(TOKEN));
    let refused = attempt(plugin, ask, with.clone()).secret("token", "another-token");
    refused.run().await.failed(Effected::None, "refused");
    let none = attempt(plugin, ask, with);
    none.run().await.failed(Effected::None, "not_granted");
    let nobody = json!({"endpoint": "http://127.0.0.1:9", "token": "$secret:token"});
    let nobody = attempt(plugin, ask, nobody).secret("token", TOKEN);
    nobody.run().await.failed(Effected::None, "connect_failed");
    // What nobody thought of is unknown, and the log tells where it was.
    let (with, raised, file) = match name {
        "hello_js" => (
            json!({"name": {"toString": null}}),
            "TypeError",
            "plugin.js",
        ),
        _ => (json!({}), "KeyError", "plugin.py"),
    };
    let broken = attempt(plugin, greet, with).run().await;
    let failure = broken.failed(Effected::Unknown, "exception");
    assert!(failure.message.contains(raised), "{failure:?}");
    assert!(broken.log.contains(file), "{}", broken.log);
}

#[tokio::test]
async fn javascript_greets_and_asks_with_a_secret() {
    let Some(plugin) = hello_js().await else {
        return;
    };
    greets_and_asks(&plugin, "hello_js").await;
}

#[tokio::test]
async fn python_greets_and_asks_with_a_secret() {
    let Some(plugin) = hello_python().await else {
        return;
    };
    greets_and_asks(&plugin, "hello_python").await;
}
