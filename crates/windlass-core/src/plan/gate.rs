//! A gate of the plan: what is asked of people before the run goes on. Not responsible
//! for who they are (`authorise`) nor for what becomes of it (`decide/gates.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::expr::Expr;
use crate::id::{ActionName, GroupName};
use crate::plan::{Template, Unit};
use crate::time::Millis;

/// The most approvals that one gate asks for.
pub const APPROVALS_MAX: u32 = 16;

/// What a gate asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// How long after opening an approval can be given and used.
    #[serde(default)]
    pub expires: Option<Millis>,
    /// Whether it expires with the opening that the one segment behind it is to begin in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub window_end: bool,
    /// What the approver is shown, in order.
    #[serde(default)]
    pub show: Vec<(String, Template)>,
    /// What of it counts something, by its caption.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub show_units: BTreeMap<String, Unit>,
    /// Whether the person who started the run may not approve.
    #[serde(default)]
    pub not_requester: bool,
    /// Whose approvals it takes, each place another person's; one of anybody when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub all_of: Vec<Quorum>,
    /// What an approval rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    /// Whether only approvals count that are signed by a key of the policy.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signed: bool,
}

/// The most facts of one gate.
pub const FACTS_MAX: usize = 16;

/// A read whose outcome an approval rests on: read when people look, and once more just
/// before the first change behind the gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    pub name: String,
    pub uses: ActionName,
    pub with: Template,
    /// The span after which waiting for it ends.
    pub timeout: Millis,
    /// Must hold over what it reads.
    pub accept: Expr,
    /// The same as its author wrote it: people approve these words.
    pub rule: String,
    /// How old it may be when somebody decides on it, and when the change begins.
    pub max_age: Millis,
}

/// How many approvals a group gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quorum {
    pub group: GroupName,
    /// At least 1.
    pub count: u32,
}

impl fmt::Display for Quorum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => write!(f, "{}", self.group),
            count => write!(f, "{count} of {}", self.group),
        }
    }
}

impl Gate {
    /// The places to be filled, in the author's order.
    pub fn places(&self) -> Vec<&GroupName> {
        let of = |quorum: &'_ Quorum| quorum.count as usize;
        self.all_of
            .iter()
            .flat_map(|quorum| std::iter::repeat_n(&quorum.group, of(quorum)))
            .collect()
    }

    /// Whose approvals it takes: `dba_leads, 2 of change_managers`; empty for anybody's.
    pub fn quorums_in_words(&self) -> String {
        let quorums: Vec<String> = self.all_of.iter().map(Quorum::to_string).collect();
        quorums.join(", ")
    }

    /// Why it asks for what no gate can ask for.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let places: u64 = self
            .all_of
            .iter()
            .map(|quorum| u64::from(quorum.count))
            .sum();
        let groups: BTreeSet<&GroupName> = self.all_of.iter().map(|quorum| &quorum.group).collect();
        if self.all_of.iter().any(|quorum| quorum.count == 0) {
            Some("a group gives at least one approval")
        } else if places > u64::from(APPROVALS_MAX) {
            Some("a gate asks for 16 approvals at most")
        } else if self.facts.len() > FACTS_MAX || self.facts.iter().any(|fact| fact.max_age.0 == 0)
        {
            Some("a gate has at most 16 facts, each of some age")
        } else if groups.len() < self.all_of.len() {
            Some("a gate names each group once")
        } else {
            None
        }
    }
}
