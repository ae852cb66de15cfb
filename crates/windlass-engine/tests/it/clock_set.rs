//! Somebody sets the wall clock while something waits: back by an hour, forward by a day.
//! Nothing fires early or twice, nothing fires late by what was set back, and no approval
//! counts for longer than its approver said by either reading.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use windlass_core::command::Command;
use windlass_core::event::Event;
use windlass_core::id::RunId;
use windlass_core::plan::{IndexedPlan, Plan};
use windlass_core::time::{Millis, Timestamp};
use windlass_engine::ports::Clock as _;
use windlass_engine::{Engine, offline};
use windlass_journal::MemoryStore;

use crate::world::*;

const HOUR_BACK: i64 = -3_600_000;
const DAY_FORWARD: i64 = 24 * 3_600_000;
const BOTH: [i64; 2] = [HOUR_BACK, DAY_FORWARD];

/// Sets the clock and sees that it was noticed.
fn set(place: &Place, by_ms: i64) {
    place.clock.set_wall(by_ms);
    assert_eq!(place.clock.wall_ahead_ms(), by_ms, "the fault fired");
}

/// Gives what should not happen the time to happen.
async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}

fn count(store: &MemoryStore, run: &RunId, kind: &str) -> usize {
    let all = kinds(store, run);
    all.iter().filter(|found| *found == kind).count()
}

#[test]
fn a_wait_ends_when_its_time_has_passed_and_once() {
    for by in BOTH {
        let place = Place::new();
        let store = Arc::new(MemoryStore::new());
        place.life(async {
            let engine = place.open(store.clone()).await;
            let steps = vec![wait("pause", &[], 60_000), read("a", &["pause"])];
            let run = engine.start(start(plan(steps))).await.unwrap();
            place.clock.advance(Millis(30_000));
            set(&place, by);
            a_moment().await;
            place.clock.advance(Millis(29_000));
            a_moment().await;
            assert_eq!(place.world.count("a"), 0, "{by}: early");
            // What the clock moved towards the wall clock is less than a second.
            place.clock.advance(Millis(1_100));
            eventually("the wait is over", || place.world.count("a") == 1).await;
            place.to_end(&engine, &run).await;
            assert_eq!(count(&store, &run, "wait_ended"), 1, "{by}");
            assert_eq!(place.world.count("a"), 1, "{by}");
        });
    }
}

#[test]
fn an_open_gate_expires_when_its_time_has_passed() {
    for by in BOTH {
        let place = Place::new();
        let store = Arc::new(MemoryStore::new());
        place.life(async {
            let engine = place.open(store.clone()).await;
            let steps = vec![
                gate("go", &[], Some(Millis::from_mins(30))),
                change("b", &["go"]),
            ];
            let run = engine.start(start(plan(steps))).await.unwrap();
            engine.wait_idle().await;
            let late = approve(&engine, &run, "go", 1).await;
            place.clock.advance(Millis::from_mins(10));
            set(&place, by);
            a_moment().await;
            assert_eq!(count(&store, &run, "gate_expired"), 0, "{by}: early");
            place.clock.advance(Millis::from_mins(21));
            let expired = || count(&store, &run, "gate_expired") == 1;
            eventually("the gate expires", expired).await;
            engine.command(&run, late).await.unwrap_err();
            assert_eq!(place.world.count("b"), 0, "{by}");
        });
    }
}

async fn approve(engine: &Engine, run: &RunId, gate: &str, attempt: u32) -> Command {
    let snapshot = engine.view(run).await.unwrap();
    assert_eq!(snapshot.state.seen(&id(gate)).attempt, attempt);
    snapshot.state.approval(id(gate), operator(), String::new())
}

/// An approval that is not used because the run is paused.
async fn approved_and_unused(place: &Place, engine: &Engine) -> RunId {
    let steps = vec![
        gate("go", &[], Some(Millis::from_mins(30))),
        change("b", &["go"]),
    ];
    let run = engine.start(start(plan(steps))).await.unwrap();
    let pause = Command::Pause {
        by: operator(),
        reason: "not yet".to_owned(),
    };
    engine.command(&run, pause).await.unwrap();
    let go = approve(engine, &run, "go", 1).await;
    engine.command(&run, go).await.unwrap();
    place.clock.advance(Millis::from_mins(1));
    run
}

async fn resume(engine: &Engine, run: &RunId) {
    let by = operator();
    engine.command(run, Command::Resume { by }).await.unwrap();
}

