//! A plan with what `decide` looks up often, and the structural rules that every
//! plan keeps whoever built it. The front end finds the same faults with spans;
//! this is the last word, also for plans read back from a journal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::window::{self, Segments};
use super::{
    ATTEMPTS_MAX, Call, EffectClass, NOTICES_MAX, PARALLEL_MAX, Plan, STEPS_MAX, Step, StepKind,
    Target, Topic,
};
use crate::id::{SecretName, StepId};
use crate::pattern::Pattern;

/// A plan that keeps the structural rules, with its edges by index.
#[derive(Debug)]
pub struct IndexedPlan {
    plan: Plan,
    by_id: BTreeMap<StepId, u32>,
    needs: Vec<Vec<u32>>,
    successors: Vec<Vec<u32>>,
    /// For each step, every gate that precedes it.
    gates_before: Vec<Vec<u32>>,
    /// For each step, every step that precedes it and gives evidence.
    providers_before: Vec<Vec<u32>>,
    secrets: BTreeSet<SecretName>,
    pub(super) segments: Segments,
}

/// A structural fault of a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("a plan has from 1 to {STEPS_MAX} steps, this one has {0}")]
    StepCount(usize),
    #[error("two steps are called {0}")]
    DuplicateStep(StepId),
    #[error("{step} needs {needs}, which does not exist")]
    UnknownNeed { step: StepId, needs: StepId },
    #[error("the steps {} need each other in a circle", join(.0))]
    Cycle(Vec<StepId>),
    #[error("{step} needs {needs}: steps of `finally` and other steps cannot need each other")]
    AcrossFinally { step: StepId, needs: StepId },
    #[error("{0}: {1}")]
    Rule(StepId, &'static str),
    #[error("{change} ensures {step}, {why}")]
    Ensure {
        change: StepId,
        step: StepId,
        why: &'static str,
    },
    #[error("the target: {0}")]
    Target(String),
    #[error("`on` has at most {NOTICES_MAX} notices for {}", .0.as_str())]
    Notices(Topic),
    #[error("max_parallel is from 1 to {PARALLEL_MAX}, not {0}")]
    Parallel(u32),
}

fn secrets_given(plan: &Plan) -> BTreeSet<SecretName> {
    let calls = plan.steps.iter().flat_map(|step| match &step.kind {
        StepKind::Action { call, undo, .. } => [Some(call), undo.as_ref()],
        StepKind::Wait { .. } | StepKind::Gate(_) => [None, None],
    });
    let facts = plan.steps.iter().flat_map(|step| match &step.kind {
        StepKind::Gate(gate) => gate.facts.as_slice(),
        StepKind::Action { .. } | StepKind::Wait { .. } => &[],
    });
    let of_facts = facts.flat_map(|fact| fact.with.secrets());
    let of_steps = calls.flatten().flat_map(Call::secrets).chain(of_facts);
    let notices = plan.on.values().flatten();
    let of_notices = notices.flat_map(|notice| notice.with.secrets());
    of_steps.chain(of_notices).cloned().collect()
}

