//! Why an evaluation failed, in words for the operator who reads them.

use std::fmt::{self, Write as _};

use super::arena::Expr;
use super::ast::Span;

/// The longest part of an expression that an error quotes.
const QUOTED_CHARS_MAX: usize = 80;

/// A failed evaluation: which part of the expression, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct EvalError {
    pub span: Span,
    pub kind: EvalErrorKind,
    quoted: String,
}

impl EvalError {
    pub(super) fn new(expr: &Expr, span: Span, kind: EvalErrorKind) -> Self {
        let text = expr.source().get(span.range()).unwrap_or_default();
        // An expression over several lines is quoted on one.
        let blank = |char: char| if char.is_whitespace() { ' ' } else { char };
        let mut quoted: String = text.chars().take(QUOTED_CHARS_MAX).map(blank).collect();
        if text.chars().nth(QUOTED_CHARS_MAX).is_some() {
            quoted.push('…');
        }
        Self { span, kind, quoted }
    }
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names and texts in it may come from a target, and what is printed
        // must not steer a terminal.
        let text = format!("`{}`: {}", self.quoted, self.kind);
        for char in text.chars() {
            if char.is_control() {
                write!(f, "{}", char.escape_unicode())?;
            } else {
                f.write_char(char)?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for EvalError {}

/// The reasons for a failed evaluation.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EvalErrorKind {
    #[error("nothing here is called `{path}`")]
    UnknownName { path: String },
    #[error("there is no field `{name}`{}", among(known))]
    NoField { name: String, known: Vec<String> },
    #[error("`{name}` cannot be read from {found}, which is not a map", found = article(found))]
    NotAMap { name: String, found: &'static str },
    #[error("the index {index} is outside a list of {len}")]
    IndexOutOfRange { index: i64, len: usize },
    #[error("{of} cannot be indexed with {at}", of = article(of), at = article(at))]
    BadIndex { of: &'static str, at: &'static str },
    #[error("`{op}` does not take {left} and {right}", left = article(left), right = article(right))]
    NoBinary {
        op: &'static str,
        left: &'static str,
        right: &'static str,
    },
    #[error("`{op}` does not take {found}", found = article(found))]
    NoUnary {
        op: &'static str,
        found: &'static str,
    },
    #[error("true or false was expected, not {found}", found = article(found))]
    NotBoolean { found: &'static str },
    #[error("the result does not fit a 64-bit integer")]
    Overflow,
    #[error("division by zero")]
    DivisionByZero,
    #[error("the result is not a finite number")]
    NotFinite,
    #[error("`{function}` does not take {found}", found = article(found))]
    BadArgument {
        function: &'static str,
        found: &'static str,
    },
    #[error("`{function}` cannot read {text:?} as a number")]
    NotANumber {
        function: &'static str,
        text: String,
    },
    #[error("`bool` cannot read {text:?} as true or false")]
    NotABoolean { text: String },
    #[error("`{function}` of an empty list")]
    EmptyList { function: &'static str },
    #[error("the values of a list must be comparable for `{function}`, not {left} and {right}", left = article(left), right = article(right))]
    NotComparable {
        function: &'static str,
        left: &'static str,
        right: &'static str,
    },
    #[error("the key of a map must be a string, not {found}", found = article(found))]
    BadKey { found: &'static str },
    #[error("the key {key:?} stands twice")]
    DuplicateKey { key: String },
    #[error("`{macro_name}` goes over a list or a map, not {found}", found = article(found))]
    NotIterable {
        macro_name: &'static str,
        found: &'static str,
    },
    #[error("the expression needs more than {fuel_max} operations", fuel_max = super::FUEL_MAX)]
    OutOfFuel,
    #[error("the result is larger than {bytes_max} bytes", bytes_max = super::RESULT_BYTES_MAX)]
    TooLarge,
}

/// A type's name with its article.
fn article(type_name: &str) -> String {
    if type_name == "null" {
        "null".to_owned()
    } else if type_name.starts_with(['a', 'e', 'i', 'o', 'u']) {
        format!("an {type_name}")
    } else {
        format!("a {type_name}")
    }
}

/// The known names, when there are few enough to read.
fn among(known: &[String]) -> String {
    if known.is_empty() {
        ", the map is empty".to_owned()
    } else if known.len() <= 12 {
        format!(", there are {}", known.join(", "))
    } else {
        String::new()
    }
}
