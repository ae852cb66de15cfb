//! The shape of every event's JSON, gathered from all events of all scenarios: one example
//! a kind, the shortest, and each field's place and JSON types. `docs/events.schema.json`
//! holds it; a change of format is a visible difference there.
//! `WINDLASS_UPDATE_SCHEMA=1 cargo test -p windlass-core --test scenarios` rewrites it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value, json};
use windlass_core::event::{EVENT_VERSION, Event};

/// Fields that hold what an author or a target put there: any JSON.
const FREE: [&str; 9] = [
    "outputs", "evidence", "state", "seen", "items", "shown", "inputs", "literal", "value",
];

/// Maps whose keys are names that somebody chose.
const KEYED: [&str; 3] = ["people", "groups", "windows"];

/// The text of the schema file that these events make.
pub(crate) fn describe(events: &[Event]) -> String {
    let mut examples = BTreeMap::<&str, String>::new();
    let mut fields = BTreeMap::<&str, BTreeMap<String, BTreeSet<&str>>>::new();
    for event in events {
        let text = String::from_utf8(event.encode()).expect("JSON is text");
        let body: Value = serde_json::from_str(&text).expect("an event is JSON");
        let body = &body[event.kind()];
        walk(fields.entry(event.kind()).or_default(), "", body);
        let best = examples.entry(event.kind()).or_insert_with(|| text.clone());
        if (text.len(), &text) < (best.len(), &*best) {
            *best = text;
        }
    }
    let mut kinds = Map::new();
    for (kind, fields) in fields {
        let fields: Map<String, Value> = fields
            .into_iter()
            .map(|(path, types)| {
                (
                    path,
                    json!(types.into_iter().collect::<Vec<_>>().join(" | ")),
                )
            })
            .collect();
        let example: Value = serde_json::from_str(&examples[kind]).expect("an event is JSON");
        kinds.insert(
            kind.to_owned(),
            json!({"fields": fields, "example": example}),
        );
    }
    let schema = json!({"version": EVENT_VERSION, "kinds": kinds});
    let mut text = serde_json::to_string_pretty(&schema).expect("JSON of text keys");
    text.push('\n');
    text
}

fn walk(fields: &mut BTreeMap<String, BTreeSet<&str>>, path: &str, value: &Value) {
    let name = path.rsplit('.').next().unwrap_or(path);
    let kind = match value {
        _ if FREE.contains(&name)
            && !matches!(value, Value::Array(_) if name == "items" && path.contains("nodes")) =>
        {
            "any"
        }
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(items) => {
            items
                .iter()
                .for_each(|item| walk(fields, &format!("{path}[]"), item));
            "array"
        }
        Value::Object(map) => {
            let dot = if path.is_empty() { "" } else { "." };
            let keyed = KEYED.contains(&name);
            for (key, item) in map {
                let key = if keyed { "*" } else { key };
                walk(fields, &format!("{path}{dot}{key}"), item);
            }
            "object"
        }
    };
    if !path.is_empty() {
        fields.entry(path.to_owned()).or_default().insert(kind);
    }
}

/// Compares with the file, or rewrites it when asked to.
pub(crate) fn hold(events: &[Event]) -> Result<(), String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/events.schema.json");
    let found = describe(events);
    if std::env::var_os("WINDLASS_UPDATE_SCHEMA").is_some() {
        std::fs::write(&file, &found).map_err(|error| error.to_string())?;
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    if kept == found {
        return Ok(());
    }
    let (old, new): (BTreeSet<&str>, BTreeSet<&str>) =
        (kept.lines().collect(), found.lines().collect());
    let gone = old
        .difference(&new)
        .map(|line| format!("- {}", line.trim()));
    let come = new
        .difference(&old)
        .map(|line| format!("+ {}", line.trim()));
    let diff: Vec<String> = gone.chain(come).take(40).collect();
    Err(format!(
        "the events' JSON changed; when that is meant, run\n  WINDLASS_UPDATE_SCHEMA=1 cargo test -p windlass-core --test scenarios\n{}",
        diff.join("\n")
    ))
}
