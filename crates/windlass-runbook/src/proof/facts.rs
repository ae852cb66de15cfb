//! What the proof knows of a step: what it needs, what its success is evidence of, how it
//! can be passed without success, what it demands and what it owes.

use std::collections::BTreeMap;
use std::fmt;

use windlass_core::id::StepId;
use windlass_core::plan::{EffectClass, Step, StepKind};

/// What has to have been given before a step starts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Demand {
    /// A person said yes at a gate.
    Approval,
    /// Evidence of a kind, such as `backup`.
    Guard(String),
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Demand::Approval => f.write_str("an approval"),
            Demand::Guard(name) => write!(f, "the guard `{name}`"),
        }
    }
}

/// How a step can be behind a run that it gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Passed {
    /// Its `when` is false.
    Skipped,
    /// It runs over items, and there are none.
    NoItems,
    /// So many of its items may fail.
    ItemsFail(u32),
}

/// A step as the proof sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fact {
    /// By index; each stands once.
    pub needs: Vec<usize>,
    /// What its success is evidence of.
    pub gives: Option<Demand>,
    /// How what needs it can go on although it gave nothing.
    pub passed: Option<Passed>,
    pub demands: Vec<Demand>,
    /// The step that it owes once it may have taken effect.
    pub owes: Option<usize>,
}

/// The facts of the steps of a plan. A need or a debt that leads nowhere is left out.
pub fn facts(steps: &[Step]) -> Vec<Fact> {
    let by_id: BTreeMap<&StepId, usize> = steps
        .iter()
        .enumerate()
        .map(|(index, step)| (&step.id, index))
        .collect();
    let index = |id: &StepId| by_id.get(id).copied();
    steps
        .iter()
        .map(|step| {
            let mut needs: Vec<usize> = step.needs.iter().filter_map(index).collect();
            needs.sort_unstable();
            needs.dedup();
            Fact {
                needs,
                gives: gives(step),
                passed: passed(step),
                demands: demands(step),
                owes: step.ensure.as_ref().and_then(index),
            }
        })
        .collect()
}

fn gives(step: &Step) -> Option<Demand> {
    if let StepKind::Gate(_) = &step.kind {
        return Some(Demand::Approval);
    }
    let provides = step.provides.as_ref()?;
    Some(Demand::Guard(provides.guard.to_string()))
}

/// What is irreversible demands that a person says yes, and each step its guards.
fn demands(step: &Step) -> Vec<Demand> {
    let irreversible = matches!(
        step.kind,
        StepKind::Action {
            effect: EffectClass::Irreversible,
            ..
        }
    );
    let guards = step.guards.iter();
    let guards = guards.map(|demand| Demand::Guard(demand.guard.to_string()));
    irreversible
        .then_some(Demand::Approval)
        .into_iter()
        .chain(guards)
        .collect()
}

fn passed(step: &Step) -> Option<Passed> {
    if step.when.is_some() {
        return Some(Passed::Skipped);
    }
    match &step.kind {
        StepKind::Action {
            for_each: Some(each),
            ..
        } => Some(match each.failure_budget {
            0 => Passed::NoItems,
            budget => Passed::ItemsFail(budget),
        }),
        StepKind::Action { for_each: None, .. } | StepKind::Gate(_) | StepKind::Wait { .. } => None,
    }
}
