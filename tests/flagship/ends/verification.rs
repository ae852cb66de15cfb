//! What the verification is for, all of it made on real servers in one run: a replica that
//! does not replay, one that lacks the canary, an application that does not work, other
//! parameters, a torn page, an invalid index, an old extension, a long outage.

use std::fs;

use rds_lab::Server;
use serde_json::{Value, json};

use super::page::Row;
use super::stage::Stage;

/// The checks of the step `verified` in their order, and what each says of this run. By then
/// somebody has seen to it that the canary is everywhere.
const VERDICT: [(&str, &str); 7] = [
    ("canary", "ok"),
    ("parameters", "stop"),
    ("log", "stop"),
    ("log_clean", "warn"),
    ("invalid_indexes", "stop"),
    ("extensions", "warn"),
    ("outage", "warn"),
];

pub(super) fn finds_what_is_different(stage: &mut Stage<'_>, row: &Row) {
    stage.shorten("for: 15m", "for: 5s");
    stage.shorten("for: 5m", "for: 1s");
    let old_extension = "create extension hstore version '1.7'";
    stage.lab().sql(Server::Primary, old_extension).unwrap();
    let (tear, read) = stage.tears("torn");
    stage.before_the_primary_stops_and_at_each_look(&tear, &read);
    let broken = stage.file("application-is-broken");
    fs::write(&broken, "").unwrap();
    stage.inputs["smoke"] = json!(["test", "!", "-e", broken]);
    stage.inputs["max_outage"] = json!("1ms");
    stage.run();
    stage.at_gate();
    after_the_look(stage);
    stage.approve();

    let late = "windlass retry RUN 'replicas_after[1]' --reason '...'";
    stage.waits_as("needs_operator", &[late]);
    stage.record("attempt_succeeded", "canary");
    hide_the_canary(stage);
    let lab = stage.lab();
    lab.set_parameter(Server::Replica2, "recovery_min_apply_delay", None)
        .unwrap();
    stage.tell(&["retry", "RUN", "replicas_after[1]", "--reason", "mended"]);

    let lacking = "windlass retry RUN 'servers_after[1]' --reason '...'";
    let smoke = "windlass retry RUN smoke --reason '...'";
    stage.waits_as("needs_operator", &[lacking, smoke]);
    fs::remove_file(&broken).unwrap();
    let resume = "select pg_wal_replay_resume()";
    stage.lab().sql(Server::Replica1, resume).unwrap();
    stage.tell(&["retry", "RUN", "servers_after[1]", "--reason", "it replays"]);
    stage.tell(&["retry", "RUN", "smoke", "--reason", "mended"]);

    stage.comes_to(row);
    let failed = stage.record("attempt_failed", "verified");
    let text = failed.to_string();
    for seen in ["work_mem", "invalid page", "broken", "hstore 1.7"] {
        assert!(text.contains(seen), "{seen}: {failed:#}");
    }
    assert_eq!(verdict(&failed), VERDICT, "{failed:#}");
    stage.obey(row).succeeds();
    stage.follow_to_success();
    stage.all_run("15.18");
}

/// What happens behind the back of the look, while the gate is open.
fn after_the_look(stage: &Stage<'_>) {
    let lab = stage.lab();
    lab.set_parameter(Server::Primary, "work_mem", Some("5MB"))
        .unwrap();
    // The values of this column are not unique.
    let index = "create unique index concurrently broken on accounts (bid)";
    lab.sql(Server::Primary, index).unwrap_err();
    lab.set_parameter(Server::Replica2, "recovery_min_apply_delay", Some("1h"))
        .unwrap();
}

/// One replica streams and does not replay; what the run wrote is on all servers but it.
fn hide_the_canary(stage: &Stage<'_>) {
    let lab = stage.lab();
    let delete = "delete from windlass_canary";
    lab.sql(Server::Primary, delete).unwrap();
    let none = "select count(*) from windlass_canary";
    lab.wait_value(Server::Replica1, none, "0").unwrap();
    lab.sql(Server::Replica1, "select pg_wal_replay_pause()")
        .unwrap();
    let paused = "select pg_get_wal_replay_pause_state()";
    lab.wait_value(Server::Replica1, paused, "paused").unwrap();
    let again = format!("insert into windlass_canary values ('{}')", stage.run_id());
    lab.sql(Server::Primary, &again).unwrap();
}

/// The results of an assertion that failed.
fn verdict(failed: &Value) -> Vec<(&str, &str)> {
    let results = failed["failure"]["evidence"]["results"].as_array().unwrap();
    let results = results.iter();
    results
        .map(|check| {
            let word = |key: &str| check[key].as_str().unwrap();
            (word("name"), word("result"))
        })
        .collect()
}
