//! The text of expressions to `windlass_core::expr`: lexer and parser.
//! Not their meaning, which is core's, nor what names exist, which is `check`'s.

mod error;
mod lexer;
mod parser;

pub use error::SyntaxError;
pub use parser::parse;
