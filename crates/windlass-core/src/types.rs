//! Types of values, as far as they are known before a run: of parameters, outputs,
//! inputs and expressions. Responsible for what a type is, how it is said and which value
//! has it; not for typing an expression (the front end does) nor for reading YAML.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::value::Value;

/// The type of a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// Anything: only the run will tell.
    Any,
    Null,
    Bool,
    /// A 64-bit integer.
    Int,
    /// An integer or a floating-point number.
    Number,
    Text,
    /// A string, a number or a boolean: what has one obvious text.
    Scalar,
    /// A span of time; an integer of milliseconds, written such as `15m`.
    Duration,
    /// A count of bytes; an integer, written such as `1MiB`.
    Bytes,
    List(Box<Type>),
    /// A map whose keys are not known before the run.
    Map(Box<Type>),
    /// A map with exactly these members.
    Object(BTreeMap<String, Type>),
    /// The type inside, or null.
    Nullable(Box<Type>),
}

impl Type {
    /// A list of `item`s.
    pub fn list(item: Type) -> Self {
        Type::List(Box::new(item))
    }

    /// A map from names to `value`s.
    pub fn map(value: Type) -> Self {
        Type::Map(Box::new(value))
    }

    /// This type, or null; null and `Any` hold null already.
    pub fn nullable(self) -> Self {
        match self {
            Type::Any | Type::Null | Type::Nullable(_) => self,
            Type::Bool
            | Type::Int
            | Type::Number
            | Type::Text
            | Type::Scalar
            | Type::Duration
            | Type::Bytes
            | Type::List(_)
            | Type::Map(_)
            | Type::Object(_) => Type::Nullable(Box::new(self)),
        }
    }

    /// The type of a list's items, or of a map's member `name`; [`Type::Any`] where nobody
    /// knows one.
    pub fn member(&self, name: Option<&str>) -> &Type {
        match (self, name) {
            (Type::Nullable(inner), _) => inner.member(name),
            (Type::List(item), None) => item,
            (Type::Map(value), Some(_)) => value,
            (Type::Object(members), Some(name)) => members.get(name).unwrap_or(&Type::Any),
            (
                Type::Any
                | Type::Null
                | Type::Bool
                | Type::Int
                | Type::Number
                | Type::Text
                | Type::Scalar
                | Type::Duration
                | Type::Bytes
                | Type::List(_)
                | Type::Map(_)
                | Type::Object(_),
                _,
            ) => &Type::Any,
        }
    }

    /// How many bytes [`Type::complete`] would add.
    pub fn lacking_bytes(&self, value: &Value) -> usize {
        match (self, value) {
            (Type::Nullable(inner), value) => inner.lacking_bytes(value),
            (Type::List(item), Value::List(items)) => {
                items.iter().map(|value| item.lacking_bytes(value)).sum()
            }
            (Type::Map(inner), Value::Map(map)) => {
                map.values().map(|value| inner.lacking_bytes(value)).sum()
            }
            (Type::Object(members), Value::Map(map)) => members
                .iter()
                .map(|(name, member)| match map.get(name) {
                    Some(value) => member.lacking_bytes(value),
                    None if member.has(&Value::Null) => name.len() + Value::Null.weight_bytes(),
                    None => 0,
                })
                .sum(),
            _ => 0,
        }
    }

