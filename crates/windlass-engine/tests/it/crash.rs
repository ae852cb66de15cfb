//! Engines that die: at every append, with an attempt in flight, with a process that
//! outlives them. A change is handed over once, whatever happens.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use windlass_core::command::Command;
use windlass_core::id::RunId;
use windlass_core::outcome::Effected;
use windlass_core::plan::{IndexedPlan, Reconcile};
use windlass_core::time::Millis;
use windlass_engine::{CommandError, Snapshot};
use windlass_journal::{Fault, MemoryStore};

use crate::world::*;

fn flagship() -> Arc<IndexedPlan> {
    let mut upgrade = change("upgrade", &["go"]);
    upgrade.ensure = Some(id("relation"));
    let mut report = read("report", &[]);
    report.finally = true;
    plan(vec![
        read("precheck", &[]),
        change("backup", &["precheck"]),
        gate("go", &["backup"], None),
        upgrade,
        read("verify", &["upgrade"]),
        change("relation", &["verify"]),
        report,
    ])
}

/// What an operator does who starts the run once, and approves whatever gate he finds.
async fn operate(
    place: &Place,
    engine: &windlass_engine::Engine,
    run: &mut Option<RunId>,
) -> Result<(), CommandError> {
    if run.is_none() {
        let keyed = windlass_engine::Start {
            idempotency_key: Some("once".to_owned()),
            ..start(flagship())
        };
        *run = Some(engine.start(keyed).await?);
    }
    let run = run.clone().unwrap();
    let is_open = |snapshot: &Snapshot| {
        snapshot
            .state
            .step(&id("go"))
            .is_some_and(|gate| gate.state.phase.name() == "open")
    };
    loop {
        if let windlass_core::state::RunStatus::Ended(_) = engine.view(&run).await?.state.status() {
            return Ok(());
        }
        let stopped = async { Err(CommandError::Fatal(engine.fatal().await)) };
        let snapshot = tokio::select! {
            fatal = stopped => return fatal,
            at = place.until(engine, &run, |now| is_open(now) || now.state.is_ended()) => at,
        };
        if is_open(&snapshot) {
            let approve = snapshot.state.approval(id("go"), operator(), String::new());
            engine.command(&run, approve).await?;
        }
    }
}

/// Runs the plan with a store that fails at its k-th append; answers how many engines died.
fn dies_at(after_appends: u64, written: bool) -> u64 {
    let place = Place::new();
    let mut store = Arc::new(MemoryStore::new());
    store.inject(Fault {
        after_appends,
        written,
    });
    let mut run = None;
    let mut deaths = 0;
    loop {
        let ended = place.life(async {
            let engine = place.open(store.clone()).await;
            let ended = operate(&place, &engine, &mut run).await;
            if ended.is_err() {
                assert!(engine.fatal().await.reason.contains("injected fault"));
                let refused = engine.start(start(flagship())).await.unwrap_err();
                assert!(matches!(refused, CommandError::Fatal(_)), "{refused}");
            }
            ended
        });
        if ended.is_ok() {
            break;
        }
        deaths += 1;
        assert!(deaths < 5, "one fault, one death");
        store = Arc::new(store.restarted());
    }
    let run = run.unwrap();
    let end = windlass_engine::offline::view(&*store, &run)
        .unwrap()
        .unwrap();
    let context = format!(
        "append {after_appends}, written {written}: {:?}",
        kinds(&*store, &run)
    );
    assert_eq!(end.state.status().as_str(), "succeeded", "{context}");
    for change in ["backup", "upgrade", "relation"] {
        assert_eq!(place.world.effects_of(change), 1, "{change}; {context}");
    }
    deaths
}

#[test]
fn a_change_takes_effect_once_whichever_append_is_the_last() {
    let mut deaths = 0;
    for written in [false, true] {
        for after_appends in 0.. {
            let died = dies_at(after_appends, written);
            deaths += died;
            if died == 0 {
                assert!(after_appends >= 8, "the run has that many appends");
                break;
            }
        }
    }
    assert!(deaths >= 16, "the faults fired: {deaths}");
}

