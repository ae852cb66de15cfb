//! Declarations as authors write them: a type's word, or a map with `type` and rules.

use std::collections::BTreeMap;

use windlass_core::expr::is_identifier;
use windlass_core::pattern::Pattern;
use windlass_core::plan::Asked;
use windlass_core::types::Type;
use windlass_core::value::Value;

use super::take::{Fault, Segment, order, shown_path};
use super::{Kind, Limit, Shape};
use crate::check::fields::{self, Fields, Found, wrong_shape};
use crate::check::hints;
use crate::check::keys::{self, Keys};
use crate::codes::{
    BAD_NAME, BAD_PATTERN, BAD_VALUE, INPUT_TYPE, NO_VALUE_LEFT, RULE_OF_OTHER_TYPE,
};
use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Node, NodeKind};
use crate::suggest::did_you_mean;

/// The words for types, in the order in which they are listed.
pub(in crate::check) const WORDS: [&str; 8] = [
    "string", "integer", "number", "boolean", "bytes", "duration", "list", "map",
];

/// The words for values that a person can state in a line.
pub(in crate::check) const PLAIN_WORDS: [&str; 6] = [
    "string", "integer", "number", "boolean", "bytes", "duration",
];

/// Words of other languages, and what is meant by them here.
const OTHER_WORDS: [(&str, &str); 12] = [
    ("str", "string"),
    ("text", "string"),
    ("int", "integer"),
    ("float", "number"),
    ("double", "number"),
    ("bool", "boolean"),
    ("array", "list"),
    ("object", "map"),
    ("dict", "map"),
    ("size", "bytes"),
    ("timespan", "duration"),
    ("interval", "duration"),
];

/// The longest string or list that a rule may ask for.
pub(in crate::check) const LENGTH_MAX: u32 = 1_000_000;

/// Where a declaration stands: which keys it may have, and those inside of it.
#[derive(Clone, Copy, Debug)]
struct Place {
    own: &'static Keys,
    /// Of the members of a map.
    field: &'static Keys,
    /// Of what a list or a map holds.
    item: &'static Keys,
}

const INPUT: Place = Place {
    own: &keys::INPUT,
    field: &keys::FIELD,
    item: &keys::ITEM,
};

const OUTPUT: Place = Place {
    own: &keys::OUTPUT,
    field: &keys::OUTPUT,
    item: &keys::OUTPUT,
};

const STATED: Place = Place {
    own: &keys::VALUE,
    field: &keys::OUTPUT,
    item: &keys::OUTPUT,
};

impl Place {
    fn inner(self, own: &'static Keys) -> Self {
        Self { own, ..self }
    }
}

/// The declaration of an input at `node`, which `span`, its key, stands for.
pub(in crate::check) fn input(node: &Node, span: Span, found: &mut Found) -> Option<Shape> {
    declaration(node, span, INPUT, found)
}

/// A type alone, as an output's: no rules and no default.
pub(in crate::check) fn plain_type(node: &Node, span: Span, found: &mut Found) -> Option<Type> {
    declaration(node, span, OUTPUT, found).map(|shape| shape.ty())
}

/// The type of a value that a person states, and what else is said of it.
pub(in crate::check) fn stated(
    node: &Node,
    span: Span,
    found: &mut Found,
) -> Option<(Type, Asked)> {
    let shape = declaration(node, span, STATED, found)?;
    if let Kind::List(_) | Kind::Map(_) | Kind::Fields(_) = shape.kind {
        let message = format!("a person does not state {}", shape.describe());
        let help = format!("the types are {}", PLAIN_WORDS.join(", "));
        found.push(
            Diagnostic::error(BAD_VALUE, message)
                .at(node.span, "too much to type in")
                .help(help),
        );
        return None;
    }
    let ty = shape.ty();
    let asked = Asked {
        title: None,
        allowed: shape.allowed,
        least: shape.least.map(|limit| limit.value),
        most: shape.most.map(|limit| limit.value),
        pattern: shape.pattern.map(|pattern| pattern.written().to_owned()),
    };
    Some((ty, asked))
}

