//! What typing finds wrong, in words for the author.

use windlass_core::expr::Span;

/// One mistake in an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The part of the expression that is wrong.
    pub span: Span,
    pub problem: Problem,
    /// What was found.
    pub message: String,
    /// What stands at the span.
    pub label: String,
    pub help: Option<String>,
}

/// The kinds of mistakes; each has its own code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// An operator that does not take its operands.
    Operands,
    /// A function or macro that does not take its argument.
    Argument,
    /// A member or item of something that has none of this name.
    Member,
    /// A condition that is no boolean.
    Condition,
    /// Something that may be null, used without a test.
    Null,
    /// A comparison with one possible result.
    Comparison,
    /// A test for null of something that never is; worth a warning.
    NeverNull,
    /// Integers and doubles in one calculation.
    MixedNumbers,
    /// Different units in one calculation or comparison.
    Units,
    /// A key of a map that is no string, or that stands twice.
    Key,
    /// A part that fails whatever a run brings.
    Fails,
    /// A macro inside of too many others.
    Nested,
}
