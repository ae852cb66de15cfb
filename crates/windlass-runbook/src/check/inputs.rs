//! The declared inputs, and the values that a run gets for them.

use std::collections::BTreeMap;

use windlass_core::expr::is_identifier;
use windlass_core::value::Value;

use super::fields::{Fields, Found, wrong_shape};
use super::{Given, keys, units};
use crate::codes::{BAD_NAME, BAD_VALUE, INPUT_ENUM, INPUT_MISSING, INPUT_TYPE, INPUT_UNKNOWN};
use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Node, NodeKind};
use crate::suggest::did_you_mean;

/// The type of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InputType {
    String,
    Integer,
    Number,
    Boolean,
    /// An integer of bytes.
    Bytes,
    /// An integer of milliseconds.
    Duration,
    List,
    Map,
}

impl InputType {
    const ALL: [(&'static str, InputType); 8] = [
        ("string", InputType::String),
        ("integer", InputType::Integer),
        ("number", InputType::Number),
        ("boolean", InputType::Boolean),
        ("bytes", InputType::Bytes),
        ("duration", InputType::Duration),
        ("list", InputType::List),
        ("map", InputType::Map),
    ];

    fn describe(self) -> &'static str {
        match self {
            InputType::String => "a string",
            InputType::Integer => "an integer",
            InputType::Number => "a number",
            InputType::Boolean => "true or false",
            InputType::Bytes => "a number of bytes such as 1MiB",
            InputType::Duration => "a duration such as 15m",
            InputType::List => "a list",
            InputType::Map => "a map",
        }
    }

    /// The value in the form that expressions see, when it has the type.
    fn take(self, value: Value) -> Option<Value> {
        match (self, value) {
            (InputType::String, value @ Value::Text(_))
            | (InputType::Integer, value @ Value::Int(_))
            | (InputType::Number, value @ (Value::Int(_) | Value::Float(_)))
            | (InputType::Boolean, value @ Value::Bool(_))
            | (InputType::List, value @ Value::List(_))
            | (InputType::Map, value @ Value::Map(_)) => Some(value),
            (InputType::Bytes | InputType::Duration, Value::Int(count)) => {
                (count >= 0).then_some(Value::Int(count))
            }
            (InputType::Bytes, Value::Text(text)) => units::bytes(&text)
                .and_then(|count| i64::try_from(count).ok())
                .map(Value::Int),
            (InputType::Duration, Value::Text(text)) => units::duration(&text)
                .and_then(|span| i64::try_from(span.0).ok())
                .map(Value::Int),
            _ => None,
        }
    }

    /// The value that a person typed as text.
    fn read(self, text: &str) -> Option<Value> {
        let value = match self {
            InputType::String | InputType::Bytes | InputType::Duration => {
                let bare = text
                    .parse::<i64>()
                    .ok()
                    .filter(|_| self != InputType::String);
                bare.map_or_else(|| Value::from(text), Value::Int)
            }
            InputType::Integer | InputType::Number | InputType::Boolean => {
                serde_json::from_str(text).ok()?
            }
            InputType::List | InputType::Map => serde_json::from_str(text).ok()?,
        };
        self.take(value)
    }
}

/// The declared inputs' names, and their values where all of them have one.
pub(super) struct Inputs {
    pub(super) names: Vec<String>,
    /// `None` when a value is missing or wrong.
    pub(super) values: Option<BTreeMap<String, Value>>,
}

pub(super) fn inputs(
    node: Option<&Node>,
    given: Option<&BTreeMap<String, Given>>,
    found: &mut Found,
) -> Inputs {
    let mut names = Vec::new();
    let mut values = Some(BTreeMap::new());
    let entries = match node.map(|node| (node, &node.kind)) {
        None => &[],
        Some((_, NodeKind::Map(entries))) => entries.as_slice(),
        Some((node, _)) => {
            found.push(wrong_shape(
                node,
                "`inputs` is a map of inputs by their names",
            ));
            &[]
        }
    };
    for entry in entries {
        let name = entry.key.clone();
        if !is_identifier(&name) {
            let message = format!("`{}` is no name for an input", name.escape_debug());
            found.push(
                Diagnostic::error(BAD_NAME, message)
                    .at(entry.key_span, "not a name")
                    .help("a letter or _, then letters, digits or _"),
            );
            continue;
        }
        let value = input(&name, entry.key_span, &entry.value, given, found);
        match (value, &mut values) {
            (Some(value), Some(values)) => {
                values.insert(name.clone(), value);
            }
            _ => values = None,
        }
        names.push(name);
    }
    for name in given.into_iter().flat_map(BTreeMap::keys) {
        if !names.contains(name) {
            let help =
                did_you_mean(name, names.iter().map(String::as_str)).unwrap_or_else(|| match names
                    .as_slice()
                {
                    [] => "the runbook has no inputs".to_owned(),
                    names => format!("the inputs are {}", names.join(", ")),
                });
            let message = format!("there is no input `{}`", name.escape_debug());
            found.push(Diagnostic::error(INPUT_UNKNOWN, message).help(help));
            values = None;
        }
    }
    Inputs { names, values }
}

