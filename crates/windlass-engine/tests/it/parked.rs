//! Runs that only wait: no task, no state; a command or a timer brings them back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use windlass_core::command::Command;
use windlass_core::id::RunId;
use windlass_core::outcome::Effected;
use windlass_core::plan::{IndexedPlan, Manual, Retry, Step, StepKind, Template};
use windlass_core::time::Millis;
use windlass_core::value::Value;
use windlass_engine::offline::Request;
use windlass_engine::{Engine, GoOn, Start};
use windlass_journal::{MemoryStore, Store};

use crate::world::*;

pub(crate) async fn approve(engine: &Engine, run: &RunId, gate: &str) -> Command {
    let snapshot = engine.view(run).await.unwrap();
    snapshot.state.approval(id(gate), operator(), String::new())
}

#[test]
fn a_gate_keeps_no_task_and_an_approval_brings_one() {
    let place = Place::new();
    let store: Arc<MemoryStore> = Arc::default();
    place.life(async {
        let engine = place.open(store.clone()).await;
        let steps = vec![
            read("a", &[]),
            gate("go", &["a"], None),
            change("b", &["go"]),
        ];
        let run = engine.start(start(plan(steps))).await.unwrap();
        engine.wait_idle().await;
        assert!(!engine.is_driven(&run));
        let row = &engine.live_runs().await.unwrap()[0];
        assert_eq!(
            (row.state.as_str(), row.waiting_for.as_str()),
            ("waiting", "gate go")
        );
        assert_eq!(row.next_wake_at_ms, None);
        let approve = approve(&engine, &run, "go").await;
        let answer = engine
            .command_once(&run, approve.clone(), "slack-1")
            .await
            .unwrap();
        assert_eq!(answer.events[0].kind(), "gate_approved");
        place.to_end(&engine, &run).await;
        assert_eq!(place.world.started(), ["a/1", "b/1"]);
        // The same click again is no second approval and no rejection.
        let again = engine.command_once(&run, approve, "slack-1").await.unwrap();
        assert_eq!(again, answer);
    });
}

#[test]
fn a_parked_run_goes_on_in_another_process() {
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    let run = place.life(async {
        let engine = place.open(store.clone()).await;
        let steps = vec![gate("go", &[], None), change("b", &["go"])];
        let run = engine.start(start(plan(steps))).await.unwrap();
        engine.wait_idle().await;
        run
    });
    let plan = windlass_engine::offline::view(&*store, &run)
        .unwrap()
        .unwrap();
    let command = plan.state.approval(id("go"), operator(), String::new());
    place.life(async {
        let options = place.options(store.clone());
        let request = Request {
            run: run.clone(),
            command,
            by: operator(),
            secrets: BTreeMap::new(),
            within: PATIENCE,
        };
        let (answer, left) = windlass_engine::offline::command(options, request)
            .await
            .unwrap();
        assert_eq!(answer.events[0].kind(), "gate_approved");
        assert!(left.runs.is_empty(), "it ran to its end");
    });
    assert_eq!(place.world.started(), ["b/1"]);
}

#[test]
fn timers_come_when_the_clock_says_so_also_after_a_restart() {
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    let run = place.life(async {
        let engine = place.open(store.clone()).await;
        let steps = vec![
            wait("pause", &[], 60_000),
            read("a", &["pause"]),
            gate("go", &["a"], Some(Millis::from_mins(30))),
            read("b", &["go"]),
        ];
        let run = engine.start(start(plan(steps))).await.unwrap();
        engine.wait_idle().await;
        assert!(!engine.is_driven(&run));
        place.clock.advance(Millis(59_000));
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(place.world.started().len(), 0);
        place.clock.advance(Millis(1_000));
        eventually("the wait is over", || place.world.count("a") == 1).await;
        engine.wait_idle().await;
        run
    });
    place.clock.advance(Millis::from_mins(31));
    place.life(async {
        let engine = place.open(store.clone()).await;
        let end = engine.wait_ended(&run).await.unwrap();
        assert_eq!(end.state.status().as_str(), "failed");
    });
    assert!(kinds(&*store, &run).contains(&"gate_expired".to_owned()));
    assert_eq!(place.world.count("b"), 0);
}

