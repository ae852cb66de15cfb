//! The part of a plan that only looks: read steps all of whose predecessors are such
//! steps. `windlass preflight` runs it; nothing else of the plan is in it, so that the
//! engine that drives it cannot change anything. Not the running (the CLI).

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::id::{SecretName, StepId};
use windlass_core::plan::{EffectClass, IndexedPlan, OnFailure, Plan, Step, StepKind};

/// The looking part of a plan, and why the other steps are none of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Preflight {
    /// A plan of the read steps alone; `None` when there is none.
    pub plan: Option<Plan>,
    /// In the author's order.
    pub left_out: Vec<LeftOut>,
}

/// A step that a preflight does not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    pub step: StepId,
    pub why: Why,
}

/// Why a step is no part of a preflight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is no read.
    Effect(EffectClass),
    Gate,
    /// A person would be asked to do it.
    ByHand,
    /// A wait is no look, and what is behind it looks at a later state.
    Wait,
    Finally,
    /// A read behind a step that is no part of it: the first such step.
    Behind(StepId),
}

/// For each step, the step that keeps it out of a preflight: itself when it is no read,
/// else the nearest before it that is none. `None` where all of that only looks.
fn obstacles(plan: &IndexedPlan) -> Vec<Option<u32>> {
    let mut obstacles = vec![None; plan.plan().steps.len()];
    for at in crate::outline::topological(plan) {
        let behind = || {
            let mut needs = plan.needs(at).iter();
            needs.find_map(|need| obstacles[*need as usize])
        };
        let own = own(plan.step(at)).map(|_| at);
        obstacles[at as usize] = own.or_else(behind);
    }
    obstacles
}

/// For each step, whether it is a read and everything before it is.
pub(crate) fn looks(plan: &IndexedPlan) -> Vec<bool> {
    obstacles(plan).iter().map(Option::is_none).collect()
}

/// Why a step is no look whatever precedes it.
fn own(step: &Step) -> Option<Why> {
    if step.finally {
        return Some(Why::Finally);
    }
    if step.kind.manual().is_some() {
        return Some(Why::ByHand);
    }
    match &step.kind {
        StepKind::Action {
            effect: EffectClass::Read,
            ..
        } => None,
        StepKind::Action { effect, .. } => Some(Why::Effect(*effect)),
        StepKind::Wait { .. } => Some(Why::Wait),
        StepKind::Gate(_) => Some(Why::Gate),
    }
}

impl Preflight {
    /// Takes the looking part out of a plan.
    pub fn of(plan: &IndexedPlan) -> Self {
        let mut steps = Vec::new();
        let mut left_out = Vec::new();
        for (step, obstacle) in plan.plan().steps.iter().zip(obstacles(plan)) {
            let Some(obstacle) = obstacle else {
                steps.push(step.clone());
                continue;
            };
            let behind = || Why::Behind(plan.step(obstacle).id.clone());
            left_out.push(LeftOut {
                step: step.id.clone(),
                why: own(step).unwrap_or_else(behind),
            });
        }
        let plan = (!steps.is_empty()).then(|| part(plan.plan(), steps));
        Self { plan, left_out }
    }
}

/// The same plan with these steps alone. Nothing of it can wait for a person, be undone
/// or owe anything, it holds no target, as it changes none, and tells nobody.
fn part(plan: &Plan, steps: Vec<Step>) -> Plan {
    let secrets: BTreeSet<SecretName> = steps.iter().flat_map(crate::outline::secrets_of).collect();
    Plan {
        input_units: plan.input_units.clone(),
        secret_sources: plan
            .secret_sources
            .iter()
            .filter(|(name, _)| secrets.contains(*name))
            .map(|(name, source)| (name.clone(), source.clone()))
            .collect(),
        secrets,
        steps,
        on_failure: OnFailure::Stop,
        target: None,
        change: None,
        on: BTreeMap::new(),
        ..plan.clone()
    }
}
