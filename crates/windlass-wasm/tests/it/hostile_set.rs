//! The hostile set on the network: where a guest tries to get to, and what it tries to tell.
//! `contained` has what it does to its host. Each prints its rows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use windlass_core::outcome::Outcome;
use windlass_http::testing::{Script, Server, answer};

use crate::support::{attempt, hostile};

const TOKEN: &str = "issued-token-0123456789";

fn row(what: &str, end: &str, held: &str) {
    println!("{what:<44} {end:<18} {held}");
}

#[tokio::test]
async fn it_gets_to_no_address_that_it_may_not_reach() {
    let Some(plugin) = hostile().await else {
        return;
    };
    let other = Server::always(Script::Answer(answer("200 OK", "", "secret"))).await;
    let location = format!("location: {}/open/x\r\n", other.origin());
    let server = Server::always(Script::Answer(answer("302 Found", &location, ""))).await;
    let here = server.origin().to_string();
    let ask = async |endpoint: &str, url: String| {
        let with = json!({"endpoint": endpoint, "url": url});
        let ended = attempt(&plugin, "hostile/ask", with).run().await;
        match ended.outcome {
            Outcome::Succeeded { outputs, .. } => outputs.get("status").unwrap().to_string(),
            Outcome::Failed(failure) => failure.code,
        }
    };
    for (what, endpoint, url, end) in [
        (
            "another host by a redirect",
            here.as_str(),
            format!("{here}/open/a"),
            "302",
        ),
        (
            "another host by its address",
            &here,
            format!("{}/open/a", other.origin()),
            "not_granted",
        ),
        (
            "another path by a coded slash",
            &here,
            format!("{here}/open/a%2f..%2f..%2fx"),
            "not_granted",
        ),
    ] {
        assert_eq!(ask(endpoint, url).await, end, "{what}");
        row(what, end, "nothing was sent to it");
    }
    for (what, origin) in [
        (
            "metadata by its name in DNS",
            "http://metadata.example.test",
        ),
        (
            "metadata by a mapped address in DNS",
            "http://mapped.example.test",
        ),
        (
            "a private network by a name in DNS",
            "http://private.example.test",
        ),
        ("metadata by its address", "http://169.254.169.254"),
        ("metadata as IPv4-mapped", "http://[::ffff:169.254.169.254]"),
        (
            "metadata as IPv4-mapped, in hex",
            "http://[::ffff:a9fe:a9fe]",
        ),
        ("metadata of IPv6", "http://[fd00:ec2::254]"),
        ("this machine by 0.0.0.0", "http://0.0.0.0"),
    ] {
        let end = ask(origin, format!("{origin}/open/a")).await;
        assert_eq!(end, "address_refused", "{what}");
        row(what, &end, "no connection");
    }
    assert_eq!(other.connections(), 0, "somebody was reached");
}

/// A target that says back what it was sent, in the forms in which it could be told on.
#[tokio::test]
async fn what_a_target_says_back_tells_it_no_secret() {
    let Some(plugin) = hostile().await else {
        return;
    };
    let hex: String = TOKEN.bytes().map(|byte| format!("{byte:02x}")).collect();
    let coded = STANDARD.encode(format!("x-token {TOKEN}"));
    for (what, said) in [
        ("a secret as it is, split over writes", TOKEN.to_owned()),
        ("a secret in base64, split over writes", coded.clone()),
        ("a secret in hex, split over writes", hex.clone()),
    ] {
        let echo = said.clone();
        let server = Server::scripted(move |_, request| {
            let header = format!("x-token: {TOKEN}\r\n");
            let body = match request.starts_with("POST") {
                true => json!({"nested": {"token": "nested-token-9876543210"}}).to_string(),
                false => echo.clone(),
            };
            Script::Answer(answer("200 OK", &header, &body))
        })
        .await;
        let with = json!({
            "endpoint": server.origin().to_string(), "user": "ada", "password": "$secret:password",
        });
        let login = attempt(&plugin, "hostile/login", with);
        let ended = login
            .secret("password", "correct horse battery")
            .run()
            .await;
        let told = ended.outputs().to_string();
        assert!(server.requests()[1].contains(TOKEN), "it was sent");
        // Nothing is between the pieces but the ends of lines.
        let log = ended.log.replace('\n', "");
        for text in [&log, &told, &ended.progress] {
            // Both edges of a longer text in base64 hold bits of other characters.
            let core = &said[said.len() / 3..said.len() * 2 / 3];
            assert!(!text.contains(core), "{what}: {text}");
        }
        assert!(log.contains("[secret]"), "{log}");
        row(what, "succeeded", "[secret] in log, outputs and progress");
    }
}
