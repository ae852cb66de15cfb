//! What a query answers, and what it refuses.

use super::*;

#[tokio::test]
async fn every_type_has_its_value() {
    let server = server();
    let table = [
        ("true", "true"),
        ("null::int", "null"),
        ("1::int2", "1"),
        ("-2::int4", "-2"),
        ("9223372036854775807::int8", "9223372036854775807"),
        ("1.1::float4", "1.1"),
        ("2.5e10::float8", "25000000000.0"),
        ("'NaN'::float8", "\"NaN\""),
        ("'-Infinity'::float4", "\"-Infinity\""),
        ("42::numeric", "42"),
        ("-0.0700::numeric", "\"-0.0700\""),
        ("10000.5::numeric", "\"10000.5\""),
        ("9223372036854775808::numeric", "\"9223372036854775808\""),
        ("100000000::numeric", "100000000"),
        ("'naïve'::text", "\"naïve\""),
        ("'ab'::varchar", "\"ab\""),
        ("'ab'::char(3)", "\"ab \""),
        ("'n'::name", "\"n\""),
        ("'x'::\"char\"", "\"x\""),
        (
            "'{\"b\":[1,2.5,99999999999999999999]}'::json",
            "{\"b\":[1,2.5,\"99999999999999999999\"]}",
        ),
        ("'{\"b\":null}'::jsonb", "{\"b\":null}"),
        (
            "'2026-11-22 12:30:45.5+02'::timestamptz",
            "\"2026-11-22T10:30:45.5Z\"",
        ),
        (
            "'2026-11-22 12:30:45'::timestamp",
            "\"2026-11-22T12:30:45\"",
        ),
        ("'infinity'::timestamptz", "\"infinity\""),
        ("'2024-02-29'::date", "\"2024-02-29\""),
        ("'0044-03-15 BC'::date", "\"-0043-03-15\""),
        ("'23:59:59.000001'::time", "\"23:59:59.000001\""),
        ("'10:00:00+05:30'::timetz", "\"10:00:00+05:30\""),
        (
            "'1 year 2 mons 3 days -04:05:06.7'::interval",
            "\"P14M3DT-14706.7S\"",
        ),
        ("'16/B374D848'::pg_lsn", "\"16/B374D848\""),
        ("4294967295::oid", "4294967295"),
        (
            "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid",
            "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\"",
        ),
        ("'\\xdeadbeef'::bytea", "\"\\\\xdeadbeef\""),
        ("'10.1.2.3'::inet", "\"10.1.2.3\""),
        ("'10.1.0.0/16'::cidr", "\"10.1.0.0/16\""),
        ("'::1'::inet", "\"::1\""),
        ("array['a',null,'b']", "[\"a\",null,\"b\"]"),
        ("array[1,2]::int8[]", "[1,2]"),
        ("pg_sleep(0)", "null"),
    ];
    for (sql, expected) in table {
        let ended = server
            .query(json!({"sql": format!("select {sql} as x")}))
            .run()
            .await;
        assert_eq!(*ended.output("value"), value(expected), "{sql}");
    }
}

#[tokio::test]
async fn a_query_answers_rows_columns_and_a_count() {
    let server = server();
    let ended = server
        .query(json!({"sql": "select n, n::text as t from generate_series(1, 2) n"}))
        .run()
        .await;
    assert_eq!(
        ended.outputs().to_string(),
        r#"{"columns":["n","t"],"row_count":2,"rows":[{"n":1,"t":"1"},{"n":2,"t":"2"}],"unreachable":null,"value":null}"#
    );
    // What the flagship asks.
    let replication = server
        .query(json!({"sql": "select * from pg_stat_replication"}))
        .run()
        .await;
    assert_eq!(*replication.output("row_count"), Value::Int(0));
    let name = server
        .query(json!({"sql": "show application_name"}))
        .step("probe")
        .run()
        .await;
    assert_eq!(*name.output("value"), "windlass/run-1/probe".into());
}

