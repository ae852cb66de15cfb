//! Plans of a wanted size and shape, made of reads that nothing keeps from succeeding.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use windlass_core::id::StepId;
use windlass_core::plan::{
    Call, Digest, EffectClass, IndexedPlan, OnFailure, Plan, Reconcile, Retry, Step, StepKind,
    Template, Verb,
};
use windlass_core::time::Millis;
use windlass_core::value::Value;

/// The text that stands for the runbook of these plans.
pub(crate) const RUNBOOK: &str = "# made by a benchmark\n";

/// One step after the other.
#[allow(
    dead_code,
    reason = "not every benchmark that includes this has a chain"
)]
pub(crate) fn chain(steps: usize) -> Arc<IndexedPlan> {
    let needs = |index: usize| index.checked_sub(1).map(id).into_iter().collect();
    plan(
        (0..steps)
            .map(|index| action(id(index), needs(index)))
            .collect(),
    )
}

/// A valid plan of these steps.
pub(crate) fn plan(steps: Vec<Step>) -> Arc<IndexedPlan> {
    with_inputs(steps, BTreeMap::new())
}

/// A valid plan of these steps with these inputs.
pub(crate) fn with_inputs(steps: Vec<Step>, inputs: BTreeMap<String, Value>) -> Arc<IndexedPlan> {
    let plan = Plan {
        name: "bench".to_owned(),
        title: "A plan of a benchmark".to_owned(),
        owner: "nobody".to_owned(),
        labels: BTreeMap::new(),
        source: Digest::of(RUNBOOK.as_bytes()),
        inputs,
        secrets: BTreeSet::new(),
        input_units: BTreeMap::new(),
        secret_sources: BTreeMap::new(),
        secret_hosts: BTreeMap::new(),
        plugins: BTreeMap::new(),
        change: None,
        target: None,
        includes: BTreeMap::new(),
        on: BTreeMap::new(),
        steps,
        on_failure: OnFailure::Stop,
        timeout: None,
        max_parallel: 8,
    };
    IndexedPlan::new(plan).expect("the plan keeps the rules")
}

/// A read named `noop`.
pub(crate) fn action(id: StepId, needs: Vec<StepId>) -> Step {
    let call = Call {
        uses: "noop".parse().expect("an action's name"),
        verb: Verb::Run,
        with: Template::Literal(Value::Map(BTreeMap::new())),
        retry: Retry::default(),
        timeout: Millis::from_mins(10),
        send_within: Millis::from_mins(1),
        settle: Millis(0),
        observe: Millis::from_mins(1),
        reconcile: Reconcile::None,
    };
    let kind = StepKind::Action {
        effect: EffectClass::Read,
        call,
        for_each: None,
        expect: None,
        until: None,
        done: None,
        undo: None,
        outputs: BTreeMap::new(),
        manual: None,
    };
    Step {
        id,
        title: None,
        needs,
        when: None,
        kind,
        ensure: None,
        provides: None,
        guards: Vec::new(),
        window: None,
        finally: false,
    }
}

/// The name of the step with this number.
pub(crate) fn id(index: usize) -> StepId {
    format!("step_{index}").parse().expect("a step's name")
}
