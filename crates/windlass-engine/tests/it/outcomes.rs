//! Runners that panic, come late, refuse or hang: what becomes of their run.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Semaphore;
use windlass_core::command::{Command, Verdict};
use windlass_core::outcome::Effected;
use windlass_core::plan::Reconcile;
use windlass_core::time::Millis;
use windlass_engine::CommandError;
use windlass_journal::MemoryStore;

use crate::world::*;

#[test]
fn a_panic_is_an_unknown_outcome_and_no_other_runs_business() {
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    place.world.doing("bad", Doing::Panic);
    place.life(async {
        let engine = place.open(store.clone()).await;
        let bad = engine
            .start(start(plan(vec![change("bad", &[])])))
            .await
            .unwrap();
        let good = engine
            .start(start(plan(vec![read("good", &[])])))
            .await
            .unwrap();
        place.to_end(&engine, &good).await;
        // The change had acted before the panic: the look finds that out.
        let end = place.to_end(&engine, &bad).await;
        assert_eq!(end.state.status().as_str(), "succeeded");
        assert_eq!(place.world.count("bad"), 1);
        assert!(kinds(&*store, &bad).contains(&"doubt_opened".to_owned()));
    });
}

#[test]
fn a_read_is_cancelled_at_its_deadline_and_tried_again() {
    let place = Place::new();
    place.world.doing("a", Doing::UntilCancelled);
    place.life(async {
        let engine = place.open(Arc::new(MemoryStore::new())).await;
        let run = engine
            .start(start(plan(vec![read("a", &[])])))
            .await
            .unwrap();
        eventually("a is at work", || place.world.count("a") == 1).await;
        place.clock.advance(Millis::from_mins(10));
        eventually("a is cancelled", || {
            place.world.cancelled.load(Ordering::SeqCst) == 1
        })
        .await;
        place.world.doing("a", Doing::Succeed);
        let end = place.to_end(&engine, &run).await;
        assert_eq!(end.state.status().as_str(), "succeeded");
        assert_eq!(place.world.started(), ["a/1", "a/2"]);
    });
}

#[test]
fn a_change_that_is_not_sent_in_time_is_not_sent_at_all() {
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    let permits = Arc::new(Semaphore::new(0));
    place.world.doing("b", Doing::Connect(Arc::clone(&permits)));
    place.world.doing("r", Doing::Connect(Arc::clone(&permits)));
    place.life(async {
        let engine = place.open(store.clone()).await;
        let steps = vec![change("b", &[]), read("r", &[])];
        let run = engine.start(start(plan(steps))).await.unwrap();
        let at_work = || place.world.count("b") + place.world.count("r") == 2;
        eventually("both are connecting", at_work).await;
        place.clock.advance(Millis::from_secs(30));
        permits.add_permits(2);
        // The read is sent late; the change is not, and that leaves no doubt.
        eventually("the read acted", || place.world.effects_of("r") == 1).await;
        // The clock moves only while nothing is in flight: no attempt is late by that.
        place
            .until(&engine, &run, |_| place.world.count("b") == 2)
            .await;
        assert_eq!(place.world.effects_of("b"), 0);
        assert!(!kinds(&*store, &run).contains(&"doubt_opened".to_owned()));
        permits.add_permits(1);
        let end = place.to_end(&engine, &run).await;
        assert_eq!(end.state.status().as_str(), "succeeded");
        assert_eq!(place.world.effects_of("b"), 1);
    });
}

#[test]
fn a_change_goes_on_past_its_deadline_and_its_late_word_counts() {
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    let permits = Arc::new(Semaphore::new(0));
    place.world.doing("b", Doing::Hold(Arc::clone(&permits)));
    let step = calling(change("b", &[]), |call| call.reconcile = Reconcile::None);
    place.life(async {
        let engine = place.open(store.clone()).await;
        let run = engine.start(start(plan(vec![step]))).await.unwrap();
        eventually("b is at work", || place.world.count("b") == 1).await;
        place.clock.advance(Millis::from_mins(11));
        let asked = || kinds(&*store, &run).contains(&"doubt_escalated".to_owned());
        eventually("a person is asked", asked).await;
        assert!(engine.is_driven(&run), "its runner has not come back");
        let resolve = |verdict| Command::Resolve {
            node: node("b"),
            by: operator(),
            reason: "I looked".to_owned(),
            verdict,
        };
        let refused = engine
            .command(&run, resolve(Verdict::NotHappened))
            .await
            .unwrap_err();
        assert!(
            matches!(refused, CommandError::StillInFlight { .. }),
            "{refused}"
        );
        permits.add_permits(1);
        let end = engine.wait_ended(&run).await.unwrap();
        assert_eq!(end.state.status().as_str(), "succeeded");
        assert_eq!(place.world.count("b"), 1);
    });
}

