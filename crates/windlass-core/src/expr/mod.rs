//! Expressions: the syntax tree that the plan holds, and its evaluator.
//! Not the parser nor the type checker: those read text and live in `windlass-runbook`.

mod ast;

pub use ast::Expr;