fn withdrawn_because(store: &MemoryStore, run: &RunId) -> Vec<String> {
    let records = offline::records(store, run, 0, 1_000).unwrap();
    let reasons = records
        .into_iter()
        .filter_map(|recorded| match recorded.event {
            Event::GateWithdrawn { reason, .. } => Some(reason),
            _ => None,
        });
    reasons.collect()
}

#[test]
fn an_approval_that_a_clock_set_forward_has_overtaken_is_withdrawn_once() {
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    place.life(async {
        let engine = place.open(store.clone()).await;
        let run = approved_and_unused(&place, &engine).await;
        set(&place, DAY_FORWARD);
        resume(&engine, &run).await;
        assert_eq!(
            withdrawn_because(&store, &run),
            ["the clock was set forward by 24h 00m since the approval, and by it the approval has expired"]
        );
        assert_eq!(place.world.count("b"), 0);
        // Who approves now has seen the clock as it is.
        let again = approve(&engine, &run, "go", 2).await;
        engine.command(&run, again).await.unwrap();
        place.to_end(&engine, &run).await;
        assert_eq!(place.world.count("b"), 1);
        assert_eq!(withdrawn_because(&store, &run).len(), 1);
    });
}

#[test]
fn a_clock_set_forward_by_less_than_the_rest_withdraws_nothing() {
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    place.life(async {
        let engine = place.open(store.clone()).await;
        let run = approved_and_unused(&place, &engine).await;
        set(&place, 20 * 60_000);
        resume(&engine, &run).await;
        place.to_end(&engine, &run).await;
        assert_eq!(
            (
                place.world.count("b"),
                withdrawn_because(&store, &run).len()
            ),
            (1, 0)
        );
    });
}

#[test]
fn a_clock_set_back_revives_no_approval_also_after_a_restart() {
    for restarts in [false, true] {
        let place = Place::new();
        let store = Arc::new(MemoryStore::new());
        let run = place.life(async {
            let engine = place.open(store.clone()).await;
            let run = approved_and_unused(&place, &engine).await;
            if !restarts {
                place.clock.advance(Millis::from_mins(10));
                set(&place, HOUR_BACK);
                place.clock.advance(Millis::from_mins(20));
                resume(&engine, &run).await;
            }
            run
        });
        if restarts {
            // The next process can only read the wall clock.
            let now = place.clock.now();
            place.clock.set(Timestamp(now.0 + HOUR_BACK));
            place.life(async {
                let engine = place.open(store.clone()).await;
                engine.view(&run).await.unwrap();
                // A look loads no task; a command does, and time goes on from the records.
                let by = operator();
                let again = Command::Pause {
                    by,
                    reason: "still".to_owned(),
                };
                let _paused_already = engine.command(&run, again).await;
                // The last record was made a minute before the end.
                assert!(place.clock.now() + Millis::from_mins(1) >= now);
                place.clock.advance(Millis::from_mins(31));
                resume(&engine, &run).await;
            });
        }
        let because = withdrawn_because(&store, &run);
        assert_eq!(
            because,
            ["the approval expired before it was used"],
            "{restarts}"
        );
        assert_eq!(place.world.count("b"), 0);
    }
}

#[test]
fn a_retry_waits_its_time() {
    for by in BOTH {
        let place = Place::new();
        place.world.doing("b", Doing::Refuse);
        place.life(async {
            let engine = place.open(Arc::new(MemoryStore::new())).await;
            let run = engine
                .start(start(plan(vec![change("b", &[])])))
                .await
                .unwrap();
            let scheduled = async {
                loop {
                    let snapshot = engine.view(&run).await.unwrap();
                    if let (1, Some(at)) = (place.world.count("b"), snapshot.state.next_wake())
                        && !snapshot.state.has_attempts_in_flight()
                    {
                        return at;
                    }
                    a_moment().await;
                }
            };
            let at = scheduled.await;
            set(&place, by);
            a_moment().await;
            assert_eq!(place.world.count("b"), 1, "{by}: early");
            place.world.doing("b", Doing::Succeed);
            place
                .clock
                .advance((at + Millis(50)).since(place.clock.now()));
            eventually("it is tried again", || place.world.count("b") == 2).await;
            place.to_end(&engine, &run).await;
            assert_eq!(place.world.count("b"), 2, "{by}");
        });
    }
}

