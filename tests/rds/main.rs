//! The vendor's procedure itself, `runbooks/rds_pg_minor_upgrade.yaml`, against the local
//! cloud with real PostgreSQL behind it: with both orders of DR and all that an upgrade may
//! do to a live relation, and with what can go wrong. Each row of the page's table of ends is
//! made: the run must come to the state that the row says, and go on by the command that it
//! names. The cloud's own log of effects is the witness.
//!
//! `cargo xtask test --only rds` plays those ends that are marked; with `--full` it plays all
//! of them. RDS_END plays the ends whose names contain it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod night;
mod page;

use std::collections::BTreeSet;
use std::time::Duration;

use rds_lab::api::{Call, Fault, Following, On, Trouble, UnderDr};
use rds_lab::{Release, Server};
use serde_json::json;

use self::night::{City, Night};

/// How a run can end, and what is then true.
struct End {
    /// A row of the page, as it stands there, or the name of an end that needs none.
    what: &'static str,
    /// Whether it is played in the set for every change.
    is_marked: bool,
    play: fn(&mut Night<'_>),
}

const MARKED: bool = true;
const IN_FULL: bool = false;
/// The row of the kills.
const KILLED: &str = "windlass is killed.";

const OLD: &str = "15.16";
const NEW: &str = "15.18";

const ENDS: &[End] = &[
    End {
        what: "DR goes along and is left behind",
        is_marked: IN_FULL,
        play: |night| all_is_well(night, UnderDr::LeavesBehind, "after"),
    },
    End {
        what: "DR goes along and breaks",
        is_marked: MARKED,
        play: |night| all_is_well(night, UnderDr::Breaks, "after"),
    },
    End {
        what: "The cloud refuses the upgrade under a live relation.",
        is_marked: IN_FULL,
        play: |night| {
            night.settings(|settings| settings.under_dr = UnderDr::Refused);
            night.up_to_the_gate();
            night.approve();
            night.resume(1);
            night.comes_to_its_row();
            night.says("DBS.200086");
            night.all_run(OLD);
            night.dr_is_well();
            assert_eq!(night.count("upgrade.started"), 0);
            assert_eq!(night.count("dr_remove_dr.started"), 0, "DR was left alone");
        },
    },
    End {
        what: "DR is detached first, and the upgrade would have left it behind",
        is_marked: IN_FULL,
        play: |night| all_is_well(night, UnderDr::LeavesBehind, "before"),
    },
    End {
        what: "DR is detached first, and the upgrade would have broken it",
        is_marked: IN_FULL,
        play: |night| all_is_well(night, UnderDr::Breaks, "before"),
    },
    End {
        what: "DR is detached first, and the upgrade would have been refused",
        is_marked: MARKED,
        play: |night| all_is_well(night, UnderDr::Refused, "before"),
    },
    End {
        what: "The latest version runs already.",
        is_marked: IN_FULL,
        play: |night| {
            night.inputs["instance"] = json!("billing");
            night.inputs["dr"] = json!(null);
            night.run(0);
            night.comes_to_its_row();
            night.says("nothing to do");
            assert_eq!(night.count("backup.started"), 0);
        },
    },
    End {
        what: "Something stops an upgrade: an abnormal node, a task that runs, a replica that does not follow.",
        is_marked: MARKED,
        play: |night| {
            night
                .api()
                .set_node_status(&night.primary(), "ABNORMAL")
                .unwrap();
            night.run(1);
            night.comes_to_its_row();
            night.says("is ABNORMAL");
            assert_eq!(night.count("backup.started"), 0);
        },
    },
    End {
        what: "The board, or the shift, says no or nothing.",
        is_marked: IN_FULL,
        play: |night| {
            night.up_to_the_gate();
            night.tell(&["reject", "RUN", "go", "--reason", "not during the sale"]);
            night.resume(1);
            night.comes_to_its_row();
            night.says("not during the sale");
            night.all_run(OLD);
            assert_eq!(night.count("upgrade.started"), 0);
        },
    },
    End {
        what: "The backup fails.",
        is_marked: IN_FULL,
        play: |night| {
            let armed = night.api().trouble(Trouble::BackupFails, 1);
            night.run(5);
            night.tell(&["approve", "RUN", "change_board"]);
            night.resume(1);
            night.comes_to_its_row();
            assert_eq!(night.api().fired(armed), 1);
            night.all_run(OLD);
            assert_eq!(night.count("upgrade.started"), 0);
        },
    },
    End {
        what: "The reply to the upgrade is lost.",
        is_marked: MARKED,
        play: |night| {
            night.up_to_the_gate();
            night.approve();
            let armed = night.api().fault(Call::Upgrade, Fault::LoseReplyAfter);
            night.resume(0);
            night.comes_to_its_row();
            assert_eq!(night.api().fired(armed), 1);
            night.all_run(NEW);
            night.dr_is_well();
            assert_eq!(night.count("upgrade.started"), 1);
        },
    },
    End {
        what: "The upgrade goes back by itself.",
        is_marked: IN_FULL,
        play: |night| {
            night.up_to_the_gate();
            night.approve();
            let armed = night.api().trouble(Trouble::UpgradeFails, 1);
            night.resume(1);
            night.comes_to_its_row();
            assert_eq!(night.api().fired(armed), 1);
            night.says("rolled_back");
            night.all_run(OLD);
            night.dr_is_well();
            assert_eq!(night.count("upgrade.started"), 1);
        },
    },
    End {
        what: "Somebody cancels during or after the upgrade.",
        is_marked: IN_FULL,
        play: |night| {
            night.up_to_the_gate();
            night.approve();
            night.cancelled_at("upgrade.started");
            night.comes_to_its_row();
            night.obeys_its_row();
            night.all_run(NEW);
            night.dr_is_well();
            assert_eq!(night.count("upgrade.started"), 1);
        },
    },
    End {
        what: "DR cannot be built.",
        is_marked: IN_FULL,
        play: |night| {
            night.up_to_the_gate();
            night.approve();
            let armed = night.api().trouble(Trouble::BuildDrFails, 1);
            night.resume(5);
            night.comes_to_its_row();
            assert_eq!(night.api().fired(armed), 1);
            night.says("OWES dr_established");
            night.all_but_dr_run(NEW);
            night.obeys_its_row();
            night.resume(0);
            night.told_and_paged();
            night.all_run(NEW);
            night.dr_is_well();
            assert_eq!(night.count("upgrade.started"), 1);
        },
    },
    End {
        what: "DR was detached on one side only.",
        is_marked: IN_FULL,
        play: |night| {
            night.inputs["dr_order"] = json!("before");
            night.up_to_the_gate();
            night.approve();
            let armed = night.api().trouble(Trouble::RemovePrimaryFails, 1);
            night.resume(1);
            night.comes_to_its_row();
            assert_eq!(night.api().fired(armed), 1);
            night.all_run(OLD);
            night.dr_is_well();
            assert_eq!(night.count("upgrade.started"), 0);
        },
    },
    End {
        what: "Nobody can tell whether the upgrade happened.",
        is_marked: IN_FULL,
        play: |night| {
            night.shorten("timeout: 1h", "timeout: 10s");
            night.shorten("observe: 2h", "observe: 2s");
            night.up_to_the_gate();
            night.approve();
            let lost = night.api().fault(Call::Upgrade, Fault::LoseReplyAfter);
            // The step reads the instance once before it asks; nobody can read it afterwards.
            let blind = On {
                skip: 1,
                times: u32::MAX,
                ..Call::ListInstances.into()
            };
            let blind = night.api().fault(blind, Fault::ServerErrorBefore(503));
            night.resume(5);
            night.comes_to_its_row();
            night.says("OWES dr_established");
            assert_eq!(night.api().fired(lost), 1);
            assert!(night.api().fired(blind) > 0);
            night.api().disarm();
            // A person looks at the console.
            let patience = Duration::from_secs(60);
            night.api().wait_at_rest(patience).unwrap();
            assert_eq!(night.count("upgrade.completed"), 1);
            night.obeys_its_row();
            night.resume(0);
            night.all_run(NEW);
            night.dr_is_well();
            assert_eq!(night.count("upgrade.started"), 1);
            night.told_and_paged();
        },
    },
    End {
        what: "A replica does not come back.",
        is_marked: IN_FULL,
        play: |night| {
            night.shorten("for: 30m", "for: 5s");
            night.up_to_the_gate();
            night.approve();
            let armed = night.api().trouble(Trouble::ReplicaStaysAway, 1);
            night.resume(5);
            night.comes_to_its_row();
            assert_eq!(night.api().fired(armed), 1);
            night.all_run(NEW);
            assert_eq!(night.count("dr_build_dr.completed"), 1);
            for replica in &night.api().servers().replicas {
                let mended = night.api().set_following(replica, Following::Streaming);
                mended.unwrap();
            }
            night.obeys_its_row();
            night.resume(0);
            night.dr_is_well();
            assert_eq!(night.count("upgrade.started"), 1);
        },
    },
    End {
        what: "The cloud offers no endpoints for DR, and people do it by hand",
        is_marked: IN_FULL,
        play: |night| by_hand(night, "after"),
    },
    End {
        what: "The same, and DR is detached first",
        is_marked: IN_FULL,
        play: |night| by_hand(night, "before"),
    },
    End {
        what: "windlass is killed when the upgrade is about to be asked for",
        is_marked: IN_FULL,
        play: |night| {
            // Only when its send deadline and its settle time are over has it not happened.
            night.shorten("timeout: 1h", "timeout: 10s");
            night.up_to_the_gate();
            night.approve();
            let slow = Fault::Slow(5_000);
            let armed = night.api().fault(Call::ListInstances, slow);
            night.kill_when(|night| night.api().fired(armed) > 0);
            assert_eq!(night.api().asked(Call::Upgrade), 0, "no request has left");
            night.says("OWES dr_established");
            assert_eq!(night.go_on(), 0);
            night.all_run(NEW);
            night.dr_is_well();
            assert_eq!(night.count("upgrade.started"), 1);
        },
    },
];

fn all_is_well(night: &mut Night<'_>, under_dr: UnderDr, order: &str) {
    night.settings(|settings| settings.under_dr = under_dr);
    night.inputs["dr_order"] = json!(order);
    night.up_to_the_gate();
    assert_eq!(night.count("upgrade.started"), 0, "nothing before the gate");
    night.approve();
    night.resume(0);
    night.all_run(NEW);
    night.dr_is_well();
    assert_eq!(night.count("upgrade.started"), 1);
    let effects = night.effects();
    let at = |what: &str| effects.iter().position(|effect| effect == what).unwrap();
    let detached = at("dr_remove_dr.completed");
    assert_eq!(
        detached < at("upgrade.started"),
        order == "before",
        "{effects:?}"
    );
    assert!(detached < at("dr_remove_primary.started"), "{effects:?}");
    assert!(
        at("dr_build_primary.completed") < at("dr_build_dr.started"),
        "{effects:?}"
    );
    assert!(
        at("backup.completed") < at("upgrade.started"),
        "{effects:?}"
    );
}

/// People remove and build the relation, on a console that the runbook knows nothing of.
fn by_hand(night: &mut Night<'_>, order: &str) {
    night.settings(|settings| {
        settings.dr_offered = false;
        settings.under_dr = UnderDr::LeavesBehind;
    });
    night.inputs["dr_order"] = json!(order);
    night.up_to_the_gate();
    night.approve();
    night.resume(5);
    night.says("dr_in_hand");
    assert_eq!(night.count("upgrade.started"), 0);
    night.tell(&["attest", "RUN", "dr_in_hand", "--reason", "written down"]);
    night.resume(5);
    night.says("OWES dr_established_by_hand");
    night.all_but_dr_run(NEW);
    let lab = night.api().lab().unwrap();
    lab.install(Server::Dr, Release::New).unwrap();
    lab.restart(Server::Dr).unwrap();
    night.tell(&[
        "attest",
        "RUN",
        "dr_established_by_hand",
        "--value",
        "version=15.18",
        "--reason",
        "built again on the console",
    ]);
    // What is left needs no secrets: it was done by that command.
    night.says("every step succeeded");
    night.all_run(NEW);
    night.dr_is_well();
    assert_eq!(night.count("upgrade.started"), 1);
    let moves = night.effects().into_iter();
    assert_eq!(moves.filter(|what| what.starts_with("dr_")).count(), 0);
}

/// windlass is killed as soon as the cloud has done this.
const KILLS: &[(&str, &str)] = &[
    ("after", "upgrade.started"),
    ("after", "upgrade.completed"),
    ("before", "dr_remove_dr.started"),
    ("after", "dr_remove_dr.completed"),
    ("after", "dr_build_primary.started"),
    ("after", "dr_build_dr.started"),
];

/// The upgrade is asked for once at most; DR is there at the end, or the run waits for a
/// person and says what it owes.
fn is_killed(night: &mut Night<'_>, order: &str, at: &str) -> &'static str {
    night.inputs["dr_order"] = json!(order);
    night.up_to_the_gate();
    night.approve();
    night.kill_when(|night| night.count(at) > 0);
    night.comes_to_its_row();
    let code = night.go_on();
    assert!(night.count("upgrade.started") <= 1, "{:?}", night.effects());
    match code {
        0 => {
            night.all_run(NEW);
            night.dr_is_well();
            assert_eq!(night.count("upgrade.started"), 1);
            "went on by itself"
        }
        // DR was detached on one side: it is built again, and nothing else is begun.
        1 => {
            night.all_run(OLD);
            night.dr_is_well();
            assert_eq!(night.count("upgrade.started"), 0);
            "failed, with DR as it was"
        }
        _ => {
            night.says("OWES dr_established");
            "waits for a person"
        }
    }
}

#[test]
fn the_page_tells_of_each_end_that_is_played() {
    let told: BTreeSet<String> = page::rows().into_iter().map(|row| row.what).collect();
    let played = ENDS.iter().map(|end| end.what).chain([KILLED]);
    let played: BTreeSet<String> = played.map(str::to_owned).collect();
    let only_told: Vec<&String> = told.difference(&played).collect();
    assert_eq!(only_told, Vec::<&String>::new(), "nobody plays them");
    // A row ends with a full stop; what has none is played beside them.
    let is_row = |what: &&String| what.ends_with('.');
    let only_played: Vec<&String> = played.difference(&told).filter(is_row).collect();
    assert_eq!(only_played, Vec::<&String>::new(), "the page is silent");
}

#[test]
fn each_end_is_as_it_is_told() {
    let Some(city) = City::new() else {
        return;
    };
    let only = std::env::var("RDS_END").ok();
    let is_full = std::env::var_os("WINDLASS_FULL").is_some_and(|set| set != "0");
    let is_played = |what: &str, is_marked: bool| match &only {
        Some(only) => what.contains(only),
        None => is_full || is_marked,
    };
    let rows = page::rows();
    let row = |what: &str| rows.iter().find(|row| row.what == what).cloned();
    let (mut ends, mut kills) = (0, 0);
    for end in ENDS {
        if !is_played(end.what, end.is_marked) {
            continue;
        }
        let begun = std::time::Instant::now();
        let mut night = city.night(end.what, row(end.what));
        (end.play)(&mut night);
        night.came_to_its_row();
        println!("{:>6} ms  {}", begun.elapsed().as_millis(), end.what);
        ends += 1;
    }
    for (index, (order, at)) in KILLS.iter().enumerate() {
        if !is_played(at, index == 0) {
            continue;
        }
        let begun = std::time::Instant::now();
        let end = is_killed(&mut city.night(at, row(KILLED)), order, at);
        let took = begun.elapsed().as_millis();
        println!("{took:>6} ms  killed at {at}, DR {order}: {end}");
        kills += 1;
    }
    let servers = Server::ALL.len();
    let all = match is_full {
        true => "all of them",
        false => "the others with WINDLASS_FULL=1",
    };
    println!("{ends} ends and {kills} kills, {all}, with {servers} servers each");
}
