//! Keeping house: what is pruned, what is kept, and what is said of it afterwards.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use windlass_core::command::Command;
use windlass_core::id::RunId;
use windlass_core::operator::Identity;
use windlass_core::rejection::Rejection;
use windlass_core::time::Timestamp;
use windlass_engine::prune::{SpaceGiven, Which};
use windlass_engine::{CommandError, Engine, offline};
use windlass_journal::{MemoryStore, RunKey, Store, erasures};

use crate::world::*;

fn named(runs: &[&RunId]) -> Which {
    Which::Runs(runs.iter().map(|run| (*run).clone()).collect())
}

fn bodies(store: &MemoryStore, run: &RunId) -> (usize, usize) {
    let key = RunKey::new(run.as_str()).unwrap();
    let records = store.read(&key, 0, usize::MAX).unwrap();
    let left = records.iter().filter(|it| it.body.is_some()).count();
    (left, records.len())
}

async fn ended(place: &Place, engine: &Engine) -> RunId {
    let run = engine
        .start(start(plan(vec![read("a", &[])])))
        .await
        .unwrap();
    place.to_end(engine, &run).await;
    engine.wait_idle().await;
    run
}

#[test]
fn ended_runs_lose_bodies_and_logs_and_stay_listed() {
    let place = Place::new();
    let store: Arc<MemoryStore> = Arc::default();
    place.life(async {
        let engine = place.open(store.clone()).await;
        let run = ended(&place, &engine).await;
        let kept = ended(&place, &engine).await;
        let logs = place.root().join("logs").join(run.as_str());
        fs::create_dir_all(&logs).unwrap();
        fs::write(logs.join("a-1.log"), "said").unwrap();
        let (_, records) = bodies(&store, &run);

        let done = engine.prune(&operator(), named(&[&run])).await.unwrap();
        assert_eq!(done.runs.len(), 1);
        assert!(done.kept.is_empty() && !done.more && !done.runs[0].erased_before);
        assert_eq!(bodies(&store, &run), (0, records));
        assert!(!logs.exists());
        assert_eq!(bodies(&store, &kept), (records, records));
        let row = store.run(&RunKey::new(run.as_str()).unwrap()).unwrap();
        assert_eq!(row.unwrap().state, "succeeded");
        let ordered = erasures(&*store).unwrap();
        assert_eq!(ordered.len(), 1);
        assert_eq!(ordered[0].by, operator().to_string());

        // What is asked of it says who erased it; nothing can be done with it.
        let refused = engine.view(&run).await.unwrap_err();
        assert!(matches!(refused, CommandError::Erased { .. }), "{refused}");
        let said = refused.to_string();
        assert!(
            said.contains(" were erased on ") && said.contains("(uid "),
            "{said}"
        );
        let cancel = Command::Cancel {
            by: operator(),
            reason: "late".to_owned(),
            undo: false,
        };
        let refused = engine.command(&run, cancel).await.unwrap_err();
        assert!(matches!(refused, CommandError::Erased { .. }), "{refused}");
        let told = offline::erasure(&*store, &run).unwrap().unwrap();
        assert_eq!(told.by, operator().to_string());

        // Once more there is nothing to do, but for logs that a crash left.
        let done = engine.prune(&operator(), named(&[&run])).await.unwrap();
        assert!(done.runs.is_empty() && done.kept.is_empty());
        fs::create_dir_all(&logs).unwrap();
        let done = engine.prune(&operator(), named(&[&run])).await.unwrap();
        assert!(done.runs[0].erased_before && !logs.exists());
        assert_eq!(erasures(&*store).unwrap().len(), 1);
        let space = engine.compact(&operator()).await.unwrap();
        assert!(matches!(space, SpaceGiven::Compacted(_)));
    });
    // A new owner opens such a journal and goes on.
    place.life(async {
        let engine = place.open(Arc::new(store.restarted())).await;
        let run = ended(&place, &engine).await;
        assert!(engine.view(&run).await.is_ok());
    });
}

