//! A plan as an exploration drives it: the same steps, needs, effects, gates and debts, with
//! values that stand for all others. Conditions read the answers of open questions (see
//! `condition`), which the exploration chooses when the step that knows them succeeds, or at
//! the start. How it is drawn stands in `drawing`, which answers there are in `answers`.
//! Nothing of the core knows of it: it is a plan like any other.

use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_core::id::StepId;
use windlass_core::plan::{EffectClass, IndexedPlan, PlanError, Reconcile, Step, StepKind};
use windlass_core::policy::Standing;
use windlass_core::state::Reading;
use windlass_core::value::Value;

use super::answers::ANSWERS_MAX;
use super::condition::{Condition, Items, Place, Questions};
use super::drawing::{Drawing, Owner, blank};
use super::pen::Extra;

/// What the look of a `reconcile:` block answers by.
pub(super) const HAPPENED: &str = "wl_happened";
pub(super) const SETTLED: &str = "wl_settled";
pub(super) const NOT_HAPPENED: &str = "wl_not_happened";

/// A plan to explore.
#[derive(Debug)]
pub(super) struct Sketch {
    pub(super) starts: Vec<Start>,
    /// By the step's index.
    pub(super) steps: Vec<Doing>,
    pub(super) readings: Vec<Reading>,
    /// For each step, whether a condition asks how it stands.
    pub(super) asked: Vec<bool>,
    /// For each step, which steps precede it.
    before: Vec<Vec<bool>>,
}

/// A way in which the run can begin.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) plan: Arc<IndexedPlan>,
    /// Where the plan names windows.
    pub(super) standing: Option<Box<Standing>>,
    pub(super) said: Vec<String>,
}

/// What a step can do, as far as an exploration tells it apart.
#[derive(Debug)]
pub(super) struct Doing {
    /// `None` of a gate or a wait.
    pub(super) effect: Option<EffectClass>,
    pub(super) successes: Vec<Success>,
    pub(super) look: Look,
    pub(super) undo_look: Look,
    pub(super) ensure: Option<u32>,
    pub(super) has_undo: bool,
}

/// A way in which a step can succeed.
#[derive(Clone, Debug)]
pub(super) struct Success {
    pub(super) outputs: Value,
    pub(super) said: Vec<String>,
}

/// How a doubt is looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    None,
    Native,
    Read { settled: bool, not_happened: bool },
}

/// Why a plan cannot be explored.
#[derive(Debug, thiserror::Error)]
pub enum Unexplorable {
    #[error(
        "its conditions ask so many independent questions{0} that there are more than {ANSWERS_MAX} answers; give the inputs"
    )]
    TooManyAnswers(String),
    #[error("the plan for exploring has no meaning: {0}")]
    Plan(#[from] PlanError),
}

/// The conditions of a step, taken apart.
#[derive(Default)]
pub(super) struct Conditions {
    pub(super) when: Option<Condition>,
    pub(super) items: Option<Items>,
    pub(super) done: Option<Condition>,
    /// What surely holds when it succeeded.
    pub(super) holds: Vec<Condition>,
}

impl Sketch {
    /// The plan with everything left open that `inputs` do not decide.
    pub(super) fn new(
        plan: &IndexedPlan,
        inputs: Option<&BTreeMap<String, Value>>,
    ) -> Result<Self, Unexplorable> {
        let mut questions = Questions::default();
        let conditions: Vec<Conditions> = (0u32..)
            .zip(&plan.plan().steps)
            .map(|(index, step)| take_apart(plan, index, step, inputs, &mut questions))
            .collect();
        let drawing = Drawing::new(plan, questions);
        let mut drawn = plan.plan().clone();
        let mut extra = Extra::new();
        for (index, step) in (0u32..).zip(&mut drawn.steps) {
            drawing.step(index, step, &conditions[index as usize], &mut extra);
        }
        blank(&mut drawn);
        let starts = drawing.starts(&drawn, &extra)?;
        let steps = (0u32..)
            .zip(&plan.plan().steps)
            .map(|(index, step)| drawing.doing(index, step, &conditions[index as usize]))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            starts,
            steps,
            readings: drawing.readings(&extra),
            asked: asked(plan),
            before: drawing.before,
        })
    }

    /// Whether a step surely comes after another one, by its needs.
    pub(super) fn precedes(&self, first: u32, second: u32) -> bool {
        self.before[second as usize][first as usize]
    }
}