fn declaration(node: &Node, span: Span, place: Place, found: &mut Found) -> Option<Shape> {
    let keys = place.own;
    if let NodeKind::Text(word) = &node.kind {
        return kind_of_word(word, node.span, found).map(Shape::of);
    }
    if !matches!(node.kind, NodeKind::Map(_)) {
        let rule = format!("{} is a type such as string, or a map with `type`", keys.of);
        found.push(wrong_shape(node, &rule));
        return None;
    }
    let fields = Fields::read(node, span, keys, found)?;
    fields.text("title", found);
    fields.text("description", found);
    let word_node = fields.required("type", keys.of, found)?;
    let word = fields::text(word_node, "`type` is a word", found)?;
    let kind = kind_of_word(word, word_node.span, found)?;
    let before = found.len();
    let kind = inside(kind, &fields, place, found);
    let mut shape = Shape::of(kind?);
    rules(&mut shape, word, &fields, found);
    allowed(&mut shape, &fields, found);
    if fields.boolean("optional", found) == Some(true) {
        shape.default = Some(Value::Null);
    }
    // What the default is judged by must itself be right; its kind is in any case.
    if found.len() > before {
        shape = Shape::of(shape.kind);
    }
    default(&mut shape, &fields, found);
    Some(shape)
}

fn kind_of_word(word: &str, span: Span, found: &mut Found) -> Option<Kind> {
    let kind = match word {
        "string" => Kind::Text,
        "integer" => Kind::Int,
        "number" => Kind::Number,
        "boolean" => Kind::Bool,
        "bytes" => Kind::Bytes,
        "duration" => Kind::Duration,
        "list" => Kind::List(None),
        "map" => Kind::Map(None),
        _ => {
            let other = OTHER_WORDS.iter().find(|(other, _)| *other == word);
            let help = match (other, word) {
                (Some((_, meant)), _) => format!("here the word is `{meant}`"),
                (None, "enum") => "write `{type: string, enum: [a, b]}`".to_owned(),
                (None, "secret") => "secrets are listed under `secrets`, not as inputs".to_owned(),
                (None, _) => did_you_mean(word, WORDS)
                    .unwrap_or_else(|| format!("the types are {}", WORDS.join(", "))),
            };
            let message = format!("there is no type `{}`", word.escape_debug());
            found.push(
                Diagnostic::error(BAD_VALUE, message)
                    .at(span, "unknown type")
                    .help(help),
            );
            return None;
        }
    };
    Some(kind)
}

/// What a list or a map holds; `None` when it is declared wrongly.
fn inside(kind: Kind, fields: &Fields<'_>, place: Place, found: &mut Found) -> Option<Kind> {
    let inner = |key: &str, found: &mut Found| match fields.get(key) {
        None => Some(None),
        Some(entry) => declaration(&entry.value, entry.key_span, place.inner(place.item), found)
            .map(|shape| Some(Box::new(shape))),
    };
    match kind {
        Kind::List(_) => inner("items", found).map(Kind::List),
        Kind::Map(_) => match (fields.get("fields"), fields.get("values")) {
            (Some(members), Some(values)) => {
                let message = "a map has `fields` or `values`, not both";
                found.push(
                    Diagnostic::error(crate::codes::KEYS_CLASH, message)
                        .at(values.key_span, "for any key")
                        .at(members.key_span, "for the keys named here"),
                );
                None
            }
            (None, _) => inner("values", found).map(Kind::Map),
            (Some(entry), None) => declared_fields(&entry.value, place, found).map(Kind::Fields),
        },
        Kind::Text
        | Kind::Int
        | Kind::Number
        | Kind::Bool
        | Kind::Bytes
        | Kind::Duration
        | Kind::Fields(_) => Some(kind),
    }
}

fn declared_fields(
    node: &Node,
    place: Place,
    found: &mut Found,
) -> Option<BTreeMap<String, Shape>> {
    let NodeKind::Map(entries) = &node.kind else {
        found.push(wrong_shape(node, "`fields` is a map from names to types"));
        return None;
    };
    let mut declared = BTreeMap::new();
    let mut whole = true;
    for entry in entries {
        if !is_identifier(&entry.key) {
            found.push(bad_name(&entry.key, "a field", entry.key_span));
            whole = false;
            continue;
        }
        match declaration(
            &entry.value,
            entry.key_span,
            place.inner(place.field),
            found,
        ) {
            Some(shape) => {
                declared.insert(entry.key.clone(), shape);
            }
            None => whole = false,
        }
    }
    whole.then_some(declared)
}

