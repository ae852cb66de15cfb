//! The operators on values: equality, order, membership and arithmetic.
//! No value is converted: `1 + 1.0` is an error, and null is in no order.

use std::cmp::Ordering;

use super::EvalErrorKind;
use super::ast::{BinaryOp, UnaryOp};
use crate::value::Value;

pub(super) fn unary(op: UnaryOp, value: &Value) -> Result<Value, EvalErrorKind> {
    match (op, value) {
        (UnaryOp::Not, Value::Bool(value)) => Ok(Value::Bool(!value)),
        (UnaryOp::Negate, Value::Int(value)) => value
            .checked_neg()
            .map(Value::Int)
            .ok_or(EvalErrorKind::Overflow),
        (UnaryOp::Negate, Value::Float(value)) => Ok(Value::Float(-value)),
        (UnaryOp::Not, other) => Err(EvalErrorKind::NoUnary {
            op: "!",
            found: other.type_name(),
        }),
        (UnaryOp::Negate, other) => Err(EvalErrorKind::NoUnary {
            op: "-",
            found: other.type_name(),
        }),
    }
}

/// How many bytes the operator reads or copies.
pub(super) fn cost_bytes(op: BinaryOp, left: &Value, right: &Value) -> usize {
    match op {
        BinaryOp::Or | BinaryOp::And => 0,
        BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Remainder => 0,
        BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::Less
        | BinaryOp::LessOrEqual
        | BinaryOp::Greater
        | BinaryOp::GreaterOrEqual
        | BinaryOp::Add => left.weight_bytes().saturating_add(right.weight_bytes()),
        // A list is compared item by item with the left side.
        BinaryOp::In => match right {
            Value::List(items) => items
                .len()
                .saturating_mul(left.weight_bytes())
                .saturating_add(right.weight_bytes()),
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::Map(_) => left.weight_bytes(),
        },
    }
}

pub(super) fn binary(op: BinaryOp, left: &Value, right: &Value) -> Result<Value, EvalErrorKind> {
    let wrong = || EvalErrorKind::NoBinary {
        op: op.text(),
        left: left.type_name(),
        right: right.type_name(),
    };
    let ordered = |test: fn(Ordering) -> bool| {
        order(left, right)
            .map(|order| Value::Bool(test(order)))
            .ok_or_else(wrong)
    };
    match op {
        BinaryOp::Equal => Ok(Value::Bool(equal(left, right))),
        BinaryOp::NotEqual => Ok(Value::Bool(!equal(left, right))),
        BinaryOp::Less => ordered(Ordering::is_lt),
        BinaryOp::LessOrEqual => ordered(Ordering::is_le),
        BinaryOp::Greater => ordered(Ordering::is_gt),
        BinaryOp::GreaterOrEqual => ordered(Ordering::is_ge),
        BinaryOp::In => match right {
            Value::List(items) => Ok(Value::Bool(items.iter().any(|item| equal(left, item)))),
            Value::Map(map) => Ok(Value::Bool(
                left.as_text().is_some_and(|name| map.contains_key(name)),
            )),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => {
                Err(wrong())
            }
        },
        BinaryOp::Add => match (left, right) {
            (Value::Text(left), Value::Text(right)) => Ok(Value::Text(format!("{left}{right}"))),
            (Value::List(left), Value::List(right)) => {
                Ok(Value::List(left.iter().chain(right).cloned().collect()))
            }
            _ => arithmetic(op, left, right).unwrap_or_else(|| Err(wrong())),
        },
        BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Remainder => {
            arithmetic(op, left, right).unwrap_or_else(|| Err(wrong()))
        }
        // The machine evaluates these itself, because they need not look at
        // both operands.
        BinaryOp::Or | BinaryOp::And => Err(wrong()),
    }
}