/// The crash comes before the send deadline: until that and the settle time have passed,
/// what is not at the target may still come.
#[test]
fn nothing_is_tried_again_before_it_has_settled() {
    for by in BOTH {
        let place = Place::new();
        place.world.doing("b", Doing::HangBefore);
        let store = Arc::new(MemoryStore::new());
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
            eventually("a doubt", || count(&store, &run, "doubt_opened") == 1).await;
            place.clock.advance(Millis::from_secs(10));
            set(&place, by);
            for _ in 0..10 {
                a_moment().await;
                place.clock.advance(Millis::from_secs(2));
            }
            assert_eq!(place.world.count("b"), 1, "{by}: 30 s of 35 s");
            assert_eq!(count(&store, &run, "doubt_resolved"), 0, "{by}");
            place.clock.advance(Millis::from_secs(7));
            place.to_end(&engine, &run).await;
            assert_eq!(place.world.started(), ["b/1", "b/2"], "{by}");
            assert_eq!(place.world.effects_of("b"), 1, "{by}");
        });
    }
}

#[test]
fn a_doubt_is_observed_for_its_time() {
    for by in BOTH {
        let place = Place::new();
        let permits = Arc::new(Semaphore::new(0));
        place.world.doing("b", Doing::Hold(Arc::clone(&permits)));
        let store = Arc::new(MemoryStore::new());
        place.life(async {
            let engine = place.open(store.clone()).await;
            let run = engine
                .start(start(plan(vec![change("b", &[])])))
                .await
                .unwrap();
            eventually("b is at work", || place.world.count("b") == 1).await;
            // Every look says: not yet.
            place.world.effects.lock().unwrap().clear();
            place.clock.advance(Millis::from_mins(10));
            eventually("a doubt", || count(&store, &run, "doubt_opened") == 1).await;
            place.clock.advance(Millis::from_mins(5));
            set(&place, by);
            a_moment().await;
            assert_eq!(count(&store, &run, "doubt_escalated"), 0, "{by}: early");
            // 15 minutes from the deadline on, in pieces that looks can follow.
            for _ in 0..11 {
                place.clock.advance(Millis::from_mins(1));
                a_moment().await;
            }
            let asked = || count(&store, &run, "doubt_escalated") == 1;
            eventually("a person is asked", asked).await;
            permits.add_permits(1);
            engine.wait_ended(&run).await.unwrap();
            assert_eq!(place.world.count("b"), 1, "{by}");
        });
    }
}

#[test]
fn a_send_deadline_is_neither_hastened_nor_put_off() {
    for (by, then, sent) in [
        (DAY_FORWARD, 5, true),
        (HOUR_BACK, 5, true),
        (HOUR_BACK, 31, false),
        (DAY_FORWARD, 31, false),
    ] {
        let place = Place::new();
        let permits = Arc::new(Semaphore::new(0));
        place.world.doing("b", Doing::Connect(Arc::clone(&permits)));
        place.life(async {
            let engine = place.open(Arc::new(MemoryStore::new())).await;
            let run = engine
                .start(start(plan(vec![change("b", &[])])))
                .await
                .unwrap();
            eventually("b is connecting", || place.world.count("b") == 1).await;
            set(&place, by);
            place.clock.advance(Millis::from_secs(then));
            permits.add_permits(2);
            place.to_end(&engine, &run).await;
            let attempts = if sent { 1 } else { 2 };
            assert_eq!(place.world.count("b"), attempts, "{by} {then}");
            assert_eq!(place.world.effects_of("b"), 1, "{by} {then}");
        });
    }
}

#[test]
fn a_run_times_out_when_its_time_has_passed() {
    for by in BOTH {
        let place = Place::new();
        let store = Arc::new(MemoryStore::new());
        place.life(async {
            let engine = place.open(store.clone()).await;
            let steps = plan(vec![wait("pause", &[], 7_200_000)]);
            let timed = Plan {
                timeout: Some(Millis::from_mins(60)),
                ..steps.plan().clone()
            };
            let run = engine
                .start(start(IndexedPlan::new(timed).unwrap()))
                .await
                .unwrap();
            place.clock.advance(Millis::from_mins(30));
            set(&place, by);
            a_moment().await;
            assert_eq!(count(&store, &run, "run_timed_out"), 0, "{by}: early");
            place.clock.advance(Millis::from_mins(31));
            eventually("it times out", || count(&store, &run, "run_timed_out") == 1).await;
        });
    }
}
