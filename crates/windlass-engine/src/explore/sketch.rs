//! A plan as an exploration drives it: the same steps, needs, effects, gates and debts, with
//! values that stand for all others. Conditions read the answers of open questions (see
//! `condition`), which the exploration chooses when the step that knows them succeeds, or at
//! the start. Templates are blank. Spans are such that only their order matters.
//! Nothing of the core knows of it: it is a plan like any other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use windlass_core::expr::{BinaryOp, Expr, Kind, NodeId};
use windlass_core::id::StepId;
use windlass_core::plan::{
    Call, EffectClass, Gate, IndexedPlan, Part, Plan, PlanError, Reconcile, Retry, Step, StepKind,
    Target, Template,
};
use windlass_core::state::Reading;
use windlass_core::time::Millis;
use windlass_core::types::Type;
use windlass_core::value::Value;

use super::build::Building;
use super::condition::{Asks, Condition, Items, Place, Question, Questions};

/// No attempt comes to its deadline by itself: that its outcome is unknown is a choice.
const TIMEOUT: Millis = Millis::from_mins(400 * 24 * 60);
/// How long a doubt is looked into before a person is asked.
const OBSERVE: Millis = Millis::from_mins(24 * 60);
/// How long a gate, or what is done by hand, stays open where it does not for ever.
const EXPIRES: Millis = Millis::from_mins(24 * 60);
/// What a wait takes.
const WAIT: i64 = 60_000;
/// That the time of the whole run is over is a choice, too.
const RUN: Millis = Millis::from_mins(4000 * 24 * 60);
/// Attempts that are told apart: one that may be repeated, and the last one.
const ATTEMPTS: u32 = 2;
/// Items that are told apart: none, one, and several.
const ITEMS: usize = 2;
/// The most ways in which a step can succeed, or a run begin.
pub const ANSWERS_MAX: usize = 4096;

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

/// Answers as values by their names, and in words.
type Told = (BTreeMap<String, Value>, Vec<String>);

/// Who answers a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Start,
    Step(u32),
}

/// The conditions of a step, taken apart.
#[derive(Default)]
struct Conditions {
    when: Option<Condition>,
    items: Option<Items>,
    done: Option<Condition>,
    /// What surely holds when it succeeded.
    holds: Vec<Condition>,
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
        let mut extra = BTreeMap::new();
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

/// What a plan needs none of to be explored.
fn blank(plan: &mut Plan) {
    plan.inputs.clear();
    plan.input_units.clear();
    plan.secrets.clear();
    plan.secret_sources.clear();
    plan.secret_hosts.clear();
    plan.plugins.clear();
    plan.on.clear();
    plan.timeout = plan.timeout.map(|_| RUN);
    if let Some(target) = &mut plan.target {
        *target = Target {
            scheme: target.scheme.clone(),
            name: vec![Part::Text("target".to_owned())],
        };
    }
}

struct Drawing<'a> {
    plan: &'a IndexedPlan,
    questions: Vec<Question>,
    owners: Vec<Owner>,
    before: Vec<Vec<bool>>,
    /// How far a step is from the start.
    depth: Vec<u32>,
}

fn name(question: usize) -> String {
    format!("q{question}")
}

fn name_if_absent(question: usize) -> String {
    format!("q{question}_absent")
}

impl<'a> Drawing<'a> {
    fn new(plan: &'a IndexedPlan, questions: Questions) -> Self {
        let count = plan.plan().steps.len();
        let mut drawing = Self {
            plan,
            questions: questions.all,
            owners: Vec::new(),
            before: vec![vec![false; count]; count],
            depth: vec![0; count],
        };
        let mut done = vec![false; count];
        for index in 0..count as u32 {
            drawing.order(index, &mut done);
        }
        let owners = drawing
            .questions
            .iter()
            .map(|question| drawing.owner(question));
        drawing.owners = owners.collect();
        drawing
    }

    /// What precedes a step; a plan has no circle.
    fn order(&mut self, index: u32, done: &mut [bool]) {
        if std::mem::replace(&mut done[index as usize], true) {
            return;
        }
        for need in self.plan.needs(index) {
            self.order(*need, done);
            let before = self.before[*need as usize].clone();
            let own = &mut self.before[index as usize];
            own.iter_mut()
                .zip(before)
                .for_each(|(own, before)| *own |= before);
            own[*need as usize] = true;
            let depth = self.depth[*need as usize] + 1;
            self.depth[index as usize] = self.depth[index as usize].max(depth);
        }
    }

