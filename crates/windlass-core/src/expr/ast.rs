//! The syntax tree of an expression, as the plan keeps it.

use serde::{Deserialize, Serialize};

/// A parsed expression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expr {
    source: String,
}

impl Expr {
    /// The text that the author wrote.
    pub fn source(&self) -> &str {
        &self.source
    }
}