#[test]
fn a_look_cannot_free_a_change_whose_runner_is_at_work() {
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    let permits = Arc::new(Semaphore::new(0));
    place.world.doing("b", Doing::Hold(Arc::clone(&permits)));
    place.life(async {
        let engine = place.open(store.clone()).await;
        let run = engine
            .start(start(plan(vec![change("b", &[])])))
            .await
            .unwrap();
        eventually("b is at work", || place.world.count("b") == 1).await;
        // The target does not show it yet: a slow change, not a failed one.
        let key = place.world.effects.lock().unwrap().pop().unwrap();
        place.clock.advance(Millis::from_mins(10));
        eventually("it is looked into", || {
            place.world.looks.load(Ordering::SeqCst) >= 1
        })
        .await;
        for _ in 0..20 {
            place.clock.advance(Millis::from_secs(20));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(place.world.count("b"), 1, "{:?}", kinds(&*store, &run));
        place.world.effects.lock().unwrap().push(key);
        permits.add_permits(1);
        engine.wait_ended(&run).await.unwrap();
        assert_eq!(place.world.count("b"), 1);
    });
}

#[test]
fn an_attempt_past_its_send_deadline_is_not_handed_over() {
    let place = Place::new();
    let store = Arc::new(Counting::new(MemoryStore::new()));
    *store.delay.lock().unwrap() = Some((place.clock.clone(), Millis::from_secs(30)));
    place.life(async {
        let engine = place.open(store.clone()).await;
        let run = engine
            .start(start(plan(vec![change("b", &[])])))
            .await
            .unwrap();
        let end = place.to_end(&engine, &run).await;
        assert_eq!(end.state.status().as_str(), "succeeded");
        assert_eq!(place.world.started(), ["b/2"]);
        let seen = kinds(&*store, &run);
        assert_eq!(seen[1..3], ["attempt_started", "attempt_failed"]);
    });
}

#[test]
fn what_was_never_sent_is_tried_again_and_what_settled_is_not() {
    let place = Place::new();
    place.world.doing("b", Doing::Refuse);
    place.life(async {
        let engine = place.open(Arc::new(MemoryStore::new())).await;
        let run = engine
            .start(start(plan(vec![change("b", &[])])))
            .await
            .unwrap();
        eventually("b was refused", || place.world.count("b") == 1).await;
        place.world.doing("b", Doing::Succeed);
        let end = place.to_end(&engine, &run).await;
        assert_eq!(end.state.status().as_str(), "succeeded");
        assert_eq!(
            (place.world.count("b"), place.world.effects_of("b")),
            (2, 1)
        );

        place.world.doing("b", Doing::Fail(Effected::Settled));
        let run = engine
            .start(start(plan(vec![change("b", &[])])))
            .await
            .unwrap();
        let end = place.to_end(&engine, &run).await;
        assert_eq!(end.state.status().as_str(), "failed");
        assert_eq!(place.world.count("b"), 3);
    });
}

#[test]
fn a_cancelled_run_lets_its_change_come_to_its_end() {
    let place = Place::new();
    let permits = Arc::new(Semaphore::new(0));
    place.world.doing("b", Doing::Hold(Arc::clone(&permits)));
    place.life(async {
        let engine = place.open(Arc::new(MemoryStore::new())).await;
        let steps = vec![change("b", &[]), read("c", &["b"])];
        let run = engine.start(start(plan(steps))).await.unwrap();
        eventually("b is at work", || place.world.count("b") == 1).await;
        let cancel = Command::Cancel {
            by: operator(),
            reason: "enough".to_owned(),
            undo: false,
        };
        engine.command(&run, cancel).await.unwrap();
        assert!(!engine.view(&run).await.unwrap().state.is_ended());
        permits.add_permits(1);
        let end = engine.wait_ended(&run).await.unwrap();
        assert_eq!(end.state.status().as_str(), "cancelled");
        assert_eq!(place.world.started(), ["b/1"]);
    });
}
