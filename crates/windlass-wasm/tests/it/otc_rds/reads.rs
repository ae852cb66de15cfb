//! Reads, and the ways in which their requests are allowed.

use rds_lab::api::{Call, Fault, Following, Options};
use serde_json::json;
use windlass_core::outcome::Effected;
use windlass_core::value::Value;

use super::{By, cloud, cloud_with, flag, text};

#[tokio::test]
async fn every_way_in_finds_an_instance_by_its_name_and_id_and_through_a_replica() {
    let Some(cloud) = cloud().await else {
        return;
    };
    let replica = cloud.api.servers().replicas[0].clone();
    for by in [By::Token, By::KeysA, By::KeysB] {
        for (instance, was_replica) in [
            ("orders", false),
            (cloud.primary(), false),
            (replica.as_str(), true),
            ("orders-ro-2", true),
        ] {
            let resolve = cloud.attempt_by(by, "otc_rds/resolve", json!({"instance": instance}));
            let ended = resolve.run().await;
            let found = ended.outputs();
            assert_eq!(
                text(found, "instance_id"),
                cloud.primary(),
                "{by:?} {instance}"
            );
            assert_eq!(flag(found, "was_replica"), was_replica, "{by:?} {instance}");
            assert_eq!(text(found, "version"), "15.16.21");
        }
    }
    for instance in ["nobody", "*", "*ord"] {
        let resolve = cloud.attempt("otc_rds/resolve", json!({"instance": instance}));
        let code = if instance == "nobody" {
            "not_found"
        } else {
            "bad_input"
        };
        resolve.run().await.failed(Effected::None, code);
    }
}

#[tokio::test]
async fn what_is_signed_with_another_key_is_refused() {
    let Some(cloud) = cloud().await else {
        return;
    };
    for by in [By::KeysA, By::KeysB] {
        let resolve = cloud.attempt_by(by, "otc_rds/resolve", json!({"instance": "orders"}));
        let ended = resolve.secret("secret_key", "another").run().await;
        ended.failed(Effected::None, "unauthorized");
    }
    let both = json!({"instance": "orders", "access_key": "$secret:access_key"});
    let resolve = cloud.attempt("otc_rds/resolve", both);
    resolve.run().await.failed(Effected::None, "bad_input");
}

#[tokio::test]
async fn a_scan_lists_what_is_behind() {
    let Some(cloud) = cloud().await else {
        return;
    };
    let ended = cloud.attempt("otc_rds/scan", json!({})).run().await;
    let found = ended.outputs();
    assert_eq!(
        found.get("count"),
        Some(&Value::Int(2)),
        "MySQL and replicas are not counted"
    );
    let behind = found.get("behind").unwrap().to_string();
    assert!(
        behind.contains("\"name\":\"orders\"") && !behind.contains("billing"),
        "{behind}"
    );
    assert!(behind.contains("\"latest\":\"15.18.24\""), "{behind}");
    // A cloud that does not say what it offers leaves it open.
    cloud
        .api
        .settings(|settings| settings.minor_reads_offered = false);
    let ended = cloud.attempt("otc_rds/scan", json!({})).run().await;
    assert_eq!(ended.outputs().get("behind").unwrap().to_string(), "[]");
    let unknown = ended.outputs().get("unknown").unwrap().to_string();
    assert!(
        unknown.contains("orders") && unknown.contains("billing"),
        "{unknown}"
    );
}

#[tokio::test]
async fn a_precheck_says_everything_at_once() {
    let Some(cloud) = cloud().await else {
        return;
    };
    let check = async |instance: &str| {
        let metrics = cloud.api.endpoints().metrics.clone();
        let more = json!({"instance": instance, "metrics_endpoint": metrics});
        cloud.dr_attempt("otc_rds/precheck", more).run().await
    };
    let ended = check("orders").await;
    let found = ended.outputs();
    assert!(flag(found, "ok"), "{found:?}");
    assert!(!flag(found, "already_latest"));
    assert_eq!(text(found, "latest"), "15.18.24");
    let dr = found.get("dr").unwrap();
    assert_eq!(text(dr, "state"), "normal");
    assert_eq!(text(dr, "dr_instance_id"), cloud.api.servers().dr);
    assert!(
        found
            .get("replicas")
            .unwrap()
            .to_string()
            .contains("orders-ro-2")
    );

    cloud
        .api
        .set_node_status(cloud.primary(), "ABNORMAL")
        .unwrap();
    cloud
        .api
        .set_status(&cloud.api.servers().replicas[1], "REBOOTING")
        .unwrap();
    let ended = check("orders").await;
    let stops = ended.outputs().get("stops").unwrap().to_string();
    assert!(!flag(ended.outputs(), "ok"));
    for stop in [
        "nodes: ",
        "is ABNORMAL",
        "replicas: orders-ro-2 is REBOOTING",
    ] {
        assert!(stops.contains(stop), "{stop} in {stops}");
    }
}

