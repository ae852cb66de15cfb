//! Writes the conditions and lists of a drawn plan: the same words about the run, and the
//! answers of open questions in place of what they read.

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::expr::{BinaryOp, Expr, Kind, NodeId};

use super::build::Building;
use super::condition::{Asks, Condition, Items};
use super::drawing::{Drawing, ITEMS, Owner, name, name_if_absent};

/// The answers that a condition reads where their step may have given none, with the steps
/// whose conditions read them.
pub(super) type Extra = BTreeMap<String, BTreeSet<u32>>;

impl Drawing<'_> {
    pub(super) fn expression(
        &self,
        source: &Expr,
        condition: &Condition,
        step: u32,
        judges: bool,
        extra: &mut Extra,
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

    pub(super) fn list(&self, source: &Expr, items: &Items, step: u32, extra: &mut Extra) -> Expr {
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
}

/// Writes the expressions of a drawn plan.
struct Pen<'a> {
    drawing: &'a Drawing<'a>,
    building: Building,
    source: &'a Expr,
    step: u32,
    /// Whether the step's own outputs are under judgement.
    judges: bool,
    extra: &'a mut Extra,
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
