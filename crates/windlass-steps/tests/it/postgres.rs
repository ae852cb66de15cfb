//! `postgres/query` and `postgres/execute` against a real server: what both have in common,
//! the session.

mod execute;
mod query;

use std::time::Duration;

use rds_lab::proxy::{Fault, Moment, Proxy, Way};
use serde_json::json;
use windlass_core::outcome::Effected;
use windlass_core::time::Timestamp;
use windlass_core::value::Value;
use windlass_engine::SimClock;

use crate::server::{PASSWORD, server};
use crate::support::{Ended, json as value, within};

#[track_caller]
fn sqlstate(ended: &Ended) -> String {
    let evidence = ended.failure().evidence.clone();
    let evidence = evidence.unwrap_or_else(|| panic!("no evidence: {ended:?}"));
    evidence
        .get("sqlstate")
        .unwrap()
        .as_text()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn what_never_connected_has_no_effect() {
    let server = server();
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let sql = "create table never_t ()";
    let refused = server
        .execute(json!({"sql": sql, "port": closed}))
        .run()
        .await;
    let failure = refused.failed(Effected::None, "connect_failed");
    assert!(failure.message.contains("refused"), "{}", failure.message);

    let mut wrong = server.execute(json!({"sql": sql}));
    wrong.secrets = vec![("password", "wrong-canary-password".to_owned())];
    let wrong = wrong.run().await;
    wrong.failed(Effected::None, "connect_failed");
    assert_eq!(sqlstate(&wrong), "28P01");
    assert!(!wrong.everything().contains("canary"));

    // It takes the connection and never says a word.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let with =
        json!({"sql": sql, "port": silent.local_addr().unwrap().port(), "connect_timeout": 300});
    let mute = server.execute(with).run().await;
    let failure = mute.failed(Effected::None, "connect_failed");
    assert!(
        failure.message.contains("no answer in time"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let server = server();
    let bare = |with: serde_json::Value| {
        let mut attempt = server.query(json!({}));
        attempt.with = with;
        attempt
    };
    for (with, says) in [
        (json!({"sql": "select 1"}), "give `host` or `dsn`"),
        (
            json!({"host": "h", "sql": "select 1"}),
            "give `user` or `dsn`",
        ),
        (
            json!({"host": "h", "user": "u", "sql": "select 1", "sslmode": "prefer"}),
            "`verify-full` or `disable`",
        ),
        (
            json!({"host": "h", "user": "u", "sql": "select 1", "sslmode": "require"}),
            "`verify-full` or `disable`",
        ),
        (
            json!({"host": "h", "user": "u", "sql": "select 1", "sslmode": "disable"}),
            "needs `insecure_reason`",
        ),
        (
            json!({"host": "h", "user": "u", "sql": "select 1", "password": "plain"}),
            "must be a secret",
        ),
        (
            json!({"host": "h", "user": "u", "sql": "select 1", "autocommit": true}),
            "`autocommit` is no parameter",
        ),
        (
            json!({"dsn": "postgresql://u@h", "user": "u", "sql": "select 1"}),
            "`user` stands in the `dsn`",
        ),
        (
            json!({"dsn": "postgresql://u@h1,h2", "sql": "select 1"}),
            "exactly one server",
        ),
        (
            json!({"dsn": "postgresql://h", "sql": "select 1"}),
            "names no user",
        ),
        (
            json!({"dsn": "postgresql://u:canary@h", "sql": "select 1"}),
            "holds a password",
        ),
        (
            json!({"dsn": "postgresql://u@h?sslmode=prefer", "sql": "select 1"}),
            "sslmode=verify-full or nothing",
        ),
    ] {
        let ended = bare(with).run().await;
        let failure = ended.failed(Effected::None, "not_sent");
        assert!(failure.message.contains(says), "{}", failure.message);
        assert!(!ended.everything().contains("canary"));
    }
}

async fn until_active(server: &crate::server::Server, step: &str) {
    let sql = format!(
        "select count(*) from pg_stat_activity where application_name = 'windlass/run-1/{step}' \
         and state = 'active' and query like '%pg_sleep%'"
    );
    within(Duration::from_secs(20), async {
        while server.value(&sql).await != Value::Int(1) {}
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_read_is_cancelled_at_the_server() {
    let server = server();
    let slow = || server.query(json!({"sql": "select pg_sleep(50)", "statement_timeout": 55_000}));
    let running = slow().step("slow").start();
    until_active(&server, "slow").await;
    running.cancel.send_replace(true);
    running.end().await.failed(Effected::Unknown, "cancelled");
    let gone =
        "select count(*) from pg_stat_activity where application_name = 'windlass/run-1/slow'";
    within(Duration::from_secs(5), async {
        while server.value(gone).await != Value::Int(0) {}
    })
    .await;
    // Before anything was sent it is plainly nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let running = server
        .execute(json!({"sql": "select 1", "port": port}))
        .start();
    running.cancel.send_replace(true);
    running.end().await.failed(Effected::None, "cancelled");
}

#[tokio::test]
async fn the_servers_own_timeout_ends_a_statement_without_doubt() {
    let server = server();
    let with = json!({"sql": "select pg_sleep(50)", "statement_timeout": 200});
    let ended = server.execute(with.clone()).run().await;
    ended.failed(Effected::None, "server_error");
    assert_eq!(sqlstate(&ended), "57014");
    // Capped by the attempt's time, so that the answer comes before its end.
    let ended = server
        .execute(json!({"sql": "select pg_sleep(50)"}))
        .timeout_ms(1_500)
        .run()
        .await;
    ended.failed(Effected::None, "server_error");
    // Outside of a transaction a cancelled function may have left something.
    let mut outside = with;
    outside["autocommit"] = json!(true);
    server
        .execute(outside)
        .run()
        .await
        .failed(Effected::Settled, "server_error");
}

#[tokio::test]
async fn the_password_never_shows_and_notices_are_logged() {
    let server = server();
    let sql = format!(
        "do $$ begin raise notice 'it is {PASSWORD} \x1b[31m'; raise exception 'not {PASSWORD}'; end $$"
    );
    let ended = server.execute(json!({"sql": sql})).run().await;
    let failure = ended.failed(Effected::None, "server_error");
    assert!(
        failure.message.contains("not [secret]"),
        "{}",
        failure.message
    );
    assert!(
        ended.log.contains("NOTICE: it is [secret]"),
        "{}",
        ended.log
    );
    assert!(!ended.everything().contains(PASSWORD) && !ended.log.contains('\u{1b}'));
    let told = server
        .value(&format!("select '{PASSWORD}'::text as told"))
        .await;
    assert_eq!(told, "[secret]".into());
}

#[tokio::test]
async fn a_dsn_reaches_the_server_and_the_session_ends_in_order() {
    let server = server();
    let mut attempt = server.query(json!({}));
    attempt.with = json!({
        "dsn": format!("postgresql://postgres@localhost:{}/postgres", server.port),
        "sslmode": "disable", "insecure_reason": "a test",
        "password": "$secret:password", "sql": "select current_database()::text as d",
    });
    let ended = attempt.run().await;
    assert_eq!(*ended.output("value"), "postgres".into());
    assert!(ended.log.contains("[no TLS: a test]"), "{}", ended.log);

    let mut attempt = server.query(json!({}));
    attempt.with = json!({
        "host": server.dir(), "port": server.port, "user": "postgres",
        "password": "$secret:password", "sql": "select 1 as x",
    });
    assert_eq!(*attempt.run().await.output("value"), Value::Int(1));
}