impl Drawing<'_> {
    fn doing(
        &self,
        index: u32,
        step: &Step,
        conditions: &Conditions,
    ) -> Result<Doing, Unexplorable> {
        let StepKind::Action {
            effect,
            call,
            undo,
            for_each,
            ..
        } = &step.kind
        else {
            return Ok(Doing {
                effect: None,
                successes: Vec::new(),
                look: Look::None,
                undo_look: Look::None,
                ensure: None,
                has_undo: false,
            });
        };
        let owned: Vec<usize> = match for_each {
            None => self.owned(Owner::Step(index)).collect(),
            Some(_) => Vec::new(),
        };
        let of = format!(" of `{}`", step.id);
        let answers = self.answers(&owned, &conditions.holds, &of)?;
        let mut successes: Vec<Success> = Vec::new();
        for (mut outputs, said) in answers {
            if step.provides.is_none() {
                let outputs = Value::Map(outputs);
                successes.push(Success { outputs, said });
                continue;
            }
            let text = |text: &str| Value::Text(text.to_owned());
            let scheme = self
                .plan
                .plan()
                .target
                .as_ref()
                .map(|target| target.scheme.as_str());
            let target = format!("{}:target", scheme.unwrap_or_default());
            outputs.insert("id".to_owned(), text("id"));
            outputs.insert("taken_at".to_owned(), text("2030-01-01T00:00:00Z"));
            outputs.insert("verified_how".to_owned(), text("verified"));
            outputs.insert("target".to_owned(), Value::Text(target));
            let fits = Value::Map(outputs.clone());
            successes.push(Success {
                outputs: fits,
                said: said.clone(),
            });
            if self.is_demanded(index, step) {
                let said = said.into_iter().chain([
                    "its evidence does not fit or is too old when it is needed".to_owned(),
                ]);
                outputs.insert("target".to_owned(), text("other:target"));
                let outputs = Value::Map(outputs);
                successes.push(Success {
                    outputs,
                    said: said.collect(),
                });
            }
        }
        let ensure = step.ensure.as_ref();
        Ok(Doing {
            effect: Some(*effect),
            successes,
            look: look(&call.reconcile),
            undo_look: undo
                .as_ref()
                .map_or(Look::None, |undo| look(&undo.reconcile)),
            ensure: ensure.and_then(|id| self.plan.index_of(id)),
            has_undo: undo.is_some(),
        })
    }

    fn is_demanded(&self, by: u32, step: &Step) -> bool {
        let guard = step.provides.as_ref().map(|provides| &provides.guard);
        let mut others = (0u32..).zip(&self.plan.plan().steps);
        others.any(|(index, other)| {
            let mut demands = other.guards.iter();
            self.before[index as usize][by as usize]
                && demands.any(|demand| Some(&demand.guard) == guard)
        })
    }
}

fn take_apart(
    plan: &IndexedPlan,
    index: u32,
    step: &Step,
    inputs: Option<&BTreeMap<String, Value>>,
    questions: &mut Questions,
) -> Conditions {
    let index_of = |id: &str| plan.index_of(&id.parse::<StepId>().ok()?);
    let before = Place {
        step: index,
        own: None,
        index_of: &index_of,
        inputs,
    };
    let after = Place {
        own: Some(step.id.as_str()),
        ..before
    };
    let mut conditions = Conditions {
        when: step
            .when
            .as_ref()
            .map(|when| questions.condition(when, before)),
        ..Conditions::default()
    };
    if let StepKind::Action {
        for_each,
        expect,
        until,
        done,
        ..
    } = &step.kind
    {
        conditions.items = for_each
            .as_ref()
            .map(|each| questions.items(&each.items, before));
        if for_each.is_none() {
            conditions.done = done.as_ref().map(|done| questions.condition(done, after));
            let until = until.as_ref().map(|until| &until.that);
            let hold = expect.iter().chain(until);
            conditions.holds = hold.map(|expr| questions.condition(expr, after)).collect();
        }
    }
    conditions
}

/// The steps of which a condition asks how they stand, or whether they gave anything.
fn asked(plan: &IndexedPlan) -> Vec<bool> {
    let mut asked = vec![false; plan.plan().steps.len()];
    for step in &plan.plan().steps {
        let each = match &step.kind {
            StepKind::Action { for_each, .. } => for_each.as_ref().map(|each| &each.items),
            StepKind::Wait { .. } | StepKind::Gate(_) => None,
        };
        let conditions = step.when.iter().chain(each);
        for reference in conditions.flat_map(|expr| expr.references()) {
            if let ["steps", id, "state" | "outputs"] = reference.path.as_slice()
                && let Some(index) = id.parse::<StepId>().ok().and_then(|id| plan.index_of(&id))
            {
                asked[index as usize] = true;
            }
        }
    }
    asked
}

fn look(reconcile: &Reconcile) -> Look {
    match reconcile {
        Reconcile::None => Look::None,
        Reconcile::Native { .. } => Look::Native,
        Reconcile::Read {
            settled,
            not_happened,
            ..
        } => Look::Read {
            settled: settled.is_some(),
            not_happened: not_happened.is_some(),
        },
    }
}
