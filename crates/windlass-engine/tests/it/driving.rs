//! Order, appends, commands, followers: a run when nothing goes wrong.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::Semaphore;
use windlass_core::event::Event;
use windlass_core::state::RunStatus;
use windlass_engine::CommandError;
use windlass_journal::{MemoryStore, SqliteStore, Store};

use crate::world::*;

#[test]
fn steps_run_in_the_order_of_their_needs() {
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    place.life(async {
        let engine = place.open(store.clone()).await;
        let steps = vec![read("c", &["b"]), change("b", &["a"]), read("a", &[])];
        let run = engine.start(start(plan(steps))).await.unwrap();
        let end = place.to_end(&engine, &run).await;
        assert_eq!(end.state.status().as_str(), "succeeded");
        assert_eq!(place.world.started(), ["a/1", "b/1", "c/1"]);
        engine.wait_idle().await;
        assert!(!engine.is_driven(&run));
        let row = &engine.runs(Default::default()).await.unwrap()[0];
        assert_eq!(
            (row.state.as_str(), row.title.as_str()),
            ("succeeded", "A test")
        );
        assert!(row.ended_at_ms.is_some() && row.next_wake_at_ms.is_none());
    });
}

#[test]
fn independent_steps_are_in_flight_together() {
    let place = Place::new();
    let permits = Arc::new(Semaphore::new(0));
    for step in ["a", "b", "c"] {
        place.world.doing(step, Doing::Hold(Arc::clone(&permits)));
    }
    place.life(async {
        let engine = place.open(Arc::new(MemoryStore::new())).await;
        let steps = vec![
            read("a", &[]),
            change("b", &[]),
            read("c", &[]),
            read("d", &["a", "b", "c"]),
        ];
        let run = engine.start(start(plan(steps))).await.unwrap();
        eventually("three at once", || place.world.started().len() == 3).await;
        assert_eq!(engine.progress(&run).len(), 3);
        eventually("their lines", || {
            engine
                .progress(&run)
                .iter()
                .all(|line| line.line == "at work")
        })
        .await;
        assert_eq!(place.world.count("d"), 0);
        permits.add_permits(3);
        place.to_end(&engine, &run).await;
        assert_eq!(place.world.started().last().unwrap(), "d/1");
        assert!(engine.progress(&run).is_empty());
    });
}

#[test]
fn a_step_costs_one_append() {
    const STEPS: usize = 30;
    let place = Place::new();
    let store = Arc::new(Counting::new(MemoryStore::new()));
    place.life(async {
        let engine = place.open(store.clone()).await;
        let name = |number: usize| format!("s{number}");
        let steps = (0..STEPS).map(|number| match number {
            0 => read("s0", &[]),
            _ => read(&name(number), &[&name(number - 1)]),
        });
        let run = engine.start(start(plan(steps.collect()))).await.unwrap();
        place.to_end(&engine, &run).await;
        assert_eq!(place.world.started().len(), STEPS);
        // One for the start with the first intent, then one a step: an outcome and the
        // next intent share it.
        assert_eq!(store.appends.load(Ordering::SeqCst), STEPS as u64 + 1);
    });
}

#[test]
fn a_run_in_sqlite_reads_back_as_it_was() {
    let place = Place::new();
    let open = || {
        let dir = windlass_engine::StateDir::prepare(place.root()).unwrap();
        let options = windlass_journal::Options {
            filesystem: windlass_journal::FilesystemRule::AllowVolatile,
            ..Default::default()
        };
        Arc::new(SqliteStore::open(&dir.journal(), &options).unwrap())
    };
    let run = place.life(async {
        let engine = place.open(open()).await;
        let steps = vec![read("a", &[]), change("b", &["a"])];
        let run = engine.start(start(plan(steps))).await.unwrap();
        let end = engine.wait_ended(&run).await.unwrap();
        assert_eq!(
            end.next_seq, 7,
            "start, two intents, two outcomes, ending, end"
        );
        run
    });
    let store = open();
    let seen = windlass_engine::offline::view(&*store, &run)
        .unwrap()
        .unwrap();
    assert!(matches!(seen.state.status(), RunStatus::Ended(_)));
    let row = windlass_engine::index_row(&seen).unwrap();
    let key = windlass_journal::RunKey::new(run.as_str()).unwrap();
    assert_eq!(
        store.run(&key).unwrap(),
        Some(row),
        "the index can be made again"
    );
    let text = place.root().join("runbooks");
    assert_eq!(std::fs::read_dir(text).unwrap().count(), 1);
    let log = place.root().join(format!("logs/{run}/a-1.log"));
    assert_eq!(std::fs::read_to_string(log).unwrap(), "at work\n");
}