#[test]
fn many_parked_runs_have_no_tasks_and_wake_together() {
    const RUNS: usize = 200;
    let place = Place::new();
    place.life(async {
        let engine = place.open(Arc::new(MemoryStore::new())).await;
        let plan = plan(vec![wait("pause", &[], 600_000), read("a", &["pause"])]);
        let mut runs = Vec::new();
        for _ in 0..RUNS {
            runs.push(engine.start(start(Arc::clone(&plan))).await.unwrap());
        }
        engine.wait_idle().await;
        assert!(runs.iter().all(|run| !engine.is_driven(run)));
        place.clock.advance(Millis(600_000));
        eventually("all have run", || place.world.started().len() == RUNS).await;
        engine.wait_idle().await;
        assert!(engine.live_runs().await.unwrap().is_empty());
    });
}

fn with_secret() -> Start {
    let step = calling(change("b", &["a"]), |call| {
        call.with = Template::Secret("key".parse().unwrap());
    });
    let secrets = BTreeMap::from([("key".parse().unwrap(), "hunter22".to_owned().into())]);
    Start {
        secrets,
        ..start(plan(vec![gate("a", &[], None), step]))
    }
}

#[test]
fn a_run_waits_for_secrets_that_died_with_their_process() {
    let place = Place::new();
    place.world.doing("b", Doing::TellSecret);
    let store = Arc::new(MemoryStore::new());
    let run = place.life(async {
        let engine = place.open(store.clone()).await;
        let run = engine.start(with_secret()).await.unwrap();
        engine.wait_idle().await;
        run
    });
    place.life(async {
        let engine = place.open(store.clone()).await;
        let approve = approve(&engine, &run, "a").await;
        let answer = engine.command(&run, approve).await.unwrap();
        assert_eq!(answer.events.len(), 1, "approved, and nothing begun");
        engine.wait_idle().await;
        let row = &engine.live_runs().await.unwrap()[0];
        assert_eq!(
            (row.state.as_str(), row.waiting_for.as_str()),
            ("waiting", "secrets key")
        );
        assert_eq!(
            engine.view(&run).await.unwrap().lacks.to_string(),
            "secrets key"
        );
        assert_eq!(place.world.started().len(), 0);
    });
    place.life(async {
        // Another process finds it in the same state.
        let engine = place.open(store.clone()).await;
        engine.wait_idle().await;
        assert_eq!(
            engine.view(&run).await.unwrap().lacks.to_string(),
            "secrets key"
        );
        engine
            .bring_secrets(&run, &operator(), with_secret().secrets)
            .await
            .unwrap();
        let brought = engine.view(&run).await.unwrap();
        assert!(brought.lacks.is_nothing(), "{}", brought.lacks);
        let end = engine.wait_ended(&run).await.unwrap();
        assert!(end.lacks.is_nothing());
    });
    assert_eq!(place.world.count("b"), 1);
    let key = windlass_journal::RunKey::new(run.as_str()).unwrap();
    for record in store.read(&key, 0, 100).unwrap() {
        let body = String::from_utf8(record.body.unwrap()).unwrap();
        assert!(!body.contains("hunter22"), "{body}");
    }
}

#[test]
fn a_run_whose_retry_is_due_and_lacks_its_secret_has_no_task() {
    let step = calling(read("a", &[]), |call| {
        call.with = Template::Secret("key".parse().unwrap());
        call.retry = Retry {
            attempts: 2,
            backoff: Millis::from_mins(1),
            backoff_max: Millis::from_mins(1),
        };
    });
    let start = Start {
        secrets: with_secret().secrets,
        ..start(plan(vec![step]))
    };
    let place = Place::new();
    place.world.doing("a", Doing::Fail(Effected::None));
    let store = Arc::new(MemoryStore::new());
    let run = place.life(async {
        let engine = place.open(store.clone()).await;
        let run = engine.start(start).await.unwrap();
        engine.wait_idle().await;
        assert_eq!(place.world.count("a"), 1);
        run
    });
    place.clock.advance(Millis::from_mins(2));
    place.world.doing("a", Doing::Succeed);
    place.life(async {
        let engine = place.open(store.clone()).await;
        // A command that takes the directory for a moment leaves when nothing is driven.
        engine.wait_idle().await;
        let lacks = engine.view(&run).await.unwrap().lacks.to_string();
        assert_eq!(lacks, "secrets key");
        let secrets = with_secret().secrets;
        engine
            .bring_secrets(&run, &operator(), secrets)
            .await
            .unwrap();
        engine.wait_ended(&run).await.unwrap();
    });
    assert_eq!(place.world.started(), ["a/1", "a/2"]);
}

