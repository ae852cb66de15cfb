//! Every check of the look before the upgrade, with the fault that it is for really made on
//! one lab: the look stops, or warns, and names that fault and no other. The list of faults
//! is the list of checks.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rds_lab::{Lab, Server};
use serde_json::{Value, json};
use windlass_tests::skip::skip;

use crate::bench::{Bench, told};

/// How long the standbys may take to be as they were.
const PATIENCE: Duration = Duration::from_secs(60);

/// Takes a fault back.
type Mend = Box<dyn FnOnce(&Lab)>;

/// What a check is for.
struct Fault {
    check: &'static str,
    /// `stop` or `warn`.
    result: &'static str,
    /// Other checks that see the same fault.
    also: &'static [&'static str],
    /// Makes it.
    make: fn(&Lab) -> Mend,
    /// What is given to the run otherwise: thresholds and versions.
    inputs: fn(&Lab, &mut Value),
    /// Whether it disturbs others: then it is made alone.
    alone: bool,
}

const fn fault(check: &'static str, result: &'static str, make: fn(&Lab) -> Mend) -> Fault {
    Fault {
        check,
        result,
        also: &[],
        make,
        inputs: |_, _| {},
        alone: false,
    }
}

const fn alone(check: &'static str, result: &'static str, make: fn(&Lab) -> Mend) -> Fault {
    Fault {
        alone: true,
        ..fault(check, result, make)
    }
}

