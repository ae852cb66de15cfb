//! Requests that no grant allows, and addresses that none can.

use serde_json::json;
use windlass_core::outcome::Effected;
use windlass_http::testing::{Script, Server, answer};

use crate::support::{attempt, hostile};

#[tokio::test]
async fn only_what_the_manifest_asks_for_is_sent() {
    let Some(plugin) = hostile().await else {
        return;
    };
    let server = Server::always(Script::Answer(answer("200 OK", "", "hello"))).await;
    let other = Server::always(Script::Answer(answer("200 OK", "", "secret"))).await;
    let (here, there) = (server.origin().to_string(), other.origin().to_string());
    let ask = async |url: String| {
        let with = json!({"endpoint": here.clone(), "url": url});
        attempt(&plugin, "hostile/ask", with).run().await
    };
    let ended = ask(format!("{here}/open/a/b?c=d")).await;
    assert_eq!(
        ended.outputs().get("body").unwrap().as_text(),
        Some("hello")
    );
    let sent = server.connections();
    for url in [
        format!("{here}/closed"),
        format!("{here}/open/a%2f..%2f..%2fclosed"),
        format!("{there}/open/a"),
        "https://example.com/open/a".to_owned(),
        "https://127.0.0.1/open/a".to_owned(),
    ] {
        let ended = ask(url.clone()).await;
        let failure = ended.failed(Effected::None, "not_granted");
        assert!(failure.message.contains("no grant allows GET"), "{url}");
        assert!(ended.log.contains("no grant allows GET"), "{}", ended.log);
    }
    for url in ["file:///etc/passwd", "http://u:p@127.0.0.1/open/a", "x"] {
        ask(url.to_owned())
            .await
            .failed(Effected::None, "bad_request");
    }
    assert_eq!((server.connections(), other.connections()), (sent, 0));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_leads_nowhere() {
    let Some(plugin) = hostile().await else {
        return;
    };
    let other = Server::always(Script::Answer(answer("200 OK", "", "secret"))).await;
    let location = format!("location: {}/open/x\r\n", other.origin());
    let server = Server::always(Script::Answer(answer("302 Found", &location, ""))).await;
    let here = server.origin().to_string();
    let with = json!({"endpoint": here, "url": format!("{here}/open/a")});
    let ended = attempt(&plugin, "hostile/ask", with).run().await;
    assert_eq!(ended.outputs().get("status").unwrap().to_string(), "302");
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_granted_name_leads_to_no_forbidden_address() {
    let Some(plugin) = hostile().await else {
        return;
    };
    let ask = async |origin: &str| {
        let with = json!({"endpoint": origin, "url": format!("{origin}/open/a")});
        attempt(&plugin, "hostile/ask", with).run().await
    };
    for origin in [
        "http://metadata.example.test",
        "http://mapped.example.test",
        "http://private.example.test",
        "http://169.254.169.254",
        "http://[::ffff:169.254.169.254]",
        "http://[::ffff:a9fe:a9fe]",
        "http://0x7f.1.example.test",
        "http://[fd00:ec2::254]",
        "http://10.0.0.1",
        "http://0.0.0.0",
    ] {
        let ended = ask(origin).await;
        match origin {
            // A name like any other: it leads to this machine, where nobody listens.
            "http://0x7f.1.example.test" => {
                ended.failed(Effected::None, "connect_failed");
            }
            _ => {
                ended.failed(Effected::None, "address_refused");
            }
        }
    }
    // The manifest's own name, over TLS.
    let with = json!({"endpoint": "https://a.example.test", "url": "https://metadata.example.test/latest"});
    let ended = attempt(&plugin, "hostile/ask", with).run().await;
    ended.failed(Effected::None, "address_refused");
}