#[test]
fn a_secret_that_another_step_left_behind_is_not_logged() {
    let place = Place::new();
    place.world.doing("a", Doing::Log("it says hunter22 here"));
    place.life(async {
        let engine = place.open(Arc::new(MemoryStore::new())).await;
        let secrets = with_secret().secrets;
        let run = engine
            .start(Start {
                secrets,
                ..start(plan(vec![read("a", &[])]))
            })
            .await
            .unwrap();
        engine.wait_ended(&run).await.unwrap();
        let path = engine.state_dir().attempt_log(&run, &node("a"), 1);
        let log = std::fs::read_to_string(path).unwrap();
        assert!(log.contains("it says [secret] here"), "{log}");
    });
}

#[test]
fn no_change_begins_while_a_later_step_lacks_its_secret() {
    let later = calling(read("c", &["b"]), |call| {
        call.with = Template::Secret("key".parse().unwrap());
    });
    let steps = vec![gate("a", &[], None), change("b", &["a"]), later];
    let mut named = plan(steps).plan().clone();
    named.secrets.insert("key".parse().unwrap());
    let plan = IndexedPlan::new(named).unwrap();
    let place = Place::new();
    place.world.doing("c", Doing::TellSecret);
    let store = Arc::new(MemoryStore::new());
    let with_secrets = || Start {
        secrets: with_secret().secrets,
        ..start(Arc::clone(&plan))
    };
    let run = place.life(async {
        let engine = place.open(store.clone()).await;
        let run = engine.start(with_secrets()).await.unwrap();
        engine.wait_idle().await;
        run
    });
    place.life(async {
        let engine = place.open(store.clone()).await;
        let approve = approve(&engine, &run, "a").await;
        engine.command(&run, approve).await.unwrap();
        engine.wait_idle().await;
        assert_eq!(
            engine.view(&run).await.unwrap().lacks.to_string(),
            "secrets key"
        );
        assert_eq!(
            place.world.count("b"),
            0,
            "the change could not be verified"
        );
        engine
            .bring_secrets(&run, &operator(), with_secret().secrets)
            .await
            .unwrap();
        engine.wait_ended(&run).await.unwrap();
    });
    assert_eq!((place.world.count("b"), place.world.count("c")), (1, 1));
}

#[test]
fn nobody_is_asked_to_do_by_hand_what_lacks_a_later_secret() {
    let mut by_hand = change("b", &["a"]);
    if let StepKind::Action { manual, call, .. } = &mut by_hand.kind {
        *manual = Some(Manual::default());
        call.retry = Retry::default();
    }
    let later = calling(read("c", &["b"]), |call| {
        call.with = Template::Secret("key".parse().unwrap());
    });
    let mut named = plan(vec![gate("a", &[], None), by_hand, later])
        .plan()
        .clone();
    named.secrets.insert("key".parse().unwrap());
    let plan = IndexedPlan::new(named).unwrap();
    let place = Place::new();
    place.world.doing("c", Doing::TellSecret);
    let store = Arc::new(MemoryStore::new());
    let opened = |run: &RunId| kinds(&*store, run).contains(&"manual_step_opened".to_owned());
    let run = place.life(async {
        let engine = place.open(store.clone()).await;
        let run = engine.start(start(plan)).await.unwrap();
        let approve = approve(&engine, &run, "a").await;
        engine.command(&run, approve).await.unwrap();
        engine.wait_idle().await;
        let lacks = engine.view(&run).await.unwrap().lacks.to_string();
        assert_eq!((lacks.as_str(), opened(&run)), ("secrets key", false));
        run
    });
    place.life(async {
        let engine = place.open(store.clone()).await;
        engine
            .bring_secrets(&run, &operator(), with_secret().secrets)
            .await
            .unwrap();
        eventually("b is asked for", || opened(&run)).await;
        let attest = Command::Attest {
            node: node("b"),
            attempt: 1,
            by: operator(),
            reason: "done".to_owned(),
            outputs: Value::Null,
        };
        engine.command(&run, attest).await.unwrap();
        engine.wait_ended(&run).await.unwrap();
    });
    assert_eq!(place.world.started(), ["c/1"]);
}

