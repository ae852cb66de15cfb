//! The upgrade: asked for once, whatever becomes of the request, the reply and the job.

use std::time::Duration;

use rds_lab::api::{AtLatest, Call, Durations, Fault, Options, Trouble};
use serde_json::json;
use windlass_core::outcome::{Answer, Effected};

use super::{Cloud, cloud, cloud_with, flag, text};
use crate::support::{Attempt, Ended};

fn upgrade(cloud: &Cloud) -> Attempt {
    upgrade_of(cloud, cloud.primary())
}

fn upgrade_of(cloud: &Cloud, instance: &str) -> Attempt {
    let more = json!({"instance_id": instance, "servers_started": "2026-11-22T01:00:00Z"});
    cloud.attempt("otc_rds/upgrade_minor", more)
}

/// What a look says now, after an attempt that ended like this.
async fn looked(cloud: &Cloud, ended: &Ended) -> Answer {
    let kept = ended.kept.last().unwrap();
    upgrade(cloud).kept(kept).reconcile().await.0
}

/// What it says in the end; what goes on until then is in progress.
async fn looked_to_the_end(cloud: &Cloud, ended: &Ended) -> Answer {
    loop {
        match looked(cloud, ended).await {
            Answer::InProgress { .. } => tokio::time::sleep(Duration::from_millis(20)).await,
            answer => return answer,
        }
    }
}

fn started(cloud: &Cloud) -> usize {
    cloud.api.count("upgrade.started")
}

#[tokio::test]
async fn an_upgrade_is_kept_before_and_after_its_request_and_waited_for() {
    let Some(cloud) = cloud().await else {
        return;
    };
    let ended = upgrade(&cloud).run().await;
    let done = ended.outputs();
    assert!(flag(done, "upgraded"));
    assert_eq!(text(done, "from_version"), "15.16.21");
    assert_eq!(text(done, "version"), "15.18.24");
    assert_eq!(
        cloud.effects("upgrade"),
        ["upgrade.started", "upgrade.completed"]
    );
    let [before, after] = &ended.kept[..] else {
        panic!("{:?}", ended.kept);
    };
    for part in [
        "\"accepted\":false",
        "\"version\":\"15.16.21\"",
        "2026-11-22T01:00:00Z",
    ] {
        assert!(before.contains(part), "{part} in {before}");
    }
    assert!(
        after.contains("\"accepted\":true") && after.contains("\"job_id\""),
        "{after}"
    );
    // There is nothing newer now: nothing is asked for.
    let again = upgrade(&cloud).run().await;
    assert!(!flag(again.outputs(), "upgraded"));
    assert_eq!(started(&cloud), 1);
}

/// A gateway delivers the request twice, and the answer is that of the second delivery.
#[tokio::test]
async fn a_refusal_by_its_own_first_delivery_is_an_upgrade_that_began() {
    let Some(cloud) = cloud().await else {
        return;
    };
    let armed = cloud.api.fault(Call::Upgrade, Fault::TwiceAnsweredLast);
    let more = json!({"instance_id": cloud.primary(), "from_version": "15.16.21"});
    let again = |number| {
        let attempt = cloud.attempt("otc_rds/upgrade_minor", more.clone());
        attempt.number(number)
    };
    let ended = again(1).run().await;
    assert_eq!(cloud.api.fired(armed), 1);
    assert!(flag(ended.outputs(), "upgraded"));
    assert_eq!(text(ended.outputs(), "version"), "15.18.24");
    // The next one would find it done, too.
    assert!(flag(again(2).run().await.outputs(), "upgraded"));
    assert_eq!(started(&cloud), 1);
}

#[tokio::test]
async fn what_the_cloud_or_the_plugin_refuses_has_no_effect() {
    let Some(cloud) = cloud().await else {
        return;
    };
    for (fault, code) in [(Fault::Conflict, "busy"), (Fault::TooMany(1), "throttled")] {
        let armed = cloud.api.fault(Call::Upgrade, fault);
        let ended = upgrade(&cloud).run().await;
        let failure = ended.failed(Effected::None, code);
        assert!(failure.evidence.is_some());
        assert_eq!(cloud.api.fired(armed), 1);
    }
    let replica = cloud.api.servers().replicas[0].clone();
    let ended = upgrade_of(&cloud, &replica).run().await;
    ended.failed(Effected::None, "not_supported");
    cloud
        .api
        .set_node_status(cloud.primary(), "ABNORMAL")
        .unwrap();
    upgrade(&cloud)
        .run()
        .await
        .failed(Effected::None, "state_forbids");
    cloud
        .api
        .set_node_status(cloud.primary(), "ACTIVE")
        .unwrap();
    let more = json!({"instance_id": cloud.primary(), "from_version": "15.15.1"});
    let first = cloud.attempt("otc_rds/upgrade_minor", more).number(1);
    first.run().await.failed(Effected::None, "other_version");
    assert_eq!(started(&cloud), 0);
}

