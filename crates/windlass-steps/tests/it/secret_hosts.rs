//! A secret goes to the hosts that it was granted and nowhere else, and nothing is sent
//! before that is known.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;
use windlass_core::outcome::{Effected, Failure};

use crate::support::{Attempt, shell, within};

const CANARY: &str = "hosts-canary-1f9c";

/// A query with a password that may go to `granted` only.
fn query(granted: &str, server: serde_json::Value) -> Attempt {
    let mut with = json!({
        "sslmode": "disable", "insecure_reason": "a test",
        "password": "$secret:password", "sql": "select 1", "connect_timeout": 5000,
    });
    let server = server.as_object().unwrap().clone();
    with.as_object_mut().unwrap().extend(server);
    Attempt {
        uses: "postgres/query",
        ..shell(with)
    }
    .secret("password", CANARY)
    .granted("password", &[granted])
}

fn assert_not_granted(failure: &Failure) {
    assert_eq!(
        (failure.code.as_str(), failure.effect),
        ("secret_not_granted", Effected::None),
        "{failure:?}"
    );
    assert!(!format!("{failure:?}").contains(CANARY), "{failure:?}");
}

#[tokio::test]
async fn a_password_reaches_only_the_hosts_that_it_was_granted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let dsn = |text: &str| json!({"dsn": text.replace("PORT", &port.to_string())});
    for server in [
        json!({"host": "127.0.0.1", "port": port, "user": "me"}),
        json!({"host": "localhost", "port": port, "user": "me"}),
        dsn("postgresql://me@127.0.0.1:PORT/app"),
        // The name is granted, and the connection would go elsewhere.
        dsn("host=db-1.example hostaddr=127.0.0.1 port=PORT user=me"),
        json!({"host": "/tmp", "user": "me", "sslmode": null, "insecure_reason": null}),
    ] {
        let ended = query("db-1.example", server.clone()).run().await;
        let failure = ended.failure();
        assert_not_granted(failure);
        assert!(failure.message.contains("db-1.example"), "{server}");
    }
    // The same listener hears of the attempt whose host is granted, so it would have
    // heard of the others.
    let server = json!({"host": "127.0.0.1", "port": port, "user": "me"});
    let running = query("127.0.0.1", server).start();
    let heard = within(Duration::from_secs(20), listener.accept()).await;
    drop(heard.unwrap());
    let ended = running.end().await;
    assert_eq!(ended.failure().code, "connect_failed");
}

#[tokio::test]
async fn a_command_gets_no_secret_that_has_hosts() {
    let dir = tempfile::tempdir().unwrap();
    for with in [
        json!({"script": "touch ran", "env": {"TOKEN": "$secret:token"}, "cwd": dir.path()}),
        json!({"argv": ["touch", "ran"], "stdin": "$secret:token", "cwd": dir.path()}),
    ] {
        let attempt = shell(with)
            .secret("token", CANARY)
            .granted("token", &["a.example"]);
        let ended = attempt.run().await;
        assert_not_granted(ended.failure());
        assert!(!dir.path().join("ran").exists());
    }
}
