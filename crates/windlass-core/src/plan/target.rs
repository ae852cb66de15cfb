//! What a run changes: a literal scheme and a name that may be read from inputs and from
//! the first looks of the run.

use serde::{Deserialize, Serialize};

use crate::expr::{Expr, Scope};
use crate::plan::template::{Part, ResolveError, resolve_text};

/// The longest resolved target, in bytes.
pub const TARGET_BYTES_MAX: usize = 512;
/// The longest scheme, in bytes.
pub const SCHEME_BYTES_MAX: usize = 32;

/// The `target` of a runbook, such as `rds:${{ inputs.region }}/${{ inputs.instance }}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// What stands before the first colon: a name without expressions.
    pub scheme: String,
    /// What stands after it.
    pub name: Vec<Part>,
}

impl Target {
    /// Whether a text can be a scheme: a lower-case letter, then lower-case letters, digits,
    /// `+`, `.` or `-`; at most [`SCHEME_BYTES_MAX`] bytes.
    pub fn is_scheme(text: &str) -> bool {
        let fits =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+.-".contains(&byte);
        let begins = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        begins && text.len() <= SCHEME_BYTES_MAX && text.bytes().all(fits)
    }

    /// The expressions in its name.
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        self.name.iter().filter_map(|part| match part {
            Part::Expr(expr) => Some(expr),
            Part::Text(_) => None,
        })
    }

    /// The target's full text, scheme and colon in front.
    ///
    /// # Errors
    /// An expression without a value, or a text longer than [`TARGET_BYTES_MAX`].
    pub fn resolve(&self, scope: &dyn Scope) -> Result<String, ResolveError> {
        let text = format!("{}:{}", self.scheme, resolve_text(&self.name, scope)?);
        if text.len() > TARGET_BYTES_MAX {
            return Err(ResolveError::TooLarge);
        }
        Ok(text)
    }
}
