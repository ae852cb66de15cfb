//! The types of expressions, known before a run. Pure: an expression and the names around
//! it to a type and findings with spans inside the expression.
//! Not which names exist nor where findings are shown: both are `check`'s.
//!
//! `Any` is gradual: nothing is ever said about it. Where no part of an expression is `Any`
//! and nothing was found, evaluation never fails for the type of a value
//! (`tests/expr_typing.rs` holds this for generated expressions).

mod calls;
mod constant;
mod facts;
mod finding;
mod names;
mod operators;
mod ty;
mod walk;

pub use constant::NESTED_MACROS_MAX;
pub(crate) use constant::nests_too_deep;
pub use facts::Facts;
pub use finding::{Finding, Problem};
pub use names::{Absent, Known, Names};
pub use ty::Ty;
pub use walk::{Typing, facts_where, typing};
