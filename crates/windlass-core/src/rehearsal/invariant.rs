//! What must hold in every run of a plan, whatever happens.

use crate::expr::Expr;

/// When an invariant is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// After each event; it must not hold.
    Never,
    /// At each end; it must hold.
    AtEveryEnd,
}

impl When {
    /// The key that it stands under.
    pub fn as_str(self) -> &'static str {
        match self {
            When::Never => "never",
            When::AtEveryEnd => "at_every_end",
        }
    }
}

/// A condition over runs.
#[derive(Clone, Debug)]
pub struct Invariant {
    pub when: When,
    pub expr: Expr,
    /// Where it stands in the test file, from 1.
    pub line: usize,
}
