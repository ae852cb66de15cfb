//! Names: of runs, steps, actions, inputs and secrets, and of a step's nodes.
//! Responsible for which spellings are valid; not for whether a name exists.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name of an action, a run or a secret, and of one segment of a step's id,
/// in bytes.
pub const NAME_BYTES_MAX: usize = 64;
/// The longest id of a step with all its segments, in bytes.
pub const STEP_ID_BYTES_MAX: usize = 160;
/// The most segments of a step's id: a runbook in a runbook in a runbook in a runbook.
pub const STEP_SEGMENTS_MAX: usize = 4;

/// Why a text is no valid name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {what}: expected {expected}")]
pub struct BadName {
    what: &'static str,
    text: String,
    expected: &'static str,
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $expected:literal, $bytes_max:expr, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;

            fn try_from(text: String) -> Result<Self, BadName> {
                let valid: fn(&str) -> bool = $valid;
                if text.len() <= $bytes_max && valid(&text) {
                    Ok(Self(text))
                } else {
                    let text = text.chars().take($bytes_max).collect();
                    Err(BadName { what: $what, text, expected: $expected })
                }
            }
        }

        impl FromStr for $name {
            type Err = BadName;

            fn from_str(text: &str) -> Result<Self, BadName> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn is_identifier(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn is_person(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b))
}

fn is_action(text: &str) -> bool {
    text.split('/').count() <= 2 && text.split('/').all(is_identifier)
}

fn is_step(text: &str) -> bool {
    text.split('/').count() <= STEP_SEGMENTS_MAX
        && text
            .split('/')
            .all(|segment| segment.len() <= NAME_BYTES_MAX && is_identifier(segment))
}

fn is_run(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_lowercase() || first.is_ascii_digit())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}

name_type!(
    /// A step's id, chosen by its author: `[a-z][a-z0-9_]*`. The steps of a runbook that is
    /// inlined stand under the id of the step that inlines it: `sub/step`.
    StepId, "step id", "a lower-case letter, then lower-case letters, digits or _ (64 at most)", STEP_ID_BYTES_MAX, is_step
);
name_type!(
    /// What a step uses: a native kind such as `shell`, or `family/action`.
    ActionName, "action", "a name such as shell or postgres/query", NAME_BYTES_MAX, is_action
);
name_type!(
    /// A run's id, made by the shell when the run starts.
    RunId, "run id", "a lower-case letter or digit, then lower-case letters, digits, - or _ (64 at most)", NAME_BYTES_MAX, is_run
);
name_type!(
    /// The name of a secret; its value never enters the core.
    SecretName, "secret name", "a lower-case letter, then lower-case letters, digits or _ (64 at most)", NAME_BYTES_MAX, is_identifier
);

name_type!(
    /// What a guard is evidence of, such as `backup`.
    GuardName, "guard", "a lower-case letter, then lower-case letters, digits or _ (64 at most)", NAME_BYTES_MAX, is_identifier
);

name_type!(
    /// A person, as the policy names him; through whatever doors he comes, he is one.
    PersonName, "person", "a lower-case letter, then lower-case letters, digits, _, - or . (64 at most)", NAME_BYTES_MAX, is_person
);
name_type!(
    /// A group of persons, such as `dba_leads`.
    GroupName, "group", "a lower-case letter, then lower-case letters, digits or _ (64 at most)", NAME_BYTES_MAX, is_identifier
);
name_type!(
    /// A rule of a policy.
    RuleName, "rule", "a lower-case letter, then lower-case letters, digits or _ (64 at most)", NAME_BYTES_MAX, is_identifier
);
name_type!(
    /// A window or a freeze, such as `off_peak`.
    WindowName, "window", "a lower-case letter, then lower-case letters, digits or _ (64 at most)", NAME_BYTES_MAX, is_identifier
);

impl StepId {
    /// Whether the step stands in the runbook itself, not in one that it inlines.
    pub fn is_plain(&self) -> bool {
        !self.0.contains('/')
    }

    /// The id of the step `inner` of the runbook that this step inlines.
    ///
    /// # Errors
    /// The path would be longer than [`STEP_ID_BYTES_MAX`] or have more than
    /// [`STEP_SEGMENTS_MAX`] segments.
    pub fn inside(&self, inner: &str) -> Result<Self, BadName> {
        Self::try_from(format!("{self}/{inner}"))
    }
}

/// Which of a step's two pieces of work: doing it, or undoing it later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    #[default]
    Do,
    Undo,
}

/// The smallest thing that is started, retried and doubted: one item of one step, done or undone.
/// A step without `for_each` has one item, number 0.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeId {
    pub step: StepId,
    #[serde(default)]
    pub item: u32,
    #[serde(default)]
    pub phase: Phase,
}

impl NodeId {
    /// The only item of a step without `for_each`.
    pub fn of(step: StepId) -> Self {
        Self {
            step,
            item: 0,
            phase: Phase::Do,
        }
    }

    /// What people read: of a step with `for_each` the first item has its number as well.
    pub fn spelled(&self, for_each: bool) -> String {
        let text = self.to_string();
        if for_each && self.item == 0 {
            format!("{text}[0]")
        } else {
            text
        }
    }
}

/// `step`, `step[2]`, `undo step`: what people type and read.
impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.phase {
            Phase::Do => {}
            Phase::Undo => f.write_str("undo:")?,
        }
        f.write_str(self.step.as_str())?;
        if self.item > 0 {
            write!(f, "[{}]", self.item)?;
        }
        Ok(())
    }
}

impl FromStr for NodeId {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let (phase, rest) = match text.strip_prefix("undo:") {
            Some(rest) => (Phase::Undo, rest),
            None => (Phase::Do, text),
        };
        let bad = || BadName {
            what: "step",
            text: text.chars().take(NAME_BYTES_MAX).collect(),
            expected: "STEP, STEP[ITEM] or undo:STEP",
        };
        let (step, item) = match rest.split_once('[') {
            Some((step, item)) => {
                let item = item.strip_suffix(']').ok_or_else(bad)?;
                (step, item.parse::<u32>().map_err(|_| bad())?)
            }
            None => (rest, 0),
        };
        Ok(Self {
            step: step.parse()?,
            item,
            phase,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        assert!("precheck_2".parse::<StepId>().is_ok());
        assert!("a/b_2/c/d".parse::<StepId>().is_ok());
        let long = "a".repeat(60);
        for bad in [
            "",
            "2a",
            "A",
            "a-b",
            "ä",
            &"a".repeat(65),
            "/a",
            "a/",
            "a//b",
            "a/b/c/d/e",
            "a/../b",
            &format!("{long}/{long}/{long}"),
        ] {
            assert!(bad.parse::<StepId>().is_err(), "{bad}");
        }
        assert!("postgres/query".parse::<ActionName>().is_ok());
        assert!("a/b/c".parse::<ActionName>().is_err());
        for text in ["a", "a[3]", "undo:a", "undo:a[3]", "undo:a/b[3]"] {
            assert_eq!(text.parse::<NodeId>().unwrap().to_string(), text);
        }
        assert!("a[x]".parse::<NodeId>().is_err());
    }
}
