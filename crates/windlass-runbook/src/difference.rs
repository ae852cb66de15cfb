//! What differs between two plans, place by place, as people read it: expressions and
//! templates as their text, spans of time with units, steps by their names. It walks the
//! plan's own JSON, so that no member can be forgotten. Not responsible for how it is laid
//! out on a terminal.

use std::collections::BTreeMap;

use serde::Deserialize as _;
use serde_json::{Map, Value as Json};
use windlass_core::plan::{Plan, Template, Unit, shown};
use windlass_core::value::Value;

use crate::outline::template_text;

/// A place at which two plans differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Such as `steps.upgrade.call.timeout`.
    pub place: String,
    /// What stands there in the first plan; `None` when nothing does.
    pub before: Option<String>,
    /// What stands there in the second plan.
    pub after: Option<String>,
}

/// The places at which two plans differ, those of the first one first.
///
/// None is given only for plans that are the same.
pub fn between(before: &Plan, after: &Plan) -> Vec<Difference> {
    let (before, after) = (told(before), told(after));
    let mut differences = Vec::new();
    for (place, had) in &before.0 {
        match after.0.get(place) {
            Some(has) if has.exact == had.exact => {}
            Some(has) => differences.push(Difference::new(place, Some(had), Some(has))),
            None => differences.push(Difference::new(place, Some(had), None)),
        }
    }
    let new = after
        .0
        .iter()
        .filter(|(place, _)| !before.0.contains_key(*place));
    differences.extend(new.map(|(place, has)| Difference::new(place, None, Some(has))));
    differences
}

impl Difference {
    fn new(place: &str, before: Option<&Told>, after: Option<&Told>) -> Self {
        // Two things that read alike, such as 1 and "1", are told by their JSON.
        let alike = match (before, after) {
            (Some(before), Some(after)) => before.text == after.text,
            _ => false,
        };
        let text = |told: &Told| match alike {
            true => told.exact.clone(),
            false => told.text.clone(),
        };
        Self {
            place: place.to_owned(),
            before: before.map(text),
            after: after.map(text),
        }
    }
}

/// What stands at one place.
#[derive(Clone, Debug)]
struct Told {
    /// As people read it.
    text: String,
    /// As JSON.
    exact: String,
}

/// The places of a plan.
#[derive(Debug, Default)]
struct Places(BTreeMap<String, Told>);

impl Places {
    fn put(&mut self, place: String, text: String, json: &Json) {
        let exact = json.to_string();
        self.0.insert(place, Told { text, exact });
    }
}

/// Every place of a plan with what stands there.
fn told(plan: &Plan) -> Places {
    let json = serde_json::to_value(plan).expect("a plan has only text keys and finite numbers");
    let mut places = Places::default();
    for (name, member) in json.as_object().into_iter().flatten() {
        match (name.as_str(), member) {
            // Plain values: a member of theirs may look like a template and is none.
            ("inputs", Json::Object(inputs)) => {
                for (input, value) in inputs {
                    places.put(format!("inputs.{input}"), plain(value), value);
                }
            }
            ("steps", Json::Array(steps)) => {
                let order: Vec<&str> = steps.iter().map(id_of).collect();
                places.put(name.clone(), order.join(", "), &Json::from(order.clone()));
                for (step, id) in steps.iter().zip(order) {
                    places.walk(&format!("steps.{id}"), step);
                }
            }
            _ => places.walk(name, member),
        }
    }
    places
}

fn id_of(step: &Json) -> &str {
    let id = step.get("id").and_then(Json::as_str);
    id.unwrap_or_default()
}

/// Members that only say of which kind the next one is.
const KINDS: [&str; 5] = ["kind", "action", "gate", "call", "read"];
/// Members that hold spans of time in milliseconds.
const SPANS: [&str; 12] = [
    "timeout",
    "send_within",
    "settle",
    "observe",
    "backoff",
    "backoff_max",
    "every",
    "within",
    "expires",
    "max_age",
    "outage",
    "lead",
];

impl Places {
    fn walk(&mut self, place: &str, json: &Json) {
        match json {
            Json::Null => {}
            Json::Object(members) => {
                if let (1, Some(Json::Object(values))) = (members.len(), members.get("literal")) {
                    for (name, value) in values {
                        self.put(format!("{place}.{name}"), plain(value), value);
                    }
                    return;
                }
                if let Some(text) = source_of(members).or_else(|| template_of(json)) {
                    self.put(place.to_owned(), text, json);
                    return;
                }
                // Of a map of templates each member is a place of its own.
                if let (1, Some(inner @ Json::Object(_))) = (members.len(), members.get("map")) {
                    self.walk(place, inner);
                    return;
                }
                for (name, member) in members {
                    if KINDS.contains(&name.as_str()) && member.is_object() {
                        self.walk(place, member);
                    } else {
                        self.member(format!("{place}.{name}"), name, member);
                    }
                }
            }
            Json::Array(items) if items.iter().all(is_plain) => {
                let texts: Vec<String> = items.iter().map(plain).collect();
                self.put(place.to_owned(), texts.join(", "), json);
            }
            Json::Array(items) => {
                for (number, item) in items.iter().enumerate() {
                    match item.as_array().map(Vec::as_slice) {
                        // A pair of a caption and what stands under it.
                        Some([Json::String(caption), shown]) => {
                            self.walk(&format!("{place}[{number}].{caption}"), shown);
                        }
                        _ => self.walk(&format!("{place}[{number}]"), item),
                    }
                }
            }
            Json::Bool(_) | Json::Number(_) | Json::String(_) => {
                self.put(place.to_owned(), plain(json), json);
            }
        }
    }

    fn member(&mut self, place: String, name: &str, member: &Json) {
        match (SPANS.contains(&name), member.as_u64()) {
            (true, Some(span)) => {
                let span = i64::try_from(span).unwrap_or(i64::MAX);
                let text = shown(&Value::Int(span), Some(&Unit::Duration));
                self.put(place, text, member);
            }
            _ => self.walk(&place, member),
        }
    }
}

/// The text of an expression.
fn source_of(members: &Map<String, Json>) -> Option<String> {
    let is_expression = members.len() == 2 && members.get("nodes").is_some_and(Json::is_array);
    let source = members.get("source").filter(|_| is_expression)?;
    Some(source.as_str()?.to_owned())
}

/// The text of a template; of a map the members are places of their own.
fn template_of(json: &Json) -> Option<String> {
    match Template::deserialize(json).ok()? {
        Template::Map(members) if !members.is_empty() => None,
        template => Some(template_text(&template)),
    }
}

fn is_plain(json: &Json) -> bool {
    match json {
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => true,
        Json::Array(_) | Json::Object(_) => false,
    }
}

fn plain(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}