#[test]
fn a_cancelled_run_waits_for_no_secret_that_its_end_does_not_need() {
    for needed_at_the_end in [false, true] {
        let with_key = |step| {
            calling(step, |call| {
                call.with = Template::Secret("key".parse().unwrap());
            })
        };
        let report = Step {
            finally: true,
            ..read("report", &[])
        };
        let report = if needed_at_the_end {
            with_key(report)
        } else {
            report
        };
        let steps = vec![gate("a", &[], None), with_key(change("b", &["a"])), report];
        let mut named = plan(steps).plan().clone();
        named.secrets.insert("key".parse().unwrap());
        let place = Place::new();
        let store = Arc::new(MemoryStore::new());
        let run = place.life(async {
            let engine = place.open(store.clone()).await;
            let start = Start {
                secrets: with_secret().secrets,
                ..start(IndexedPlan::new(named).unwrap())
            };
            let run = engine.start(start).await.unwrap();
            engine.wait_idle().await;
            run
        });
        place.life(async {
            let engine = place.open(store.clone()).await;
            let cancel = Command::Cancel {
                by: operator(),
                reason: "not today".to_owned(),
                undo: false,
            };
            engine.command(&run, cancel).await.unwrap();
            if needed_at_the_end {
                engine.wait_idle().await;
                let lacks = engine.view(&run).await.unwrap().lacks.to_string();
                assert_eq!(lacks, "secrets key");
                let secrets = with_secret().secrets;
                engine
                    .bring_secrets(&run, &operator(), secrets)
                    .await
                    .unwrap();
            }
            let end = engine.wait_ended(&run).await.unwrap();
            assert_eq!(end.state.status().as_str(), "cancelled");
        });
        assert_eq!(place.world.started(), ["report/1"]);
    }
}

#[test]
fn a_change_cut_off_is_not_looked_into_before_its_secrets_are_there() {
    let place = Place::new();
    place.world.doing("b", Doing::Hang);
    let store = Arc::new(MemoryStore::new());
    let run = place.life(async {
        let engine = place.open(store.clone()).await;
        let run = engine.start(with_secret()).await.unwrap();
        let approve = approve(&engine, &run, "a").await;
        engine.command(&run, approve).await.unwrap();
        eventually("b is at work", || place.world.count("b") == 1).await;
        run
    });
    place.clock.advance(Millis::from_mins(60));
    place.life(async {
        let engine = place.open(store.clone()).await;
        engine.wait_idle().await;
        let row = &engine.live_runs().await.unwrap()[0];
        assert_eq!(
            (row.state.as_str(), row.waiting_for.as_str()),
            ("waiting", "secrets key")
        );
        engine
            .bring_secrets(&run, &operator(), with_secret().secrets)
            .await
            .unwrap();
        place.to_end(&engine, &run).await;
    });
    assert_eq!(place.world.count("b"), 1, "the look said that it happened");
}

#[test]
fn a_single_command_leaves_the_other_runs_alone() {
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    let permits = Arc::new(tokio::sync::Semaphore::new(0));
    place.world.doing("a", Doing::Hold(permits));
    place.life(async {
        let engine = place.open(store.clone()).await;
        engine
            .start(start(plan(vec![read("a", &[])])))
            .await
            .unwrap();
        eventually("a is at work", || place.world.count("a") == 1).await;
    });
    place.life(async {
        let mut options = place.options(store.clone());
        options.go_on = GoOn::Asked;
        let engine = Engine::open(options).await.unwrap();
        engine.wait_idle().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(place.world.count("a"), 1);
    });
}
