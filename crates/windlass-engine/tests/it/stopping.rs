//! Parking, failing stores, damaged runs, fenced owners.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Semaphore;
use windlass_core::command::Command;
use windlass_engine::CommandError;
use windlass_journal::{Fault, MemoryStore, RunKey, Store};

use crate::world::*;

fn pause() -> Command {
    Command::Pause {
        by: operator(),
        reason: "because".to_owned(),
    }
}

#[test]
fn a_park_stops_reads_leaves_changes_and_says_what_is_left() {
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    let permits = Arc::new(Semaphore::new(0));
    place.world.doing("a", Doing::UntilCancelled);
    place.world.doing("b", Doing::Hang);
    place.world.doing("c", Doing::Hold(Arc::clone(&permits)));
    let run = place.life(async {
        let engine = place.open(store.clone()).await;
        let steps = vec![
            read("a", &[]),
            change("b", &[]),
            change("c", &[]),
            change("d", &["c"]),
        ];
        let run = engine.start(start(plan(steps))).await.unwrap();
        eventually("three at once", || place.world.started().len() == 3).await;
        let permits = Arc::clone(&permits);
        let later = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            permits.add_permits(1);
        });
        let parked = engine.park(Duration::from_millis(300)).await.unwrap();
        later.await.unwrap();
        assert_eq!(parked.runs.len(), 1);
        assert_eq!(parked.runs[0].run, run);
        assert_eq!(parked.runs[0].in_flight, [(node("b"), 1)]);
        assert_eq!(place.world.cancelled.load(Ordering::SeqCst), 1);
        let refused = engine.command(&run, pause()).await.unwrap_err();
        assert!(matches!(refused, CommandError::Stopping), "{refused}");
        run
    });
    // The outcome of c is kept, and no intent of d: nothing of d is in doubt later.
    let seen = windlass_engine::offline::view(&*store, &run)
        .unwrap()
        .unwrap();
    let state = |step: &str| seen.state.step(&id(step)).unwrap().state.phase.name();
    assert_eq!((state("c"), state("d")), ("succeeded", "pending"));
    place.world.doing("a", Doing::Succeed);
    place.life(async {
        let engine = place.open(store.clone()).await;
        let end = place.to_end(&engine, &run).await;
        assert_eq!(end.state.status().as_str(), "succeeded");
    });
    for change in ["b", "c", "d"] {
        assert_eq!(place.world.count(change), 1, "{change}");
    }
    assert_eq!(place.world.count("a"), 2);
}

#[test]
fn what_a_park_held_back_goes_on_in_the_next_process() {
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    let permits = Arc::new(Semaphore::new(0));
    place.world.doing("c", Doing::Hold(Arc::clone(&permits)));
    let run = place.life(async {
        let engine = place.open(store.clone()).await;
        let steps = vec![change("c", &[]), change("d", &["c"])];
        let run = engine.start(start(plan(steps))).await.unwrap();
        eventually("c is at work", || place.world.count("c") == 1).await;
        let parking = engine.clone();
        let parking = tokio::spawn(async move { parking.park(Duration::from_secs(10)).await });
        // No gate is there to be approved: rejected, until the park refuses it unseen.
        let reject = || Command::Reject {
            gate: id("c"),
            by: operator(),
            reason: "because".to_owned(),
        };
        while !matches!(
            engine.command(&run, reject()).await,
            Err(CommandError::Stopping)
        ) {
            tokio::task::yield_now().await;
        }
        permits.add_permits(1);
        let parked = parking.await.unwrap().unwrap();
        assert_eq!(parked.runs[0].in_flight, []);
        run
    });
    assert_eq!(kinds(&*store, &run).last().unwrap(), "attempt_succeeded");
    place.life(async {
        let engine = place.open(store.clone()).await;
        engine.wait_ended(&run).await.unwrap();
    });
    assert_eq!(place.world.started(), ["c/1", "d/1"]);
}

#[test]
fn an_idle_engine_parks_at_once() {
    let place = Place::new();
    place.life(async {
        let engine = place.open(Arc::new(MemoryStore::new())).await;
        let run = engine
            .start(start(plan(vec![gate("go", &[], None)])))
            .await
            .unwrap();
        engine.wait_idle().await;
        let parking = engine.park(Duration::from_secs(60));
        let parked = tokio::time::timeout(Duration::from_secs(5), parking).await;
        let parked = parked.expect("nothing to wait for").unwrap();
        assert_eq!(parked.runs[0].run, run);
        assert!(parked.runs[0].in_flight.is_empty());
    });
}

#[test]
fn a_failed_store_stops_every_run_and_dispatches_nothing_more() {
    for written in [false, true] {
        store_fails(written);
    }
}

fn store_fails(written: bool) {
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    let permits = Arc::new(Semaphore::new(0));
    place.world.doing("a", Doing::Hold(Arc::clone(&permits)));
    place.life(async {
        let engine = place.open(store.clone()).await;
        let steps = || plan(vec![read("a", &[]), change("b", &["a"])]);
        let one = engine.start(start(steps())).await.unwrap();
        let two = engine.start(start(steps())).await.unwrap();
        eventually("both at work", || place.world.count("a") == 2).await;
        store.inject(Fault {
            after_appends: 0,
            written,
        });
        permits.add_permits(2);
        let fatal = engine.fatal().await;
        assert!(!fatal.fenced);
        for run in [&one, &two] {
            // What the journal would give out now may be no longer there after a restart.
            let refused = engine.view(run).await.unwrap_err();
            assert!(matches!(refused, CommandError::Fatal(_)), "{refused}");
            let refused = engine.command(run, pause()).await.unwrap_err();
            assert!(matches!(refused, CommandError::Fatal(_)), "{refused}");
        }
        engine.wait_idle().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(
            place.world.count("b"),
            0,
            "the intent may be durable: it is not sent"
        );
    });
}

#[test]
fn a_new_owner_fences_the_old_one() {
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    place.life(async {
        let engine = place.open(store.clone()).await;
        let run = engine
            .start(start(plan(vec![gate("go", &[], None)])))
            .await
            .unwrap();
        store.take_epoch().unwrap();
        let refused = engine.command(&run, pause()).await.unwrap_err();
        assert!(
            matches!(&refused, CommandError::Fatal(fatal) if fatal.fenced),
            "{refused}"
        );
    });
}

#[test]
fn a_damaged_run_is_quarantined_and_the_others_go_on() {
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    let steps = || plan(vec![wait("pause", &[], 60_000), read("a", &["pause"])]);
    let (bad, good) = place.life(async {
        let engine = place.open(store.clone()).await;
        let bad = engine.start(start(steps())).await.unwrap();
        let good = engine.start(start(steps())).await.unwrap();
        engine.wait_idle().await;
        (bad, good)
    });
    assert!(store.damage_body(&RunKey::new(bad.as_str()).unwrap(), 1));
    place.life(async {
        let engine = place.open(store.clone()).await;
        place.clock.advance(windlass_core::time::Millis(60_000));
        engine.wait_ended(&good).await.unwrap();
        engine.wait_idle().await;
        let refused = engine.command(&bad, pause()).await.unwrap_err();
        assert!(
            matches!(refused, CommandError::Quarantined { .. }),
            "{refused}"
        );
        assert!(matches!(
            engine.view(&bad).await,
            Err(CommandError::Quarantined { .. })
        ));
        assert!(matches!(
            engine.wait_ended(&bad).await,
            Err(CommandError::Quarantined { .. })
        ));
        assert_eq!(engine.contained().len(), 1);
        assert_eq!(place.world.count("a"), 1);
    });
}