    /// The last of the steps that a question reads answers it.
    fn owner(&self, question: &Question) -> Owner {
        let answers = |step: &&u32| match &self.plan.step(**step).kind {
            StepKind::Action { for_each, .. } => for_each.is_none(),
            StepKind::Wait { .. } | StepKind::Gate(_) => false,
        };
        let steps = question.steps.iter().filter(answers);
        steps
            .max_by_key(|step| (self.depth[**step as usize], **step))
            .map_or(Owner::Start, |step| Owner::Step(*step))
    }

    /// Whether a step may have given nothing when another one asks it.
    fn may_be_absent(&self, asked: u32, by: u32) -> bool {
        if self.plan.step(asked).when.is_some() || self.plan.step(by).finally {
            return true;
        }
        let is_owed_by = |index: &u32| {
            let ensure = self.plan.step(*index).ensure.as_ref();
            ensure.and_then(|id| self.plan.index_of(id)) == Some(by)
        };
        let mut changes = (0..self.before.len() as u32).filter(is_owed_by);
        !self.before[by as usize][asked as usize]
            || changes.any(|change| !self.before[change as usize][asked as usize])
    }

    fn step(
        &self,
        index: u32,
        step: &mut Step,
        conditions: &Conditions,
        extra: &mut BTreeMap<String, BTreeSet<u32>>,
    ) {
        let when = step.when.clone();
        if let (Some(when), Some(condition)) = (&when, &conditions.when) {
            step.when = Some(self.expression(when, condition, index, false, extra));
        }
        step.window = None;
        if let Some(provides) = &mut step.provides {
            provides.claimed = None;
        }
        for demand in &mut step.guards {
            demand.max_age = None;
        }
        match &mut step.kind {
            StepKind::Gate(gate) => {
                *gate = Gate {
                    expires: gate.expires.map(|_| EXPIRES),
                    ..Gate::default()
                };
            }
            StepKind::Wait { span } => *span = Template::Literal(Value::Int(WAIT)),
            StepKind::Action {
                call,
                for_each,
                expect,
                until,
                done,
                undo,
                outputs,
                manual,
                ..
            } => {
                blank_call(call);
                undo.iter_mut().for_each(blank_call);
                if let (Some(each), Some(items)) = (for_each, &conditions.items) {
                    each.items = self.list(&each.items.clone(), items, index, extra);
                    each.failure_budget = each.failure_budget.min(ITEMS as u32);
                }
                *expect = None;
                *until = None;
                if let (Some(done), Some(condition)) = (done, &conditions.done) {
                    *done = self.expression(&done.clone(), condition, index, true, extra);
                }
                outputs.clear();
                if let Some(manual) = manual {
                    manual.expires = manual.expires.map(|_| EXPIRES);
                    manual.not_requester = false;
                    manual.values.clear();
                    manual.show_units.clear();
                    let known = self.owned(Owner::Step(index));
                    outputs.extend(known.map(|question| (name(question), Type::Any)));
                }
            }
        }
    }