#[test]
fn what_has_not_ended_is_kept_and_nothing_else_is_erased_with_it() {
    let place = Place::new();
    let store: Arc<MemoryStore> = Arc::default();
    place.life(async {
        let engine = place.open(store.clone()).await;
        let over = ended(&place, &engine).await;
        let waiting = plan(vec![gate("go", &[], None)]);
        let waiting = engine.start(start(waiting)).await.unwrap();
        engine.wait_idle().await;
        let damaged = ended(&place, &engine).await;
        assert!(store.damage_body(&RunKey::new(damaged.as_str()).unwrap(), 1));
        let unknown: RunId = "20200101-0000-aaaaaa".parse().unwrap();

        for run in [&waiting, &damaged, &unknown] {
            let asked = named(&[&over, run]);
            let done = engine.prune(&operator(), asked).await.unwrap();
            assert!(done.runs.is_empty(), "{run}");
            assert_eq!(done.kept[0].0, *run);
            assert!(bodies(&store, &over).0 > 0);
        }
        // By age the others go, and what is kept is named.
        let now = Timestamp(i64::MAX);
        let done = engine
            .prune(&operator(), Which::EndedBy(now))
            .await
            .unwrap();
        assert_eq!(done.runs.len(), 1);
        assert_eq!(done.kept.len(), 1);
        assert!(done.kept[0].1.contains("damaged"), "{:?}", done.kept);
        assert_eq!(bodies(&store, &over).0, 0);
        assert!(bodies(&store, &waiting).0 > 0);
    });
}

#[test]
fn only_what_ended_long_enough_ago_goes_by_age() {
    let place = Place::new();
    let store: Arc<MemoryStore> = Arc::default();
    place.life(async {
        let engine = place.open(store.clone()).await;
        let old = ended(&place, &engine).await;
        let ended_at = engine.view(&old).await.unwrap().state.ended_at().unwrap();
        let before = Timestamp(ended_at.0 - 1);
        let done = engine
            .prune(&operator(), Which::EndedBy(before))
            .await
            .unwrap();
        assert_eq!(done.runs, []);
        let exactly = Which::EndedBy(ended_at);
        let done = engine.prune(&operator(), exactly.clone()).await.unwrap();
        assert_eq!(done.runs.len(), 1);
        let done = engine.prune(&operator(), exactly).await.unwrap();
        assert_eq!(done.runs, []);
    });
}

#[test]
fn only_the_owner_of_the_directory_keeps_house() {
    let place = Place::new();
    let store: Arc<MemoryStore> = Arc::default();
    place.life(async {
        let engine = place.open(store.clone()).await;
        let run = ended(&place, &engine).await;
        let mut other = operator();
        other.identity = Identity::OsUser { uid: u32::MAX - 7 };
        let refused = engine.prune(&other, named(&[&run])).await.unwrap_err();
        let denied = |error: &CommandError| {
            matches!(
                error,
                CommandError::Rejected(Rejection::NotAuthorised { .. })
            )
        };
        assert!(denied(&refused), "{refused}");
        assert!(denied(&engine.compact(&other).await.unwrap_err()));
        assert!(bodies(&store, &run).0 > 0);
    });
}

#[test]
fn space_is_not_given_back_while_something_is_in_flight() {
    let place = Place::new();
    let store: Arc<MemoryStore> = Arc::default();
    place.life(async {
        let engine = place.open(store.clone()).await;
        place.world.doing("a", Doing::Hang);
        let run = engine
            .start(start(plan(vec![change("a", &[])])))
            .await
            .unwrap();
        place
            .until(&engine, &run, |snapshot| {
                snapshot.state.has_attempts_in_flight()
            })
            .await;
        let space = engine.compact(&operator()).await.unwrap();
        assert_eq!(space, SpaceGiven::InFlight);
        let _parked = engine.park(Duration::ZERO).await;
    });
}