const FAULTS: &[Fault] = &[
    Fault {
        inputs: |lab, inputs| inputs["new_build"] = json!(lab.description().old.dir),
        ..alone("builds", "stop", nothing)
    },
    Fault {
        also: &["builds"],
        inputs: |_, inputs| inputs["new_version"] = json!("16.1"),
        ..alone("same_major", "stop", nothing)
    },
    Fault {
        // Nobody runs 15.12 here, which the other checks rightly tell.
        also: &["builds", "primary", "standbys"],
        inputs: |_, inputs| inputs["old_version"] = json!("15.12"),
        ..alone("release_notes", "warn", nothing)
    },
    Fault {
        also: &["streaming"],
        ..alone("primary", "stop", |lab| {
            lab.stop(Server::Primary).unwrap();
            Box::new(|lab| {
                lab.start(Server::Primary).unwrap();
                streaming(lab);
            })
        })
    },
    Fault {
        also: &["streaming", "slots"],
        ..alone("standbys", "stop", |lab| {
            lab.stop(Server::Replica1).unwrap();
            Box::new(|lab| {
                lab.start(Server::Replica1).unwrap();
                streaming(lab);
            })
        })
    },
    Fault {
        // It runs and answers, and follows nobody.
        also: &["slots"],
        ..alone("streaming", "stop", |lab| {
            let conninfo = lab.cut_off(Server::Replica2).unwrap();
            Box::new(move |lab| lab.join(Server::Replica2, &conninfo).unwrap())
        })
    },
    Fault {
        also: &["replay"],
        ..alone("lag", "stop", |lab| {
            lab.sql(Server::Replica1, "select pg_wal_replay_pause()")
                .unwrap();
            let paused = "select pg_get_wal_replay_pause_state()";
            lab.wait_value(Server::Replica1, paused, "paused").unwrap();
            lab.write_wal().unwrap();
            Box::new(|lab| {
                lab.sql(Server::Replica1, "select pg_wal_replay_resume()")
                    .unwrap();
                caught_up(lab);
            })
        })
    },
    alone("replay", "stop", |lab| {
        lab.sql(Server::Dr, "select pg_wal_replay_pause()").unwrap();
        let paused = "select pg_get_wal_replay_pause_state()";
        lab.wait_value(Server::Dr, paused, "paused").unwrap();
        Box::new(|lab| {
            lab.sql(Server::Dr, "select pg_wal_replay_resume()")
                .unwrap();
            caught_up(lab);
        })
    }),
    alone("slots", "stop", |lab| {
        let make = "select pg_create_physical_replication_slot('nobody', true)";
        lab.sql(Server::Primary, make).unwrap();
        // Its WAL goes: it is not only inactive but lost.
        lab.set_parameter(Server::Primary, "max_slot_wal_keep_size", Some("1MB"))
            .unwrap();
        for _ in 0..3 {
            lab.write_wal().unwrap();
        }
        lab.sql(Server::Primary, "checkpoint").unwrap();
        let lost = "select wal_status from pg_replication_slots where slot_name = 'nobody'";
        lab.wait_value(Server::Primary, lost, "lost").unwrap();
        Box::new(|lab| {
            lab.set_parameter(Server::Primary, "max_slot_wal_keep_size", None)
                .unwrap();
            lab.sql(Server::Primary, "select pg_drop_replication_slot('nobody')")
                .unwrap();
            caught_up(lab);
        })
    }),
    fault("logical_slots", "warn", |lab| {
        let make = "select pg_create_logical_replication_slot('stream', 'pgoutput')";
        lab.sql(Server::Primary, "create publication stream for all tables")
            .unwrap();
        lab.sql(Server::Primary, make).unwrap();
        let consumer = lab.consume("stream").unwrap();
        Box::new(move |lab| {
            drop(consumer);
            let idle = "select active from pg_replication_slots where slot_name = 'stream'";
            lab.wait_value(Server::Primary, idle, "f").unwrap();
            lab.sql(Server::Primary, "select pg_drop_replication_slot('stream')")
                .unwrap();
            lab.sql(Server::Primary, "drop publication stream").unwrap();
        })
    }),
    fault("subscriptions", "warn", |lab| {
        let make = "create subscription remote connection 'host=127.0.0.1' publication p \
                    with (connect = false, slot_name = none, enabled = false)";
        lab.sql(Server::Primary, make).unwrap();
        Box::new(|lab| {
            lab.sql(Server::Primary, "drop subscription remote")
                .unwrap();
        })
    }),
    fault("prepared_transactions", "stop", |lab| {
        let statements = "begin; select pg_current_xact_id(); prepare transaction 'half'";
        lab.sql(Server::Primary, statements).unwrap();
        Box::new(|lab| {
            lab.sql(Server::Primary, "rollback prepared 'half'")
                .unwrap();
        })
    }),
    Fault {
        inputs: |_, inputs| inputs["max_transaction_age"] = json!("1ms"),
        ..fault("long_transactions", "stop", |lab| {
            let held = lab.hold(Server::Primary, "begin; select pg_current_xact_id();");
            let held = held.unwrap();
            Box::new(move |_| drop(held))
        })
    },
    Fault {
        // Of 30, of which only a superuser may have the last three.
        inputs: |_, inputs| inputs["max_connections_used"] = json!(60),
        ..fault("connections", "warn", |lab| {
            let held: Vec<_> = (0..20)
                .map(|_| lab.hold(Server::Primary, "select 1;").unwrap())
                .collect();
            Box::new(move |lab| {
                drop(held);
                let clients = "select count(*) < 5 from pg_stat_activity \
                               where backend_type = 'client backend'";
                lab.wait_value(Server::Primary, clients, "t").unwrap();
            })
        })
    },
    Fault {
        inputs: |_, inputs| inputs["max_xid_age"] = json!(1),
        ..fault("wraparound", "stop", nothing)
    },
    fault("pending_restart", "warn", |lab| {
        lab.set_parameter(Server::Primary, "max_worker_processes", Some("5"))
            .unwrap();
        let pending = "select count(*) from pg_settings where pending_restart";
        lab.wait_value(Server::Primary, pending, "1").unwrap();
        Box::new(move |lab| {
            lab.set_parameter(Server::Primary, "max_worker_processes", None)
                .unwrap();
            lab.wait_value(Server::Primary, pending, "0").unwrap();
        })
    }),
    alone("invalid_indexes", "warn", |lab| {
        let make = "create unique index concurrently broken on accounts (bid)";
        lab.sql(Server::Primary, make).unwrap_err();
        Box::new(|lab| {
            lab.sql(Server::Primary, "drop index broken").unwrap();
        })
    }),
    fault("asked_everywhere", "stop", |lab| {
        lab.sql(Server::Primary, "create database closed").unwrap();
        lab.sql(
            Server::Primary,
            "revoke connect on database closed from public",
        )
        .unwrap();
        Box::new(|lab| {
            lab.sql(Server::Primary, "drop database closed").unwrap();
        })
    }),
    Fault {
        // No disk is wholly free.
        inputs: |_, inputs| inputs["min_disk_free"] = json!(100),
        ..fault("disk", "stop", nothing)
    },
    Fault {
        inputs: |_, inputs| inputs["max_wal"] = json!(1024),
        ..fault("wal", "warn", nothing)
    },
    alone("archiving", "stop", |lab| {
        lab.set_parameter(Server::Primary, "archive_command", Some("false"))
            .unwrap();
        lab.write_wal().unwrap();
        let fails = "select last_failed_time > coalesce(last_archived_time, '-infinity') \
                     from pg_stat_archiver";
        lab.wait_value(Server::Primary, fails, "t").unwrap();
        Box::new(move |lab| {
            lab.set_parameter(Server::Primary, "archive_command", None)
                .unwrap();
            lab.write_wal().unwrap();
            lab.wait_value(Server::Primary, fails, "f").unwrap();
            caught_up(lab);
        })
    }),
    alone("archive", "warn", |lab| {
        restart_with(lab, "archive_mode", Some("off"));
        Box::new(|lab| restart_with(lab, "archive_mode", None))
    }),
    fault("backup_age", "warn", |lab| {
        // A month old.
        let manifest = lab.dir().join("backups/before/backup_manifest");
        touch(&manifest, "30 days ago");
        Box::new(move |_| touch(&manifest, "now"))
    }),
    alone("backup_room", "stop", |lab| {
        let backups = lab.dir().join("backups");
        let mount = |arguments: &[&str]| {
            let mut command = Command::new(arguments[0]);
            let status = command.args(&arguments[1..]).arg(&backups).status();
            status.is_ok_and(|status| status.success())
        };
        assert!(mount(&[
            "mount",
            "-t",
            "tmpfs",
            "-o",
            "size=1m,mode=755",
            "tmpfs"
        ]));
        // Nor is there a backup on it; that is another check's.
        let held = backups.join("before");
        std::fs::create_dir(&held).unwrap();
        std::fs::write(held.join("backup_manifest"), "{}").unwrap();
        Box::new(move |_| {
            assert!(
                Command::new("umount")
                    .arg(&backups)
                    .status()
                    .unwrap()
                    .success()
            );
        })
    }),
];

