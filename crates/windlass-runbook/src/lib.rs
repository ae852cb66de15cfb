//! YAML runbooks to plans, with diagnostics that carry spans.

pub mod expr;
mod suggest;