/// A name that expressions cannot write.
pub(in crate::check) fn bad_name(name: &str, what: &str, span: Span) -> Diagnostic {
    let message = format!("`{}` is no name for {what}", name.escape_debug());
    Diagnostic::error(BAD_NAME, message)
        .at(span, "not a name")
        .help("a letter or _, then letters, digits or _")
}

/// Pattern, range and lengths.
fn rules(shape: &mut Shape, word: &str, fields: &Fields<'_>, found: &mut Found) {
    let numbers = matches!(
        shape.kind,
        Kind::Int | Kind::Number | Kind::Bytes | Kind::Duration
    );
    let is_text = matches!(shape.kind, Kind::Text);
    let is_list = matches!(shape.kind, Kind::List(_));
    let is_map = matches!(shape.kind, Kind::Map(_) | Kind::Fields(_));
    let flat = !is_list && !is_map && !matches!(shape.kind, Kind::Bool);
    for (key, fits, of) in [
        ("pattern", is_text, "strings"),
        ("min", numbers, "numbers, bytes and durations"),
        ("max", numbers, "numbers, bytes and durations"),
        ("min_length", is_text || is_list, "strings and lists"),
        ("max_length", is_text || is_list, "strings and lists"),
        ("enum", flat, "strings and numbers"),
        ("items", is_list, "lists"),
        ("fields", is_map, "maps"),
        ("values", is_map, "maps"),
    ] {
        if let Some(entry) = fields.get(key).filter(|_| !fits) {
            let message = format!("`{key}` is a rule of {of}");
            let mut diagnostic = Diagnostic::error(RULE_OF_OTHER_TYPE, message)
                .at(entry.key_span, format!("the type is {word}"));
            if is_text && matches!(key, "min" | "max") {
                diagnostic = diagnostic.help(format!("the length of a string is `{key}_length`"));
            }
            found.push(diagnostic);
        }
    }
    if let Some(node) = fields.value("pattern").filter(|_| is_text) {
        shape.pattern = pattern(node, found);
    }
    if numbers {
        shape.least = limit(shape, "min", fields, found);
        shape.most = limit(shape, "max", fields, found);
        if let (Some(least), Some(most)) = (&shape.least, &shape.most)
            && order(&least.value, &most.value) == Some(std::cmp::Ordering::Greater)
        {
            found.push(no_value_left(fields, "min", "max"));
        }
    }
    if is_text || is_list {
        shape.length_least = fields.count("min_length", 0, LENGTH_MAX, found);
        shape.length_most = fields.count("max_length", 0, LENGTH_MAX, found);
        if let (Some(least), Some(most)) = (shape.length_least, shape.length_most)
            && least > most
        {
            found.push(no_value_left(fields, "min_length", "max_length"));
        }
    }
}

fn no_value_left(fields: &Fields<'_>, least: &str, most: &str) -> Diagnostic {
    let message = format!("`{least}` is above `{most}`: no value is left");
    let mut diagnostic = Diagnostic::error(NO_VALUE_LEFT, message);
    for (key, label) in [(least, "above"), (most, "below")] {
        if let Some(node) = fields.value(key) {
            diagnostic = diagnostic.at(node.span, label);
        }
    }
    diagnostic
}

fn pattern(node: &Node, found: &mut Found) -> Option<Pattern> {
    let written = fields::text(node, "`pattern` is a string", found)?;
    match Pattern::new(written) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            found.push(
                Diagnostic::error(BAD_PATTERN, format!("the pattern cannot be used: {error}"))
                    .at(node.span, "not a pattern")
                    .help("a regular expression without look-around and backreferences; put it in single quotes"),
            );
            None
        }
    }
}

