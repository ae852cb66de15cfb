//! Work that a person does by hand and attests: what may be stated about it. What he is
//! told stands in the call, whose expressions are evaluated when the step opens.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Unit;
use crate::pattern::Pattern;
use crate::time::Millis;
use crate::types::Type;
use crate::value::Value;

/// How a step is done by hand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Manual {
    /// How long after its opening an answer is waited for. Never of a change: somebody may
    /// be doing it.
    #[serde(default)]
    pub expires: Option<Millis>,
    /// Whether the person who started the run may not answer.
    #[serde(default)]
    pub not_requester: bool,
    /// The values that he states, by name; their types are the step's declared outputs.
    #[serde(default)]
    pub values: BTreeMap<String, Asked>,
    /// What of that counts something which the person is shown, by its caption.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub show_units: BTreeMap<String, Unit>,
}

/// What is said of a value beyond its type.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    #[serde(default)]
    pub title: Option<String>,
    /// The values that are allowed; empty when all of the type are.
    #[serde(default)]
    pub allowed: Vec<Value>,
    #[serde(default)]
    pub least: Option<Value>,
    #[serde(default)]
    pub most: Option<Value>,
    /// What the whole of a text must match; see [`crate::pattern`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
}

impl Manual {
    /// Why these values are not what was asked for, when they are not.
    pub fn fault(&self, types: &BTreeMap<String, Type>, values: &Value) -> Option<String> {
        let Value::Map(values) = values else {
            return Some("they are no map".to_owned());
        };
        if let Some(unknown) = values.keys().find(|name| !types.contains_key(*name)) {
            let names: Vec<&str> = types.keys().map(String::as_str).collect();
            return Some(match names.as_slice() {
                [] => format!("`{unknown}` is not asked for: nothing is"),
                names => format!("`{unknown}` is not asked for, but {}", names.join(", ")),
            });
        }
        types.iter().find_map(|(name, ty)| {
            let value = values.get(name).unwrap_or(&Value::Null);
            if !ty.has(value) {
                return Some(if values.contains_key(name) {
                    format!("`{name}` is {ty}, not {value}")
                } else {
                    format!("`{name}` is missing, which is {ty}")
                });
            }
            // A value that may be left out breaks no rule by that.
            let asked = self.values.get(name).filter(|_| *value != Value::Null)?;
            asked.broken_by(name, value)
        })
    }
}

impl Asked {
    fn broken_by(&self, name: &str, value: &Value) -> Option<String> {
        if !self.allowed.is_empty() && !self.allowed.contains(value) {
            let allowed: Vec<String> = self.allowed.iter().map(shown).collect();
            return Some(format!("`{name}` is one of {}", allowed.join(", ")));
        }
        if let Some(least) = &self.least
            && order(value, least) == Some(Ordering::Less)
        {
            return Some(format!("`{name}` is at least {least}, not {value}"));
        }
        if let Some(most) = &self.most
            && order(value, most) == Some(Ordering::Greater)
        {
            return Some(format!("`{name}` is at most {most}, not {value}"));
        }
        if let (Some(written), Value::Text(text)) = (&self.pattern, value) {
            // The check has tried it; one that cannot be used lets nothing pass.
            let matches = Pattern::new(written).is_ok_and(|pattern| pattern.matches(text));
            if !matches {
                return Some(format!("`{name}` does not match the pattern `{written}`"));
            }
        }
        None
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => other.to_string(),
    }
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        _ => number(left)?.partial_cmp(&number(right)?),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(int) => Some(*int as f64),
        Value::Float(float) => Some(*float),
        Value::Null | Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wrong_value_is_named() {
        let types: BTreeMap<String, Type> = [
            ("ticket".to_owned(), Type::Text),
            ("lag".to_owned(), Type::Int),
            ("note".to_owned(), Type::Text.nullable()),
        ]
        .into();
        let asked = |least, allowed| Asked {
            least,
            allowed,
            ..Asked::default()
        };
        let manual = Manual {
            values: [
                ("lag".to_owned(), asked(Some(Value::Int(3)), Vec::new())),
                ("note".to_owned(), asked(None, vec![Value::from("quiet")])),
                (
                    "ticket".to_owned(),
                    Asked {
                        pattern: Some("[A-Z]+(-[0-9]+)?".to_owned()),
                        ..Asked::default()
                    },
                ),
            ]
            .into(),
            ..Manual::default()
        };
        let fault = |json: &str| manual.fault(&types, &serde_json::from_str(json).unwrap());
        assert_eq!(fault(r#"{"ticket": "A", "lag": 3}"#), None);
        for (json, expected) in [
            (r#"{"lag": 3}"#, "`ticket` is missing, which is a string"),
            (r#"{"ticket": 1, "lag": 3}"#, "`ticket` is a string, not 1"),
            (r#"{"ticket": "A", "lag": 2}"#, "`lag` is at least 3, not 2"),
            (
                r#"{"ticket": "A-", "lag": 3}"#,
                "`ticket` does not match the pattern `[A-Z]+(-[0-9]+)?`",
            ),
            (
                r#"{"ticket": "A", "lag": 3, "note": "loud"}"#,
                "`note` is one of quiet",
            ),
            (
                r#"{"ticket": "A", "lag": 3, "tocket": 1}"#,
                "`tocket` is not asked for, but lag, note, ticket",
            ),
        ] {
            assert_eq!(fault(json).as_deref(), Some(expected), "{json}");
        }
    }
}
