//! The work that the core's benchmarks measure: runs of plans of several shapes and
//! sizes from their start to their end, taken step by step as the engine does.

use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_core::command::Command;
use windlass_core::effect::Effect;
use windlass_core::expr::{Expr, ExprBuilder, Kind, Span};
use windlass_core::operator::{Door, Identity, Operator};
use windlass_core::outcome::Outcome;
use windlass_core::plan::{ForEach, IndexedPlan, StepKind};
use windlass_core::state::RunState;
use windlass_core::time::Timestamp;
use windlass_core::value::Value;
use windlass_core::{decide, evolve, outstanding};

use crate::plans::{action, chain, id, plan, with_inputs};

pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) sizes: &'static [usize],
    pub(crate) make: fn(usize) -> Arc<IndexedPlan>,
}

pub(crate) const SHAPES: &[Shape] = &[
    Shape {
        name: "chain",
        sizes: &[100, 1_000, 10_000],
        make: chain,
    },
    Shape {
        name: "fan",
        sizes: &[100, 1_000, 10_000],
        make: fan,
    },
    Shape {
        name: "items of one step",
        sizes: &[100, 1_000],
        make: items,
    },
];

/// One step, then all others beside each other, then one that needs them all.
fn fan(steps: usize) -> Arc<IndexedPlan> {
    let middle = 1..steps - 1;
    let mut all = vec![action(id(0), vec![])];
    all.extend(middle.clone().map(|index| action(id(index), vec![id(0)])));
    all.push(action(id(steps - 1), middle.map(id).collect()));
    plan(all)
}

/// One step over as many items.
fn items(count: usize) -> Arc<IndexedPlan> {
    let mut step = action(id(0), vec![]);
    let StepKind::Action { for_each, .. } = &mut step.kind else {
        unreachable!("an action is an action");
    };
    *for_each = Some(ForEach {
        items: input_named_items(),
        max_parallel: 4,
        failure_budget: 0,
    });
    let list = (0..count as i64).map(Value::Int).collect();
    let inputs = BTreeMap::from([("items".to_owned(), Value::List(list))]);
    with_inputs(vec![step], inputs)
}

/// `inputs.items`
fn input_named_items() -> Expr {
    let source = "inputs.items";
    let whole = Span::new(0, source.len() as u32);
    let mut builder = ExprBuilder::new(source.to_owned()).expect("a short source");
    let mut push = |kind| builder.push(whole, kind).expect("a valid node");
    let of = push(Kind::Name("inputs".to_owned()));
    let name = "items".to_owned();
    push(Kind::Field { of, name });
    builder.finish().expect("a whole expression")
}

/// A run of the plan, just started.
pub(crate) fn started(plan: &Arc<IndexedPlan>) -> RunState {
    let owner = Identity::OsUser { uid: 1 };
    let start = Command::Start {
        plan: Arc::clone(plan),
        requester: Operator {
            name: "bench".to_owned(),
            identity: owner.clone(),
            door: Door::Terminal,
        },
        owner,
        single_user: true,
        standing: None,
    };
    let state = RunState::new("bench".parse().expect("a run's name"));
    take(&state, start).0
}

/// Lets each attempt that is in flight succeed until nothing is left; answers how many
/// events there were.
pub(crate) fn run_to_end(state: &mut RunState) -> u64 {
    let mut events = 0;
    loop {
        let first = outstanding(state)
            .into_iter()
            .find_map(|effect| match effect {
                Effect::Attempt { node, attempt, .. } => Some((node, attempt)),
                Effect::AcquireLock { .. }
                | Effect::Fetch { .. }
                | Effect::Reconcile { .. }
                | Effect::WakeAt { .. } => None,
            });
        let Some((node, attempt)) = first else {
            assert!(state.is_ended(), "a run of reads comes to its end");
            return events;
        };
        let outcome = Outcome::Succeeded {
            outputs: Value::Map(Default::default()),
            log: None,
        };
        let ended = Command::Ended {
            node,
            attempt,
            outcome,
        };
        let (next, count) = take(state, ended);
        *state = next;
        events += count;
    }
}

/// A decision, taken in by a copy of the state; and how many events it has.
fn take(state: &RunState, command: Command) -> (RunState, u64) {
    let now = Timestamp(1_790_000_000_000);
    let decided = decide(state, command, now).expect("the command is accepted");
    let mut next = state.clone();
    for event in &decided {
        evolve(&mut next, event, now).expect("what was decided can be taken in");
    }
    (next, decided.len() as u64)
}