    fn owned(&self, owner: Owner) -> impl Iterator<Item = usize> + '_ {
        (0..self.owners.len()).filter(move |question| self.owners[*question] == owner)
    }

    fn expression(
        &self,
        source: &Expr,
        condition: &Condition,
        step: u32,
        judges: bool,
        extra: &mut BTreeMap<String, BTreeSet<u32>>,
    ) -> Expr {
        let mut pen = Pen {
            drawing: self,
            building: Building::new(),
            source,
            step,
            judges,
            extra,
        };
        pen.condition(condition);
        pen.building.finish()
    }

    fn list(
        &self,
        source: &Expr,
        items: &Items,
        step: u32,
        extra: &mut BTreeMap<String, BTreeSet<u32>>,
    ) -> Expr {
        let mut pen = Pen {
            drawing: self,
            building: Building::new(),
            source,
            step,
            judges: false,
            extra,
        };
        let list = pen.items(items);
        let most = i64::try_from(ITEMS).expect("it is small");
        let is_more = pen.building.longer_than(list, most);
        let then = pen.building.nulls(ITEMS);
        let otherwise = pen.items(items);
        pen.building.choice(is_more, then, otherwise);
        pen.building.finish()
    }

    /// Every way in which a run can begin.
    fn starts(
        &self,
        drawn: &Plan,
        extra: &BTreeMap<String, BTreeSet<u32>>,
    ) -> Result<Vec<Start>, Unexplorable> {
        let owned: Vec<usize> = self.owned(Owner::Start).collect();
        let mut answers = self.answers(&owned, &[], " at its start")?;
        for name in extra.keys() {
            if answers.len() * 2 > ANSWERS_MAX {
                return Err(Unexplorable::TooManyAnswers(" at its start".to_owned()));
            }
            let both = |(values, said): &Told| {
                [true, false].map(|held| {
                    let mut values = values.clone();
                    values.insert(name.clone(), Value::Bool(held));
                    (values, said.clone())
                })
            };
            answers = answers.iter().flat_map(both).collect();
        }
        answers
            .into_iter()
            .map(|(inputs, said)| {
                let plan = Plan {
                    inputs,
                    ..drawn.clone()
                };
                Ok(Start {
                    plan: IndexedPlan::new(plan)?,
                    said,
                })
            })
            .collect()
    }

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

    /// All answers to some questions that can be true together.
    fn answers(
        &self,
        owned: &[usize],
        holds: &[Condition],
        of: &str,
    ) -> Result<Vec<Told>, Unexplorable> {
        let mut all: Vec<BTreeMap<usize, usize>> = vec![BTreeMap::new()];
        for question in owned {
            let count = match self.questions[*question].asks {
                Asks::Whether => 2,
                Asks::HowMany => ITEMS + 1,
            };
            if all.len() * count > ANSWERS_MAX {
                return Err(Unexplorable::TooManyAnswers(of.to_owned()));
            }
            let with = |answers: &BTreeMap<usize, usize>| {
                let answers = answers.clone();
                (0..count).rev().map(move |answer| {
                    let mut answers = answers.clone();
                    answers.insert(*question, answer);
                    answers
                })
            };
            all = all.iter().flat_map(with).collect();
            // As they grow, so that many that exclude each other stay few.
            all.retain(|answers| self.are_possible(answers));
        }
        let held = |answers: &&BTreeMap<usize, usize>| {
            holds
                .iter()
                .all(|condition| holds_with(condition, answers) != Some(false))
        };
        let mut kept: Vec<&BTreeMap<usize, usize>> = all.iter().filter(held).collect();
        if kept.is_empty() {
            kept = all.iter().collect();
        }
        Ok(kept.into_iter().map(|answers| self.told(answers)).collect())
    }

    /// One thing does not equal two texts at once.
    fn are_possible(&self, answers: &BTreeMap<usize, usize>) -> bool {
        let mut equal = BTreeMap::new();
        let held = answers.iter().filter(|(_, answer)| **answer == 1);
        for (question, _) in held {
            if let Some((path, text)) = &self.questions[*question].equality
                && equal.insert(path, text).is_some_and(|other| other != text)
            {
                return false;
            }
        }
        true
    }

    fn told(&self, answers: &BTreeMap<usize, usize>) -> Told {
        let mut values = BTreeMap::new();
        let mut said = Vec::new();
        for (question, answer) in answers {
            let Question {
                asks,
                text,
                is_contrary,
                ..
            } = &self.questions[*question];
            let value = match asks {
                Asks::Whether => {
                    said.push(format!("`{text}` is {}", (*answer == 1) != *is_contrary));
                    Value::Bool(*answer == 1)
                }
                Asks::HowMany => {
                    said.push(match answer {
                        0 => format!("`{text}` is empty"),
                        1 => format!("`{text}` has one item"),
                        _ => format!("`{text}` has several items"),
                    });
                    Value::List(vec![Value::Null; *answer])
                }
            };
            values.insert(name(*question), value);
        }
        (values, said)
    }

    fn readings(&self, extra: &BTreeMap<String, BTreeSet<u32>>) -> Vec<Reading> {
        let asked = self.questions.iter().zip(&self.owners).enumerate();
        let asked = asked.map(|(number, (question, owner))| Reading {
            from: match owner {
                Owner::Start => None,
                Owner::Step(step) => Some(*step),
            },
            name: name(number),
            readers: question.readers.iter().copied().collect(),
        });
        let extra = extra.iter().map(|(name, readers)| Reading {
            from: None,
            name: name.clone(),
            readers: readers.iter().copied().collect(),
        });
        asked.chain(extra).collect()
    }
}

