//! Which operands an operator takes, and what comes out. Null was taken off before.

use windlass_core::expr::BinaryOp;

use super::finding::Problem;
use super::ty::Ty;

/// The type of `left op right`, for arithmetic and order.
pub(super) fn binary(op: BinaryOp, left: &Ty, right: &Ty) -> Result<Ty, Problem> {
    match op {
        BinaryOp::Less | BinaryOp::LessOrEqual | BinaryOp::Greater | BinaryOp::GreaterOrEqual => {
            ordered(left, right).map(|()| Ty::Bool)
        }
        BinaryOp::Add => match (left, right) {
            (Ty::Never, ty) | (ty, Ty::Never) if !matches!(ty, Ty::Bool | Ty::Null) => {
                Ok(ty.clone())
            }
            (Ty::Text, Ty::Text | Ty::Any) | (Ty::Any, Ty::Text) => Ok(Ty::Text),
            (Ty::List(left), Ty::List(right)) => Ok(Ty::list(left.join(right))),
            (Ty::List(_), Ty::Any) | (Ty::Any, Ty::List(_)) => Ok(Ty::list(Ty::Any)),
            (Ty::Any, Ty::Any) => Ok(Ty::Any),
            _ => arithmetic(op, left, right),
        },
        BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Remainder => {
            arithmetic(op, left, right)
        }
        BinaryOp::Or | BinaryOp::And | BinaryOp::Equal | BinaryOp::NotEqual | BinaryOp::In => {
            Ok(Ty::Bool)
        }
    }
}

/// Numbers of one kind: no operator converts an integer to a double.
fn arithmetic(op: BinaryOp, left: &Ty, right: &Ty) -> Result<Ty, Problem> {
    match (left, right) {
        (Ty::Never | Ty::Any, ty) | (ty, Ty::Never | Ty::Any) => match ty {
            Ty::Float if op == BinaryOp::Remainder => Err(Problem::Operands),
            Ty::Any | Ty::Never | Ty::Number => Ok(Ty::Any),
            Ty::Float => Ok(Ty::Float),
            ty if ty.is_int() => Ok(Ty::Int),
            _ => Err(Problem::Operands),
        },
        (Ty::Float, Ty::Float) if op != BinaryOp::Remainder => Ok(Ty::Float),
        (left, right) if left.is_int() && right.is_int() => integers(op, left, right),
        (left, right) if left.is_numeric() && right.is_numeric() => {
            if op == BinaryOp::Remainder && *left == Ty::Float && *right == Ty::Float {
                Err(Problem::Operands)
            } else {
                Err(Problem::MixedNumbers)
            }
        }
        _ => Err(Problem::Operands),
    }
}

/// The unit of a result: sums keep theirs, a product of a unit and a count too, and a
/// quotient of one unit is a count.
fn integers(op: BinaryOp, left: &Ty, right: &Ty) -> Result<Ty, Problem> {
    let same = left == right;
    let mixed = !same && *left != Ty::Int && *right != Ty::Int;
    if mixed {
        return Err(Problem::Units);
    }
    let unit = if *left == Ty::Int { right } else { left };
    Ok(match op {
        BinaryOp::Multiply if same => Ty::Int,
        BinaryOp::Divide if same || *left == Ty::Int => Ty::Int,
        _ => unit.clone(),
    })
}

fn ordered(left: &Ty, right: &Ty) -> Result<(), Problem> {
    let orders =
        |ty: &Ty| ty.is_numeric() || matches!(ty, Ty::Any | Ty::Never | Ty::Bool | Ty::Text);
    match (left, right) {
        (Ty::Duration, Ty::Bytes) | (Ty::Bytes, Ty::Duration) => Err(Problem::Units),
        (Ty::Any | Ty::Never, ty) | (ty, Ty::Any | Ty::Never) if orders(ty) => Ok(()),
        (Ty::Bool, Ty::Bool) | (Ty::Text, Ty::Text) => Ok(()),
        (left, right) if left.is_numeric() && right.is_numeric() => Ok(()),
        _ => Err(Problem::Operands),
    }
}

/// Whether two values can be equal. Nulls are not looked at: who compares with null asks.
pub(super) fn comparable(left: &Ty, right: &Ty) -> Result<(), Problem> {
    let matching = match (left, right) {
        (Ty::Any | Ty::Never, _) | (_, Ty::Any | Ty::Never) => true,
        (Ty::Nullable(_), Ty::Null | Ty::Nullable(_)) | (Ty::Null, Ty::Nullable(_) | Ty::Null) => {
            true
        }
        (Ty::Nullable(inner), ty) | (ty, Ty::Nullable(inner)) => return comparable(inner, ty),
        (Ty::Duration, Ty::Bytes) | (Ty::Bytes, Ty::Duration) => return Err(Problem::Units),
        (left, right) if left.is_numeric() && right.is_numeric() => true,
        (Ty::Scalar, ty) | (ty, Ty::Scalar) => {
            ty.is_numeric() || matches!(ty, Ty::Bool | Ty::Text | Ty::Scalar)
        }
        (Ty::List(left), Ty::List(right)) | (Ty::Map(left), Ty::Map(right)) => {
            return comparable(left, right);
        }
        (Ty::Map(value), Ty::Object(members)) | (Ty::Object(members), Ty::Map(value)) => {
            return members.values().try_for_each(|ty| comparable(value, ty));
        }
        (Ty::Object(left), Ty::Object(right)) => {
            return left
                .iter()
                .filter_map(|(name, ty)| Some((ty, right.get(name)?)))
                .try_for_each(|(left, right)| comparable(left, right));
        }
        (left, right) => left == right,
    };
    if matching {
        Ok(())
    } else {
        Err(Problem::Comparison)
    }
}