fn nothing(_: &Lab) -> Mend {
    Box::new(|_| {})
}

fn streaming(lab: &Lab) {
    lab.wait_streaming(&Server::STANDBYS, PATIENCE).unwrap();
}

/// All standbys stream and have replayed what there is.
fn caught_up(lab: &Lab) {
    streaming(lab);
    let position = lab.current_lsn().unwrap();
    for server in Server::STANDBYS {
        lab.wait_replayed(server, &position, PATIENCE).unwrap();
    }
    let lag = "select count(*) from pg_stat_replication \
               where pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) > 100000";
    lab.wait_value(Server::Primary, lag, "0").unwrap();
}

fn restart_with(lab: &Lab, name: &str, value: Option<&str>) {
    lab.set_parameter(Server::Primary, name, value).unwrap();
    lab.restart(Server::Primary).unwrap();
    streaming(lab);
}

fn touch(file: &Path, when: &str) {
    let status = Command::new("touch").args(["-d", when]).arg(file).status();
    assert!(status.unwrap().success());
}

/// The verdict of a report: each check with its result.
fn results(report: &Value) -> Vec<(String, String)> {
    let steps = report["steps"].as_array().unwrap();
    let verdict = steps
        .iter()
        .find(|step| step["id"] == "precheck/verdict")
        .unwrap();
    let results = match verdict["result"].as_str().unwrap() {
        "ok" => &verdict["outputs"]["results"],
        "failed" => &verdict["evidence"]["results"],
        other => panic!("the verdict is {other}: {report:#}"),
    };
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let results = results.as_array().unwrap().iter();
    results
        .map(|check| (text(&check["name"]), text(&check["result"])))
        .collect()
}