    /// Writes null where a declared member may be left out and is: who reads it finds null
    /// then, and no error. [`Type::lacking_bytes`] says beforehand how much that is.
    pub fn complete(&self, value: &mut Value) {
        match (self, value) {
            (Type::Nullable(inner), value) => inner.complete(value),
            (Type::List(item), Value::List(items)) => {
                items.iter_mut().for_each(|value| item.complete(value));
            }
            (Type::Map(inner), Value::Map(map)) => {
                map.values_mut().for_each(|value| inner.complete(value));
            }
            (Type::Object(members), Value::Map(map)) => {
                for (name, member) in members {
                    match map.get_mut(name) {
                        Some(value) => member.complete(value),
                        None if member.has(&Value::Null) => {
                            map.insert(name.clone(), Value::Null);
                        }
                        None => {}
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether `value` has the type. A duration or a count of bytes is an integer that is
    /// not negative.
    pub fn has(&self, value: &Value) -> bool {
        match (self, value) {
            (Type::Any, _) | (Type::Null | Type::Nullable(_), Value::Null) => true,
            (Type::Nullable(inner), value) => inner.has(value),
            (Type::Bool, Value::Bool(_))
            | (Type::Int, Value::Int(_))
            | (Type::Number, Value::Int(_) | Value::Float(_))
            | (Type::Text, Value::Text(_))
            | (Type::Scalar, Value::Text(_) | Value::Int(_) | Value::Float(_) | Value::Bool(_)) => {
                true
            }
            (Type::Duration | Type::Bytes, Value::Int(count)) => *count >= 0,
            (Type::List(item), Value::List(items)) => items.iter().all(|value| item.has(value)),
            (Type::Map(inner), Value::Map(map)) => map.values().all(|value| inner.has(value)),
            (Type::Object(members), Value::Map(map)) => {
                map.keys().all(|name| members.contains_key(name))
                    && members
                        .iter()
                        .all(|(name, member)| member.has(map.get(name).unwrap_or(&Value::Null)))
            }
            (
                Type::Null
                | Type::Bool
                | Type::Int
                | Type::Number
                | Type::Text
                | Type::Scalar
                | Type::Duration
                | Type::Bytes
                | Type::List(_)
                | Type::Map(_)
                | Type::Object(_),
                _,
            ) => false,
        }
    }
}

/// The type with its article, as a diagnostic says it: `a list of strings`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Any => f.write_str("anything"),
            Type::Null => f.write_str("null"),
            Type::Bool => f.write_str("true or false"),
            Type::Int => f.write_str("an integer"),
            Type::Number => f.write_str("a number"),
            Type::Text => f.write_str("a string"),
            Type::Scalar => f.write_str("a string, a number or a boolean"),
            Type::Duration => f.write_str("a duration such as 15m"),
            Type::Bytes => f.write_str("a number of bytes such as 1MiB"),
            Type::List(item) => match item.plural() {
                Some(items) => write!(f, "a list of {items}"),
                None => f.write_str("a list"),
            },
            Type::Map(value) => match value.plural() {
                Some(values) => write!(f, "a map of {values}"),
                None => f.write_str("a map"),
            },
            Type::Object(members) => {
                let names: Vec<&str> = members.keys().map(String::as_str).collect();
                write!(f, "a map with {}", names.join(", "))
            }
            Type::Nullable(inner) => write!(f, "{inner}, or null"),
        }
    }
}

impl Type {
    fn plural(&self) -> Option<&'static str> {
        match self {
            Type::Any | Type::Null => None,
            Type::Bool => Some("booleans"),
            Type::Int => Some("integers"),
            Type::Number => Some("numbers"),
            Type::Text => Some("strings"),
            Type::Scalar => Some("strings or numbers"),
            Type::Duration => Some("durations"),
            Type::Bytes => Some("numbers of bytes"),
            Type::List(_) => Some("lists"),
            Type::Map(_) | Type::Object(_) => Some("maps"),
            Type::Nullable(inner) => inner.plural(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_types() {
        let value: Value = serde_json::from_str(r#"[{"lag": 3, "state": null}]"#).unwrap();
        let row = |lag: Type, state: Type| {
            let members = [("lag".to_owned(), lag), ("state".to_owned(), state)];
            Type::list(Type::Object(members.into()))
        };
        assert!(row(Type::Bytes, Type::Text.nullable()).has(&value));
        assert!(!row(Type::Bytes, Type::Text).has(&value));
        assert!(!row(Type::Text, Type::Any).has(&value));
        assert!(Type::list(Type::map(Type::Any)).has(&value));
        assert!(!Type::Duration.has(&Value::Int(-1)));
        // A member that is not there is null.
        let members = [("a".to_owned(), Type::Int.nullable())];
        assert!(Type::Object(members.into()).has(&Value::Map(BTreeMap::new())));
    }

    #[test]
    fn members_that_are_left_out_become_null() {
        let members = [
            ("a".to_owned(), Type::Int.nullable()),
            ("b".to_owned(), Type::Int),
        ];
        let ty = Type::list(Type::Object(members.into()));
        let mut value: Value = serde_json::from_str(r#"[{"b": 1}, {"a": 2}, 3]"#).unwrap();
        let before = value.weight_bytes();
        let lacking = ty.lacking_bytes(&value);
        ty.complete(&mut value);
        assert_eq!(value.to_string(), r#"[{"a":null,"b":1},{"a":2},3]"#);
        assert_eq!(value.weight_bytes(), before + lacking);
        assert_eq!(ty.lacking_bytes(&value), 0);
    }

    #[test]
    fn types_are_said_in_words() {
        let said = |ty: Type| ty.to_string();
        assert_eq!(said(Type::list(Type::Text)), "a list of strings");
        assert_eq!(said(Type::map(Type::Any)), "a map");
        assert_eq!(said(Type::Int.nullable()), "an integer, or null");
        assert_eq!(Type::Any.nullable(), Type::Any);
    }
}
