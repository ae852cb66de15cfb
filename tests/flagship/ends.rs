//! Each end that `runbooks/postgres_minor_upgrade.md` tells, made on real servers: the run
//! must come to the state that its row says, tell those whom it names what it says, offer the command
//! that it names, and go on by that command as the row tells.

mod page;
pub(crate) mod stage;
mod verification;

use std::sync::Mutex;

use rds_lab::Server;

use self::page::Row;
use self::stage::Stage;
use crate::bench::Bench;

/// One row, and how it comes about; what it does at last is to obey the row.
struct End {
    what: &'static str,
    play: fn(&mut Stage<'_>, &Row),
}

const ENDS: &[End] = &[
    End {
        what: "The backup fails.",
        play: |stage, row| {
            stage.inputs["pg_basebackup"] = stage.program("pg_basebackup", "exit 1");
            stage.run();
            stage.comes_to(row);
            stage.all_run("15.16");
            stage.inputs["pg_basebackup"] = stage.lab().inputs()["pg_basebackup"].clone();
            stage.obey(row).succeeds();
        },
    },
    End {
        what: "The backup does not verify.",
        play: |stage, row| {
            // Written as it should be, and then a byte of it is another.
            let real = stage.real("pg_basebackup");
            let body = format!("\"{real}\" \"$@\"; printf x >>\"$2/PG_VERSION\"");
            stage.inputs["pg_basebackup"] = stage.program("pg_basebackup", &body);
            stage.run();
            stage.comes_to(row);
            stage.all_run("15.16");
            stage.inputs["pg_basebackup"] = stage.lab().inputs()["pg_basebackup"].clone();
            stage.obey(row).succeeds();
        },
    },
    End {
        what: "The disk fills during the backup.",
        play: |stage, row| {
            let disk = stage.small_disk();
            stage.run();
            stage.comes_to(row);
            stage.says("No space left on device");
            stage.all_run("15.16");
            drop(disk);
            stage.inputs = stage.lab().inputs();
            stage.obey(row).succeeds();
        },
    },
    End {
        what: "The approver rejects.",
        play: |stage, row| {
            stage.run();
            stage.at_gate();
            stage.tell(&["reject", "RUN", "go", "--reason", "there is a sale"]);
            stage.comes_to(row);
            stage.all_run("15.16");
            stage.obey(row).succeeds();
        },
    },
    End {
        what: "Nobody answers, and the gate expires.",
        play: |stage, row| {
            stage.shorten("expires: 30m", "expires: 1s");
            stage.run();
            stage.comes_to(row);
            stage.all_run("15.16");
            stage.obey(row).succeeds();
        },
    },
    End {
        what: "Somebody cancels before the primary's upgrade.",
        play: |stage, row| {
            stage.run();
            stage.at_gate();
            stage.tell(&["cancel", "RUN", "--reason", "wrong night"]);
            stage.comes_to(row);
            stage.all_run("15.16");
            stage.obey(row).succeeds();
        },
    },
    End {
        what: "The engine's host reboots while the gate is open.",
        play: |stage, row| {
            stage.run();
            stage.at_gate();
            stage.kill();
            stage.comes_to(row);
            stage.obey(row).succeeds();
            stage.resume();
            stage.follow_to_success();
            stage.all_run("15.18");
        },
    },
    End {
        what: "A standby does not start on the new binaries.",
        play: |stage, row| {
            stage.break_new_build_for(Server::Dr);
            stage.run();
            stage.at_gate();
            stage.approve();
            stage.comes_to(row);
            stage.all_run("15.16");
            stage.mend_new_build();
            stage.obey(row).succeeds();
        },
    },
    End {
        what: "A standby does not follow after its upgrade.",
        play: |stage, row| {
            stage.shorten("for: 15m", "for: 3s");
            stage.run();
            stage.at_gate();
            let conninfo = stage.lab().cut_off(Server::Replica1).unwrap();
            stage.approve();
            stage.comes_to(row);
            stage.all_run("15.16");
            stage.lab().join(Server::Replica1, &conninfo).unwrap();
            stage.obey(row).succeeds();
        },
    },
    End {
        what: "The primary does not start on the new binaries.",
        play: |stage, row| {
            stage.break_new_build_for(Server::Primary);
            stage.run();
            stage.at_gate();
            stage.approve();
            stage.comes_to(row);
            stage.all_run("15.16");
            stage.owes_nothing();
            stage.mend_new_build();
            stage.obey(row).succeeds();
        },
    },
    End {
        what: "The servers cannot be reached for a while.",
        play: |stage, row| {
            // A warning ends up in the report and stops nothing.
            stage.inputs["max_outage"] = "1ms".into();
            stage.run();
            stage.at_gate();
            stage.lab().stop(Server::Primary).unwrap();
            stage.approve();
            stage.record("poll_scheduled", "standbys_after");
            stage.lab().start(Server::Primary).unwrap();
            stage.comes_to(row);
            stage.says("outage: Writes were refused for longer than 1 ms");
            stage.all_run("15.18");
            stage.obey(row).succeeds();
        },
    },
    End {
        what: "A replica does not come back after the primary's upgrade.",
        play: |stage, row| {
            stage.shorten("for: 15m", "for: 3s");
            let stop = stage.stops(Server::Replica1);
            stage.before_the_primary_stops(&stop);
            stage.run();
            stage.at_gate();
            stage.approve();
            stage.comes_to(row);
            stage.lab().start(Server::Replica1).unwrap();
            stage.obey(row).succeeds();
            stage.follow_to_success();
            stage.all_run("15.18");
        },
    },
    End {
        what: "The slot of disaster recovery is lost.",
        play: |stage, row| {
            stage.shorten("wait_follows 30", "wait_follows 2");
            let drop_slot = stage.drops_slot(Server::Dr);
            stage.before_the_primary_stops(&drop_slot);
            stage.run();
            stage.at_gate();
            stage.approve();
            stage.comes_to(row);
            stage.all_run("15.18");
            stage.logged("dr_established", "built anew");
            stage.obey(row).succeeds();
        },
    },
    End {
        what: "Disaster recovery cannot be established.",
        play: |stage, row| {
            stage.shorten("wait_follows 30", "wait_follows 2");
            stage.shorten(
                "{attempts: 3, backoff: 5s, max_backoff: 1m}",
                "{attempts: 2, backoff: 100ms}",
            );
            let drop_slot = stage.drops_slot(Server::Dr);
            stage.before_the_primary_stops(&drop_slot);
            // The base backup before the gate is taken; the one that builds DR anew is not.
            let (real, flag) = (stage.real("pg_basebackup"), stage.file("no-room"));
            std::fs::write(&flag, "").unwrap();
            let body = format!(
                "case \" $* \" in *' -S dr '*) [ ! -e '{}' ] || exit 1 ;; esac; exec \"{real}\" \"$@\"",
                flag.display()
            );
            stage.inputs["pg_basebackup"] = stage.program("pg_basebackup", &body);
            stage.run();
            stage.at_gate();
            stage.approve();
            stage.comes_to(row);
            std::fs::remove_file(&flag).unwrap();
            stage.obey(row).succeeds();
            stage.follow_to_success();
            stage.all_run("15.18");
        },
    },
    End {
        what: "Verification finds that something is different.",
        play: verification::finds_what_is_different,
    },
    End {
        what: "The engine's host reboots in the middle of the primary's upgrade.",
        play: |stage, row| {
            stage.run();
            stage.at_gate();
            stage.approve();
            stage.record("attempt_started", "upgrade_primary");
            stage.reboot();
            // As the machine starts them: from where `current` points.
            stage.lab().start_all().unwrap();
            stage.comes_to(row);
            stage.obey_and_follow(row);
            stage.follow_to_success();
            stage.all_run("15.18");
        },
    },
    End {
        what: "Nobody can tell whether the primary's upgrade happened.",
        play: |stage, row| {
            stage.shorten(
                "ensure: dr_established\n    timeout: 10m",
                "ensure: dr_established\n    observe: 1s\n    timeout: 2s",
            );
            stage.run();
            stage.at_gate();
            stage.approve();
            stage.record("attempt_started", "upgrade_primary");
            stage.reboot();
            for standby in Server::STANDBYS {
                stage.lab().start(standby).unwrap();
            }
            stage.resume();
            stage.comes_to(row);
            stage
                .lab()
                .install(Server::Primary, rds_lab::Release::New)
                .unwrap();
            stage.lab().start(Server::Primary).unwrap();
            stage.obey(row).succeeds();
            stage.follow_to_success();
            stage.all_run("15.18");
        },
    },
    End {
        what: "Somebody cancels during or after the primary's upgrade.",
        play: |stage, row| {
            stage.run();
            stage.at_gate();
            stage.approve();
            stage.record("attempt_started", "upgrade_primary");
            stage.tell(&["cancel", "RUN", "--reason", "an incident elsewhere"]);
            stage.comes_to(row);
            stage.all_run("15.18");
            stage.owes_nothing();
            stage.obey(row).succeeds();
        },
    },
];

#[test]
fn the_run_ends_as_the_page_says() {
    let rows = page::rows();
    let told: Vec<&str> = rows.iter().map(|row| row.what.as_str()).collect();
    let made: Vec<&str> = ENDS.iter().map(|end| end.what).collect();
    assert_eq!(told, made, "each row has its test, each test its row");

    // Each waits more than it works.
    let queue = Mutex::new(ENDS.iter().zip(&rows));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let bench = Bench::new();
                bench.lab.base_backup("before").unwrap();
                bench.lab.snapshot().unwrap();
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some((end, row)) = next else { return };
                    let began = std::time::Instant::now();
                    let mut stage = Stage::new(&bench, end.what);
                    (end.play)(&mut stage, row);
                    println!("{:5.1} s  {}", began.elapsed().as_secs_f64(), end.what);
                }
            });
        }
    });
}
