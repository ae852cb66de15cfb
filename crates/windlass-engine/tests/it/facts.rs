//! Facts of gates in a real engine: read when the gate opens and before the change, and
//! asked again by an engine that takes the run over.

use std::sync::Arc;

use windlass_core::command::Command;
use windlass_core::expr::{Expr, ExprBuilder, Kind, Span};
use windlass_core::id::RunId;
use windlass_core::outcome::Effected;
use windlass_core::plan::{Fact, Step, StepKind, Template};
use windlass_core::time::Millis;
use windlass_core::value::Value;
use windlass_engine::{Engine, Snapshot};
use windlass_journal::MemoryStore;

use crate::world::*;

fn always() -> Expr {
    let mut builder = ExprBuilder::new("true".to_owned()).unwrap();
    let span = Span::new(0, 4);
    builder.push(span, Kind::Bool(true)).unwrap();
    builder.finish().unwrap()
}

pub(crate) fn gate_with_a_fact() -> Step {
    let mut step = gate("go", &[], None);
    if let StepKind::Gate(gate) = &mut step.kind {
        gate.facts = vec![Fact {
            name: "lag".to_owned(),
            uses: "fake".parse().unwrap(),
            with: Template::Literal(Value::Null),
            timeout: Millis::from_secs(10),
            accept: always(),
            rule: "true".to_owned(),
            max_age: Millis::from_mins(1),
        }];
    }
    step
}

pub(crate) fn is_read(snapshot: &Snapshot) -> bool {
    let look = snapshot.state.step(&id("go")).unwrap();
    let fact = look.state.fact("lag");
    fact.is_some_and(|fact| !fact.is_asked() && fact.latest.is_some())
}

pub(crate) async fn approve(engine: &Engine, run: &RunId, attempt: u32) -> Vec<&'static str> {
    let snapshot = engine.view(run).await.unwrap();
    let state = &snapshot.state;
    assert_eq!(state.seen(&id("go")).attempt, attempt);
    let command = state.approval(id("go"), operator(), String::new());
    let answer = engine.command(run, command).await.unwrap();
    answer.events.iter().map(|event| event.kind()).collect()
}

#[test]
fn a_fact_is_read_when_the_gate_opens_and_again_before_the_change() {
    let place = Place::new();
    place.life(async {
        let engine = place.open(Arc::new(MemoryStore::new())).await;
        let steps = vec![gate_with_a_fact(), change("b", &["go"])];
        let run = engine.start(start(plan(steps))).await.unwrap();
        place.until(&engine, &run, is_read).await;
        assert_eq!(
            approve(&engine, &run, 1).await,
            ["gate_approved", "facts_asked"]
        );
        place.to_end(&engine, &run).await;
        assert_eq!(place.world.started(), ["go/1", "go/1", "b/1"]);
    });
}

#[test]
fn a_fact_that_cannot_be_read_before_the_change_opens_the_gate_again() {
    let place = Place::new();
    place.life(async {
        let engine = place.open(Arc::new(MemoryStore::new())).await;
        let steps = vec![gate_with_a_fact(), change("b", &["go"])];
        let run = engine.start(start(plan(steps))).await.unwrap();
        place.until(&engine, &run, is_read).await;
        place.world.doing("go", Doing::Fail(Effected::None));
        approve(&engine, &run, 1).await;
        let opened_again = |snapshot: &Snapshot| {
            let look = snapshot.state.step(&id("go")).unwrap();
            look.state.gate_attempt == 2 && is_read(snapshot)
        };
        place.until(&engine, &run, opened_again).await;
        place.world.doing("go", Doing::Panic);
        let refresh = Command::Refresh {
            gate: id("go"),
            by: operator(),
        };
        // What did not hold is not read again at once.
        place.clock.advance(Millis::from_secs(6));
        engine.command(&run, refresh.clone()).await.unwrap();
        place.until(&engine, &run, is_read).await;
        assert_eq!(place.world.count("b"), 0);
        place.world.doing("go", Doing::Succeed);
        place.clock.advance(Millis::from_secs(6));
        engine.command(&run, refresh).await.unwrap();
        place.until(&engine, &run, is_read).await;
        approve(&engine, &run, 2).await;
        place.to_end(&engine, &run).await;
        assert_eq!(place.world.count("b"), 1);
    });
}

#[test]
fn an_engine_that_takes_a_run_over_asks_for_its_facts_again() {
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    place.world.doing("go", Doing::Hang);
    let run = place.life(async {
        let engine = place.open(store.clone()).await;
        let steps = vec![gate_with_a_fact(), change("b", &["go"])];
        let run = engine.start(start(plan(steps))).await.unwrap();
        while place.world.count("go") == 0 {
            tokio::task::yield_now().await;
        }
        run
    });
    place.world.doing("go", Doing::Succeed);
    place.life(async {
        let engine = place.open(store.clone()).await;
        place.until(&engine, &run, is_read).await;
        approve(&engine, &run, 1).await;
        place.to_end(&engine, &run).await;
    });
    assert_eq!(
        place.world.count("go"),
        3,
        "hung, read anew, read before the change"
    );
}