#[tokio::test]
async fn a_precheck_sees_replicas_that_do_not_follow() {
    let Some(cloud) = cloud().await else {
        return;
    };
    let replica = &cloud.api.servers().replicas[1];
    for (following, stop) in [
        (Following::Behind(400_000), "replication lags by 400000 ms"),
        (Following::Away, "replication is broken"),
    ] {
        cloud.api.set_following(replica, following).unwrap();
        let metrics = cloud.api.endpoints().metrics.clone();
        let more = json!({"instance": "orders", "metrics_endpoint": metrics});
        let ended = cloud.dr_attempt("otc_rds/precheck", more).run().await;
        let stops = ended.outputs().get("stops").unwrap().to_string();
        assert!(stops.contains(stop), "{stop} in {stops}");
    }
}

#[tokio::test]
async fn a_precheck_knows_the_latest_version_and_a_cloud_without_dr() {
    let mut options = Options::simulated();
    options.settings.dr_offered = false;
    let Some(cloud) = cloud_with(options).await else {
        return;
    };
    let ended = cloud
        .attempt("otc_rds/precheck", json!({"instance": "billing"}))
        .run()
        .await;
    assert!(flag(ended.outputs(), "already_latest"));
    assert!(!flag(ended.outputs(), "dr_offered"));
    assert_eq!(ended.outputs().get("dr"), Some(&Value::Null));
}

#[tokio::test]
async fn a_relation_that_the_inputs_do_not_reach_stops() {
    let Some(cloud) = cloud().await else {
        return;
    };
    let ended = cloud
        .attempt("otc_rds/precheck", json!({"instance": "orders"}))
        .run()
        .await;
    let stops = ended.outputs().get("stops").unwrap().to_string();
    assert!(stops.contains("there is a DR relation with"), "{stops}");
}

#[tokio::test]
async fn a_token_that_expires_is_fetched_anew() {
    let Some(cloud) = cloud().await else {
        return;
    };
    // The token is fetched for the first request; the second one finds it void.
    let slow = cloud.api.fault(Call::Tasks, Fault::Slow(1500));
    let tasks = json!({"instance_id": cloud.primary()});
    let waiting = cloud
        .attempt("otc_rds/precheck", json!({"instance": "billing"}))
        .start();
    while cloud.api.fired(slow) == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    cloud.api.expire_tokens();
    let ended = waiting.end().await;
    assert!(ended.log.contains("the token is refused"), "{}", ended.log);
    ended.outputs();
    cloud.attempt("otc_rds/tasks", tasks).run().await.outputs();
}

#[tokio::test]
async fn lists_and_metrics_are_read() {
    let Some(cloud) = cloud().await else {
        return;
    };
    let id = cloud.primary().to_owned();
    let metrics = json!({
        "instance_id": cloud.api.servers().replicas[0],
        "metric": "rds046_replication_lag", "filter": "max",
        "metrics_endpoint": cloud.api.endpoints().metrics,
    });
    for by in [By::Token, By::KeysA, By::KeysB] {
        let ended = cloud
            .attempt_by(by, "otc_rds/metrics", metrics.clone())
            .run()
            .await;
        assert_ne!(ended.outputs().get("value"), Some(&Value::Null), "{by:?}");
    }
    let ended = cloud
        .attempt("otc_rds/backups", json!({"instance_id": id}))
        .run()
        .await;
    assert_eq!(ended.outputs().get("backups").unwrap().to_string(), "[]");
    let verify = json!({"instance_id": id, "version": "15.16.21"});
    let ended = cloud.attempt("otc_rds/verify", verify).run().await;
    assert!(flag(ended.outputs(), "ok"));
    let verify = json!({"instance_id": id, "newer_than": "15.16.21"});
    let ended = cloud.attempt("otc_rds/verify", verify).run().await;
    assert!(!flag(ended.outputs(), "version_ok"));
}

#[tokio::test]
async fn both_shapes_of_errors_are_read() {
    let mut options = Options::simulated();
    options.settings.errors_of_v1 = true;
    let Some(cloud) = cloud_with(options).await else {
        return;
    };
    let replica = cloud.api.servers().replicas[0].clone();
    let backup = cloud.attempt("otc_rds/backup", json!({"instance_id": replica}));
    let ended = backup.run().await;
    let windlass_core::outcome::Outcome::Failed(failure) = &ended.outcome else {
        panic!("a replica was backed up");
    };
    assert_eq!(failure.effect, Effected::None);
    assert!(failure.message.contains("DBS."), "{}", failure.message);
}
