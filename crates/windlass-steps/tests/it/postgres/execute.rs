//! What a statement does to the database, and what is known of it when its answer is lost.

use super::*;

#[tokio::test]
async fn a_statement_is_committed_or_rolled_back() {
    let server = server();
    server
        .prepare("create table change_t (n int primary key, m int)")
        .await;
    let insert = json!({"sql": "insert into change_t values ($1, 1), ($2, 2)", "params": [1, 2]});
    let ended = server.execute(insert.clone()).run().await;
    assert_eq!(
        ended.outputs().to_string(),
        r#"{"rows":[],"rows_affected":2,"value":null}"#
    );
    let again = server.execute(insert).run().await;
    again.failed(Effected::None, "server_error");
    assert_eq!(sqlstate(&again), "23505");
    let update = json!({"sql": "update change_t set m = 7 where n = 1 returning m"});
    let ended = server.execute(update).run().await;
    assert_eq!(
        ended.outputs().to_string(),
        r#"{"rows":[{"m":7}],"rows_affected":1,"value":7}"#
    );
    assert_eq!(
        server.value("select sum(m) from change_t").await,
        Value::Int(9)
    );
    let ddl = server
        .execute(json!({"sql": "create table ddl_t ()"}))
        .run()
        .await;
    assert_eq!(*ddl.output("rows_affected"), Value::Int(0));
}

#[tokio::test]
async fn a_refusal_at_the_commit_has_no_effect() {
    let server = server();
    server
        .prepare("create table parent_t (n int primary key)")
        .await;
    server
        .prepare("create table child_t (n int references parent_t deferrable initially deferred)")
        .await;
    let ended = server
        .execute(json!({"sql": "insert into child_t values (5)"}))
        .run()
        .await;
    ended.failed(Effected::None, "server_error");
    assert_eq!(sqlstate(&ended), "23503");
    assert_eq!(
        server.value("select count(*) from child_t").await,
        Value::Int(0)
    );
}

#[tokio::test]
async fn commands_outside_a_transaction_need_autocommit_and_may_settle() {
    let server = server();
    server
        .prepare("create table auto_t as select 1 as n from generate_series(1, 2)")
        .await;
    let inside = server.execute(json!({"sql": "vacuum auto_t"})).run().await;
    inside.failed(Effected::None, "server_error");
    assert_eq!(sqlstate(&inside), "25001");
    for sql in ["vacuum auto_t", "create database auto_db"] {
        server
            .execute(json!({"sql": sql, "autocommit": true}))
            .run()
            .await
            .outputs();
    }
    // It fails, and leaves an invalid index behind.
    let index =
        json!({"sql": "create unique index concurrently auto_i on auto_t (n)", "autocommit": true});
    let ended = server.execute(index).run().await;
    ended.failed(Effected::Settled, "server_error");
    assert_eq!(sqlstate(&ended), "23505");
    let left = "select indisvalid from pg_index where indexrelid = 'auto_i'::regclass";
    assert_eq!(server.value(left).await, Value::Bool(false));
    // A row statement is undone by its error there too.
    server.prepare("create table auto_u (n int unique)").await;
    let insert = json!({"sql": "insert into auto_u values (1), (1)", "autocommit": true});
    server
        .execute(insert)
        .run()
        .await
        .failed(Effected::None, "server_error");
}

#[tokio::test]
async fn a_cut_after_sending_leaves_a_doubt() {
    let server = server();
    server.prepare("create table cut_t (n int)").await;
    let proxy = Proxy::to(server.port).unwrap();
    let sql = "insert into cut_t select 1 from pg_sleep(1)";
    let running = server
        .execute(json!({"sql": sql, "port": proxy.port()}))
        .step("cut")
        .start();
    until_active(&server, "cut").await;
    proxy.arm(Moment::Now, Fault::HangUp);
    running
        .end()
        .await
        .failed(Effected::Unknown, "connection_lost");

    // The same before the statement was handed over: nothing can have happened.
    let proxy = Proxy::to(server.port).unwrap();
    proxy.arm(Moment::Now, Fault::HangUp);
    let ended = server
        .execute(json!({"sql": sql, "port": proxy.port()}))
        .run()
        .await;
    ended.failed(Effected::None, "connect_failed");
}

#[tokio::test]
async fn a_statement_is_not_sent_after_its_send_deadline() {
    let server = server();
    server.prepare("create table too_late_t (n int)").await;
    let proxy = Proxy::to(server.port).unwrap();
    proxy.arm(Moment::Now, Fault::HoldOneWay(Way::ToClient));
    let clock = SimClock::at(Timestamp(1_000));
    let by = Timestamp(31_000);
    let change = json!({"sql": "insert into too_late_t values (1)", "port": proxy.port()});
    let read = json!({"sql": "select 1", "port": proxy.port()});
    let running = server.execute(change).send_by(&clock, by).start();
    let looking = server.query(read).start();
    // Both are connecting when the deadline passes; no read has one.
    clock.set(by);
    proxy.disarm();
    let ended = running.end().await;
    let failure = ended.failed(Effected::None, "not_sent");
    assert!(failure.message.contains("send deadline"), "{failure:?}");
    assert_eq!(*looking.end().await.output("value"), Value::Int(1));
    let count = "select count(*) from too_late_t";
    assert_eq!(server.value(count).await, Value::Int(0));
}

#[tokio::test]
async fn a_change_is_waited_for_past_its_deadline() {
    let server = server();
    server.prepare("create table late_t (n int)").await;
    let proxy = Proxy::to(server.port).unwrap();
    let sql = "insert into late_t select 1 from pg_sleep(0.5)";
    let with = json!({"sql": sql, "port": proxy.port()});
    let running = server.execute(with).step("late").timeout_ms(2_000).start();
    until_active(&server, "late").await;
    proxy.arm(Moment::Now, Fault::HoldOneWay(Way::ToClient));
    running.cancel.send_replace(true);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert!(!running.outcome.is_finished());
    proxy.disarm();
    let ended = running.end().await;
    assert_eq!(*ended.output("rows_affected"), Value::Int(1));
    assert_eq!(
        server.value("select count(*) from late_t").await,
        Value::Int(1)
    );
}
