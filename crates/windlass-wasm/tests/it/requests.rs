//! Requests that no grant allows, and addresses that none can.

use serde_json::json;
use windlass_core::catalog::Grant;
use windlass_core::outcome::{Effected, Outcome};
use windlass_core::plan::{Digest, Plugin as Pin};
use windlass_core::refusal::RefusedBy;
use windlass_engine::ports::Plugins as _;
use windlass_http::testing::{Script, Server, answer};
use windlass_wasm::Kept;

use crate::support::{Ended, attempt, component, hostile, options};

#[tokio::test]
async fn only_what_the_plan_grants_is_sent() {
    let (Some(plugin), Some(bytes)) = (hostile().await, component("hostile")) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let digest = Digest::of(&bytes);
    let file = dir.path().join(format!("{digest}.wasm"));
    let server = Server::always(Script::Answer(answer("200 OK", "", "hello"))).await;
    let here = server.origin().to_string();
    let kept = Kept::new(dir.path(), options());
    let pin = |url: &str, networks: &[&str]| {
        let grant = Grant::Requests {
            methods: vec!["GET".to_owned()],
            url: url.to_owned(),
            reads: true,
        };
        Pin {
            source: "./hostile".to_owned(),
            version: "1.0.0".to_owned(),
            digest,
            actions: [("ask".to_owned(), vec![grant])].into(),
            networks: networks.iter().map(|range| (*range).to_owned()).collect(),
        }
    };
    let local = ["127.0.0.0/8"];
    // Bytes that are not there, or others, are no plugin.
    let refused = |why: &str| {
        let refused = kept.runner(&pin("{endpoint}/open/**", &local), "ask");
        assert_eq!(refused.err().as_deref(), Some(why));
    };
    refused("it is gone from the state directory");
    std::fs::write(&file, b"another").unwrap();
    refused("its bytes in the state directory are others");
    std::fs::write(&file, bytes).unwrap();
    let ask = async |pin: Pin, path: &str| {
        let with = json!({"endpoint": here.clone(), "url": format!("{here}{path}")});
        let runner = kept.runner(&pin, "ask").unwrap();
        attempt(&plugin, "hostile/ask", with).by(runner).run().await
    };
    let narrow = || pin("{endpoint}/open/a", &local);
    ask(narrow(), "/open/a").await.outputs();
    let sent = server.connections();
    let ended = ask(narrow(), "/open/b").await;
    let failure = ended.failed(Effected::None, "not_granted");
    for words in [
        "the manifest asks for GET {endpoint}/open/**",
        "`grants` do not hold it",
    ] {
        assert!(failure.message.contains(words), "{}", failure.message);
    }
    told(
        &ended,
        RefusedBy::Grant,
        &format!("GET {here}/open/b"),
        "the manifest asks for GET {endpoint}/open/**, and the runbook's `grants` do not hold it",
    );
    // A grant that the manifest does not ask for gives nothing.
    ask(pin("{endpoint}/**", &local), "/closed")
        .await
        .failed(Effected::None, "not_granted");
    // Without its range nothing of this machine is reached, with or without encryption.
    let ended = ask(pin("{endpoint}/open/a", &[]), "/open/a").await;
    assert!(
        !matches!(ended.outcome, Outcome::Succeeded { .. }),
        "{ended:?}"
    );
    let other = pin("{endpoint}/open/a", &["10.0.0.0/8"]);
    let ended = ask(other, "/open/a").await;
    assert!(
        !matches!(ended.outcome, Outcome::Succeeded { .. }),
        "{ended:?}"
    );
    assert_eq!(server.connections(), sent);
    told(
        &ended,
        RefusedBy::Address,
        &format!("GET {here}/open/a"),
        "it may not be reached, as no range that is granted holds it",
    );
}

/// One refusal, and in it the grant that is missing.
#[track_caller]
fn told(ended: &Ended, by: RefusedBy, asked: &str, missing: &str) {
    let [refusal] = ended.refused.as_slice() else {
        panic!("not one refusal: {ended:?}");
    };
    assert_eq!((refusal.by, refusal.asked.as_str()), (by, asked));
    assert!(refusal.missing.contains(missing), "{refusal}");
}

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
        let asked = format!("GET {}", url.split('?').next().unwrap());
        told(
            &ended,
            RefusedBy::Grant,
            &asked,
            "manifest does not ask for it",
        );
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
                let asked = format!("GET {origin}/open/a");
                told(&ended, RefusedBy::Address, &asked, "reached");
            }
        }
    }
    // The manifest's own name, over TLS.
    let with = json!({"endpoint": "https://a.example.test", "url": "https://metadata.example.test/latest"});
    let ended = attempt(&plugin, "hostile/ask", with).run().await;
    ended.failed(Effected::None, "address_refused");
    let asked = "GET https://metadata.example.test/latest";
    told(&ended, RefusedBy::Address, asked, "it is never reached");
}

/// The bytes are those that the plan names, and no plugin of this host.
#[tokio::test]
async fn what_cannot_be_loaded_is_no_runner_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = b"\0asm\x0d\0\x01\0";
    let digest = Digest::of(bytes);
    std::fs::write(dir.path().join(format!("{digest}.wasm")), bytes).unwrap();
    let kept = Kept::new(dir.path(), options());
    let pin = Pin {
        source: "./other".to_owned(),
        version: "1.0.0".to_owned(),
        digest,
        actions: [("ask".to_owned(), Vec::new())].into(),
        networks: Vec::new(),
    };
    kept.load(&digest).await;
    let why = kept.runner(&pin, "ask").err().unwrap();
    assert!(why.starts_with("it cannot be loaded: "), "{why}");
}
