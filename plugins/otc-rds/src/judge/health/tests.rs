//! What the checks say of a healthy instance, and of one with each fault.

use super::times::HOUR_MS;
use super::*;
use crate::model::{BackupStrategy, Datastore, DrInfo, Node, Volume};

/// 2026-11-22, 03:00 UTC.
const NOW: i64 = 1_795_316_400_000;

const LIMITS: Limits = Limits {
    disk_percent_warn: 85.0,
    disk_percent_stop: 95.0,
    lag_ms_stop: 300_000.0,
    connections_percent_warn: 90.0,
    transaction_ms_warn: 900_000.0,
    backup_age_ms_warn: 25 * HOUR_MS,
};

fn active(name: &str) -> Instance {
    Instance {
        name: name.to_owned(),
        status: "ACTIVE".to_owned(),
        kind: "Ha".to_owned(),
        datastore: Datastore {
            kind: "PostgreSQL".to_owned(),
            complete_version: "16.5.21".to_owned(),
            ..Datastore::default()
        },
        nodes: vec![Node {
            name: "node0".to_owned(),
            status: "ACTIVE".to_owned(),
            ..Node::default()
        }],
        backup_strategy: BackupStrategy {
            start_time: "19:00-20:00".to_owned(),
            keep_days: Some(7.0),
        },
        maintenance_window: "02:00-06:00".to_owned(),
        volume: Volume { size: Some(100.0) },
        storage_used_space: Some(20.0),
        ..Instance::default()
    }
}

fn good() -> Findings {
    Findings {
        now: NOW,
        instance: active("pg"),
        replicas: vec![("r".to_owned(), Some(active("replica")))],
        newer: Some(Some("16.9.2".to_owned())),
        tasks: vec![],
        backups: vec![Backup {
            name: "auto".to_owned(),
            kind: "auto".to_owned(),
            status: "COMPLETED".to_owned(),
            end_time: "2026-11-21T21:00:00+0100".to_owned(),
            ..Backup::default()
        }],
        metrics: Some(Metrics {
            replication: Some(1.0),
            lag_ms: Some(3.0),
            disk_percent: Some(20.0),
            connections_percent: Some(5.0),
            transaction_ms: Some(10.0),
        }),
        dr: Dr::None,
    }
}

#[track_caller]
fn says(change: impl FnOnce(&mut Findings), name: &str, verdict: Verdict) {
    let mut found = good();
    change(&mut found);
    let checks = checks(&found, LIMITS);
    let check = checks.iter().find(|check| check.name == name).unwrap();
    assert_eq!(check.verdict, verdict, "{check:?}");
    let others = checks.iter().filter(|check| check.name != name);
    let worse: Vec<_> = others
        .filter(|check| check.verdict == Verdict::Stop)
        .collect();
    assert!(worse.is_empty(), "{worse:?}");
}

#[test]
fn a_healthy_instance_passes() {
    let checks = checks(&good(), LIMITS);
    let bad: Vec<_> = checks
        .iter()
        .filter(|check| check.verdict != Verdict::Ok)
        .collect();
    assert!(bad.is_empty(), "{bad:?}");
    assert_eq!(checks.len(), 14);
}

#[test]
fn what_the_vendor_forbids_stops() {
    use Verdict::Stop;
    says(
        |f| f.instance.datastore.kind = "MySQL".to_owned(),
        "engine",
        Stop,
    );
    says(|f| f.instance.kind = "Replica".to_owned(), "engine", Stop);
    says(
        |f| f.instance.datastore.complete_version = "11.1".to_owned(),
        "engine",
        Stop,
    );
    for status in ["STORAGE FULL", "BACKING UP", "FROZEN", "NEW WORD", ""] {
        says(|f| f.instance.status = status.to_owned(), "status", Stop);
    }
    says(
        |f| f.instance.nodes[0].status = "ABNORMAL".to_owned(),
        "nodes",
        Stop,
    );
    says(|f| f.replicas[0].1 = None, "replicas", Stop);
    let sick = |f: &mut Findings| {
        f.replicas[0].1.as_mut().unwrap().nodes[0].status = "FAILED".to_owned();
    };
    says(sick, "replicas", Stop);
    let task = Task {
        status: "Running".to_owned(),
        ..Task::default()
    };
    says(|f| f.tasks.push(task), "running_work", Stop);
    let building = Backup {
        status: "BUILDING".to_owned(),
        ..Backup::default()
    };
    says(|f| f.backups.push(building), "running_work", Stop);
    says(|f| metrics(f).replication = Some(0.0), "replication", Stop);
    says(|f| metrics(f).lag_ms = Some(300_001.0), "replication", Stop);
    says(|f| metrics(f).disk_percent = Some(95.0), "storage", Stop);
    let reach = Dr::OutOfReach {
        dr: "d".to_owned(),
        region: "eu-nl".to_owned(),
    };
    says(|f| f.dr = reach, "disaster_recovery", Stop);
    says(
        |f| f.dr = Dr::Other("another".to_owned()),
        "disaster_recovery",
        Stop,
    );
    for status in ["running", "failed"] {
        says(
            |f| f.dr = known(status, "16.5.21"),
            "disaster_recovery",
            Stop,
        );
    }
}

#[test]
fn what_people_should_know_warns() {
    use Verdict::Warn;
    says(
        |f| f.instance.datastore.complete_version = "12.5".to_owned(),
        "engine",
        Warn,
    );
    says(|f| f.newer = None, "version", Warn);
    says(|f| f.backups.clear(), "backup_age", Warn);
    says(|f| f.now += 30 * HOUR_MS, "backup_age", Warn);
    says(
        |f| f.instance.backup_strategy.start_time = "03:30-04:30".to_owned(),
        "automatic_backup",
        Warn,
    );
    says(
        |f| f.instance.maintenance_window = "22:00-02:00".to_owned(),
        "maintenance_window",
        Warn,
    );
    says(|f| f.dr = Dr::NotOffered, "disaster_recovery", Warn);
    says(
        |f| f.dr = known("normal", "16.4.1"),
        "disaster_recovery",
        Warn,
    );
    says(|f| f.metrics = None, "replication", Warn);
    says(|f| metrics(f).disk_percent = Some(85.0), "storage", Warn);
    says(
        |f| metrics(f).connections_percent = Some(91.0),
        "connections",
        Warn,
    );
    says(
        |f| metrics(f).transaction_ms = Some(1e6),
        "transactions",
        Warn,
    );
}

fn metrics(found: &mut Findings) -> &mut Metrics {
    found.metrics.as_mut().unwrap()
}

fn known(status: &str, dr_version: &str) -> Dr {
    let info = DrInfo {
        status: status.to_owned(),
        ..DrInfo::default()
    };
    Dr::Known {
        sides: Box::new(Sides {
            primary: Some(info.clone()),
            dr: Some(info),
        }),
        primary_version: "16.5.21".to_owned(),
        dr_version: dr_version.to_owned(),
    }
}