#[tokio::test]
async fn a_request_that_never_arrived_did_not_happen() {
    let Some(cloud) = cloud().await else {
        return;
    };
    for fault in [Fault::LoseReplyBefore, Fault::ServerErrorBefore(503)] {
        let armed = cloud.api.fault(Call::Upgrade, fault);
        let ended = upgrade(&cloud).run().await;
        let code = match fault {
            Fault::LoseReplyBefore => "connection_lost",
            _ => "server_error",
        };
        ended.failed(Effected::Unknown, code);
        let answer = looked(&cloud, &ended).await;
        assert!(matches!(answer, Answer::NotHappened { .. }), "{answer:?}");
        assert_eq!(
            (cloud.api.fired(armed), started(&cloud)),
            (1, 0),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn a_lost_reply_is_made_up_for_by_the_instance() {
    for fault in [
        Fault::LoseReplyAfter,
        Fault::CutAfter(20),
        Fault::ServerErrorAfter(500),
    ] {
        let Some(cloud) = cloud().await else {
            return;
        };
        let armed = cloud.api.fault(Call::Upgrade, fault);
        let ended = upgrade(&cloud).run().await;
        let windlass_core::outcome::Outcome::Failed(failure) = &ended.outcome else {
            panic!("{fault:?}");
        };
        assert_eq!(failure.effect, Effected::Unknown, "{fault:?}");
        let now = looked(&cloud, &ended).await;
        assert!(
            matches!(now, Answer::InProgress { .. }),
            "{fault:?}: {now:?}"
        );
        let Answer::Happened { outputs } = looked_to_the_end(&cloud, &ended).await else {
            panic!("{fault:?}");
        };
        assert_eq!(text(&outputs, "version"), "15.18.24");
        assert_eq!(
            (cloud.api.fired(armed), started(&cloud)),
            (1, 1),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn an_upgrade_that_went_back_by_itself_is_settled() {
    let Some(cloud) = cloud().await else {
        return;
    };
    let armed = cloud.api.trouble(Trouble::UpgradeFails, 1);
    let ended = upgrade(&cloud).run().await;
    ended.failed(Effected::Settled, "rolled_back");
    assert_eq!(cloud.api.fired(armed), 1);
    assert_eq!(
        cloud.effects("upgrade"),
        ["upgrade.started", "upgrade.failed"]
    );
    // The same where nobody heard the answer.
    let trouble = cloud.api.trouble(Trouble::UpgradeFails, 1);
    let lost = cloud.api.fault(Call::Upgrade, Fault::LoseReplyAfter);
    let ended = upgrade(&cloud).run().await;
    ended.failed(Effected::Unknown, "connection_lost");
    let answer = looked_to_the_end(&cloud, &ended).await;
    assert!(matches!(answer, Answer::Settled { .. }), "{answer:?}");
    assert_eq!((cloud.api.fired(trouble), cloud.api.fired(lost)), (1, 1));
    assert_eq!(started(&cloud), 2, "one each");
}

#[tokio::test]
async fn a_job_that_is_not_seen_is_not_the_only_witness() {
    // Not yet.
    let Some(cloud) = cloud().await else {
        return;
    };
    let armed = cloud.api.trouble(Trouble::JobHidden(60_000), 1);
    assert_eq!(
        text(upgrade(&cloud).run().await.outputs(), "version"),
        "15.18.24"
    );
    assert_eq!((cloud.api.fired(armed), started(&cloud)), (1, 1));
    // Never.
    let mut options = Options::simulated();
    options.settings.upgrade_job_shown = false;
    options.settings.upgrade_status = "UPGRADING".to_owned();
    let Some(cloud) = cloud_with(options).await else {
        return;
    };
    assert_eq!(
        text(upgrade(&cloud).run().await.outputs(), "version"),
        "15.18.24"
    );
    assert_eq!(started(&cloud), 1);
}

#[tokio::test]
async fn where_no_job_is_shown_a_lost_rollback_is_for_people() {
    let mut options = Options::simulated();
    options.settings.upgrade_job_shown = false;
    // The times of the cloud are in seconds: an upgrade in the second of the start could not
    // be told from none.
    options.settings.durations = Durations::all(Duration::from_millis(1100));
    let Some(cloud) = cloud_with(options).await else {
        return;
    };
    let trouble = cloud.api.trouble(Trouble::UpgradeFails, 1);
    let lost = cloud.api.fault(Call::Upgrade, Fault::LoseReplyAfter);
    let ended = upgrade(&cloud).run().await;
    ended.failed(Effected::Unknown, "connection_lost");
    let answer = looked_to_the_end(&cloud, &ended).await;
    let Answer::Unknown { note } = answer else {
        panic!("{answer:?}");
    };
    assert!(note.contains("was changed since"), "{note}");
    assert_eq!((cloud.api.fired(trouble), cloud.api.fired(lost)), (1, 1));
}

#[tokio::test]
async fn a_look_that_nobody_answers_knows_nothing() {
    let Some(cloud) = cloud().await else {
        return;
    };
    let lost = cloud.api.fault(Call::Upgrade, Fault::LoseReplyBefore);
    let ended = upgrade(&cloud).run().await;
    ended.failed(Effected::Unknown, "connection_lost");
    for call in [Call::ListInstances, Call::Tasks] {
        let armed = cloud.api.fault(call, Fault::ServerErrorBefore(500));
        let answer = looked(&cloud, &ended).await;
        assert!(
            matches!(answer, Answer::Unknown { .. }),
            "{call:?}: {answer:?}"
        );
        assert_eq!(cloud.api.fired(armed), 1, "{call:?}");
    }
    assert_eq!(cloud.api.fired(lost), 1);
}

#[tokio::test]
async fn an_upgrade_that_changes_no_version_is_told_as_that() {
    let mut options = Options::simulated();
    options.settings.minor_reads_offered = false;
    options.settings.at_latest = AtLatest::Refused;
    let Some(cloud) = cloud_with(options).await else {
        return;
    };
    upgrade(&cloud).run().await.outputs();
    let ended = upgrade(&cloud).run().await;
    ended.failed(Effected::None, "state_forbids");
    assert_eq!(started(&cloud), 1);
}
