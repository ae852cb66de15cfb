//! Generated expressions: text from bytes, led by the type that is wanted, with the names
//! around it, their types and their values. Shared by the suites about expressions.

#![allow(dead_code, reason = "each suite uses a part of it")]

pub(crate) mod writer;

use std::borrow::Cow;
use std::collections::BTreeMap;

use windlass_core::expr::{EvalErrorKind, Expr, Kind, Scope};
use windlass_core::value::Value;
use windlass_runbook::expr::typing::{Absent, Known, Names, Ty};

/// Choices made by bytes; without bytes always the first.
#[derive(Debug)]
pub(crate) struct Choices<'a> {
    bytes: &'a [u8],
}

impl<'a> Choices<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// One of `count`, from 0.
    pub(crate) fn pick(&mut self, count: usize) -> usize {
        match self.bytes.split_first() {
            None => 0,
            Some((first, rest)) => {
                self.bytes = rest;
                usize::from(*first) % count
            }
        }
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.pick(count) == count - 1
    }

    /// A type that values have.
    pub(crate) fn ty(&mut self, depth: u32) -> Ty {
        let leaves = [
            Ty::Int,
            Ty::Bool,
            Ty::Text,
            Ty::Float,
            Ty::Number,
            Ty::Duration,
            Ty::Bytes,
            Ty::Scalar,
        ];
        let count = if depth == 0 { 8 } else { 12 };
        match self.pick(count) {
            leaf if leaf < 8 => leaves[leaf].clone(),
            8 => Ty::list(self.ty(depth - 1)),
            9 => Ty::map(self.ty(depth - 1)),
            10 => {
                let members = ["m", "n"];
                let count = 1 + self.pick(2);
                Ty::object(
                    members[..count]
                        .iter()
                        .map(|name| ((*name).to_owned(), self.ty(depth - 1)))
                        .collect::<Vec<_>>(),
                )
            }
            _ => self.ty(depth - 1).nullable(),
        }
    }

    /// A value of the type.
    pub(crate) fn value(&mut self, ty: &Ty) -> Value {
        match ty {
            Ty::Any | Ty::Never | Ty::Null => Value::Null,
            Ty::Bool => Value::Bool(self.pick(2) == 1),
            Ty::Int => Value::Int([0, 1, -1, 7, i64::MAX, i64::MIN][self.pick(6)]),
            Ty::Duration | Ty::Bytes => Value::Int([0, 1, 60_000][self.pick(3)]),
            Ty::Float => Value::Float([0.5, 0.0, -2.0, 1e300][self.pick(4)]),
            Ty::Number => {
                let inner = [Ty::Int, Ty::Float][self.pick(2)].clone();
                self.value(&inner)
            }
            Ty::Text => Value::from(["", "a", "7", "true", "x,y"][self.pick(5)]),
            Ty::Scalar => {
                let inner = [Ty::Text, Ty::Int, Ty::Float, Ty::Bool][self.pick(4)].clone();
                self.value(&inner)
            }
            Ty::List(item) => {
                let count = self.pick(3);
                Value::List((0..count).map(|_| self.value(item)).collect())
            }
            Ty::Map(value) => {
                let count = self.pick(3);
                Value::Map(
                    ["k", "m"][..count.min(2)]
                        .iter()
                        .map(|name| ((*name).to_owned(), self.value(value)))
                        .collect(),
                )
            }
            Ty::Object(members) => Value::Map(
                members
                    .iter()
                    .map(|(name, ty)| (name.clone(), self.value(ty)))
                    .collect(),
            ),
            Ty::Nullable(inner) => {
                if self.pick(2) == 0 {
                    Value::Null
                } else {
                    self.value(inner)
                }
            }
        }
    }
}

/// Whether `value` is of the type; units are not looked at.
pub(crate) fn has(ty: &Ty, value: &Value) -> bool {
    match (ty, value) {
        (Ty::Any, _) | (Ty::Null | Ty::Nullable(_), Value::Null) => true,
        (Ty::Nullable(inner), value) => has(inner, value),
        (Ty::Bool, Value::Bool(_))
        | (Ty::Int | Ty::Duration | Ty::Bytes, Value::Int(_))
        | (Ty::Float, Value::Float(_))
        | (Ty::Number, Value::Int(_) | Value::Float(_))
        | (Ty::Text, Value::Text(_))
        | (Ty::Scalar, Value::Text(_) | Value::Int(_) | Value::Float(_) | Value::Bool(_)) => true,
        (Ty::List(item), Value::List(items)) => items.iter().all(|value| has(item, value)),
        (Ty::Map(inner), Value::Map(map)) => map.values().all(|value| has(inner, value)),
        // Joined maps may lack members, which is no matter of type.
        (Ty::Object(members), Value::Map(map)) => map
            .iter()
            .all(|(name, value)| members.get(name).is_some_and(|ty| has(ty, value))),
        _ => false,
    }
}

/// The names around an expression: variables, and a step that may have given nothing.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) types: BTreeMap<String, Ty>,
    pub(crate) values: BTreeMap<String, Value>,
    /// The outputs of `steps.s`, and whether they are there.
    pub(crate) outputs: BTreeMap<String, Ty>,
    pub(crate) given: Option<BTreeMap<String, Value>>,
}

