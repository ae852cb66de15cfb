//! The vendor's procedure itself, `runbooks/rds_pg_minor_upgrade.yaml`, against the local
//! cloud with real PostgreSQL behind it: with both orders of DR and all that an upgrade may
//! do to a live relation, and with what can go wrong. The cloud's own log of effects is the
//! witness.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod night;

use rds_lab::Server;
use rds_lab::api::{Call, Fault, Trouble, UnderDr};
use serde_json::json;

use self::night::{City, Night};

/// How a run can end, and what is then true.
struct End {
    what: &'static str,
    play: fn(&mut Night<'_>),
}

const OLD: &str = "15.16";
const NEW: &str = "15.18";

const ENDS: &[End] = &[
    End {
        what: "DR goes along and is left behind",
        play: |night| all_is_well(night, UnderDr::LeavesBehind, "after"),
    },
    End {
        what: "DR goes along and breaks",
        play: |night| all_is_well(night, UnderDr::Breaks, "after"),
    },
    End {
        what: "DR goes along and the upgrade is refused",
        play: |night| {
            night.settings(|settings| settings.under_dr = UnderDr::Refused);
            night.up_to_the_gate();
            night.approve();
            night.resume(1);
            night.says("DBS.200086");
            night.all_run(OLD);
            night.dr_is_well();
            assert_eq!(night.count("upgrade.started"), 0);
            assert_eq!(night.count("dr_remove_dr.started"), 0, "DR was left alone");
        },
    },
    End {
        what: "DR is detached first, and the upgrade would have left it behind",
        play: |night| all_is_well(night, UnderDr::LeavesBehind, "before"),
    },
    End {
        what: "DR is detached first, and the upgrade would have broken it",
        play: |night| all_is_well(night, UnderDr::Breaks, "before"),
    },
    End {
        what: "DR is detached first, and the upgrade would have been refused",
        play: |night| all_is_well(night, UnderDr::Refused, "before"),
    },
    End {
        what: "The latest version runs already",
        play: |night| {
            night.inputs["instance"] = json!("billing");
            night.inputs["dr"] = json!(null);
            night.run(0);
            night.says("nothing to do");
            assert_eq!(night.count("backup.started"), 0);
        },
    },
    End {
        what: "A node is abnormal",
        play: |night| {
            night
                .api()
                .set_node_status(&night.primary(), "ABNORMAL")
                .unwrap();
            night.run(1);
            night.says("is ABNORMAL");
            assert_eq!(night.count("backup.started"), 0);
        },
    },
    End {
        what: "The backup fails",
        play: |night| {
            let armed = night.api().trouble(Trouble::BackupFails, 1);
            night.run(1);
            assert_eq!(night.api().fired(armed), 1);
            night.all_run(OLD);
            assert_eq!(night.count("upgrade.started"), 0);
        },
    },
    End {
        what: "The reply to the upgrade is lost",
        play: |night| {
            night.up_to_the_gate();
            night.approve();
            let armed = night.api().fault(Call::Upgrade, Fault::LoseReplyAfter);
            night.resume(0);
            assert_eq!(night.api().fired(armed), 1);
            night.all_run(NEW);
            night.dr_is_well();
            assert_eq!(night.count("upgrade.started"), 1);
        },
    },
    End {
        what: "The upgrade goes back by itself",
        play: |night| {
            night.up_to_the_gate();
            night.approve();
            let armed = night.api().trouble(Trouble::UpgradeFails, 1);
            night.resume(1);
            assert_eq!(night.api().fired(armed), 1);
            night.says("rolled_back");
            night.all_run(OLD);
            night.dr_is_well();
            assert_eq!(night.count("upgrade.started"), 1);
        },
    },
    End {
        what: "Somebody cancels during the upgrade",
        play: |night| {
            night.up_to_the_gate();
            night.approve();
            night.cancelled_at("upgrade.started");
            night.all_run(NEW);
            night.dr_is_well();
            assert_eq!(night.count("upgrade.started"), 1);
        },
    },
    End {
        what: "DR cannot be built and is owed",
        play: |night| {
            night.up_to_the_gate();
            night.approve();
            let armed = night.api().trouble(Trouble::BuildDrFails, 1);
            night.resume(5);
            assert_eq!(night.api().fired(armed), 1);
            night.says("OWES dr_established");
            night.all_but_dr_run(NEW);
            night.tell(&[
                "retry",
                "RUN",
                "dr_established",
                "--reason",
                "the network is back",
                "--nothing-remains",
            ]);
            night.resume(0);
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
    night.kill_at(at);
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
fn each_end_is_as_it_is_told() {
    let Some(city) = City::new() else {
        return;
    };
    let only = std::env::var("RDS_END").unwrap_or_default();
    for end in ENDS.iter().filter(|end| end.what.contains(&only)) {
        let begun = std::time::Instant::now();
        let mut night = city.night(end.what);
        (end.play)(&mut night);
        println!("{:>6} ms  {}", begun.elapsed().as_millis(), end.what);
    }
    let mut kills = 0;
    for (order, at) in KILLS.iter().filter(|(_, at)| at.contains(&only)) {
        let begun = std::time::Instant::now();
        let end = is_killed(&mut city.night(at), order, at);
        let took = begun.elapsed().as_millis();
        println!("{took:>6} ms  killed at {at}, DR {order}: {end}");
        kills += 1;
    }
    let servers = Server::ALL.len();
    println!(
        "{} ends and {kills} kills, with {servers} servers each",
        ENDS.len()
    );
}
