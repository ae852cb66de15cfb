//! The text of expressions to `windlass_core::expr` and back: lexer, parser, unparser.
//! Not their meaning, which is core's, nor what names exist, which is `check`'s.

mod error;
mod habits;
mod lexer;
mod parser;
pub mod typing;
mod unparse;

pub use error::SyntaxError;
pub use parser::parse;
pub(crate) use unparse::unparse_with;
pub use unparse::{text_literal, unparse};
