//! What two policies say differently, in lines for people, and the rights that the newer one
//! gives to somebody who did not have them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::Policy;
use crate::id::PersonName;
use crate::time::Timestamp;

/// The most lines of a difference that are recorded, and the most characters of one.
const LINES_MAX: usize = 100;
const LINE_CHARS_MAX: usize = 400;

/// Lines as they are recorded: of too many the first, and how many more there are; what is
/// too long ends with `…`. What is bounded already stays as it is.
pub fn bounded(lines: Vec<String>) -> Vec<String> {
    let all = lines.len();
    let kept = match all > LINES_MAX {
        true => LINES_MAX - 1,
        false => all,
    };
    let cut = |line: String| match line.char_indices().nth(LINE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    };
    let mut bounded: Vec<String> = lines.into_iter().take(kept).map(cut).collect();
    if all > kept {
        bounded.push(format!("and {} more", all - kept));
    }
    bounded
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_bounded_once_and_counts_what_it_leaves_out() {
        let lines = |count: usize| (0..count).map(|line| line.to_string()).collect::<Vec<_>>();
        assert_eq!(bounded(lines(LINES_MAX)), lines(LINES_MAX));
        let many = bounded(lines(LINES_MAX + 5));
        assert_eq!(many.len(), LINES_MAX);
        assert_eq!(many.last().map(String::as_str), Some("and 6 more"));
        assert_eq!(bounded(many.clone()), many);
        let long = bounded(vec!["é".repeat(LINE_CHARS_MAX + 1)]);
        assert_eq!(long[0].chars().count(), LINE_CHARS_MAX + 1);
        assert_eq!(bounded(long.clone()), long);
    }
}
