//! Random plans, random outcomes, engines that die at random moments and appends: a
//! change takes effect once, and every run comes to its end. The seed is in the message.

use std::sync::Arc;
use std::time::Duration;

use windlass_core::id::RunId;
use windlass_core::plan::{IndexedPlan, Step, StepKind};
use windlass_core::time::Millis;
use windlass_journal::{Fault, MemoryStore};

use crate::world::*;

/// Engines that die before one is left in peace.
const LIVES: u64 = 5;
const STEPS: u64 = 6;

/// A step needs each earlier one with a chance of one third.
fn random_plan(dice: &mut Dice) -> Arc<IndexedPlan> {
    let steps = (0..STEPS).map(|number| {
        let needs: Vec<String> = (0..number)
            .filter(|_| dice.roll(3) == 0)
            .map(|need| format!("s{need}"))
            .collect();
        let needs: Vec<&str> = needs.iter().map(String::as_str).collect();
        let name = format!("s{number}");
        let step: Step = match dice.roll(4) {
            0 => read(&name, &needs),
            1 => wait(&name, &needs, 5_000),
            _ => change(&name, &needs),
        };
        calling(step, |call| call.retry.attempts = 100)
    });
    plan(steps.collect())
}

async fn live_dangerously(
    place: &Place,
    store: Arc<MemoryStore>,
    run: &mut Option<RunId>,
    plan: &Arc<IndexedPlan>,
    dice: &mut Dice,
) {
    let engine = place.open(store).await;
    if run.is_none() {
        let keyed = windlass_engine::Start {
            idempotency_key: Some("once".to_owned()),
            ..start(Arc::clone(plan))
        };
        *run = engine.start(keyed).await.ok();
    }
    for _ in 0..dice.roll(20) {
        place.clock.advance(Millis(dice.roll(3_000)));
        tokio::time::sleep(Duration::from_micros(dice.roll(2_000))).await;
    }
}

/// Answers how many engines had died when the run came to its end, and how.
fn survive(seed: u64) -> (u64, &'static str) {
    let place = Place::new();
    let mut dice = Dice(seed);
    *place.world.dice.lock().unwrap() = Some(Dice(seed ^ 0x5eed));
    let plan = random_plan(&mut dice);
    let mut store = Arc::new(MemoryStore::new());
    let (mut run, mut deaths) = (None, 0);
    for _ in 0..LIVES {
        store.inject(Fault {
            after_appends: dice.roll(6),
            written: dice.roll(2) == 0,
        });
        place.life(live_dangerously(
            &place,
            store.clone(),
            &mut run,
            &plan,
            &mut dice,
        ));
        deaths += 1;
        store = Arc::new(store.restarted());
    }
    *place.world.dice.lock().unwrap() = None;
    let status = place.life(async {
        let engine = place.open(store.clone()).await;
        let keyed = windlass_engine::Start {
            idempotency_key: Some("once".to_owned()),
            ..start(Arc::clone(&plan))
        };
        let run = engine.start(keyed).await.unwrap();
        let end = place.to_end(&engine, &run).await;
        let context = format!("seed {seed}: {:?}", kinds(&*store, &run));
        for step in &plan.plan().steps {
            if is_change(step) {
                assert_eq!(
                    place.world.effects_of(step.id.as_str()),
                    1,
                    "{}; {context}",
                    step.id
                );
            }
        }
        assert_eq!(
            engine.runs(Default::default()).await.unwrap().len(),
            1,
            "{context}"
        );
        end.state.status().as_str()
    });
    (deaths, status)
}

fn is_change(step: &Step) -> bool {
    match &step.kind {
        StepKind::Action { effect, .. } => effect.is_change(),
        StepKind::Wait { .. } | StepKind::Gate(_) => false,
    }
}

#[test]
fn a_change_takes_effect_once_whatever_happens() {
    const SEEDS: u64 = 24;
    for seed in 0..SEEDS {
        let (deaths, status) = survive(seed);
        assert_eq!((deaths, status), (LIVES, "succeeded"), "seed {seed}");
    }
}
