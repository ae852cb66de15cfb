//! The units of integers that count something: how a duration or a number of bytes is
//! written, so that it reads back as the same number. Reading is the runbook's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::types::Type;
use crate::value::Value;

/// What an integer counts, or the integers within a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Milliseconds.
    Duration,
    Bytes,
    /// Each item of a list, or value of a map whose keys nobody declares.
    Each(Box<Unit>),
    /// Those members of a map that count something.
    Members(BTreeMap<String, Unit>),
}

const SPANS: [(&str, i64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

const SIZES: [(&str, i64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl Unit {
    /// What values of a type count, if anything.
    pub fn of(ty: &Type) -> Option<Self> {
        match ty {
            Type::Duration => Some(Unit::Duration),
            Type::Bytes => Some(Unit::Bytes),
            Type::List(member) | Type::Map(member) => {
                Unit::of(member).map(|unit| Unit::Each(Box::new(unit)))
            }
            Type::Object(members) => {
                let unit = |(name, ty): (&String, &Type)| Some((name.clone(), Unit::of(ty)?));
                let units: BTreeMap<String, Unit> = members.iter().filter_map(unit).collect();
                (!units.is_empty()).then_some(Unit::Members(units))
            }
            Type::Nullable(inner) => Unit::of(inner),
            Type::Any
            | Type::Null
            | Type::Bool
            | Type::Int
            | Type::Number
            | Type::Text
            | Type::Scalar => None,
        }
    }

    /// What a member of a value counts.
    fn member(&self, name: &str) -> Option<&Unit> {
        match self {
            Unit::Duration | Unit::Bytes => None,
            Unit::Each(unit) => Some(unit),
            Unit::Members(units) => units.get(name),
        }
    }

    /// The ways to write what is counted, unless it is within.
    fn scale(&self) -> Option<&'static [(&'static str, i64)]> {
        match self {
            Unit::Duration => Some(&SPANS),
            Unit::Bytes => Some(&SIZES),
            Unit::Each(_) | Unit::Members(_) => None,
        }
    }
}

/// A value as its author would write it, with the units of what it counts.
pub fn shown(value: &Value, unit: Option<&Unit>) -> String {
    let member = |name: &str| unit.and_then(|unit| unit.member(name));
    match (value, unit.and_then(Unit::scale)) {
        (Value::Int(count), Some(scale)) => written(*count, scale),
        (Value::List(items), _) => {
            let items = items.iter().map(|item| shown(item, member("")));
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        }
        (Value::Map(members), _) => {
            let members = members.iter().map(|(name, value)| {
                let value = shown(value, member(name));
                format!("{}: {value}", Value::from(name.as_str()))
            });
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        (value, _) => value.to_string(),
    }
}

/// `15m`, `1MiB`: the whole count in the largest unit that loses nothing.
fn written(count: i64, scale: &[(&str, i64)]) -> String {
    let fits = |unit: &&(&str, i64)| unit.1 == 1 || (count != 0 && count % unit.1 == 0);
    let largest = scale.iter().filter(fits).max_by_key(|(_, factor)| *factor);
    let (name, factor) = *largest.expect("every scale has a unit of 1");
    format!("{}{name}", count / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost() {
        let spans = [
            (900_000, "15m"),
            (90_000, "90s"),
            (1, "1ms"),
            (0, "0ms"),
            (86_400_000, "1d"),
        ];
        for (count, text) in spans {
            assert_eq!(written(count, &SPANS), text);
        }
        let sizes = [
            (1 << 20, "1MiB"),
            (20_000_000_000, "20GB"),
            (1_500, "1500B"),
            (0, "0B"),
        ];
        for (count, text) in sizes {
            assert_eq!(written(count, &SIZES), text);
        }
    }

    #[test]
    fn counts_within_lists_and_maps_keep_their_units() {
        let members = [
            ("every".to_owned(), Type::list(Type::Duration).nullable()),
            ("name".to_owned(), Type::Text),
            ("sizes".to_owned(), Type::map(Type::Bytes)),
        ];
        let unit = Unit::of(&Type::Object(members.into())).unwrap();
        let json = r#"{"members":{"every":{"each":"duration"},"sizes":{"each":"bytes"}}}"#;
        assert_eq!(serde_json::to_string(&unit).unwrap(), json);
        let value = r#"{"every":[900000,1],"name":"a","sizes":{"x":1048576}}"#;
        let value: Value = serde_json::from_str(value).unwrap();
        assert_eq!(
            shown(&value, Some(&unit)),
            r#"{"every": [15m, 1ms], "name": "a", "sizes": {"x": 1MiB}}"#
        );
        assert_eq!(Unit::of(&Type::list(Type::Int)), None);
        // Written by a windlass that knew units of whole inputs alone.
        assert_eq!(
            serde_json::from_str::<Unit>(r#""bytes""#).unwrap(),
            Unit::Bytes
        );
    }
}
