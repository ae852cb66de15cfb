//! Draws a plan for exploring: its steps with conditions that read answers, blank templates,
//! and spans of which only the order matters.

use std::collections::BTreeMap;

use windlass_core::expr::Expr;
use windlass_core::plan::{
    Call, Gate, IndexedPlan, Part, Plan, Reconcile, Retry, Step, StepKind, Target, Template,
};
use windlass_core::state::Reading;
use windlass_core::time::Millis;
use windlass_core::types::Type;
use windlass_core::value::Value;

use super::build::Building;
use super::condition::{Question, Questions};
use super::pen::Extra;
use super::sketch::{Conditions, HAPPENED, NOT_HAPPENED, SETTLED};

/// No attempt comes to its deadline by itself: that its outcome is unknown is a choice.
const TIMEOUT: Millis = Millis::from_mins(400 * 24 * 60);
/// How long a doubt is looked into before a person is asked.
const OBSERVE: Millis = Millis::from_mins(24 * 60);
/// How long a gate, or what is done by hand, stays open where it does not for ever.
const EXPIRES: Millis = Millis::from_mins(24 * 60);
/// How long before an opening its preparation may begin.
const LEAD: Millis = Millis::from_mins(60);
/// What a wait takes.
const WAIT: i64 = 60_000;
/// That the time of the whole run is over is a choice, too.
const RUN: Millis = Millis::from_mins(9_000_000 * 24 * 60);
/// Attempts that are told apart: one that may be repeated, and the last one.
const ATTEMPTS: u32 = 2;
/// Items that are told apart: none, one, and several.
pub(super) const ITEMS: usize = 2;

/// Who answers a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Start,
    Step(u32),
}

/// A plan with the questions that its conditions ask, and who answers them.
pub(super) struct Drawing<'a> {
    pub(super) plan: &'a IndexedPlan,
    pub(super) questions: Vec<Question>,
    pub(super) owners: Vec<Owner>,
    pub(super) before: Vec<Vec<bool>>,
    /// How far a step is from the start.
    depth: Vec<u32>,
}

pub(super) fn name(question: usize) -> String {
    format!("q{question}")
}

pub(super) fn name_if_absent(question: usize) -> String {
    format!("q{question}_absent")
}

impl<'a> Drawing<'a> {
    pub(super) fn new(plan: &'a IndexedPlan, questions: Questions) -> Self {
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
    pub(super) fn may_be_absent(&self, asked: u32, by: u32) -> bool {
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

    pub(super) fn step(
        &self,
        index: u32,
        step: &mut Step,
        conditions: &Conditions,
        extra: &mut Extra,
    ) {
        let when = step.when.clone();
        if let (Some(when), Some(condition)) = (&when, &conditions.when) {
            step.when = Some(self.expression(when, condition, index, false, extra));
        }
        if let Some(window) = &mut step.window
            && window.is_preparation()
        {
            window.lead = LEAD;
        }
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
                    window_end: gate.window_end,
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

    pub(super) fn owned(&self, owner: Owner) -> impl Iterator<Item = usize> + '_ {
        (0..self.owners.len()).filter(move |question| self.owners[*question] == owner)
    }

    pub(super) fn readings(&self, extra: &Extra) -> Vec<Reading> {
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

/// What a plan needs none of to be explored.
pub(super) fn blank(plan: &mut Plan) {
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