#[test]
fn a_follower_gets_history_then_each_record_once() {
    let place = Place::new();
    let permits = Arc::new(Semaphore::new(0));
    place.world.doing("b", Doing::Hold(Arc::clone(&permits)));
    place.life(async {
        let engine = place.open(Arc::new(MemoryStore::new())).await;
        let steps = vec![read("a", &[]), read("b", &["a"])];
        let run = engine.start(start(plan(steps))).await.unwrap();
        eventually("b is at work", || place.world.count("b") == 1).await;
        let mut follower = engine.subscribe(&run, 1).await.unwrap();
        permits.add_permits(1);
        let mut seen = Vec::new();
        loop {
            let recorded = follower.next().await.unwrap().unwrap();
            assert_eq!(recorded.seq, seen.len() as u64 + 1);
            let is_end = matches!(recorded.event, Event::RunEnded { .. });
            seen.push(recorded.event.kind());
            if is_end {
                break;
            }
        }
        assert_eq!(seen[..2], ["attempt_started", "attempt_succeeded"]);
        drop(engine);
        assert_eq!(follower.next().await.unwrap(), None, "the engine is gone");
    });
}

#[test]
fn a_repeated_start_is_answered_with_the_first_run() {
    let place = Place::new();
    place.life(async {
        let engine = place.open(Arc::new(MemoryStore::new())).await;
        let keyed = || windlass_engine::Start {
            idempotency_key: Some("form-7".to_owned()),
            ..start(plan(vec![read("a", &[])]))
        };
        let first = engine.start(keyed()).await.unwrap();
        place.to_end(&engine, &first).await;
        assert_eq!(engine.start(keyed()).await.unwrap(), first);
        let (one, two) = tokio::join!(engine.start(keyed()), engine.start(keyed()));
        assert_eq!((one.unwrap(), two.unwrap()), (first.clone(), first));
        assert_eq!(place.world.count("a"), 1);
        assert_eq!(engine.runs(Default::default()).await.unwrap().len(), 1);
    });
}

#[test]
fn what_is_no_operators_and_who_is_no_run_is_refused() {
    let place = Place::new();
    place.life(async {
        let engine = place.open(Arc::new(MemoryStore::new())).await;
        let nobody = "nobody".parse().unwrap();
        let pause = || windlass_core::command::Command::Pause {
            by: operator(),
            reason: "because".to_owned(),
        };
        let refused = engine.command(&nobody, pause()).await.unwrap_err();
        assert!(matches!(refused, CommandError::UnknownRun(_)), "{refused}");
        let refused = engine.view(&nobody).await.unwrap_err();
        assert!(matches!(refused, CommandError::UnknownRun(_)), "{refused}");
        let made_up = windlass_core::command::Command::Ended {
            node: node("a"),
            attempt: 1,
            outcome: outputs(1),
        };
        let refused = engine.command(&nobody, made_up).await.unwrap_err();
        assert!(matches!(refused, CommandError::NotForCallers), "{refused}");
        engine.wait_idle().await;
        let other_text = windlass_engine::Start {
            runbook: "other".to_owned(),
            ..start(plan(vec![read("a", &[])]))
        };
        let refused = engine.start(other_text).await.unwrap_err();
        assert!(matches!(refused, CommandError::OtherRunbook), "{refused}");
    });
}
