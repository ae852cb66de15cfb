//! One run a target: who asked first has the lock first, and keeps it to the end, through
//! gates, parks and deaths of the engine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::Semaphore;
use windlass_core::command::Command;
use windlass_core::event::Event;
use windlass_core::id::RunId;
use windlass_core::plan::{IndexedPlan, Template};
use windlass_core::state::Lock;
use windlass_core::time::Millis;
use windlass_engine::offline::{self, Request};
use windlass_engine::{CommandError, Engine, GoOn};
use windlass_journal::{Fault, MemoryStore, RunQuery, Store};

use crate::facts::{approve, gate_with_a_fact, is_read};
use crate::world::*;

/// A look, then a change of `db:main`, then a look.
pub(crate) fn swap() -> Arc<IndexedPlan> {
    let steps = vec![
        read("look", &[]),
        change("swap", &["look"]),
        read("see", &["swap"]),
    ];
    plan_for("main", steps)
}

/// A change of `db:main`, then a gate, then another change.
fn careful() -> Arc<IndexedPlan> {
    let steps = vec![
        change("prepare", &[]),
        gate("go", &["prepare"], None),
        change("finish", &["go"]),
    ];
    plan_for("main", steps)
}

fn approval(snapshot: &windlass_engine::Snapshot) -> Command {
    let note = String::new();
    snapshot.state.approval(id("go"), operator(), note)
}

pub(crate) async fn begin(place: &Place, engine: &Engine, plan: Arc<IndexedPlan>) -> RunId {
    // Ids and requests have times of their own.
    place.clock.advance(Millis(10));
    engine.start(start(plan)).await.unwrap()
}

