//! Expressions: the syntax tree that the plan holds, and its evaluator.
//! Not the parser nor the type checker: those read text and live in `windlass-runbook`.
//!
//! The language is a subset of CEL: total, without I/O, clock or randomness.
//! Every bound is a named constant: [`SOURCE_BYTES_MAX`], [`DEPTH_MAX`],
//! [`FUEL_MAX`], [`RESULT_BYTES_MAX`].

mod arena;
mod ast;
mod builder;
mod calls;
mod error;
mod eval;
mod operators;
mod references;
mod scope;

pub use arena::Expr;
pub use ast::{BinaryOp, Function, Kind, Macro, Node, NodeId, Span, UnaryOp};
pub use builder::{BuildError, DEPTH_MAX, ExprBuilder, SOURCE_BYTES_MAX, is_identifier};
pub use error::{EvalError, EvalErrorKind};
pub use eval::{FUEL_BYTES_PER_UNIT, FUEL_MAX, RESULT_BYTES_MAX};
pub use references::Reference;
pub use scope::{NoScope, Scope};