#[test]
fn each_check_sees_the_fault_that_it_is_for_before_any_change() {
    let bench = Bench::new();
    let lab = &bench.lab;
    lab.base_backup("before").unwrap();

    let (well, report) = bench.preflight(|_| {});
    assert_eq!(well.status.code(), Some(0), "{}", told(&well));
    let checks = results(&report);
    assert!(
        checks.iter().all(|(_, result)| result == "ok"),
        "a lab without faults: {checks:?}"
    );
    // A check without its fault, or a fault without its check.
    let names: Vec<&str> = checks.iter().map(|(name, _)| name.as_str()).collect();
    let table: Vec<&str> = FAULTS.iter().map(|fault| fault.check).collect();
    assert_eq!(names, table);

    let started: Vec<_> = Server::ALL.map(|server| bench.started(server)).into();
    for together in groups() {
        let mends: Vec<Mend> = together.iter().map(|fault| (fault.make)(lab)).collect();
        let (output, report) = bench.preflight(|inputs| {
            for fault in &together {
                (fault.inputs)(lab, inputs);
            }
        });
        let mut expected: Vec<(&str, Option<&str>)> = Vec::new();
        for fault in &together {
            expected.push((fault.check, Some(fault.result)));
            expected.extend(fault.also.iter().map(|check| (*check, None)));
        }
        for (name, result) in results(&report) {
            let at = expected.iter().position(|(check, _)| *check == name);
            let wanted = at.map(|at| expected[at].1);
            let is_as_wanted = match wanted {
                None => result == "ok",
                Some(Some(wanted)) => result == wanted,
                Some(None) => result != "ok",
            };
            let made: Vec<&str> = together.iter().map(|fault| fault.check).collect();
            assert!(
                is_as_wanted,
                "{made:?}: {name} is {result}\n{}",
                told(&output)
            );
        }
        let stops = results(&report).iter().any(|(_, result)| result == "stop");
        assert_eq!(
            output.status.code(),
            Some(i32::from(stops)),
            "{}",
            told(&output)
        );
        mends.into_iter().rev().for_each(|mend| mend(lab));
    }
    // The faults restarted some; nothing else did.
    let after: Vec<_> = Server::ALL.map(|server| bench.started(server)).into();
    assert_eq!(started[2..], after[2..]);
    assert_eq!(lab.version(Server::Primary).unwrap(), "15.16");
}

/// The faults that are made at once: what disturbs no other is shown in one pass, and each
/// by itself only in the full form.
fn groups() -> Vec<Vec<&'static Fault>> {
    let is_full = std::env::var_os("WINDLASS_FULL").is_some_and(|set| set != "0");
    let (alone, together): (Vec<_>, Vec<_>) =
        FAULTS.iter().partition(|fault| fault.alone || is_full);
    let mut groups: Vec<Vec<&Fault>> = alone.into_iter().map(|fault| vec![fault]).collect();
    if !together.is_empty() {
        groups.push(together);
    }
    if !is_root() {
        skip("a full disk is made by a small file system, which only root can mount");
        groups.retain(|group| group[0].check != "backup_room");
    }
    groups
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}