fn limit(shape: &Shape, key: &str, fields: &Fields<'_>, found: &mut Found) -> Option<Limit> {
    let node = fields.value(key)?;
    // Neither pattern nor range is set yet, so only the kind is looked at.
    let value = taken(&Shape::of(numeric(&shape.kind)), node, key, found)?;
    let written = match &node.kind {
        NodeKind::Text(text) => text.clone(),
        _ => value.to_string(),
    };
    Some(Limit { value, written })
}

/// The kind once more; only numbers have ranges.
fn numeric(kind: &Kind) -> Kind {
    match kind {
        Kind::Int => Kind::Int,
        Kind::Bytes => Kind::Bytes,
        Kind::Duration => Kind::Duration,
        Kind::Text | Kind::Number | Kind::Bool | Kind::List(_) | Kind::Map(_) | Kind::Fields(_) => {
            Kind::Number
        }
    }
}

fn allowed(shape: &mut Shape, fields: &Fields<'_>, found: &mut Found) {
    let Some(node) = fields.value("enum") else {
        return;
    };
    let NodeKind::List(items) = &node.kind else {
        found.push(wrong_shape(node, "`enum` is a list of values"));
        return;
    };
    if items.is_empty() {
        let message = "`enum` lists no value: none is left";
        found.push(Diagnostic::error(NO_VALUE_LEFT, message).at(node.span, "empty"));
        return;
    }
    let values: Vec<Option<Value>> = items
        .iter()
        .map(|item| taken(shape, item, "enum", found))
        .collect();
    shape.allowed = values.into_iter().flatten().collect();
}

fn default(shape: &mut Shape, fields: &Fields<'_>, found: &mut Found) {
    let Some(node) = fields.value("default") else {
        return;
    };
    // What may be left out is null then.
    shape.default = match &node.kind {
        NodeKind::Null => Some(Value::Null),
        _ => taken(shape, node, "default", found),
    };
}

/// A value that the declaration itself holds, told where it stands when it is wrong.
fn taken(shape: &Shape, node: &Node, key: &str, found: &mut Found) -> Option<Value> {
    // An integer is no duration for a reader: of what?
    if let (Kind::Duration, NodeKind::Int(_)) = (&shape.kind, &node.kind) {
        let message = format!("`{key}` must be {}", shape.describe());
        found.push(
            Diagnostic::error(INPUT_TYPE, message)
                .at(node.span, "without a unit")
                .help(hints::duration(node)),
        );
        return None;
    }
    match shape.take(&node.to_value()) {
        Ok(value) => Some(value),
        Err(faults) => {
            for fault in faults {
                found.push(fault_in(&fault, key, node));
            }
            None
        }
    }
}

/// A fault of a value that stands in a text.
pub(in crate::check) fn fault_in(fault: &Fault, key: &str, node: &Node) -> Diagnostic {
    let place = inner(node, &fault.path);
    let path = shown_path(key, &fault.path);
    if fault.code == INPUT_TYPE {
        let wanted = fault.rule.trim_start_matches("is not ");
        let found = place.describe();
        return Diagnostic::error(INPUT_TYPE, format!("`{path}` must be {wanted}"))
            .at(place.span, format!("this is {found}"))
            .maybe_help(fault.help.clone().or_else(|| match wanted {
                "a string" => hints::quoted(place),
                "true or false" => hints::boolean(place),
                _ => None,
            }));
    }
    let message = format!("`{path}`: {} {}", fault.found, fault.rule);
    Diagnostic::error(fault.code, message)
        .at(place.span, "not allowed")
        .maybe_help(fault.help.clone())
}

/// The part of the node at the end of the path.
fn inner<'a>(node: &'a Node, path: &[Segment]) -> &'a Node {
    let mut at = node;
    for segment in path {
        let next = match (segment, &at.kind) {
            (Segment::Item(index), NodeKind::List(items)) => items.get(*index),
            (Segment::Member(name), NodeKind::Map(entries)) => entries
                .iter()
                .find(|entry| entry.key == *name)
                .map(|entry| &entry.value),
            _ => None,
        };
        match next {
            Some(next) => at = next,
            None => break,
        }
    }
    at
}
