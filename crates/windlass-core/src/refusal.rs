//! Refusals: what a plugin asked for in an attempt, or in a look at one, and did not get. Each
//! names what would have had to be granted.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The most refusals of one attempt that are recorded; one that is repeated counts once.
pub const REFUSALS_MAX: usize = 16;
/// The most bytes of each of a refusal's texts.
pub const REFUSAL_TEXT_BYTES_MAX: usize = 512;

/// What was asked for, and what is missing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Refusal {
    pub by: RefusedBy,
    /// Such as `GET https://example.com/v1`, without a query.
    pub asked: String,
    /// The grant that is missing, for people.
    pub missing: String,
}

/// What stood against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedBy {
    /// No grant holds the request.
    Grant,
    /// The secret is not for this use, or not for this host.
    Secret,
    /// The address behind the name may not be reached.
    Address,
}

impl Refusal {
    /// Texts that are too long are cut.
    pub fn new(by: RefusedBy, asked: &str, missing: &str) -> Self {
        Self {
            by,
            asked: cut(asked),
            missing: cut(missing),
        }
    }

    /// Whether each text is as short as it must be.
    pub(crate) fn fits(&self) -> bool {
        [&self.asked, &self.missing]
            .iter()
            .all(|text| text.len() <= REFUSAL_TEXT_BYTES_MAX)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.asked, self.missing)
    }
}

fn cut(text: &str) -> String {
    if text.len() <= REFUSAL_TEXT_BYTES_MAX {
        return text.to_owned();
    }
    const MARK: &str = "…";
    let end = (0..=REFUSAL_TEXT_BYTES_MAX - MARK.len())
        .rev()
        .find(|at| text.is_char_boundary(*at));
    format!("{}{MARK}", &text[..end.unwrap_or(0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = "ä".repeat(REFUSAL_TEXT_BYTES_MAX);
        let refusal = Refusal::new(RefusedBy::Grant, &long, "short");
        assert!(refusal.fits() && refusal.asked.ends_with("ä…"));
        assert_eq!(refusal.missing, "short");
    }
}
