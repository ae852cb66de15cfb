//! Rules: who may do what, and on which targets.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::glob;
use crate::id::{GroupName, PersonName, RuleName};
use crate::plan::TARGET_BYTES_MAX;
use crate::time::Timestamp;

/// What a rule lets somebody do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Start runs.
    Start,
    /// Approve, reject or send back a gate.
    Approve,
    /// Pause, resume, cancel, resolve, retry, attest, abandon, take over.
    Direct,
    /// State that work by hand is done or is not.
    Perform,
    /// Break glass: act against a window, a freeze or a gate, loudly.
    Override,
    /// Suspend the run that holds a target's lock.
    Rescue,
    /// Close reviews.
    Review,
}

impl Deed {
    pub const ALL: [Deed; 7] = [
        Deed::Start,
        Deed::Approve,
        Deed::Direct,
        Deed::Perform,
        Deed::Override,
        Deed::Rescue,
        Deed::Review,
    ];

    /// As policy files and records write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Deed::Start => "start",
            Deed::Approve => "approve",
            Deed::Direct => "direct",
            Deed::Perform => "perform",
            Deed::Override => "override",
            Deed::Rescue => "rescue",
            Deed::Review => "review",
        }
    }
}

/// A rule that allows something. What no rule allows is denied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    pub name: RuleName,
    pub may: BTreeSet<Deed>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub people: BTreeSet<PersonName>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<GroupName>,
    /// The targets that it is about; all when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetPattern>,
    /// It lets a person decide also about the runs that he started.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_runs: bool,
    /// Nobody decides anything by it before this, as it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
}

impl Permission {
    /// Whether it is about a target. Before the target has its value, the rules that
    /// cannot be about it are gone already.
    pub fn is_about(&self, target: Option<&str>) -> bool {
        covers(&self.targets, target)
    }
}

/// Whether targets are all targets, or one of them is this.
pub(crate) fn covers(patterns: &[TargetPattern], target: Option<&str>) -> bool {
    let target = target.filter(|_| !patterns.is_empty());
    target.is_none_or(|target| patterns.iter().any(|pattern| pattern.matches(target)))
}

/// Targets by their text, where each `*` stands for anything: `rds:eu-de/*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TargetPattern(String);

/// A text is no pattern of targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a target is written as scheme:name, such as `rds:eu-de/*`; `*` stands for anything")]
pub struct BadTargetPattern;

impl TargetPattern {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is one of the targets.
    pub fn matches(&self, target: &str) -> bool {
        glob::matches(&self.0, target)
    }

    /// Whether a target that begins so can be one of them.
    pub fn may_match(&self, beginning: &str) -> bool {
        glob::may_match(&self.0, beginning)
    }
}

impl std::fmt::Display for TargetPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<TargetPattern> for String {
    fn from(pattern: TargetPattern) -> String {
        pattern.0
    }
}

impl TryFrom<String> for TargetPattern {
    type Error = BadTargetPattern;

    fn try_from(text: String) -> Result<Self, BadTargetPattern> {
        let named = text
            .split_once(':')
            .is_some_and(|(scheme, name)| !scheme.is_empty() && !name.is_empty());
        let plain = text.len() <= TARGET_BYTES_MAX && !text.contains(|c: char| c.is_control());
        if named && plain {
            Ok(Self(text))
        } else {
            Err(BadTargetPattern)
        }
    }
}

impl std::str::FromStr for TargetPattern {
    type Err = BadTargetPattern;

    fn from_str(text: &str) -> Result<Self, BadTargetPattern> {
        Self::try_from(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, target, expected) in [
            ("rds:eu-de/*", "rds:eu-de/db-1", true),
            ("rds:eu-de/*", "rds:eu-nl/db-1", false),
            ("rds:eu-de/*", "rds:eu-de", false),
            ("rds:*/db-1", "rds:eu-de/db-1", true),
            ("rds:*/db-1", "rds:eu-de/db-10", false),
            ("rds:*", "rds:", true),
            ("*:*prod*", "postgres:a-prod-b", true),
            ("rds:a", "rds:a", true),
            ("rds:a", "rds:ab", false),
        ] {
            let parsed: TargetPattern = pattern.parse().unwrap();
            assert_eq!(parsed.matches(target), expected, "{pattern} {target}");
        }
        for bad in ["", "rds", ":x", "rds:", "rds:a\n"] {
            assert!(bad.parse::<TargetPattern>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_beginning_is_enough_to_know_that_it_cannot_match() {
        let pattern: TargetPattern = "rds:eu-de/*".parse().unwrap();
        for (beginning, expected) in [
            ("", true),
            ("rds:", true),
            ("rds:eu-de/db", true),
            ("rds:eu-nl", false),
            ("postgres:", false),
        ] {
            assert_eq!(pattern.may_match(beginning), expected, "{beginning}");
        }
    }
}