/// Returns once the run waits for the lock without a task.
pub(crate) async fn in_line(engine: &Engine, run: &RunId) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let waits = engine.view(run).await.unwrap().state.wants_lock().is_some();
        if waits && !engine.is_driven(run) {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{run} never waits");
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

pub(crate) async fn words(engine: &Engine, run: &RunId) -> (String, String) {
    let rows = engine.live_runs().await.unwrap();
    let row = rows
        .into_iter()
        .find(|row| row.run.as_str() == run.as_str());
    let row = row.unwrap();
    (row.state, row.waiting_for)
}

#[test]
fn one_run_a_target_in_the_order_of_asking() {
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    let permits = Arc::new(Semaphore::new(0));
    place.world.doing("swap", Doing::Hold(Arc::clone(&permits)));
    place.life(async {
        let engine = place.open(store.clone()).await;
        let first = begin(&place, &engine, swap()).await;
        eventually("the first is at work", || place.world.count("swap") == 1).await;
        let second = begin(&place, &engine, swap()).await;
        in_line(&engine, &second).await;
        let third = begin(&place, &engine, swap()).await;
        in_line(&engine, &third).await;
        // Another target is not theirs.
        let other = plan_for("other", vec![change("elsewhere", &[])]);
        let other = begin(&place, &engine, other).await;
        engine.wait_ended(&other).await.unwrap();

        assert_eq!(place.world.count("look"), 3);
        assert_eq!(place.world.count("swap"), 1);
        assert_eq!(engine.lock_holder(&second), Some(first.clone()));
        assert_eq!(
            words(&engine, &third).await,
            (
                "waiting".to_owned(),
                format!("the lock of db:main, held by {first}")
            )
        );
        permits.add_permits(1);
        engine.wait_ended(&first).await.unwrap();
        eventually("the second is at work", || place.world.count("swap") == 2).await;
        let view = engine.view(&second).await.unwrap();
        assert!(matches!(view.state.lock(), Lock::Held { .. }));
        in_line(&engine, &third).await;
        assert_eq!(engine.lock_holder(&third), Some(second.clone()));
        permits.add_permits(2);
        for run in [&second, &third] {
            let end = engine.wait_ended(run).await.unwrap();
            assert_eq!(end.state.status().as_str(), "succeeded");
        }
    });
    let seen = kinds(&*store, &offline_runs(&*store)[0]);
    let at = |kind: &str| seen.iter().position(|seen| seen == kind).unwrap();
    assert!(at("lock_requested") < at("lock_acquired"), "{seen:?}");
}

/// All runs by the index, the newest first.
fn offline_runs(store: &dyn Store) -> Vec<RunId> {
    let rows = offline::list(store, RunQuery::default(), &BTreeMap::new())
        .unwrap()
        .rows;
    rows.iter()
        .map(|row| row.run.as_str().parse().unwrap())
        .collect()
}

#[test]
fn who_is_cancelled_or_paused_lets_the_next_one_in() {
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    place.life(async {
        let engine = place.open(store.clone()).await;
        let holder = begin(&place, &engine, careful()).await;
        place
            .until(&engine, &holder, |now| {
                now.state.status().as_str() == "waiting"
            })
            .await;
        let mut line = Vec::new();
        for _ in 0..3 {
            let run = begin(&place, &engine, swap()).await;
            in_line(&engine, &run).await;
            line.push(run);
        }
        let (by, reason) = (operator(), "not now".to_owned());
        let cancel = Command::Cancel {
            by: by.clone(),
            reason: reason.clone(),
            undo: false,
        };
        engine.command(&line[0], cancel).await.unwrap();
        let end = engine.wait_ended(&line[0]).await.unwrap();
        assert_eq!(end.state.status().as_str(), "cancelled");
        let pause = Command::Pause {
            by: by.clone(),
            reason,
        };
        engine.command(&line[1], pause).await.unwrap();
        let held = engine.view(&holder).await.unwrap();
        engine.command(&holder, approval(&held)).await.unwrap();
        let end = engine.wait_ended(&line[2]).await.unwrap();
        assert_eq!(end.state.status().as_str(), "succeeded");
        assert_eq!(place.world.count("swap"), 1);
        engine
            .command(&line[1], Command::Resume { by })
            .await
            .unwrap();
        let end = engine.wait_ended(&line[1]).await.unwrap();
        assert_eq!(end.state.status().as_str(), "succeeded");
    });
}

#[test]
fn a_parked_run_keeps_its_lock_and_the_line_its_order() {
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    let (holder, line) = place.life(async {
        let engine = place.open(store.clone()).await;
        let holder = begin(&place, &engine, careful()).await;
        place
            .until(&engine, &holder, |now| {
                now.state.status().as_str() == "waiting"
            })
            .await;
        let mut line = Vec::new();
        for _ in 0..3 {
            let run = begin(&place, &engine, swap()).await;
            in_line(&engine, &run).await;
            line.push(run);
        }
        (holder, line)
    });
    // Nobody owns the directory: who looks is told the same.
    let rows = offline::list(&*store, RunQuery::default(), &BTreeMap::new())
        .unwrap()
        .rows;
    let held = format!("the lock of db:main, held by {holder}");
    assert_eq!(rows.iter().filter(|row| row.waiting_for == held).count(), 3);
    let snapshot = offline::view(&*store, &line[0]).unwrap().unwrap();
    let by = offline::lock_holder(&*store, &snapshot.state).unwrap();
    assert_eq!(by.as_ref(), Some(&holder));
    place.life(async {
        let engine = place.open(store.clone()).await;
        for run in &line {
            in_line(&engine, run).await;
        }
        assert!(!engine.is_driven(&holder));
        let is_last = || engine.lock_holder(&line[2]) == Some(holder.clone());
        eventually("each has asked again", is_last).await;
        assert_eq!(place.world.count("swap"), 0);
        let held = engine.view(&holder).await.unwrap();
        engine.command(&holder, approval(&held)).await.unwrap();
        for run in &line {
            engine.wait_ended(run).await.unwrap();
        }
    });
    let acquired: Vec<i64> = line.iter().map(|run| acquired_at(&*store, run)).collect();
    assert!(acquired.is_sorted(), "{acquired:?}");
    // Each holder has a higher number than all before it, also those of an owner before,
    // and its steps are given it.
    let holders = std::iter::once(&holder).chain(&line);
    let fences: Vec<u64> = holders.map(|run| fence_of(&*store, run)).collect();
    assert!(fences.is_sorted_by(|one, next| one < next), "{fences:?}");
    let mut given = place.world.fences.lock().unwrap().clone();
    given.retain(Option::is_some);
    given.dedup();
    let fences: Vec<Option<u64>> = fences.into_iter().map(Some).collect();
    assert_eq!(given, fences);
    assert_eq!(place.world.busiest.load(Ordering::SeqCst), 1);
}

/// The number that a run's lock was granted with.
pub(crate) fn fence_of(store: &dyn Store, run: &RunId) -> u64 {
    let records = offline::records(store, run, 0, 1_000).unwrap();
    let fence = records.iter().find_map(|record| match &record.event {
        Event::LockAcquired { fence, .. } => *fence,
        _ => None,
    });
    fence.unwrap()
}

/// A run that holds the target, one behind it whose facts have become old in the line, and
/// one behind that.
async fn a_line_with_old_facts(place: &Place, engine: &Engine) -> [RunId; 3] {
    let steps = vec![change("prepare", &[]), gate("first", &["prepare"], None)];
    let holder = begin(place, engine, plan_for("main", steps)).await;
    eventually("it holds", || place.world.count("prepare") == 1).await;
    let steps = vec![gate_with_a_fact(), change("late", &["go"])];
    let second = begin(place, engine, plan_for("main", steps)).await;
    place.until(engine, &second, is_read).await;
    approve(engine, &second, 1).await;
    in_line(engine, &second).await;
    let third = begin(place, engine, swap()).await;
    in_line(engine, &third).await;
    place.clock.advance(Millis::from_mins(5));
    [holder, second, third]
}

async fn cancel(engine: &Engine, run: &RunId) {
    let cancel = Command::Cancel {
        by: operator(),
        reason: "not now".to_owned(),
        undo: false,
    };
    engine.command(run, cancel).await.unwrap();
}

#[test]
fn facts_that_became_old_in_the_line_are_read_before_anybody_else_comes() {
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    let permits = Arc::new(Semaphore::new(0));
    place.life(async {
        let engine = place.open(store.clone()).await;
        let [holder, second, third] = a_line_with_old_facts(&place, &engine).await;
        place.world.doing("go", Doing::Hold(Arc::clone(&permits)));
        cancel(&engine, &holder).await;
        // Read when the gate opened, after the approval, and now.
        eventually("the fact is read anew", || place.world.count("go") == 3).await;
        engine.wait_ended(&holder).await.unwrap();
        assert_eq!(engine.lock_holder(&third), Some(second.clone()));
        assert_eq!(place.world.count("swap"), 0);
        permits.add_permits(1);
        for run in [&second, &third] {
            let end = engine.wait_ended(run).await.unwrap();
            assert_eq!(end.state.status().as_str(), "succeeded");
        }
        assert!(acquired_at(&*store, &second) < acquired_at(&*store, &third));
    });
}

#[test]
fn facts_that_do_not_hold_when_the_turn_comes_let_the_next_one_in() {
    let place = Place::new();
    place.life(async {
        let engine = place.open(Arc::new(MemoryStore::new())).await;
        let [holder, second, third] = a_line_with_old_facts(&place, &engine).await;
        let none = windlass_core::outcome::Effected::None;
        place.world.doing("go", Doing::Fail(none));
        cancel(&engine, &holder).await;
        engine.wait_ended(&third).await.unwrap();
        assert_eq!(place.world.count("late"), 0);
        let view = engine.view(&second).await.unwrap();
        assert!(!view.state.holds_lock());
        assert_eq!(view.state.step(&id("go")).unwrap().state.gate_attempt, 2);
    });
}

/// The place in the store of the record by which a run took the lock.
fn acquired_at(store: &dyn Store, run: &RunId) -> i64 {
    let key = windlass_journal::RunKey::new(run.as_str()).unwrap();
    let records = store.read(&key, 0, 1_000).unwrap();
    let taken = records
        .iter()
        .find(|record| record.header.kind == "lock_acquired");
    i64::try_from(taken.unwrap().header.position).unwrap()
}

#[test]
fn a_command_without_an_owner_respects_the_lock() {
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    let (holder, other) = place.life(async {
        let engine = place.open(store.clone()).await;
        let holder = begin(&place, &engine, careful()).await;
        let steps = vec![gate("go", &[], None), change("swap", &["go"])];
        let other = begin(&place, &engine, plan_for("main", steps)).await;
        engine.wait_idle().await;
        (holder, other)
    });
    let approve = |run: &RunId| {
        let snapshot = offline::view(&*store, run).unwrap().unwrap();
        let request = Request {
            run: run.clone(),
            command: approval(&snapshot),
            by: operator(),
            secrets: BTreeMap::new(),
            within: PATIENCE,
        };
        let mut options = place.options(store.clone());
        options.go_on = GoOn::Asked;
        place.life(async { offline::command(options, request).await.unwrap() })
    };
    let (_, left) = approve(&other);
    assert_eq!(place.world.count("swap"), 0);
    let row = left.runs.iter().find(|left| left.run == other).unwrap();
    assert_eq!(
        row.row.waiting_for,
        format!("the lock of db:main, held by {holder}")
    );
    // The holder ends; the other is left to an owner, who finds the lock free.
    approve(&holder);
    assert_eq!(place.world.count("finish"), 1);
    assert_eq!(place.world.count("swap"), 0);
    place.life(async {
        let engine = place.open(store.clone()).await;
        engine.wait_ended(&other).await.unwrap();
    });
    assert_eq!(place.world.count("swap"), 1);
}

#[test]
fn a_run_that_lost_its_secrets_keeps_the_target_from_nobody() {
    use secrecy::SecretString;
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    let secret: windlass_core::id::SecretName = "key".parse().unwrap();
    let secrets = || BTreeMap::from([(secret.clone(), SecretString::from("s3cr3t"))]);
    let (holder, poor, rich) = place.life(async {
        let engine = place.open(store.clone()).await;
        let holder = begin(&place, &engine, careful()).await;
        place
            .until(&engine, &holder, |now| {
                now.state.status().as_str() == "waiting"
            })
            .await;
        place.clock.advance(Millis(10));
        let mut plan = swap().plan().clone();
        plan.secrets.insert(secret.clone());
        plan.steps = plan
            .steps
            .into_iter()
            .map(|step| calling(step, |call| call.with = Template::Secret(secret.clone())))
            .collect();
        let with_secrets = windlass_engine::Start {
            secrets: secrets(),
            ..start(IndexedPlan::new(plan).unwrap())
        };
        let poor = engine.start(with_secrets).await.unwrap();
        in_line(&engine, &poor).await;
        let rich = begin(&place, &engine, swap()).await;
        in_line(&engine, &rich).await;
        (holder, poor, rich)
    });
    place.life(async {
        let engine = place.open(store.clone()).await;
        let held = engine.view(&holder).await.unwrap();
        engine.command(&holder, approval(&held)).await.unwrap();
        engine.wait_ended(&rich).await.unwrap();
        assert_eq!(
            words(&engine, &poor).await,
            (
                "waiting".to_owned(),
                "secrets key; the lock of db:main".to_owned()
            )
        );
        engine
            .bring_secrets(&poor, &operator(), secrets())
            .await
            .unwrap();
        engine.wait_ended(&poor).await.unwrap();
    });
    assert_eq!(place.world.count("swap"), 2);
}

/// Moves the clock for whichever run waits for it, until all have ended.
async fn all_end(place: &Place, engine: &Engine, runs: &[RunId]) {
    let mut before = Vec::new();
    loop {
        let (mut seqs, mut wakes, mut is_over) = (Vec::new(), Vec::new(), true);
        for run in runs {
            let Ok(snapshot) = engine.view(run).await else {
                return std::future::pending().await;
            };
            is_over &= snapshot.state.is_ended();
            seqs.push(snapshot.next_seq);
            wakes.extend(snapshot.state.next_wake());
        }
        if is_over {
            return;
        }
        let is_busy = place.world.busy.load(Ordering::SeqCst) > 0;
        if let (false, Some(at)) = (is_busy || seqs != before, wakes.iter().min()) {
            let now = windlass_engine::ports::Clock::now(&place.clock);
            place.clock.set((*at).max(now));
        }
        before = seqs;
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// Two runs of one target over a store that fails at its k-th append; answers how many
/// engines died.
fn two_runs_die_at(after_appends: u64, written: bool) -> u64 {
    let place = Place::new();
    let mut store = Arc::new(MemoryStore::new());
    store.inject(Fault {
        after_appends,
        written,
    });
    let steps = || plan_for("main", vec![change("swap", &[]), change("more", &["swap"])]);
    let mut deaths = 0;
    loop {
        let ended = place.life(async {
            let engine = place.open(store.clone()).await;
            for name in ["one", "two"] {
                let keyed = windlass_engine::Start {
                    idempotency_key: Some(name.to_owned()),
                    ..start(steps())
                };
                engine.start(keyed).await?;
            }
            let runs = offline_runs(&*store);
            let stopped = async { Err(CommandError::Fatal(engine.fatal().await)) };
            tokio::select! {
                fatal = stopped => return fatal,
                () = all_end(&place, &engine, &runs) => {}
            }
            Ok(())
        });
        if ended.is_ok() {
            break;
        }
        deaths += 1;
        assert!(deaths < 5, "one fault, one death");
        store = Arc::new(store.restarted());
    }
    let runs = offline_runs(&*store);
    let context = format!(
        "append {after_appends}, written {written}: {:?}",
        runs.iter()
            .map(|run| kinds(&*store, run))
            .collect::<Vec<_>>()
    );
    assert_eq!(runs.len(), 2, "{context}");
    for change in ["swap", "more"] {
        assert_eq!(place.world.effects_of(change), 2, "{change}; {context}");
    }
    // No run began before the other had come to its end.
    let changes = place.world.effects.lock().unwrap().clone();
    let steps: Vec<&str> = changes
        .iter()
        .filter_map(|key| key.split('/').next())
        .collect();
    assert_eq!(steps, ["swap", "more", "swap", "more"], "{context}");
    assert_eq!(place.world.busiest.load(Ordering::SeqCst), 1, "{context}");
    deaths
}

#[test]
fn one_run_at_a_time_whichever_append_is_the_last() {
    let mut deaths = 0;
    for written in [false, true] {
        for after_appends in 0.. {
            let died = two_runs_die_at(after_appends, written);
            deaths += died;
            if died == 0 {
                assert!(after_appends >= 8, "the runs have that many appends");
                break;
            }
        }
    }
    assert!(deaths >= 16, "the faults fired: {deaths}");
}
