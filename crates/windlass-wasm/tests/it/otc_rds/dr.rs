//! Disaster recovery: the order of its requests, and what is left half done.

use rds_lab::api::{Call, Fault, Options, Trouble, UnderDr};
use serde_json::{Value as Json, json};
use windlass_core::outcome::{Answer, Effected};
use windlass_core::value::Value;

use super::{Cloud, cloud, cloud_with, flag, text};
use crate::support::Attempt;

fn establish(cloud: &Cloud, more: Json) -> Attempt {
    let mut with = json!({"instance_id": cloud.primary(), "dr_subnet": "192.168.7.0/24"});
    super::merge(&mut with, more);
    cloud.dr_attempt("otc_rds/dr_establish", with)
}

fn remove(cloud: &Cloud) -> Attempt {
    cloud.dr_attempt("otc_rds/dr_remove", json!({"instance_id": cloud.primary()}))
}

async fn status(cloud: &Cloud) -> Value {
    let status = cloud.dr_attempt("otc_rds/dr_status", json!({"instance_id": cloud.primary()}));
    status.run().await.outputs().clone()
}

/// Upgrades the primary, and says when that was asked for.
async fn upgraded(cloud: &Cloud) -> Json {
    let more = json!({"instance_id": cloud.primary()});
    let ended = cloud.attempt("otc_rds/upgrade_minor", more).run().await;
    let Some(Value::Int(at)) = ended.outputs().get("asked_at_ms") else {
        panic!("no time in {:?}", ended.outputs());
    };
    json!({"upgraded_at_ms": at})
}

fn completed(cloud: &Cloud) -> Vec<String> {
    let mut effects = cloud.effects("dr_");
    effects.retain(|what| what.ends_with(".completed"));
    effects
}

const ANEW: [&str; 4] = [
    "dr_remove_dr.completed",
    "dr_remove_primary.completed",
    "dr_build_primary.completed",
    "dr_build_dr.completed",
];

#[tokio::test]
async fn a_normal_relation_of_equal_versions_is_left_alone() {
    let Some(cloud) = cloud().await else {
        return;
    };
    let before = status(&cloud).await;
    assert!(
        flag(&before, "ok") && text(&before, "state") == "normal",
        "{before:?}"
    );
    let ended = establish(&cloud, json!({})).run().await;
    assert!(!flag(ended.outputs(), "changed"));
    assert_eq!(cloud.effects("dr_"), Vec::<String>::new());
}

#[tokio::test]
async fn after_an_upgrade_it_is_built_anew_however_it_fared() {
    for under_dr in [UnderDr::Breaks, UnderDr::LeavesBehind] {
        let mut options = Options::simulated();
        options.settings.under_dr = under_dr;
        let Some(cloud) = cloud_with(options).await else {
            return;
        };
        let at = upgraded(&cloud).await;
        assert!(!flag(&status(&cloud).await, "ok"), "{under_dr:?}");
        let ended = establish(&cloud, at.clone()).run().await;
        let done = ended.outputs();
        assert!(flag(done, "changed"), "{under_dr:?}");
        assert_eq!(completed(&cloud), ANEW, "{under_dr:?}");
        let after = status(&cloud).await;
        assert!(flag(&after, "ok"), "{under_dr:?}: {after:?}");
        let relation = after.get("relation").unwrap();
        assert_eq!(text(relation, "dr_version"), "15.18.24");
        // It is younger than the upgrade now.
        let again = establish(&cloud, at).run().await;
        assert!(!flag(again.outputs(), "changed"), "{under_dr:?}");
    }
}

/// A person said that the upgrade happened, and not when.
#[tokio::test]
async fn after_an_upgrade_of_unknown_time_it_is_built_anew() {
    let Some(cloud) = cloud().await else {
        return;
    };
    let wrong = establish(&cloud, json!({"upgraded_after": "yesterday"}));
    wrong.run().await.failed(Effected::None, "bad_input");
    let after = |time: &str| establish(&cloud, json!({"upgraded_after": time}));
    let ended = after("2001-01-01T00:00:00Z").run().await;
    assert!(!flag(ended.outputs(), "changed"), "it is younger than that");
    let ended = after("2300-01-01T00:00:00Z").run().await;
    assert!(flag(ended.outputs(), "changed"));
    assert_eq!(completed(&cloud), ANEW);
}

#[tokio::test]
async fn an_upgrade_that_is_refused_under_dr_goes_after_its_removal() {
    let mut options = Options::simulated();
    options.settings.under_dr = UnderDr::Refused;
    let Some(cloud) = cloud_with(options).await else {
        return;
    };
    let more = json!({"instance_id": cloud.primary()});
    let ended = cloud.attempt("otc_rds/upgrade_minor", more).run().await;
    ended.failed(Effected::None, "state_forbids");
    let ended = remove(&cloud).run().await;
    assert!(flag(ended.outputs(), "changed"));
    assert_eq!(completed(&cloud), ANEW[..2]);
    assert_eq!(text(&status(&cloud).await, "state"), "absent");
    let at = upgraded(&cloud).await;
    establish(&cloud, at).run().await.outputs();
    assert_eq!(completed(&cloud), ANEW);
    assert!(flag(&status(&cloud).await, "ok"));
    // Removing what is not there is nothing.
    remove(&cloud).run().await.outputs();
    let nothing = remove(&cloud).run().await;
    assert!(!flag(nothing.outputs(), "changed"));
}

