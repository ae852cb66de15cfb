//! A rescue: another run has the place of the one that holds the target's lock, which stands
//! aside until it has ended, also when the engine dies in between.

use std::sync::Arc;

use tokio::sync::Semaphore;
use windlass_core::command::Command;
use windlass_core::event::Event;
use windlass_core::id::RunId;
use windlass_core::state::Lock;
use windlass_engine::{CommandError, offline};
use windlass_journal::{MemoryStore, Store};

use crate::lock::{begin, fence_of, in_line, swap, words};
use crate::world::*;

fn suspend(rescue: &RunId) -> Command {
    Command::Suspend {
        rescue: rescue.clone(),
        by: operator(),
        reason: "it hangs".to_owned(),
    }
}

/// The records of runs about the lock, as they came: `RUN KIND FENCE`.
fn lock_story(store: &dyn Store, runs: &[&RunId]) -> Vec<String> {
    let mut story = Vec::new();
    for (name, run) in ["holder", "rescue", "other"].iter().zip(runs) {
        let key = windlass_journal::RunKey::new(run.as_str()).unwrap();
        let records = store.read(&key, 0, 1_000).unwrap();
        let positions = records.iter().map(|record| record.header.position);
        let events = offline::records(store, run, 0, 1_000).unwrap();
        for (position, record) in positions.zip(events) {
            let told = match record.event {
                Event::LockAcquired { .. }
                | Event::RunSuspended { .. }
                | Event::RunReleased { .. }
                | Event::RunEnded { .. } => record.event.kind(),
                _ => continue,
            };
            story.push((position, format!("{name} {told}")));
        }
    }
    story.sort();
    story.into_iter().map(|(_, told)| told).collect()
}

#[test]
fn a_rescue_has_the_target_until_its_end_and_whoever_waits_does_not() {
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    let permits = Arc::new(Semaphore::new(0));
    let mending = Arc::new(Semaphore::new(0));
    place.world.doing("hang", Doing::Hold(Arc::clone(&permits)));
    place.world.doing("mend", Doing::Hold(Arc::clone(&mending)));
    let (holder, other, rescue) = place.life(async {
        let engine = place.open(store.clone()).await;
        let steps = vec![change("hang", &[]), change("after", &["hang"])];
        let holder = begin(&place, &engine, plan_for("main", steps)).await;
        eventually("it is at work", || place.world.count("hang") == 1).await;
        let other = begin(&place, &engine, swap()).await;
        in_line(&engine, &other).await;
        let steps = vec![change("mend", &[])];
        let rescue = begin(&place, &engine, plan_for("main", steps)).await;
        in_line(&engine, &rescue).await;
        // A run of another target, one that is not there, and itself are no rescue.
        let elsewhere = plan_for(
            "else",
            vec![change("idle", &[]), gate("g", &["idle"], None)],
        );
        let elsewhere = begin(&place, &engine, elsewhere).await;
        eventually("it holds the other target", || {
            place.world.count("idle") == 1
        })
        .await;
        let nobody: RunId = "20300101-0000-aaaaaa".parse().unwrap();
        for no in [&elsewhere, &nobody, &holder] {
            let refused = engine.command(&holder, suspend(no)).await.unwrap_err();
            let CommandError::Rejected(rejection) = refused else {
                panic!("{refused}");
            };
            assert_eq!(rejection.code(), "cannot_suspend");
        }
        engine.command(&holder, suspend(&rescue)).await.unwrap();
        // What is at work is waited for: two runs never change a target at once.
        assert_eq!(place.world.count("mend"), 0);
        permits.add_permits(1);
        eventually("the rescue is at work", || place.world.count("mend") == 1).await;
        assert_eq!(place.world.count("after"), 0);
        let view = engine.view(&rescue).await.unwrap();
        let Lock::Held { instead_of, .. } = view.state.lock() else {
            panic!("it holds the lock");
        };
        assert_eq!(instead_of.as_ref(), Some(&holder));
        assert_eq!(
            words(&engine, &holder).await,
            (
                "waiting".to_owned(),
                format!("the end of run {rescue}, its rescue")
            )
        );
        (holder, other, rescue)
    });
    // The owner dies meanwhile; its successor looks what became of the rescue's change, and
    // all go on in the same order.
    place.life(async {
        let engine = place.open(store.clone()).await;
        for run in [&rescue, &holder, &other] {
            let end = engine.wait_ended(run).await.unwrap();
            assert_eq!(end.state.status().as_str(), "succeeded");
        }
        let fence = engine.view(&holder).await.unwrap().state.fence();
        assert!(fence > Some(fence_of(&*store, &rescue)));
    });
    assert_eq!(
        lock_story(&*store, &[&holder, &rescue, &other]),
        [
            "holder lock_acquired",
            "holder run_suspended",
            "rescue lock_acquired",
            "rescue run_ended",
            "holder run_released",
            "holder run_ended",
            "other lock_acquired",
            "other run_ended",
        ]
    );
}
