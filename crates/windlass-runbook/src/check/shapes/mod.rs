//! Declared values: the type of an input or of an output, and the rules that its values
//! keep. Reading one from YAML is `declare`'s, judging a value is `take`'s.

mod declare;
mod take;

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::pattern::Pattern;
use windlass_core::types::Type;
use windlass_core::value::Value;

pub(super) use declare::{
    LENGTH_MAX, PLAIN_WORDS, WORDS, bad_name, fault_in, input, plain_type, stated,
};
pub(super) use take::{Fault, shown_path};

/// What a declaration says.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) kind: Kind,
    /// The values that are allowed; empty when all of the type are.
    allowed: Vec<Value>,
    pattern: Option<Pattern>,
    least: Option<Limit>,
    most: Option<Limit>,
    /// Characters of a string, items of a list.
    length_least: Option<u32>,
    length_most: Option<u32>,
    /// What stands for a value that is not given; null when it may be left out.
    pub(super) default: Option<Value>,
}

/// A type, as far as a declaration describes it.
#[derive(Debug)]
pub(super) enum Kind {
    Text,
    Int,
    Number,
    Bool,
    /// An integer of bytes.
    Bytes,
    /// An integer of milliseconds.
    Duration,
    List(Option<Box<Shape>>),
    /// A map whose keys nobody declares.
    Map(Option<Box<Shape>>),
    /// A map with these members.
    Fields(BTreeMap<String, Shape>),
}

/// An end of a range: its value and how the author wrote it.
#[derive(Debug)]
struct Limit {
    value: Value,
    written: String,
}

impl Shape {
    /// Any value of the kind.
    fn of(kind: Kind) -> Self {
        Self {
            kind,
            allowed: Vec::new(),
            pattern: None,
            least: None,
            most: None,
            length_least: None,
            length_most: None,
            default: None,
        }
    }

    /// The type that expressions see.
    pub(super) fn ty(&self) -> Type {
        let member = |shape: &Option<Box<Shape>>| shape.as_ref().map_or(Type::Any, |s| s.ty());
        let ty = match &self.kind {
            Kind::Text => Type::Text,
            Kind::Int => Type::Int,
            Kind::Number => Type::Number,
            Kind::Bool => Type::Bool,
            Kind::Bytes => Type::Bytes,
            Kind::Duration => Type::Duration,
            Kind::List(item) => Type::list(member(item)),
            Kind::Map(value) => Type::map(member(value)),
            Kind::Fields(fields) => Type::Object(
                fields
                    .iter()
                    .map(|(name, field)| (name.clone(), field.ty()))
                    .collect(),
            ),
        };
        if self.default == Some(Value::Null) {
            ty.nullable()
        } else {
            ty
        }
    }

    /// The kind with its article, without the members of a map.
    pub(super) fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Text => "a string",
            Kind::Int => "an integer",
            Kind::Number => "a number",
            Kind::Bool => "true or false",
            Kind::Bytes => "a number of bytes such as 1MiB",
            Kind::Duration => "a duration such as 15m",
            Kind::List(_) => "a list",
            Kind::Map(_) | Kind::Fields(_) => "a map",
        }
    }

    /// A value of the kind, whatever the rules beyond it say.
    pub(super) fn sample(&self) -> Value {
        if let Some(default) = &self.default {
            return default.clone();
        }
        match &self.kind {
            Kind::Text => Value::from(""),
            Kind::Int | Kind::Number | Kind::Bytes | Kind::Duration => Value::Int(0),
            Kind::Bool => Value::Bool(false),
            Kind::List(_) => Value::List(Vec::new()),
            Kind::Map(_) => Value::Map(BTreeMap::new()),
            Kind::Fields(fields) => {
                let member = |(name, field): (&String, &Shape)| (name.clone(), field.sample());
                Value::Map(fields.iter().map(member).collect())
            }
        }
    }

    /// Adds the path of each list or map in its values that may hold nothing.
    pub(super) fn empties(&self, path: &str, found: &mut BTreeSet<String>) {
        match &self.kind {
            Kind::List(_) => {
                if self.length_least.is_none_or(|least| least == 0) {
                    found.insert(path.to_owned());
                }
            }
            Kind::Map(_) => {
                found.insert(path.to_owned());
            }
            Kind::Fields(fields) => {
                for (name, field) in fields {
                    field.empties(&format!("{path}.{name}"), found);
                }
            }
            Kind::Text | Kind::Int | Kind::Number | Kind::Bool | Kind::Bytes | Kind::Duration => {}
        }
    }

    /// Whether a value can break a rule that its type alone does not express.
    pub(super) fn has_rules(&self) -> bool {
        let own = !self.allowed.is_empty()
            || self.pattern.is_some()
            || self.least.is_some()
            || self.most.is_some()
            || self.length_least.is_some()
            || self.length_most.is_some();
        own || match &self.kind {
            Kind::List(inner) | Kind::Map(inner) => {
                inner.as_ref().is_some_and(|inner| inner.has_rules())
            }
            Kind::Fields(fields) => fields.values().any(Shape::has_rules),
            Kind::Text | Kind::Int | Kind::Number | Kind::Bool | Kind::Bytes | Kind::Duration => {
                false
            }
        }
    }
}
