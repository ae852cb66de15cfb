//! What two policies say differently, in lines for people, and the rights that the newer one
//! gives to somebody who did not have them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::Policy;
use crate::id::PersonName;
use crate::time::Timestamp;

/// One thing that is said otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    New {
        what: String,
        says: String,
    },
    Gone {
        what: String,
        said: String,
    },
    Other {
        what: String,
        said: String,
        says: String,
    },
}

impl Change {
    /// What it is about, such as `person ann`.
    pub fn what(&self) -> &str {
        match self {
            Change::New { what, .. } | Change::Gone { what, .. } | Change::Other { what, .. } => {
                what
            }
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::New { what, says } => write!(f, "new: {what}: {says}"),
            Change::Gone { what, said } => write!(f, "gone: {what}: {said}"),
            Change::Other { what, said, says } => write!(f, "{what}: {says}, was {said}"),
        }
    }
}

/// What the newer policy says otherwise, by what it is about.
pub fn differences(old: &Policy, new: &Policy) -> Vec<Change> {
    let names: BTreeSet<&String> = old.facts.keys().chain(new.facts.keys()).collect();
    names
        .into_iter()
        .filter_map(|name| {
            let what = name.clone();
            match (old.facts.get(name), new.facts.get(name)) {
                (Some(said), Some(says)) if said != says => Some(Change::Other {
                    what,
                    said: said.clone(),
                    says: says.clone(),
                }),
                (None, Some(says)) => Some(Change::New {
                    what,
                    says: says.clone(),
                }),
                (Some(said), None) => Some(Change::Gone {
                    what,
                    said: said.clone(),
                }),
                (Some(_), Some(_)) | (None, None) => None,
            }
        })
        .collect()
}

impl Policy {
    /// The rights by which somebody decides and that are new against an older policy, each
    /// with when it ripens: `at`, or when it was to ripen already. What signers other than
    /// those who gain have signed is ripe at once.
    pub fn ripening(
        &self,
        old: &Policy,
        before: &BTreeMap<String, Timestamp>,
        at: Timestamp,
        signers: &BTreeSet<PersonName>,
    ) -> BTreeMap<String, Timestamp> {
        let is_right = |what: &&String| {
            let kinds = ["person ", "member ", "rule ", "delegation "];
            kinds.iter().any(|kind| what.starts_with(kind))
        };
        let rights = self.facts.keys().filter(is_right);
        rights
            .filter_map(|what| {
                if old.facts.get(what) == self.facts.get(what) {
                    let from = before.get(what).copied()?;
                    return Some((what.clone(), from));
                }
                let gains = self.gains(what);
                let vouched = signers.iter().any(|signer| !gains.contains(signer));
                (!vouched).then(|| (what.clone(), at))
            })
            .collect()
    }

    /// Who gains by a right.
    fn gains(&self, what: &str) -> BTreeSet<PersonName> {
        let (kind, of) = what.split_once(' ').unwrap_or_default();
        let first = of.split(' ').next().unwrap_or_default();
        match kind {
            "rule" => {
                let mut rules = self.rules.iter();
                let rule = rules.find(|rule| rule.allows.name.as_str() == first);
                let rule = rule.map(|rule| &rule.allows);
                let groups = rule.into_iter().flat_map(|rule| &rule.groups);
                let members = groups
                    .filter_map(|group| self.groups.get(group))
                    .flat_map(|group| &group.members)
                    .map(|member| member.person.clone());
                let people = rule
                    .into_iter()
                    .flat_map(|rule| rule.people.iter().cloned());
                people.chain(members).collect()
            }
            _ => first.parse().into_iter().collect(),
        }
    }

    /// Marks the rights that are not ripe yet.
    pub fn ripen(&mut self, ripening: &BTreeMap<String, Timestamp>) {
        for (name, person) in &mut self.people {
            person.from = ripening.get(&format!("person {name}")).copied();
        }
        for (name, group) in &mut self.groups {
            for member in &mut group.members {
                let what = format!("member {} of {name}", member.person);
                member.from = ripening.get(&what).copied();
            }
        }
        for rule in &mut self.rules {
            let what = format!("rule {}", rule.allows.name);
            rule.allows.from = ripening.get(&what).copied();
        }
        for delegation in &mut self.delegations {
            let what = format!("delegation {} for {}", delegation.to, delegation.from);
            if let Some(from) = ripening.get(&what) {
                delegation.span.from = delegation.span.from.max(*from);
            }
        }
    }
}
