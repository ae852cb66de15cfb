//! What is known of the names around an expression, before a run.

use super::ty::Ty;

/// The types of the names around an expression; the twin of core's `Scope`.
pub trait Names {
    /// What is known of the start of `path`, the longest chain of fixed names that the
    /// expression holds. `None` for names of which nothing is known: nothing is said about them.
    fn known(&self, path: &[&str]) -> Option<Known>;

    /// Which chains are not null where the chain `path` equals `text`. A state tells whether
    /// a step has outputs.
    fn proven(&self, path: &[&str], text: &str) -> Vec<Vec<String>> {
        let _ = (path, text);
        Vec::new()
    }
}

/// What is known of the start of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub ty: Ty,
    /// How many names of the chain led to the type, one at least.
    pub used: usize,
    /// Why there may be nothing at all.
    pub absent: Option<Absent>,
}

/// Something that may not be there: whatever is asked of it is null then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// How many names of the chain lead to what may not be there.
    pub len: usize,
    /// Why, as a clause: "`x` is skipped when its `when` is false".
    pub why: String,
}

impl Known {
    /// Something that is always there.
    pub fn present(ty: Ty, used: usize) -> Self {
        Self {
            ty,
            used,
            absent: None,
        }
    }
}
