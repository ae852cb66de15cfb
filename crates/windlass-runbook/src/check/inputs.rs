//! The declared inputs, and the values that a run gets for them.

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::expr::is_identifier;
use windlass_core::plan::Unit;
use windlass_core::types::Type;
use windlass_core::value::Value;

use super::Given;
use super::fields::{Found, wrong_shape};
use super::shapes::{Fault, Shape, bad_name, input, shown_path};
use crate::codes::{INPUT_MISSING, INPUT_UNKNOWN};
use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Node, NodeKind};
use crate::suggest::did_you_mean;

/// One input that is declared rightly enough to be used.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) name_span: Span,
    /// `None` when something about it was reported.
    pub(super) shape: Option<Shape>,
}

impl Declared {
    /// The type of its values; anything when that is not known.
    pub(super) fn ty(&self) -> Type {
        self.shape.as_ref().map_or(Type::Any, Shape::ty)
    }
}

/// The declarations under `inputs`.
pub(super) fn declared(node: Option<&Node>, found: &mut Found) -> Vec<Declared> {
    let entries = match node.map(|node| (node, &node.kind)) {
        None => &[],
        Some((_, NodeKind::Map(entries))) => entries.as_slice(),
        Some((node, _)) => {
            found.push(
                wrong_shape(node, "`inputs` is a map of inputs by their names")
                    .help("write each input under its name: `host: {type: string}`"),
            );
            &[]
        }
    };
    let mut declared = Vec::with_capacity(entries.len());
    for entry in entries {
        if !is_identifier(&entry.key) {
            found.push(bad_name(&entry.key, "an input", entry.key_span));
            continue;
        }
        let before = found.len();
        let shape = input(&entry.value, entry.key_span, found);
        declared.push(Declared {
            name: entry.key.clone(),
            name_span: entry.key_span,
            shape: shape.filter(|_| found.len() == before),
        });
    }
    declared
}

/// The lists and maps in the inputs' values that may be empty, by their paths without
/// `inputs`.
pub(super) fn may_be_empty(declared: &[Declared]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for input in declared {
        if let Some(shape) = &input.shape {
            shape.empties(&input.name, &mut found);
        }
    }
    found
}

/// What those inputs count that are durations or numbers of bytes.
pub(super) fn units(declared: &[Declared]) -> BTreeMap<String, Unit> {
    let unit = |input: &Declared| {
        let ty = input.shape.as_ref()?.ty();
        Some((input.name.clone(), Unit::of(&ty)?))
    };
    declared.iter().filter_map(unit).collect()
}

/// The types of the inputs' values, by name.
pub(super) fn types(declared: &[Declared]) -> BTreeMap<String, Type> {
    declared
        .iter()
        .map(|input| (input.name.clone(), input.ty()))
        .collect()
}

/// The value of each input, or `None` when one is missing or wrong.
/// Without `given` the runbook alone is checked, and a missing value is no mistake.
pub(super) fn values(
    declared: &[Declared],
    given: Option<&BTreeMap<String, Given>>,
    found: &mut Found,
) -> Option<BTreeMap<String, Value>> {
    let mut values = Some(BTreeMap::new());
    for input in declared {
        let value = value(input, given, found);
        match (value, &mut values) {
            (Some(value), Some(values)) => {
                values.insert(input.name.clone(), value);
            }
            _ => values = None,
        }
    }
    for name in given.into_iter().flat_map(BTreeMap::keys) {
        if !declared.iter().any(|input| input.name == *name) {
            found.push(unknown(name, declared));
            values = None;
        }
    }
    values
}

/// A value for an input that nobody declared.
pub(super) fn unknown(name: &str, declared: &[Declared]) -> Diagnostic {
    let known = || declared.iter().map(|input| input.name.as_str());
    let help = did_you_mean(name, known()).unwrap_or_else(|| {
        if declared.is_empty() {
            "the runbook has no inputs".to_owned()
        } else {
            format!("the inputs are {}", known().collect::<Vec<_>>().join(", "))
        }
    });
    let message = format!("there is no input `{}`", name.escape_debug());
    Diagnostic::error(INPUT_UNKNOWN, message).help(help)
}

fn value(
    input: &Declared,
    given: Option<&BTreeMap<String, Given>>,
    found: &mut Found,
) -> Option<Value> {
    // What is declared wrongly was said; its value is not missing as well.
    let shape = input.shape.as_ref()?;
    let Some(value) = given.and_then(|given| given.get(&input.name)) else {
        if shape.default.is_none() && given.is_some() {
            let message = format!("the input `{}` needs a value", input.name);
            let label = format!("{}, without a default", shape.describe());
            found.push(Diagnostic::error(INPUT_MISSING, message).at(input.name_span, label));
        }
        return shape.default.clone();
    };
    let taken = match value {
        Given::Text(text) => shape.read(text),
        Given::Value(value) => shape.take(value),
        Given::Sample => return Some(shape.sample()),
    };
    taken
        .map_err(|faults| {
            for fault in faults {
                found.push(wrong(&fault, input));
            }
        })
        .ok()
}

/// A fault of a value that was given from outside.
fn wrong(fault: &Fault, input: &Declared) -> Diagnostic {
    let path = shown_path(&input.name, &fault.path);
    let message = format!("the value {} of `{path}` {}", fault.found, fault.rule);
    Diagnostic::error(fault.code, message)
        .at(input.name_span, "declared here")
        .maybe_help(fault.help.clone())
}