#[test]
fn what_was_in_flight_is_looked_into_and_not_sent_again() {
    for happened in [true, false] {
        let place = Place::new();
        let store = Arc::new(MemoryStore::new());
        let doing = if happened {
            Doing::Hang
        } else {
            Doing::Fail(Effected::Unknown)
        };
        place.world.doing("b", doing);
        let run = place.life(async {
            let engine = place.open(store.clone()).await;
            let run = engine
                .start(start(plan(vec![change("b", &[])])))
                .await
                .unwrap();
            eventually("b is at work", || place.world.count("b") == 1).await;
            run
        });
        place.world.doing("b", Doing::Succeed);
        place.life(async {
            let engine = place.open(store.clone()).await;
            let end = place.to_end(&engine, &run).await;
            assert_eq!(end.state.status().as_str(), "succeeded");
        });
        // Not happened, by evidence read after the settle time: one more attempt.
        assert_eq!(place.world.count("b"), if happened { 1 } else { 2 });
        assert_eq!(place.world.effects_of("b"), 1);
        assert!(kinds(&*store, &run).contains(&"doubt_resolved".to_owned()));
    }
}

#[test]
fn without_a_reconcile_a_cut_off_change_asks_a_person() {
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    place.world.doing("b", Doing::Hang);
    let step = calling(change("b", &[]), |call| call.reconcile = Reconcile::None);
    let run = place.life(async {
        let engine = place.open(store.clone()).await;
        let run = engine.start(start(plan(vec![step]))).await.unwrap();
        eventually("b is at work", || place.world.count("b") == 1).await;
        run
    });
    place.life(async {
        let options = place.options(store.clone());
        let engine = windlass_engine::Engine::open(options).await.unwrap();
        engine.wait_idle().await;
        let row = &engine.live_runs().await.unwrap()[0];
        assert_eq!(
            (row.state.as_str(), row.waiting_for.as_str()),
            ("needs_operator", "in_doubt b")
        );
        assert!(!engine.is_driven(&run));
        let resolve = Command::Resolve {
            node: node("b"),
            by: operator(),
            reason: "I looked".to_owned(),
            verdict: windlass_core::command::Verdict::Happened {
                outputs: windlass_core::value::Value::Map(Default::default()),
            },
        };
        engine.command(&run, resolve).await.unwrap();
        engine.wait_ended(&run).await.unwrap();
    });
    assert_eq!(place.world.count("b"), 1);
}

