//! Backups: one name is used once, and a repeated attempt finds what the first one made.

use rds_lab::api::{Call, Fault, Trouble};
use serde_json::json;
use windlass_core::outcome::{Answer, Effected};

use super::{Cloud, cloud, text};
use crate::support::Attempt;

fn backup(cloud: &Cloud) -> Attempt {
    cloud.attempt("otc_rds/backup", json!({"instance_id": cloud.primary()}))
}

#[tokio::test]
async fn a_backup_is_evidence_once_it_is_completed() {
    let Some(cloud) = cloud().await else {
        return;
    };
    let ended = backup(&cloud).run().await;
    let made = ended.outputs();
    assert_eq!(
        text(made, "target"),
        format!("rds:eu-de/{}", cloud.primary())
    );
    assert_eq!(text(made, "verified_how"), "completed");
    assert!(text(made, "taken_at").ends_with('Z'));
    assert_eq!(
        cloud.effects("backup"),
        ["backup.started", "backup.completed"]
    );
    assert_eq!(
        ended.kept.len(),
        2,
        "before the request and after it: {:?}",
        ended.kept
    );
    // Another attempt of the same step adopts it.
    let again = backup(&cloud).run().await;
    assert_eq!(text(again.outputs(), "id"), text(made, "id"));
    assert_eq!(cloud.api.count("backup.started"), 1);
}

#[tokio::test]
async fn a_refusal_ends_the_attempt_and_nothing_happened() {
    let Some(cloud) = cloud().await else {
        return;
    };
    for (fault, code) in [(Fault::Conflict, "busy"), (Fault::TooMany(1), "throttled")] {
        let armed = cloud.api.fault(Call::CreateBackup, fault);
        let ended = backup(&cloud).run().await;
        ended.failed(Effected::None, code);
        assert_eq!(cloud.api.fired(armed), 1);
    }
    assert_eq!(cloud.effects("backup"), Vec::<String>::new());
}

#[tokio::test]
async fn a_backup_whose_reply_is_lost_is_found_by_its_name() {
    let Some(cloud) = cloud().await else {
        return;
    };
    let armed = cloud.api.fault(Call::CreateBackup, Fault::LoseReplyBefore);
    let ended = backup(&cloud).run().await;
    ended.failed(Effected::Unknown, "connection_lost");
    let (answer, log) = backup(&cloud).kept(&ended.kept[0]).reconcile().await;
    assert!(
        matches!(answer, Answer::NotHappened { .. }),
        "{answer:?}\n{log}"
    );
    assert_eq!(
        (cloud.api.fired(armed), cloud.api.count("backup.started")),
        (1, 0)
    );

    let armed = cloud.api.fault(Call::CreateBackup, Fault::LoseReplyAfter);
    let ended = backup(&cloud).run().await;
    ended.failed(Effected::Unknown, "connection_lost");
    let (answer, log) = backup(&cloud).kept(&ended.kept[0]).reconcile().await;
    assert!(
        matches!(answer, Answer::InProgress { .. }),
        "{answer:?}\n{log}"
    );
    backup(&cloud).run().await.outputs();
    let (answer, log) = backup(&cloud).kept(&ended.kept[0]).reconcile().await;
    assert!(
        matches!(answer, Answer::Happened { .. }),
        "{answer:?}\n{log}"
    );
    assert_eq!(
        (cloud.api.fired(armed), cloud.api.count("backup.started")),
        (1, 1)
    );
}

#[tokio::test]
async fn a_backup_that_fails_is_settled_and_its_name_is_not_used_again() {
    let Some(cloud) = cloud().await else {
        return;
    };
    let armed = cloud.api.trouble(Trouble::BackupFails, 1);
    let ended = backup(&cloud).run().await;
    ended.failed(Effected::Settled, "backup_failed");
    assert_eq!(cloud.api.fired(armed), 1);
    let (answer, _) = backup(&cloud).kept(&ended.kept[0]).reconcile().await;
    assert!(matches!(answer, Answer::Settled { .. }), "{answer:?}");
    let again = backup(&cloud).run().await;
    assert!(text(again.outputs(), "name").ends_with("-2"));
    assert_eq!(cloud.api.count("backup.started"), 2);
}
