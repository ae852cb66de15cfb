//! Which plans something of a policy is about.

use std::collections::{BTreeMap, BTreeSet};

use super::glob;
use super::rule::TargetPattern;
use crate::plan::{EffectClass, Part, Plan, StepKind};
use crate::value::Value;

/// Plans, by what all of them have; every plan when nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Names of runbooks, in which each `*` stands for anything.
    pub runbooks: Vec<String>,
    pub labels: BTreeMap<String, String>,
    pub targets: Vec<TargetPattern>,
    /// The worst that a plan does to the world; of a demand, the steps that it is about.
    pub effects: BTreeSet<EffectClass>,
}

impl Scope {
    /// Whether something that allows is about a plan. A target that is not known yet is one
    /// that it can be; a plan without a target is about none that is named.
    pub fn is_about(&self, plan: &Plan) -> bool {
        let worst = plan.worst_effect();
        self.is_about_such(plan)
            && may_be_about(&self.targets, plan.target_beginning().as_deref())
            && (self.effects.is_empty() || self.effects.contains(&worst))
    }

    /// Whether something that demands is about a plan, whatever its steps do: also when the
    /// plan does not say what it is about, or leaving the target out would evade it.
    pub(super) fn binds(&self, plan: &Plan) -> bool {
        self.is_about_such(plan) && may_bind(&self.targets, plan.target_beginning().as_deref())
    }

    fn is_about_such(&self, plan: &Plan) -> bool {
        let name = |pattern: &String| glob::matches(pattern, &plan.name);
        let label = |(key, value): (&String, &String)| plan.labels.get(key) == Some(value);
        (self.runbooks.is_empty() || self.runbooks.iter().any(name))
            && self.labels.iter().all(label)
    }

    /// Whether it is about a step of such an effect; of irreversible ones when nothing is said.
    pub(super) fn is_about_effect(&self, effect: EffectClass) -> bool {
        match self.effects.is_empty() {
            true => effect == EffectClass::Irreversible,
            false => self.effects.contains(&effect),
        }
    }
}

/// Whether targets are all, or one of them can begin so.
pub(super) fn may_be_about(patterns: &[TargetPattern], beginning: Option<&str>) -> bool {
    let may = |beginning: &str| patterns.iter().any(|pattern| pattern.may_match(beginning));
    patterns.is_empty() || beginning.is_some_and(may)
}

/// The same for what binds: a run without a target may change any of them.
pub(super) fn may_bind(patterns: &[TargetPattern], beginning: Option<&str>) -> bool {
    beginning.is_none() || may_be_about(patterns, beginning)
}

impl Plan {
    /// What is known of the target before the run: its scheme, and its name up to the first
    /// part that a step has to read. Nothing without a target.
    pub fn target_beginning(&self) -> Option<String> {
        let target = self.target.as_ref()?;
        let inputs = Value::Map(self.inputs.clone());
        let scope = BTreeMap::from([("inputs".to_owned(), inputs)]);
        let mut beginning = format!("{}:", target.scheme);
        for part in &target.name {
            let known = match part {
                Part::Text(text) => Some(text.clone()),
                Part::Expr(expr) => match expr.eval(&scope) {
                    Ok(Value::Text(text)) => Some(text),
                    Ok(Value::Int(number)) => Some(number.to_string()),
                    Ok(_) | Err(_) => None,
                },
            };
            match known {
                Some(known) => beginning.push_str(&known),
                None => break,
            }
        }
        Some(beginning)
    }

    /// The worst that one of its steps does to the world.
    pub fn worst_effect(&self) -> EffectClass {
        let effects = self.steps.iter().filter_map(|step| match &step.kind {
            StepKind::Action { effect, .. } => Some(*effect),
            StepKind::Wait { .. } | StepKind::Gate(_) => None,
        });
        effects.max().unwrap_or(EffectClass::Read)
    }
}