#[test]
fn a_process_that_outlives_its_engine_is_respected() {
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    let left = Left::of(&place);
    place.world.doing("b", Doing::Spawn(left.script()));
    let run = place.life(async {
        let engine = place.open(store.clone()).await;
        let run = engine
            .start(start(plan(vec![change("b", &[])])))
            .await
            .unwrap();
        eventually("b is at work", || place.world.count("b") == 1).await;
        run
    });
    place.world.doing("b", Doing::Succeed);
    place.life(async {
        let engine = place.open(store.clone()).await;
        let found = || kinds(&*store, &run).contains(&"orphan_found".to_owned());
        eventually("it is found", found).await;
        // As long as it lives, nothing of the step is looked into or started.
        for _ in 0..TIMES {
            place.clock.advance(Millis::from_secs(10));
            assert_eq!(place.world.count("b"), 1);
            assert_eq!(
                place.world.looks.load(std::sync::atomic::Ordering::SeqCst),
                0
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        left.release().await;
        let end = place.to_end(&engine, &run).await;
        assert_eq!(end.state.status().as_str(), "succeeded");
    });
    let seen = kinds(&*store, &run);
    let at = |kind: &str| seen.iter().position(|seen| seen == kind).unwrap();
    assert!(at("orphan_ended") < at("doubt_resolved"), "{seen:?}");
    assert_eq!(place.world.count("b"), 1);
}

/// How often a test looks whether something holds while a process lives.
const TIMES: usize = 20;

/// A process that is left behind. It lives until the test releases it, or is gone itself,
/// and acts then, once for each attempt.
struct Left {
    place: PathBuf,
}

impl Left {
    fn of(place: &Place) -> Self {
        Self {
            place: place.root().parent().unwrap().to_owned(),
        }
    }

    fn acted(&self) -> PathBuf {
        self.place.join("acted")
    }

    fn script(&self) -> String {
        let place = self.place.display();
        format!(
            "while [ -d {place} ] && [ ! -e {place}/released ]; do sleep 0.1; done; \
             echo acted >> {place}/acted"
        )
    }

    fn leave(&self, script: String, succeeds: bool) -> Doing {
        Doing::Leave {
            script,
            acted: self.acted(),
            succeeds,
        }
    }

    async fn release(&self) {
        std::fs::write(self.place.join("released"), "").unwrap();
        eventually("it acts", || self.acted().exists()).await;
    }
}

#[test]
fn what_a_killed_leader_left_behind_holds_its_change_while_the_engine_lives() {
    let place = Place::new();
    let left = Left::of(&place);
    place.world.doing("b", left.leave(left.script(), false));
    what_is_left_holds_its_change(&place, &left);
}

/// As under `sudo`: only the session tells whose process it is.
#[test]
fn what_lost_its_environment_holds_its_change_too() {
    let place = Place::new();
    let left = Left::of(&place);
    let script = format!("exec env -i sh -c '{}'", left.script());
    place.world.doing("b", left.leave(script, false));
    what_is_left_holds_its_change(&place, &left);
}

fn what_is_left_holds_its_change(place: &Place, left: &Left) {
    let store = Arc::new(MemoryStore::new());
    let run = place.life(async {
        let engine = place.open(store.clone()).await;
        let steps = vec![change("b", &[])];
        let run = engine.start(start(plan(steps))).await.unwrap();
        let in_doubt = || kinds(&*store, &run).contains(&"attempt_failed".to_owned());
        eventually("b is in doubt", in_doubt).await;
        for _ in 0..TIMES {
            place.clock.advance(Millis::from_secs(10));
            assert_eq!(place.world.count("b"), 1);
            let resolve = Command::Resolve {
                node: node("b"),
                by: operator(),
                reason: "I believe so".to_owned(),
                verdict: windlass_core::command::Verdict::NotHappened,
            };
            let refused = engine.command(&run, resolve).await.unwrap_err();
            let rejection = windlass_core::rejection::Rejection::code;
            assert!(
                matches!(&refused, CommandError::Rejected(why) if rejection(why) == "orphan_lives"),
                "{refused}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        left.release().await;
        let end = place.to_end(&engine, &run).await;
        assert_eq!(end.state.status().as_str(), "succeeded");
        run
    });
    assert_eq!(std::fs::read_to_string(left.acted()).unwrap(), "acted\n");
    let seen = kinds(&*store, &run);
    let at = |kind: &str| seen.iter().position(|seen| seen == kind).unwrap();
    assert!(at("orphan_found") < at("attempt_failed"), "{seen:?}");
    let record = format!("logs/{run}/b-1.session");
    assert!(!place.root().join(record).exists());
    assert!(at("orphan_ended") < at("doubt_resolved"), "{seen:?}");
    assert_eq!(place.world.count("b"), 1);
}

#[test]
fn what_a_change_that_succeeded_left_behind_holds_nothing() {
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    let left = Left::of(&place);
    place.world.doing("b", left.leave(left.script(), true));
    place.life(async {
        let engine = place.open(store.clone()).await;
        let steps = vec![change("b", &[]), change("c", &["b"])];
        let run = engine.start(start(plan(steps))).await.unwrap();
        let end = place.to_end(&engine, &run).await;
        assert_eq!(end.state.status().as_str(), "succeeded");
        assert!(!left.acted().exists());
        assert!(!kinds(&*store, &run).contains(&"orphan_found".to_owned()));
    });
}
