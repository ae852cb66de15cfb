//! Work per event does not grow with the plan: allocations are counted while runs of 100
//! and of 10,000 steps go from their start to their end. No clock is looked at.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[allow(dead_code, reason = "the notation serves more tests than this")]
#[path = "../scenarios/notation/mod.rs"]
mod notation;

use windlass_core::command::Command;
use windlass_core::effect::Effect;
use windlass_core::outcome::Outcome;
use windlass_core::plan::IndexedPlan;
use windlass_core::state::RunState;
use windlass_core::time::Timestamp;
use windlass_core::value::Value;
use windlass_core::{decide, evolve, outstanding};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn chain(steps: usize) -> String {
    let names: Vec<String> = (0..steps).map(|index| format!("s{index}")).collect();
    names.join(" -> ")
}

fn fan(steps: usize) -> String {
    let names: Vec<String> = (1..steps - 1).map(|index| format!("s{index}")).collect();
    format!("first -> {} -> last", names.join(", "))
}

fn items(steps: usize) -> String {
    let list: Vec<String> = (0..steps.min(900)).map(|item| item.to_string()).collect();
    format!("a[each=`[{}]` par=4]", list.join(","))
}

/// Reads go on while as many other steps wait for the lock of the target.
fn locked(steps: usize) -> String {
    let half = (steps - 1) / 2;
    let changes: Vec<String> = (0..half).map(|index| format!("c{index}~")).collect();
    let reads: Vec<String> = (0..half).map(|index| format!("r{index}")).collect();
    let (changes, reads) = (changes.join(", "), reads.join(", "));
    format!("opts: target=db:main; first -> {changes}, {reads}")
}

/// Drives a run with good answers, the lock granted only when nothing else is left to do; allocations per event after the start.
fn per_event(text: &str) -> f64 {
    let plan = IndexedPlan::new(notation::plan::raw_plan(text)).expect("a valid plan");
    let mut state = RunState::new("r1".parse().expect("a run id"));
    let ann = notation::command::person("ann");
    let start = Command::Start {
        plan,
        owner: ann.identity.clone(),
        requester: ann,
        single_user: true,
        standing: None,
    };
    let mut now = Timestamp(0);
    let mut step = |state: &mut RunState, command| {
        now.0 += 1;
        let events = decide(state, command, now).expect("a valid command");
        for event in &events {
            evolve(state, event, now).expect("a valid event");
        }
        events.len() as u64
    };
    step(&mut state, start);
    let (region, mut events) = (Region::new(ALLOCATOR), 0);
    while !state.is_ended() {
        let attempt = outstanding(&state)
            .into_iter()
            .find_map(|effect| match effect {
                Effect::Attempt { node, attempt, .. } => Some((node, attempt)),
                Effect::AcquireLock { .. }
                | Effect::Fetch { .. }
                | Effect::Reconcile { .. }
                | Effect::WakeAt { .. } => None,
            });
        let Some((node, attempt)) = attempt else {
            events += step(
                &mut state,
                Command::LockGranted {
                    fence: 1,
                    instead_of: None,
                },
            );
            continue;
        };
        let outcome = Outcome::Succeeded {
            outputs: Value::Null,
            log: None,
        };
        let ended = Command::Ended {
            node,
            attempt,
            outcome,
        };
        events += step(&mut state, ended);
    }
    region.change().allocations as f64 / events as f64
}

#[test]
fn work_per_event_does_not_grow_with_the_plan() {
    // One test, one thread: the counter counts nobody else.
    for (name, shape, large) in [
        ("chain", chain as fn(usize) -> String, 10_000),
        ("fan", fan, 10_000),
        ("items", items, 900),
        ("locked", locked, 10_000),
    ] {
        let (small, large) = (per_event(&shape(100)), per_event(&shape(large)));
        println!("{name}: {small:.0} allocations an event, then {large:.0}");
        // A tree that is a hundred times as large is a little deeper.
        assert!(large < small * 3.0, "{name}: {small:.0} became {large:.0}");
    }
}