/// Whether a condition holds with these answers; `None` when others decide it.
fn holds_with(condition: &Condition, answers: &BTreeMap<usize, usize>) -> Option<bool> {
    match condition {
        Condition::Known(held) => Some(*held),
        Condition::Open { question, negated } => Some((*answers.get(question)? == 1) != *negated),
        Condition::OfRun(_) => None,
        Condition::Not(inner) => Some(!holds_with(inner, answers)?),
        Condition::And(left, right) => {
            match (holds_with(left, answers), holds_with(right, answers)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                (None, _) | (_, None) => None,
            }
        }
        Condition::Or(left, right) => {
            match (holds_with(left, answers), holds_with(right, answers)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                (None, _) | (_, None) => None,
            }
        }
        Condition::If(parts) => match holds_with(&parts[0], answers)? {
            true => holds_with(&parts[1], answers),
            false => holds_with(&parts[2], answers),
        },
    }
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

fn blank_call(call: &mut Call) {
    let nothing = || Template::Literal(Value::Map(BTreeMap::new()));
    call.with = nothing();
    call.retry = Retry {
        attempts: call.retry.attempts.min(ATTEMPTS),
        backoff: Millis(0),
        backoff_max: Millis(0),
    };
    call.timeout = TIMEOUT;
    call.send_within = Millis(1);
    call.settle = Millis(0);
    call.observe = OBSERVE;
    if let Reconcile::Read {
        with,
        happened,
        in_progress,
        settled,
        not_happened,
        ..
    } = &mut call.reconcile
    {
        *with = nothing();
        *happened = bare(HAPPENED);
        *in_progress = None;
        *settled = settled.as_ref().map(|_| bare(SETTLED));
        *not_happened = not_happened.as_ref().map(|_| bare(NOT_HAPPENED));
    }
}

fn bare(name: &str) -> Expr {
    let mut building = Building::new();
    building.name(name);
    building.finish()
}

/// Writes the expressions of a drawn plan.
struct Pen<'a> {
    drawing: &'a Drawing<'a>,
    building: Building,
    source: &'a Expr,
    step: u32,
    /// Whether the step's own outputs are under judgement.
    judges: bool,
    extra: &'a mut BTreeMap<String, BTreeSet<u32>>,
}

impl Pen<'_> {
    fn condition(&mut self, condition: &Condition) -> NodeId {
        match condition {
            Condition::Known(held) => self.building.push(Kind::Bool(*held)),
            Condition::Open { question, negated } => {
                let value = self.value(*question, Asks::Whether);
                if *negated {
                    self.building.not(value)
                } else {
                    value
                }
            }
            Condition::OfRun(part) => self.building.copy(self.source, *part),
            Condition::Not(inner) => {
                let inner = self.condition(inner);
                self.building.not(inner)
            }
            Condition::And(left, right) => self.both(BinaryOp::And, left, right),
            Condition::Or(left, right) => self.both(BinaryOp::Or, left, right),
            Condition::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                let condition = self.condition(condition);
                let then = self.condition(then);
                let otherwise = self.condition(otherwise);
                self.building.choice(condition, then, otherwise)
            }
        }
    }

    fn both(&mut self, op: BinaryOp, left: &Condition, right: &Condition) -> NodeId {
        let left = self.condition(left);
        let right = self.condition(right);
        self.building.binary(op, left, right)
    }

    fn items(&mut self, items: &Items) -> NodeId {
        match items {
            Items::Known(count) => self.building.nulls((*count).min(ITEMS + 1)),
            Items::Open(question) => self.value(*question, Asks::HowMany),
            Items::Both(left, right) => {
                let left = self.items(left);
                let right = self.items(right);
                self.building.binary(BinaryOp::Add, left, right)
            }
            Items::If(parts) => {
                let (condition, then, otherwise) = &**parts;
                let condition = self.condition(condition);
                let then = self.items(then);
                let otherwise = self.items(otherwise);
                self.building.choice(condition, then, otherwise)
            }
        }
    }

    /// The answer of a question.
    fn value(&mut self, question: usize, asks: Asks) -> NodeId {
        let name = name(question);
        let owner = match self.drawing.owners[question] {
            Owner::Start => return self.building.input(&name),
            Owner::Step(step) if step == self.step && self.judges => {
                return self.building.name(&name);
            }
            Owner::Step(step) => step,
        };
        let drawing = self.drawing;
        let id = drawing.plan.step(owner).id.as_str();
        if !drawing.may_be_absent(owner, self.step) {
            return self.building.output(id, &name);
        }
        let value = self.building.output(id, &name);
        let null = self.building.push(Kind::Null);
        let is_absent = self.building.binary(BinaryOp::Equal, value, null);
        let when_absent = drawing.questions[question].when_absent;
        let then = match (asks, when_absent) {
            (Asks::HowMany, _) => self.building.nulls(0),
            (Asks::Whether, Some(held)) => self.building.push(Kind::Bool(held)),
            (Asks::Whether, None) => {
                let name = name_if_absent(question);
                self.extra
                    .entry(name.clone())
                    .or_default()
                    .insert(self.step);
                self.building.input(&name)
            }
        };
        let otherwise = self.building.output(id, &name);
        self.building.choice(is_absent, then, otherwise)
    }
}
