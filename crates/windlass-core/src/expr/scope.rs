//! Where an expression finds the values of its names.

use std::borrow::Cow;
use std::fmt::Debug;

use crate::value::Value;

/// The names around an expression.
pub trait Scope: Debug {
    /// The value at the start of `path`, and how many segments of the path led
    /// to it; the evaluator selects the others as fields.
    ///
    /// `path` is the longest chain of fixed names that the expression holds,
    /// such as `["steps", "precheck", "outputs", "lag"]`, so that a scope need
    /// not build a map of everything that it knows. It is never empty. `None`
    /// means that nothing has that name.
    fn resolve<'a>(&'a self, path: &[&str]) -> Option<(Cow<'a, Value>, usize)>;
}

/// A scope without names.
#[derive(Clone, Copy, Debug)]
pub struct NoScope;

impl Scope for NoScope {
    fn resolve<'a>(&'a self, _path: &[&str]) -> Option<(Cow<'a, Value>, usize)> {
        None
    }
}

/// The members of a map by their names.
impl Scope for std::collections::BTreeMap<String, Value> {
    fn resolve<'a>(&'a self, path: &[&str]) -> Option<(Cow<'a, Value>, usize)> {
        let value = self.get(*path.first()?)?;
        Some((Cow::Borrowed(value), 1))
    }
}