/// Arithmetic on two integers or two floats; `None` for anything else.
fn arithmetic(op: BinaryOp, left: &Value, right: &Value) -> Option<Result<Value, EvalErrorKind>> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => {
            let (left, right) = (*left, *right);
            let divides = matches!(op, BinaryOp::Divide | BinaryOp::Remainder);
            if divides && right == 0 {
                return Some(Err(EvalErrorKind::DivisionByZero));
            }
            let result = match op {
                BinaryOp::Add => left.checked_add(right),
                BinaryOp::Subtract => left.checked_sub(right),
                BinaryOp::Multiply => left.checked_mul(right),
                BinaryOp::Divide => left.checked_div(right),
                BinaryOp::Remainder => left.checked_rem(right),
                BinaryOp::Or
                | BinaryOp::And
                | BinaryOp::Equal
                | BinaryOp::NotEqual
                | BinaryOp::Less
                | BinaryOp::LessOrEqual
                | BinaryOp::Greater
                | BinaryOp::GreaterOrEqual
                | BinaryOp::In => return None,
            };
            Some(result.map(Value::Int).ok_or(EvalErrorKind::Overflow))
        }
        (Value::Float(left), Value::Float(right)) => {
            let result = match op {
                BinaryOp::Add => left + right,
                BinaryOp::Subtract => left - right,
                BinaryOp::Multiply => left * right,
                BinaryOp::Divide => left / right,
                BinaryOp::Remainder
                | BinaryOp::Or
                | BinaryOp::And
                | BinaryOp::Equal
                | BinaryOp::NotEqual
                | BinaryOp::Less
                | BinaryOp::LessOrEqual
                | BinaryOp::Greater
                | BinaryOp::GreaterOrEqual
                | BinaryOp::In => return None,
            };
            Some(finite(result))
        }
        _ => None,
    }
}

/// A float that came out of a calculation. Values hold finite ones only.
pub(super) fn finite(value: f64) -> Result<Value, EvalErrorKind> {
    if value.is_finite() {
        Ok(Value::Float(value))
    } else {
        Err(EvalErrorKind::NotFinite)
    }
}

/// CEL's equality: values of different types are not equal, except that
/// integers and floats compare as numbers, also inside lists and maps.
pub(super) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Text(left), Value::Text(right)) => left == right,
        (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => {
            order(left, right) == Some(Ordering::Equal)
        }
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| equal(left, right))
        }
        (Value::Map(left), Value::Map(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|((left_key, left), (right_key, right))| {
                        left_key == right_key && equal(left, right)
                    })
        }
        _ => false,
    }
}

/// The order of two values of one type, numbers being one type here.
pub(super) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Float(left), Value::Float(right)) => left.partial_cmp(right),
        (Value::Int(left), Value::Float(right)) => Some(order_mixed(*left, *right)),
        (Value::Float(left), Value::Int(right)) => Some(order_mixed(*right, *left).reverse()),
        // By bytes, which for UTF-8 is the order of code points.
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

/// The integer that a float is, when it has no fraction and fits.
pub(super) fn whole(value: f64) -> Option<i64> {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    let fits = value.fract() == 0.0 && (-TWO_TO_63..TWO_TO_63).contains(&value);
    fits.then_some(value as i64)
}

/// As CEL compares: a double beyond all integers is greater or less than each; the others
/// compare as doubles, so an integer above 2^53 is rounded first.
fn order_mixed(left: i64, right: f64) -> Ordering {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    if right > TWO_TO_63 {
        Ordering::Less
    } else if right < -TWO_TO_63 {
        Ordering::Greater
    } else {
        // Values hold finite floats only, so there is always an order.
        (left as f64).partial_cmp(&right).unwrap_or(Ordering::Equal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_floats_compare_as_in_cel() {
        let big = 9_007_199_254_740_993;
        assert_eq!(order_mixed(big, 9_007_199_254_740_992.0), Ordering::Equal);
        assert_eq!(order_mixed(big, 9_007_199_254_740_994.0), Ordering::Less);
        let two_to_63 = 9_223_372_036_854_775_808.0;
        assert_eq!(order_mixed(i64::MAX, two_to_63), Ordering::Equal);
        assert_eq!(order_mixed(i64::MIN, -two_to_63), Ordering::Equal);
        assert_eq!(order_mixed(i64::MAX, 1e19), Ordering::Less);
        assert_eq!(order_mixed(i64::MIN, -1e19), Ordering::Greater);
        assert_eq!(order_mixed(1, 1.5), Ordering::Less);
        assert_eq!(order_mixed(-1, -1.5), Ordering::Greater);
        assert_eq!(order_mixed(0, -0.0), Ordering::Equal);
    }
}
