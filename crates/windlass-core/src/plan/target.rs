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
    /// An expression without a value, a text longer than [`TARGET_BYTES_MAX`], or a name
    /// that people could not tell from another: an empty one, one with blanks at its ends,
    /// with a line break or another control character.
    pub fn resolve(&self, scope: &dyn Scope) -> Result<String, ResolveError> {
        let name = resolve_text(&self.name, scope)?;
        let fault = if name.is_empty() {
            Some("its name is empty")
        } else if name.trim() != name {
            Some("its name begins or ends with a blank")
        } else if name.chars().any(char::is_control) {
            Some("its name holds a line break or another control character")
        } else if self.scheme.len() + 1 + name.len() > TARGET_BYTES_MAX {
            Some("it is longer than 512 bytes")
        } else {
            None
        };
        match fault {
            Some(fault) => Err(ResolveError::NoTarget(fault)),
            None => Ok(format!("{}:{name}", self.scheme)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::value::Value;

    #[derive(Debug)]
    struct Nothing;

    impl Scope for Nothing {
        fn resolve<'a>(&'a self, _path: &[&str]) -> Option<(Cow<'a, Value>, usize)> {
            None
        }
    }

    #[test]
    fn a_scheme_is_short_and_lower_case() {
        for good in ["postgres", "rds", "s3+eu-de.1", &"a".repeat(32)] {
            assert!(Target::is_scheme(good), "{good}");
        }
        for bad in [
            "",
            "Postgres",
            "1db",
            "-a",
            "a b",
            "a/b",
            "ä",
            &"a".repeat(33),
        ] {
            assert!(!Target::is_scheme(bad), "{bad}");
        }
    }

    #[test]
    fn a_name_is_one_that_people_can_tell_from_another() {
        let resolve = |name: &str| {
            let target = Target {
                scheme: "db".to_owned(),
                name: vec![Part::Text(name.to_owned())],
            };
            target.resolve(&Nothing).map_err(|error| error.to_string())
        };
        assert_eq!(resolve("a b:5432/c").unwrap(), "db:a b:5432/c");
        let most = TARGET_BYTES_MAX - "db:".len();
        assert!(resolve(&"x".repeat(most)).is_ok());
        for bad in [
            "",
            " a",
            "a\n",
            "a\u{1b}[2Jb",
            "a\nb",
            &"x".repeat(most + 1),
        ] {
            assert!(resolve(bad).is_err(), "{bad:?}");
        }
    }
}
