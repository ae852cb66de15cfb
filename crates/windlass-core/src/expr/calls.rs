//! The functions that an expression may call.
//! The names and numbers of arguments stand in `ast`; here is what they do.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::ast::Function;
use super::operators::{finite, order};
use super::{EvalErrorKind, RESULT_BYTES_MAX};
use crate::value::Value;

type Answer = Result<Value, EvalErrorKind>;

/// Calls `function`. The builder has checked the number of arguments.
pub(super) fn call(function: Function, arguments: &[Cow<'_, Value>]) -> Answer {
    let first = &*arguments[0];
    match function {
        Function::Size => size(first),
        Function::Int => int(first),
        Function::Double => double(first),
        Function::String => string(first),
        Function::Bool => boolean(first),
        Function::Dyn => Ok(first.clone()),
        Function::Contains => test(function, first, &arguments[1], |text, part| {
            text.contains(part)
        }),
        Function::StartsWith => test(function, first, &arguments[1], |text, part| {
            text.starts_with(part)
        }),
        Function::EndsWith => test(function, first, &arguments[1], |text, part| {
            text.ends_with(part)
        }),
        Function::LowerAscii => Ok(Value::Text(text(function, first)?.to_ascii_lowercase())),
        Function::UpperAscii => Ok(Value::Text(text(function, first)?.to_ascii_uppercase())),
        Function::Split => split(text(function, first)?, text(function, &arguments[1])?),
        Function::Join => {
            let separator = match arguments.get(1) {
                Some(separator) => text(function, separator)?,
                None => "",
            };
            join(first, separator)
        }
        Function::Min => extreme(function, first, Ordering::Less),
        Function::Max => extreme(function, first, Ordering::Greater),
    }
}

fn wrong(function: Function, found: &Value) -> EvalErrorKind {
    EvalErrorKind::BadArgument {
        function: function.name(),
        found: found.type_name(),
    }
}

fn text(function: Function, value: &Value) -> Result<&str, EvalErrorKind> {
    value.as_text().ok_or_else(|| wrong(function, value))
}

fn list(function: Function, value: &Value) -> Result<&[Value], EvalErrorKind> {
    if let Value::List(items) = value {
        Ok(items)
    } else {
        Err(wrong(function, value))
    }
}

fn test(function: Function, value: &Value, part: &Value, ask: fn(&str, &str) -> bool) -> Answer {
    Ok(Value::Bool(ask(
        text(function, value)?,
        text(function, part)?,
    )))
}

/// Refuses a result before it takes memory.
fn check_size(bytes: usize) -> Result<(), EvalErrorKind> {
    if bytes > RESULT_BYTES_MAX {
        Err(EvalErrorKind::TooLarge)
    } else {
        Ok(())
    }
}

/// Of a text, the number of its code points.
fn size(value: &Value) -> Answer {
    let size = match value {
        Value::Text(text) => text.chars().count(),
        Value::List(items) => items.len(),
        Value::Map(map) => map.len(),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
            return Err(wrong(Function::Size, value));
        }
    };
    i64::try_from(size)
        .map(Value::Int)
        .map_err(|_| EvalErrorKind::Overflow)
}

fn int(value: &Value) -> Answer {
    match value {
        Value::Int(value) => Ok(Value::Int(*value)),
        // Towards zero, as in CEL. The bounds themselves are no 64-bit
        // integers that a float can hold, so both are excluded.
        Value::Float(value) if *value > i64::MIN as f64 && *value < i64::MAX as f64 => {
            Ok(Value::Int(value.trunc() as i64))
        }
        Value::Float(_) => Err(EvalErrorKind::Overflow),
        Value::Text(text) => text
            .parse()
            .map(Value::Int)
            .map_err(|_| EvalErrorKind::NotANumber {
                function: Function::Int.name(),
                text: text.clone(),
            }),
        Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => {
            Err(wrong(Function::Int, value))
        }
    }
}

fn double(value: &Value) -> Answer {
    match value {
        Value::Int(value) => Ok(Value::Float(*value as f64)),
        Value::Float(value) => Ok(Value::Float(*value)),
        Value::Text(text) => match text.parse() {
            Ok(value) => finite(value),
            Err(_) => Err(EvalErrorKind::NotANumber {
                function: Function::Double.name(),
                text: text.clone(),
            }),
        },
        Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => {
            Err(wrong(Function::Double, value))
        }
    }
}

fn string(value: &Value) -> Answer {
    match value {
        Value::Text(text) => Ok(Value::Text(text.clone())),
        Value::Bool(value) => Ok(Value::Text(value.to_string())),
        Value::Int(value) => Ok(Value::Text(value.to_string())),
        Value::Float(value) => Ok(Value::Text(value.to_string())),
        Value::Null | Value::List(_) | Value::Map(_) => Err(wrong(Function::String, value)),
    }
}

/// The spellings are CEL's.
fn boolean(value: &Value) -> Answer {
    match value {
        Value::Bool(value) => Ok(Value::Bool(*value)),
        Value::Text(text) => match text.as_str() {
            "1" | "t" | "true" | "TRUE" | "True" => Ok(Value::Bool(true)),
            "0" | "f" | "false" | "FALSE" | "False" => Ok(Value::Bool(false)),
            _ => Err(EvalErrorKind::NotABoolean { text: text.clone() }),
        },
        Value::Null | Value::Int(_) | Value::Float(_) | Value::List(_) | Value::Map(_) => {
            Err(wrong(Function::Bool, value))
        }
    }
}

/// An empty separator splits into characters, as in CEL's strings extension.
fn split(text: &str, separator: &str) -> Answer {
    let parts = text.matches(separator).count() + 1;
    check_size(parts.saturating_mul(8).saturating_add(text.len()))?;
    let parts = if separator.is_empty() {
        text.chars()
            .map(|char| Value::Text(char.to_string()))
            .collect()
    } else {
        text.split(separator).map(Value::from).collect()
    };
    Ok(Value::List(parts))
}

fn join(value: &Value, separator: &str) -> Answer {
    let items = list(Function::Join, value)?;
    // Fuel has paid for one separator only.
    let separators_bytes = items.len().saturating_mul(separator.len());
    check_size(separators_bytes.saturating_add(value.weight_bytes()))?;
    let mut joined = String::new();
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            joined.push_str(separator);
        }
        joined.push_str(text(Function::Join, item)?);
    }
    Ok(Value::Text(joined))
}

/// The first item that no other surpasses.
fn extreme(function: Function, value: &Value, wanted: Ordering) -> Answer {
    let (first, others) = list(function, value)?
        .split_first()
        .ok_or(EvalErrorKind::EmptyList {
            function: function.name(),
        })?;
    let mut best = first;
    for item in others.iter().chain([first]) {
        let found = order(item, best).ok_or_else(|| EvalErrorKind::NotComparable {
            function: function.name(),
            left: item.type_name(),
            right: best.type_name(),
        })?;
        if found == wanted {
            best = item;
        }
    }
    Ok(best.clone())
}