impl World {
    /// Names `a` to `e` of any types, and `steps.s.outputs` of some.
    pub(crate) fn new(choices: &mut Choices<'_>) -> Self {
        let names = ["a", "b", "c", "d", "e"];
        let types: BTreeMap<String, Ty> = names
            .iter()
            .map(|name| ((*name).to_owned(), choices.ty(2)))
            .collect();
        let outputs: BTreeMap<String, Ty> = ["x", "y"]
            .iter()
            .map(|name| ((*name).to_owned(), choices.ty(1)))
            .collect();
        let values = Self::values_of(&types, choices);
        let given = (choices.pick(2) == 1).then(|| Self::values_of(&outputs, choices));
        Self {
            types,
            values,
            outputs,
            given,
        }
    }

    /// Plain variables.
    pub(crate) fn of(names: &[(&str, &Ty, &Value)]) -> Self {
        let types = names
            .iter()
            .map(|(name, ty, _)| ((*name).to_owned(), (*ty).clone()));
        let values = names
            .iter()
            .map(|(name, _, value)| ((*name).to_owned(), (*value).clone()));
        Self {
            types: types.collect(),
            values: values.collect(),
            outputs: BTreeMap::new(),
            given: None,
        }
    }

    /// Names that may be null, for expressions that test them.
    pub(crate) fn of_nullables(choices: &mut Choices<'_>) -> Self {
        let member = |name: &str| (name.to_owned(), Ty::Int.nullable());
        let types = BTreeMap::from([
            ("a".to_owned(), Ty::Int.nullable()),
            (
                "b".to_owned(),
                Ty::object([member("m"), member("n")]).nullable(),
            ),
            ("c".to_owned(), Ty::list(Ty::Int.nullable())),
        ]);
        let outputs = BTreeMap::from([("x".to_owned(), Ty::Int), member("y")]);
        let values = Self::values_of(&types, choices);
        let given = (choices.pick(2) == 1).then(|| Self::values_of(&outputs, choices));
        Self {
            types,
            values,
            outputs,
            given,
        }
    }

    fn values_of(
        types: &BTreeMap<String, Ty>,
        choices: &mut Choices<'_>,
    ) -> BTreeMap<String, Value> {
        types
            .iter()
            .map(|(name, ty)| (name.clone(), choices.value(ty)))
            .collect()
    }
}

impl Names for World {
    fn known(&self, path: &[&str]) -> Option<Known> {
        if path.len() >= 3 && path[..3] == ["steps", "s", "outputs"] {
            let absent = Some(Absent {
                len: 3,
                why: "`s` may be skipped".to_owned(),
            });
            let ty = Ty::object(self.outputs.clone());
            return Some(Known {
                ty,
                used: 3,
                absent,
            });
        }
        if path.len() == 3 && path == ["steps", "s", "state"] {
            return Some(Known::present(Ty::Text, 3));
        }
        Some(Known::present(self.types.get(path[0])?.clone(), 1))
    }

    fn proven(&self, path: &[&str], text: &str) -> Vec<Vec<String>> {
        if path == ["steps", "s", "state"] && text == "succeeded" {
            vec![["steps", "s", "outputs"].map(str::to_owned).to_vec()]
        } else {
            Vec::new()
        }
    }
}

/// As the state of a run resolves names.
impl Scope for World {
    fn resolve<'a>(&'a self, path: &[&str]) -> Option<(Cow<'a, Value>, usize)> {
        if path[0] != "steps" {
            return Some((Cow::Borrowed(self.values.get(path[0])?), 1));
        }
        match (*path.get(2)?, &self.given) {
            ("outputs", Some(given)) => Some((Cow::Owned(Value::Map(given.clone())), 3)),
            ("outputs", None) => Some((Cow::Owned(Value::Null), path.len())),
            ("state", given) => {
                let state = if given.is_some() {
                    "succeeded"
                } else {
                    "skipped"
                };
                Some((Cow::Owned(Value::from(state)), 3))
            }
            _ => None,
        }
    }
}

/// What an expression is, without its places.
pub(crate) fn kinds(expr: &Expr) -> Vec<Kind> {
    expr.nodes().iter().map(|node| node.kind.clone()).collect()
}

/// Whether an error is about the type of a value, which typing must have seen.
pub(crate) fn is_about_types(kind: &EvalErrorKind) -> bool {
    match kind {
        EvalErrorKind::UnknownName { .. }
        | EvalErrorKind::NotAMap { .. }
        | EvalErrorKind::BadIndex { .. }
        | EvalErrorKind::NoBinary { .. }
        | EvalErrorKind::NoUnary { .. }
        | EvalErrorKind::NotBoolean { .. }
        | EvalErrorKind::BadArgument { .. }
        | EvalErrorKind::NotComparable { .. }
        | EvalErrorKind::BadKey { .. }
        | EvalErrorKind::NotIterable { .. } => true,
        EvalErrorKind::NoField { .. }
        | EvalErrorKind::IndexOutOfRange { .. }
        | EvalErrorKind::Overflow
        | EvalErrorKind::DivisionByZero
        | EvalErrorKind::NotFinite
        | EvalErrorKind::NotANumber { .. }
        | EvalErrorKind::NotABoolean { .. }
        | EvalErrorKind::EmptyList { .. }
        | EvalErrorKind::DuplicateKey { .. }
        | EvalErrorKind::OutOfFuel
        | EvalErrorKind::TooLarge => false,
    }
}