#[tokio::test]
async fn one_side_that_is_removed_is_finished_first() {
    let Some(cloud) = cloud().await else {
        return;
    };
    // The removal of the second side is refused, again and again.
    let refused = rds_lab::api::On {
        call: Some(Call::RemoveDr),
        skip: 1,
        times: 1,
    };
    let armed = cloud.api.fault(refused, Fault::Conflict);
    let ended = remove(&cloud).run().await;
    ended.failed(Effected::Settled, "dr_unfinished");
    assert_eq!(cloud.api.fired(armed), 1);
    assert_eq!(completed(&cloud), ANEW[..1]);
    assert_eq!(text(&status(&cloud).await, "state"), "half");
    let (answer, _) = remove(&cloud)
        .kept(ended.kept.last().unwrap())
        .reconcile()
        .await;
    assert!(matches!(answer, Answer::Settled { .. }), "{answer:?}");
    let ended = establish(&cloud, json!({})).run().await;
    assert!(flag(ended.outputs(), "changed"));
    assert_eq!(completed(&cloud), ANEW);
    assert!(flag(&status(&cloud).await, "ok"));
}

#[tokio::test]
async fn a_side_whose_build_fails_is_built_by_the_next_attempt() {
    for trouble in [Trouble::BuildPrimaryFails, Trouble::BuildDrFails] {
        let Some(cloud) = cloud().await else {
            return;
        };
        let at = upgraded(&cloud).await;
        let armed = cloud.api.trouble(trouble, 1);
        let ended = establish(&cloud, at.clone()).run().await;
        ended.failed(Effected::Settled, "dr_job_failed");
        assert_eq!(cloud.api.fired(armed), 1, "{trouble:?}");
        let ended = establish(&cloud, at).run().await;
        ended.outputs();
        assert!(flag(&status(&cloud).await, "ok"), "{trouble:?}");
    }
}

#[tokio::test]
async fn a_lost_reply_of_a_removal_is_looked_into() {
    let Some(cloud) = cloud().await else {
        return;
    };
    let armed = cloud.api.fault(Call::RemoveDr, Fault::LoseReplyBefore);
    let ended = remove(&cloud).run().await;
    ended.failed(Effected::Unknown, "connection_lost");
    let (answer, log) = remove(&cloud)
        .kept(ended.kept.last().unwrap())
        .reconcile()
        .await;
    assert!(
        matches!(answer, Answer::NotHappened { .. }),
        "{answer:?}\n{log}"
    );
    assert_eq!(cloud.api.fired(armed), 1);

    let armed = cloud.api.fault(Call::RemoveDr, Fault::LoseReplyAfter);
    let ended = remove(&cloud).run().await;
    ended.failed(Effected::Unknown, "connection_lost");
    let (answer, log) = remove(&cloud)
        .kept(ended.kept.last().unwrap())
        .reconcile()
        .await;
    assert!(
        matches!(answer, Answer::InProgress { .. }),
        "{answer:?}\n{log}"
    );
    assert_eq!(cloud.api.fired(armed), 1);
    cloud
        .api
        .wait_at_rest(std::time::Duration::from_secs(10))
        .unwrap();
    let (answer, log) = remove(&cloud)
        .kept(ended.kept.last().unwrap())
        .reconcile()
        .await;
    assert!(
        matches!(answer, Answer::Settled { .. }),
        "one side is gone: {answer:?}\n{log}"
    );
    remove(&cloud).run().await.outputs();
    let (answer, _) = remove(&cloud)
        .kept(ended.kept.last().unwrap())
        .reconcile()
        .await;
    assert!(matches!(answer, Answer::Happened { .. }), "{answer:?}");
    assert_eq!(completed(&cloud), ANEW[..2]);
}

/// Whoever built upon half a relation would be undone by what comes late.
#[tokio::test]
async fn half_a_removal_is_no_end_while_the_other_half_may_arrive() {
    let Some(cloud) = cloud().await else {
        return;
    };
    let second = rds_lab::api::On {
        skip: 1,
        ..Call::RemoveDr.into()
    };
    let armed = cloud.api.fault(second, Fault::LoseReplyBefore);
    let ended = remove(&cloud).run().await;
    ended.failed(Effected::Unknown, "connection_lost");
    assert_eq!(cloud.api.fired(armed), 1);
    let kept = ended.kept.last().unwrap();
    let (answer, _) = remove(&cloud).kept(kept).reconcile().await;
    let Answer::InProgress { note } = &answer else {
        panic!("{answer:?}");
    };
    assert!(note.contains("may be on its way"), "{note}");
    // So long ago that nothing of it comes any more.
    let mut kept: serde_json::Value = serde_json::from_str(kept).unwrap();
    kept["asked_at"] = json!(1);
    let long_ago = remove(&cloud).kept(&kept.to_string());
    let (answer, _) = long_ago.reconcile().await;
    assert!(matches!(answer, Answer::Settled { .. }), "{answer:?}");
}

#[tokio::test]
async fn a_cloud_without_dr_leaves_it_to_people() {
    let mut options = Options::simulated();
    options.settings.dr_offered = false;
    let Some(cloud) = cloud_with(options).await else {
        return;
    };
    let found = status(&cloud).await;
    assert!(!flag(&found, "offered"), "{found:?}");
    establish(&cloud, json!({}))
        .run()
        .await
        .failed(Effected::None, "not_offered");
    remove(&cloud)
        .run()
        .await
        .failed(Effected::None, "not_offered");
}

#[tokio::test]
async fn an_instance_that_serves_somebody_is_no_dr_instance() {
    let Some(cloud) = cloud().await else {
        return;
    };
    // The primary itself, as if it were its own DR instance.
    let more = json!({
        "dr_endpoint": cloud.api.endpoints().rds_eu_de,
        "dr_region": "eu-de",
        "dr_project_id": rds_lab::api::Region::EuDe.project_id(),
        "dr_instance_id": cloud.primary(),
    });
    let ended = establish(&cloud, more).run().await;
    ended.failed(Effected::None, "other_relation");
    assert_eq!(cloud.effects("dr_"), Vec::<String>::new());
}