fn join(ids: &[StepId]) -> String {
    ids.iter()
        .map(StepId::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

impl IndexedPlan {
    /// Checks the structural rules and builds the index.
    pub fn new(plan: Plan) -> Result<Arc<Self>, PlanError> {
        if plan.steps.is_empty() || plan.steps.len() > STEPS_MAX {
            return Err(PlanError::StepCount(plan.steps.len()));
        }
        if plan.max_parallel == 0 || plan.max_parallel > PARALLEL_MAX {
            return Err(PlanError::Parallel(plan.max_parallel));
        }
        if let Some((topic, _)) = plan.on.iter().find(|(_, of)| of.len() > NOTICES_MAX) {
            return Err(PlanError::Notices(*topic));
        }
        let mut by_id = BTreeMap::new();
        for (index, step) in (0u32..).zip(&plan.steps) {
            if by_id.insert(step.id.clone(), index).is_some() {
                return Err(PlanError::DuplicateStep(step.id.clone()));
            }
            check_step(step)?;
            check_guards(&plan, step)?;
            window::check(step)?;
        }
        let needs = resolve_needs(&plan, &by_id)?;
        let mut successors = vec![Vec::new(); plan.steps.len()];
        for (index, needs) in (0u32..).zip(&needs) {
            for need in needs {
                successors[*need as usize].push(index);
            }
        }
        let order = topological_order(&plan, &needs, &successors)?;
        let is_gate = |step: &Step| matches!(step.kind, StepKind::Gate(_));
        let gates_before = before(&plan, &needs, &order, is_gate);
        let providers_before = before(&plan, &needs, &order, |step| step.provides.is_some());
        let secrets = secrets_given(&plan);
        let mut indexed = Self {
            plan,
            by_id,
            needs,
            successors,
            gates_before,
            providers_before,
            secrets,
            segments: Segments::default(),
        };
        indexed.segments = indexed.find_segments(&order)?;
        indexed.check_ensures()?;
        indexed.check_done()?;
        indexed.check_target()?;
        Ok(Arc::new(indexed))
    }

    /// The plan itself.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// A step's index.
    pub fn index_of(&self, id: &StepId) -> Option<u32> {
        self.by_id.get(id).copied()
    }

    /// The step at an index, which must come from this plan.
    pub fn step(&self, index: u32) -> &Step {
        &self.plan.steps[index as usize]
    }

    /// The steps that a step needs itself, in ascending order.
    pub fn needs(&self, index: u32) -> &[u32] {
        &self.needs[index as usize]
    }

    /// The steps that need a step themselves, in ascending order.
    pub fn successors(&self, index: u32) -> &[u32] {
        &self.successors[index as usize]
    }

    /// Every gate that precedes a step, in ascending order.
    pub fn gates_before(&self, index: u32) -> &[u32] {
        &self.gates_before[index as usize]
    }

    /// The steps that precede `index` and give evidence, in the author's order.
    pub fn providers_before(&self, index: u32) -> &[u32] {
        &self.providers_before[index as usize]
    }

    /// The secrets that its steps and notices are given. What is declared and given to
    /// nobody, such as the key of messages that nobody asked for, is none of them.
    pub fn secrets(&self) -> &BTreeSet<SecretName> {
        &self.secrets
    }

    /// Every step that precedes `index`, in no particular order.
    pub(super) fn ancestors(&self, index: u32) -> Vec<u32> {
        let mut seen = vec![false; self.plan.steps.len()];
        let mut stack = self.needs[index as usize].clone();
        let mut found = Vec::new();
        while let Some(at) = stack.pop() {
            if !std::mem::replace(&mut seen[at as usize], true) {
                found.push(at);
                stack.extend_from_slice(&self.needs[at as usize]);
            }
        }
        found
    }

    fn check_ensures(&self) -> Result<(), PlanError> {
        for index in 0..self.plan.steps.len() as u32 {
            let step = self.step(index);
            let Some(ensured) = step.ensure.clone() else {
                continue;
            };
            let change = step.id.clone();
            let fault = |why| PlanError::Ensure {
                change: change.clone(),
                step: ensured.clone(),
                why,
            };
            if !is_change(step) {
                return Err(fault("but is no change"));
            }
            let Some(target) = self.index_of(&ensured) else {
                return Err(fault("which does not exist"));
            };
            match &self.step(target).kind {
                StepKind::Action { for_each: None, .. } => {}
                StepKind::Action {
                    for_each: Some(_), ..
                } => {
                    return Err(fault(
                        "which runs over items; an ensured step is one action",
                    ));
                }
                StepKind::Wait { .. } | StepKind::Gate(_) => {
                    return Err(fault("which is no action"));
                }
            }
            if !self.ancestors(target).contains(&index) {
                return Err(fault(
                    "which does not come after it: let it need the change",
                ));
            }
        }
        Ok(())
    }

    /// The target is known before anybody approves anything and before anything is changed.
    fn check_target(&self) -> Result<(), PlanError> {
        let Some(target) = &self.plan.target else {
            return Ok(());
        };
        let fault = |why: String| Err(PlanError::Target(why));
        if !Target::is_scheme(&target.scheme) {
            return fault(format!("{:?} is no scheme", target.scheme));
        }
        if target.name.is_empty() {
            return fault("there is no name behind the scheme".to_owned());
        }
        for reference in target.expressions().flat_map(|expr| expr.references()) {
            match reference.path.as_slice() {
                ["inputs", _, ..] => {}
                ["steps", id, "outputs", ..] => {
                    let id = id.parse::<StepId>().ok();
                    let Some(index) = id.and_then(|id| self.index_of(&id)) else {
                        return fault(format!("it reads {}", reference.path.join(".")));
                    };
                    if let Some(later) = self.not_preceded_by(index) {
                        let (id, later) = (&self.step(index).id, &self.step(later).id);
                        return fault(format!("it reads {id}, which does not precede {later}"));
                    }
                }
                path => return fault(format!("it reads {}", path.join("."))),
            }
        }
        Ok(())
    }

    /// The first gate or main action other than a read that a step does not surely precede;
    /// the step itself, when it is no read.
    fn not_preceded_by(&self, index: u32) -> Option<u32> {
        let mut behind = vec![false; self.plan.steps.len()];
        let mut stack = self.successors[index as usize].clone();
        while let Some(at) = stack.pop() {
            if !std::mem::replace(&mut behind[at as usize], true) {
                stack.extend_from_slice(&self.successors[at as usize]);
            }
        }
        let is_free = |step: &Step| match &step.kind {
            StepKind::Action { effect, .. } => *effect == EffectClass::Read,
            StepKind::Wait { .. } => true,
            StepKind::Gate(_) => false,
        };
        let is_action = matches!(self.step(index).kind, StepKind::Action { .. });
        if !is_action || self.step(index).finally {
            return Some(index);
        }
        (0u32..)
            .zip(&self.plan.steps)
            .find(|(at, step)| !step.finally && !is_free(step) && !behind[*at as usize])
            .map(|(at, _)| at)
    }

    fn check_done(&self) -> Result<(), PlanError> {
        for index in 0..self.plan.steps.len() as u32 {
            let step = self.step(index);
            let StepKind::Action {
                done: Some(_),
                effect,
                ..
            } = &step.kind
            else {
                continue;
            };
            if *effect != EffectClass::Read {
                return Err(PlanError::Rule(
                    step.id.clone(),
                    "`done` is for a read step",
                ));
            }
            if self
                .ancestors(index)
                .iter()
                .any(|before| is_change(self.step(*before)))
            {
                return Err(PlanError::Rule(
                    step.id.clone(),
                    "`done` is for a step that no change precedes",
                ));
            }
        }
        Ok(())
    }
}

/// Whether a step is a change.
pub(crate) fn is_change(step: &Step) -> bool {
    match &step.kind {
        StepKind::Action { effect, .. } => effect.is_change(),
        StepKind::Wait { .. } | StepKind::Gate(_) => false,
    }
}

/// Evidence is of one success, and about the target of the run.
fn check_guards(plan: &Plan, step: &Step) -> Result<(), PlanError> {
    let rule = |why| Err(PlanError::Rule(step.id.clone(), why));
    let is_action = matches!(step.kind, StepKind::Action { .. });
    if step.provides.is_some() && !(is_action && step.kind.manual().is_none()) {
        return rule("only an action gives evidence, and not a person's word");
    }
    if step.provides.is_some() && step.has_items() {
        return rule("a step over items gives no evidence: there may be none");
    }
    if !step.guards.is_empty() && !is_action {
        return rule("only an action demands evidence");
    }
    if !step.guards.is_empty() && plan.target.is_none() {
        return rule("evidence is demanded of the run's target, and it has none");
    }
    Ok(())
}

fn check_step(step: &Step) -> Result<(), PlanError> {
    let rule = |why| Err(PlanError::Rule(step.id.clone(), why));
    match &step.kind {
        StepKind::Action {
            effect,
            call,
            for_each,
            until,
            done,
            undo,
            manual,
            ..
        } => {
            if let Some(manual) = manual {
                if step.finally {
                    return rule("`finally` waits for no person");
                }
                if effect.is_change() && manual.expires.is_some() {
                    return rule("a change by hand does not expire: somebody may be doing it");
                }
                let patterns = manual
                    .values
                    .values()
                    .filter_map(|asked| asked.pattern.as_ref());
                if patterns
                    .map(|written| Pattern::new(written))
                    .any(|read| read.is_err())
                {
                    return rule("a pattern of a stated value cannot be used");
                }
                if until.is_some() || done.is_some() || call.retry.attempts != 1 {
                    return rule("a person is asked once: no `until`, `done` or `retry`");
                }
            }
            for call in [Some(call), undo.as_ref()].into_iter().flatten() {
                if call.retry.attempts == 0 || call.retry.attempts > ATTEMPTS_MAX {
                    return rule("`retry` has from 1 to 100 attempts");
                }
                if call.timeout.0 == 0 || call.send_within.0 == 0 {
                    return rule("a timeout is longer than nothing");
                }
            }
            if effect.is_change() && until.is_some() {
                return rule("`until` repeats reads; a change is never repeated for it");
            }
            if undo.is_some() && *effect != EffectClass::Reversible {
                return rule("`undo` is for a reversible step");
            }
            if for_each.as_ref().is_some_and(|each| each.max_parallel == 0) {
                return rule("`max_parallel` is at least 1");
            }
            if until.as_ref().is_some_and(|until| until.every.0 == 0) {
                return rule("`every` is longer than nothing");
            }
            if step.finally && *effect == EffectClass::Irreversible {
                return rule("`finally` has no irreversible steps");
            }
            if (step.finally || for_each.is_some()) && done.is_some() {
                return rule("`done` is for a single step before every change");
            }
        }
        StepKind::Wait { .. } => {}
        StepKind::Gate(_) if step.finally => return rule("`finally` has no gates"),
        StepKind::Gate(_) if step.when.is_some() => {
            return rule("a gate has no `when`: one that can be skipped protects nothing");
        }
        StepKind::Gate(gate) => {
            if let Some(fault) = gate.fault() {
                return rule(fault);
            }
        }
    }
    Ok(())
}

fn resolve_needs(plan: &Plan, by_id: &BTreeMap<StepId, u32>) -> Result<Vec<Vec<u32>>, PlanError> {
    plan.steps
        .iter()
        .map(|step| {
            let mut indices: Vec<u32> = step
                .needs
                .iter()
                .map(|need| {
                    let unknown = || PlanError::UnknownNeed {
                        step: step.id.clone(),
                        needs: need.clone(),
                    };
                    let index = *by_id.get(need).ok_or_else(unknown)?;
                    if plan.steps[index as usize].finally != step.finally {
                        let (step, needs) = (step.id.clone(), need.clone());
                        return Err(PlanError::AcrossFinally { step, needs });
                    }
                    Ok(index)
                })
                .collect::<Result<_, _>>()?;
            indices.sort_unstable();
            indices.dedup();
            Ok(indices)
        })
        .collect()
}

fn topological_order(
    plan: &Plan,
    needs: &[Vec<u32>],
    successors: &[Vec<u32>],
) -> Result<Vec<u32>, PlanError> {
    let mut unmet: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut order: Vec<u32> = (0u32..)
        .zip(&unmet)
        .filter(|(_, unmet)| **unmet == 0)
        .map(|(index, _)| index)
        .collect();
    let mut next = 0;
    while let Some(index) = order.get(next).copied() {
        next += 1;
        for successor in &successors[index as usize] {
            unmet[*successor as usize] -= 1;
            if unmet[*successor as usize] == 0 {
                order.push(*successor);
            }
        }
    }
    if order.len() == plan.steps.len() {
        return Ok(order);
    }
    let circle = plan
        .steps
        .iter()
        .zip(&unmet)
        .filter(|(_, unmet)| **unmet > 0);
    Err(PlanError::Cycle(
        circle.map(|(step, _)| step.id.clone()).collect(),
    ))
}

fn before(
    plan: &Plan,
    needs: &[Vec<u32>],
    order: &[u32],
    wanted: impl Fn(&Step) -> bool,
) -> Vec<Vec<u32>> {
    let mut before: Vec<Vec<u32>> = vec![Vec::new(); plan.steps.len()];
    for index in order {
        let mut found = Vec::new();
        for need in &needs[*index as usize] {
            found.extend_from_slice(&before[*need as usize]);
            if wanted(&plan.steps[*need as usize]) {
                found.push(*need);
            }
        }
        found.sort_unstable();
        found.dedup();
        before[*index as usize] = found;
    }
    before
}
