//! TLS to the server: verified in full, and never left out silently.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use windlass_core::outcome::Effected;

use crate::server::{self, Server, server};
use crate::support::Attempt;

const SSL_IN_USE: &str = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";

/// Asks over TLS whether TLS is in use.
fn over_tls(server: &Server, more: serde_json::Value) -> Attempt {
    let mut attempt = server::over_tls(server.port);
    attempt.with["sql"] = json!(SSL_IN_USE);
    for (key, value) in more.as_object().unwrap() {
        attempt.with[key] = value.clone();
    }
    attempt
}

#[tokio::test]
async fn a_named_authority_vouches_for_the_server() {
    let server = server();
    let Some(authority) = server.authority() else {
        return;
    };
    let text = std::fs::read_to_string(&authority).unwrap();
    for more in [
        json!({"sslrootcert": authority}),
        json!({"sslrootcert": text, "sslmode": "verify-full"}),
    ] {
        let ended = over_tls(&server, more).run().await;
        assert_eq!(*ended.output("value"), true.into());
    }
    let mut by_dsn = over_tls(&server, json!({}));
    by_dsn.with = json!({
        "dsn": format!("postgresql://postgres@localhost:{}/postgres?sslmode=verify-full", server.port),
        "password": "$secret:password", "sslrootcert": authority,
        "sql": by_dsn.with["sql"],
    });
    assert_eq!(*by_dsn.run().await.output("value"), true.into());
}

/// The port of the server, for the test below in a process of its own.
const PORT_VARIABLE: &str = "WINDLASS_TEST_TLS_PORT";

/// Which authorities the system has is read from the environment, and a process can
/// only be given another one at its start: so this test starts itself again.
#[tokio::test]
async fn without_a_named_authority_the_systems_vouch() {
    if let Ok(port) = std::env::var(PORT_VARIABLE) {
        let mut attempt = server::over_tls(port.parse().unwrap());
        attempt.with["sql"] = json!(SSL_IN_USE);
        assert_eq!(*attempt.run().await.output("value"), true.into());
        return;
    }
    let server = server();
    let Some(authority) = server.authority() else {
        return;
    };
    for (authorities, vouch) in [(authority, true), (server.dir().join("other.crt"), false)] {
        let again = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "tls::without_a_named_authority_the_systems_vouch",
            ])
            .env(PORT_VARIABLE, server.port.to_string())
            .env("SSL_CERT_FILE", authorities)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&again.stdout);
        assert_eq!(again.status.success(), vouch, "{said}");
        assert_eq!(said.contains("invalid peer certificate"), !vouch, "{said}");
    }
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_gets_no_password() {
    let server = server();
    let Some(authority) = server.authority() else {
        return;
    };
    let other = server.dir().join("other.crt");
    for (more, says) in [
        // Another authority; the system's; another name.
        (json!({"sslrootcert": other}), "certificate"),
        (json!({}), "certificate"),
        (
            json!({"sslrootcert": authority, "host": "127.0.0.1"}),
            "not valid for name",
        ),
        (
            json!({"sslrootcert": "/no/such/file"}),
            "`sslrootcert`: cannot read the authorities in /no/such/file",
        ),
        (
            json!({"sslrootcert": "-----BEGIN NOTHING-----"}),
            "`sslrootcert`: ",
        ),
    ] {
        let ended = over_tls(&server, more).run().await;
        let failure = ended.failure();
        assert_eq!(failure.effect, Effected::None);
        assert!(failure.message.contains(says), "{}", failure.message);
    }
}

#[tokio::test]
async fn a_server_without_tls_is_not_talked_to() {
    let server = server();
    let Some(authority) = server.authority() else {
        return;
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let said = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut request = [0; 8];
        client.read_exact(&mut request).await.unwrap();
        // "No TLS here", as a server or somebody on the way may say.
        client.write_all(b"N").await.unwrap();
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
        rest
    });
    let ended = over_tls(&server, json!({"sslrootcert": authority, "port": port}))
        .run()
        .await;
    let failure = ended.failed(Effected::None, "connect_failed");
    assert!(
        failure.message.contains("does not support TLS"),
        "{}",
        failure.message
    );
    assert_eq!(said.await.unwrap(), b"", "not one byte in plaintext");
}
