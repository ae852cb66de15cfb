//! Declared values: which rules belong to which type, and what a value of a type is.

use serde_json::{Value, json};

use super::shapes::DURATION;
use crate::check::keys::{Keys, Shape};

/// A count of bytes.
const BYTES: &str = "^[0-9]+(KiB|MiB|GiB|TiB|kB|MB|GB|TB|B)$";

/// Each type's word, a value of it, and the rules that it has.
fn types() -> [(&'static str, Value, &'static [&'static str]); 8] {
    let bytes = json!({"anyOf": [
        {"type": "integer", "minimum": 0},
        {"type": "string", "pattern": BYTES},
    ]});
    let duration = json!({"type": "string", "pattern": DURATION});
    let range: &[&str] = &["min", "max", "enum"];
    let text: &[&str] = &["pattern", "min_length", "max_length", "enum"];
    let list: &[&str] = &["items", "min_length", "max_length"];
    [
        ("string", json!({"type": "string"}), text),
        ("integer", json!({"type": "integer"}), range),
        ("number", json!({"type": "number"}), range),
        ("boolean", json!({"type": "boolean"}), &[]),
        ("bytes", bytes, range),
        ("duration", duration, range),
        ("list", json!({"type": "array"}), list),
        ("map", json!({"type": "object"}), &["fields", "values"]),
    ]
}

/// Keys that are rules about a value.
const RULES: [&str; 9] = [
    "pattern",
    "min",
    "max",
    "min_length",
    "max_length",
    "enum",
    "items",
    "fields",
    "values",
];

/// The words for types.
pub(super) fn words() -> Vec<&'static str> {
    types().into_iter().map(|(word, _, _)| word).collect()
}

/// What the type of a declaration says about the keys beside it.
pub(super) fn rules(keys: &Keys) -> Value {
    let mut all = vec![json!({"not": {"required": ["fields", "values"]}})];
    for (word, value, own) in types() {
        let mut properties = serde_json::Map::new();
        for key in keys.known {
            let schema = match key.shape {
                _ if RULES.contains(&key.name) && !own.contains(&key.name) => json!(false),
                Shape::OfType if key.name == "default" => {
                    json!({"anyOf": [{"type": "null"}, value]})
                }
                Shape::OfType => value.clone(),
                Shape::ListOfType => json!({"items": value}),
                _ => continue,
            };
            properties.insert(key.name.to_owned(), schema);
        }
        if !properties.is_empty() {
            all.push(json!({
                "if": {"properties": {"type": {"const": word}}, "required": ["type"]},
                "then": {"properties": properties},
            }));
        }
    }
    json!({"allOf": all})
}