#[tokio::test]
async fn parameters_are_bound_and_never_sql() {
    let server = server();
    let evil = "'; drop table pg_class; --";
    let table = [
        ("$1::text", json!(evil), json!(evil)),
        ("$1::int4 + 1", json!(41), json!(42)),
        ("$1::int8", json!("9000000000"), json!(9_000_000_000_i64)),
        ("$1::bool", json!(true), json!(true)),
        ("$1::numeric", json!("1.50"), json!("1.50")),
        ("$1::float8", json!(2.5), json!(2.5)),
        ("$1::jsonb -> 'a'", json!({"a": [1, "x"]}), json!([1, "x"])),
        (
            "$1::timestamptz",
            json!("2026-11-22T10:00:00Z"),
            json!("2026-11-22T10:00:00Z"),
        ),
        ("$1::pg_lsn", json!("16/B374D848"), json!("16/B374D848")),
        (
            "$1::uuid",
            json!("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
            json!("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ),
        ("$1::bytea", json!("\\x00ff"), json!("\\x00ff")),
        (
            "$1::text[]",
            json!(["a\"b", "c,d", null, "{}"]),
            json!(["a\"b", "c,d", null, "{}"]),
        ),
        (
            "cardinality($1::int4[][])",
            json!([[1, 2], [3, 4]]),
            json!(4),
        ),
        ("$1::text", json!(null), json!(null)),
    ];
    for (sql, given, expected) in table {
        let with = json!({"sql": format!("select {sql}"), "params": [given]});
        let ended = server.query(with).run().await;
        assert_eq!(
            *ended.output("value"),
            value(&expected.to_string()),
            "{sql}"
        );
    }
    for (with, says) in [
        (
            json!({"sql": "select $1::int4", "params": [[1]]}),
            "parameter $1: a list cannot be a int4",
        ),
        (
            json!({"sql": "select $1::int4", "params": []}),
            "has 1 parameters and `params` 0",
        ),
        (
            json!({"sql": "select 1", "params": [1]}),
            "has 0 parameters and `params` 1",
        ),
    ] {
        let ended = server.query(with).run().await;
        let failure = ended.failed(Effected::None, "not_sent");
        assert!(failure.message.contains(says), "{}", failure.message);
    }
    let bad = server
        .query(json!({"sql": "select $1::int4", "params": ["x"]}))
        .run()
        .await;
    bad.failed(Effected::None, "server_error");
    assert_eq!(sqlstate(&bad), "22P02");
}

#[tokio::test]
async fn a_query_cannot_write() {
    let server = server();
    server
        .prepare("create table if not exists read_only_t (n int)")
        .await;
    server.prepare("create sequence read_only_s").await;
    server
        .prepare("create or replace function sneaky() returns int language sql volatile as 'insert into read_only_t values (1) returning n'")
        .await;
    for sql in [
        "insert into read_only_t values (1)",
        "select sneaky()",
        "with gone as (delete from read_only_t returning n) select * from gone",
        "select set_config('transaction_read_only', 'off', false), sneaky()",
        "explain analyze insert into read_only_t values (1)",
        "create table other_t ()",
        "select nextval('read_only_s')",
    ] {
        let ended = server.query(json!({"sql": sql})).run().await;
        ended.failed(Effected::None, "server_error");
        assert!(
            ["25006", "25001"].contains(&sqlstate(&ended).as_str()),
            "{sql}: {ended:?}"
        );
    }
    assert_eq!(
        server.value("select count(*) from read_only_t").await,
        Value::Int(0)
    );
    assert_eq!(
        server.value("show default_transaction_read_only").await,
        "on".into()
    );
    assert_eq!(
        server.value("show transaction_read_only").await,
        "on".into()
    );
}

#[tokio::test]
async fn one_statement_only() {
    let server = server();
    for attempt in [
        server.query(json!({"sql": "select 1; select 2"})),
        server.execute(json!({"sql": "create table two_a (); create table two_b ()"})),
        server.execute(json!({"sql": "commit; drop table pg_class", "autocommit": true})),
    ] {
        let ended = attempt.run().await;
        ended.failed(Effected::None, "server_error");
        assert_eq!(sqlstate(&ended), "42601");
    }
    for (sql, says) in [
        ("", "empty"),
        ("-- nothing", "empty"),
        ("copy pg_class to stdout", "COPY"),
    ] {
        let ended = server.execute(json!({"sql": sql})).run().await;
        assert!(
            ended
                .failed(Effected::None, "not_sent")
                .message
                .contains(says)
        );
    }
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_a_clear_failure() {
    let server = server();
    for sql in [
        "select generate_series(1, 1001)",
        "select repeat('x', 300000)",
        "select repeat('x', 1000) from generate_series(1, 500)",
    ] {
        let ended = server.query(json!({"sql": sql})).run().await;
        ended.failed(Effected::Settled, "too_many_rows");
    }
    let thousand = server
        .query(json!({"sql": "select generate_series(1, 1000) as n"}))
        .run()
        .await;
    assert_eq!(*thousand.output("row_count"), Value::Int(1000));
    for (sql, says) in [
        ("select 1 as a, 2 as a", "two columns are called \"a\""),
        (
            "select '(1,2)'::point as p",
            "column \"p\" has the type point",
        ),
    ] {
        let ended = server.query(json!({"sql": sql})).run().await;
        assert!(
            ended
                .failed(Effected::None, "not_sent")
                .message
                .contains(says)
        );
    }
    // A change is not committed for an answer that nobody can have.
    server.prepare("create table many_t (n int)").await;
    let insert = "insert into many_t select generate_series(1, 2000) returning n";
    server
        .execute(json!({"sql": insert}))
        .run()
        .await
        .failed(Effected::None, "too_many_rows");
    assert_eq!(
        server.value("select count(*) from many_t").await,
        Value::Int(0)
    );
    let outside = json!({"sql": insert, "autocommit": true});
    server
        .execute(outside)
        .run()
        .await
        .failed(Effected::Settled, "too_many_rows");
}

#[tokio::test]
async fn a_query_may_report_that_nobody_can_be_asked() {
    let server = server();
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let report =
        |sql: &str, port| server.query(json!({"sql": sql, "port": port, "unreachable": "report"}));

    let stopped = report("select 1", closed).run().await;
    let why = stopped.output("unreachable").as_text().unwrap();
    assert!(why.contains("refused"), "{why}");
    assert_eq!(stopped.output("rows"), &value("[]"));
    assert_eq!(stopped.output("row_count"), &Value::Int(0));
    assert_eq!(stopped.output("value"), &Value::Null);

    let mut wrong = report("select 1", server.port);
    wrong.secrets = vec![("password", "wrong-canary-password".to_owned())];
    let wrong = wrong.run().await;
    assert!(wrong.output("unreachable").as_text().is_some());
    assert!(!wrong.everything().contains("canary"));

    // It was sent, and the connection is lost before the answer.
    let proxy = Proxy::to(server.port).unwrap();
    let running = report("select pg_sleep(1)::text", proxy.port())
        .step("report")
        .start();
    until_active(&server, "report").await;
    proxy.arm(Moment::Now, Fault::HangUp);
    let cut = running.end().await;
    assert!(cut.output("unreachable").as_text().is_some());

    // A server that answers, be it with an error, was asked.
    let well = report("select 7 as n", server.port).run().await;
    assert_eq!(well.output("unreachable"), &Value::Null);
    assert_eq!(well.output("value"), &Value::Int(7));
    let error = report("select 1 / 0", server.port).run().await;
    error.failed(Effected::None, "server_error");
    let misspelt = server.query(json!({"sql": "select 1", "unreachable": "ignore"}));
    misspelt.run().await.failed(Effected::None, "not_sent");
}