fn input(
    name: &str,
    name_span: Span,
    node: &Node,
    given: Option<&BTreeMap<String, Given>>,
    found: &mut Found,
) -> Option<Value> {
    let before = found.len();
    let fields = Fields::read(node, name_span, &keys::INPUT, found)?;
    fields.text("title", found);
    let kind = input_type(&fields, found)?;
    let allowed = allowed_values(&fields, kind, found);
    let default = match fields.value("default") {
        None => None,
        // An input that may be left out is null then.
        Some(Node {
            kind: NodeKind::Null,
            ..
        }) => Some(Value::Null),
        Some(node) => {
            let value = typed(node, kind, "default", found)?;
            if let Some(allowed) = &allowed
                && !allowed.contains(&value)
            {
                let message = format!("the default {value} is not one of the allowed values");
                let label = "not allowed";
                found.push(Diagnostic::error(INPUT_ENUM, message).at(node.span, label));
                return None;
            }
            Some(value)
        }
    };
    let Some(given_value) = given.and_then(|given| given.get(name)) else {
        // A default that was misspelt is not missing as well.
        if default.is_none() && given.is_some() && found.len() == before {
            let message = format!("the input `{name}` needs a value");
            found.push(
                Diagnostic::error(INPUT_MISSING, message)
                    .at(name_span, format!("{}, without a default", kind.describe())),
            );
        }
        return default;
    };
    let value = match given_value {
        Given::Text(text) => kind.read(text),
        Given::Value(Value::Null) if default == Some(Value::Null) => Some(Value::Null),
        Given::Value(value) => kind.take(value.clone()),
    };
    let Some(value) = value else {
        let message = format!(
            "the value {given_value} of `{name}` is not {}",
            kind.describe()
        );
        found.push(Diagnostic::error(INPUT_TYPE, message).at(name_span, "declared here"));
        return None;
    };
    if let Some(allowed) = allowed
        && !allowed.contains(&value)
    {
        let all: Vec<String> = allowed.iter().map(Value::to_string).collect();
        let message = format!("the value {value} of `{name}` is not allowed");
        found.push(
            Diagnostic::error(INPUT_ENUM, message)
                .at(name_span, "declared here")
                .help(format!("the allowed values are {}", all.join(", "))),
        );
        return None;
    }
    Some(value)
}

fn input_type(fields: &Fields<'_>, found: &mut Found) -> Option<InputType> {
    let node = fields.required("type", "an input", found)?;
    let word = super::fields::text(node, "`type` is a word", found)?;
    let names = InputType::ALL.map(|(name, _)| name);
    let kind = InputType::ALL
        .into_iter()
        .find(|(name, _)| *name == word)
        .map(|(_, kind)| kind);
    if kind.is_none() {
        let help = did_you_mean(word, names)
            .unwrap_or_else(|| format!("the types are {}", names.join(", ")));
        let message = format!("there is no type `{}`", word.escape_debug());
        found.push(
            Diagnostic::error(BAD_VALUE, message)
                .at(node.span, "unknown type")
                .help(help),
        );
    }
    kind
}

fn allowed_values(fields: &Fields<'_>, kind: InputType, found: &mut Found) -> Option<Vec<Value>> {
    let node = fields.value("enum")?;
    let NodeKind::List(items) = &node.kind else {
        found.push(wrong_shape(node, "`enum` is a list of values"));
        return None;
    };
    items
        .iter()
        .map(|item| typed(item, kind, "enum", found))
        .collect()
}

fn typed(node: &Node, kind: InputType, key: &str, found: &mut Found) -> Option<Value> {
    let value = match &node.kind {
        NodeKind::Int(_) if kind == InputType::Duration => None,
        _ => kind.take(node.to_value()),
    };
    if value.is_none() {
        let message = format!("`{key}` must be {}", kind.describe());
        let label = format!("this is {}", node.describe());
        found.push(Diagnostic::error(INPUT_TYPE, message).at(node.span, label));
    }
    value
}
