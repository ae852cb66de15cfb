//! Who is who and when is when, as a policy says it for one plan: the part of a policy that
//! may change while a run lives, and so is no part of the plan.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::person::{Person, Way};
use super::rule::{Permission, TargetPattern, covers};
use crate::id::{GroupName, PersonName, WindowName};
use crate::operator::Operator;
use crate::plan::Digest;
use crate::span::{Span, Spans};
use crate::time::Timestamp;

/// What decisions about a run look at besides its plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Of the policy file's bytes.
    pub policy: Digest,
    /// What it says of moments ends here: from then on nobody is on shift and no window open.
    pub until: Timestamp,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub people: BTreeMap<PersonName, Person>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<GroupName, Group>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delegations: Vec<Delegation>,
    /// Those that can be about this plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Permission>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub windows: BTreeMap<WindowName, Spans>,
    /// Those that can be about this plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub freezes: Vec<Freeze>,
}

/// Persons under one name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    #[serde(default)]
    pub members: Vec<Member>,
}

/// That somebody belongs to a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub person: PersonName,
    /// Only then, such as on shift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Spans>,
    /// He decides nothing as a member before this, as his membership is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
}

/// Somebody stands in for somebody else, until an end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delegation {
    pub from: PersonName,
    pub to: PersonName,
    /// As a member of these groups, as far as the other one is.
    pub groups: BTreeSet<GroupName>,
    pub span: Span,
}

/// When something may not be done that could be done otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    pub name: WindowName,
    pub reason: String,
    pub spans: Spans,
    /// The targets that it is about; all when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetPattern>,
}

impl Freeze {
    /// Whether it is about a target.
    pub fn is_about(&self, target: Option<&str>) -> bool {
        covers(&self.targets, target)
    }
}

/// By what somebody belongs to a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Through {
    Membership,
    /// He stands in for this member.
    Delegation {
        from: PersonName,
    },
}

impl Through {
    /// Whose place it is that `person` takes: two who take one place count once.
    pub fn place_of<'a>(&'a self, person: &'a PersonName) -> &'a PersonName {
        match self {
            Through::Membership => person,
            Through::Delegation { from } => from,
        }
    }
}

/// Why somebody does not belong to a group now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyNot {
    /// The policy has no such group.
    NoGroup,
    NoMember,
    /// A member at other times; the next begins then.
    OffShift {
        next: Option<Timestamp>,
    },
    /// A member whose right is too new to decide by.
    TooNew {
        from: Timestamp,
    },
    /// He stood in for this member until then.
    DelegationOver {
        from: PersonName,
        at: Timestamp,
    },
    /// He stands in for somebody who is no member now himself.
    NothingToDelegate {
        from: PersonName,
    },
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WhyNot::NoGroup => f.write_str("the policy has no such group"),
            WhyNot::NoMember => f.write_str("is no member"),
            WhyNot::OffShift { next: Some(next) } => {
                write!(f, "is not on now, but again from {next}")
            }
            WhyNot::OffShift { next: None } => f.write_str("is not on now"),
            WhyNot::TooNew { from } => {
                write!(f, "is too new a member to decide before {from}")
            }
            WhyNot::DelegationOver { from, at } => {
                write!(f, "stood in for {from} until {at}")
            }
            WhyNot::NothingToDelegate { from } => {
                write!(f, "stands in for {from}, who is no member now himself")
            }
        }
    }
}

impl Standing {
    /// The person that an operator is, if the policy knows him.
    pub fn person_of(&self, operator: &Operator) -> Option<&PersonName> {
        let mut people = self.people.iter();
        let is_his = |way: &Way| way.is_of(operator);
        let found = people.find(|(_, person)| person.ways.iter().any(is_his));
        found.map(|(name, _)| name)
    }

    /// Whether both are one person, through whatever doors.
    pub fn is_same_person(&self, one: &Operator, other: &Operator) -> bool {
        let known = self.person_of(one);
        one.is_same_person(other) || known.is_some() && known == self.person_of(other)
    }

    /// What somebody of the standing before is called here: a person who comes in by a way
    /// of his is him. Nobody else is, and then the name stays.
    pub fn successor(&self, before: &Standing, name: &PersonName) -> PersonName {
        let ways = before.people.get(name).map_or(&[][..], |one| &one.ways);
        let shares = |name: &&PersonName| {
            let person = self.people.get(*name);
            person.is_some_and(|one| one.ways.iter().any(|way| ways.contains(way)))
        };
        let stays = Some(name).filter(shares);
        let found = stays.or_else(|| self.people.keys().find(shares));
        found.unwrap_or(name).clone()
    }

    /// Whether somebody belongs to a group at a moment, and by what.
    ///
    /// # Errors
    /// Why he does not.
    pub fn is_in(
        &self,
        person: &PersonName,
        group: &GroupName,
        at: Timestamp,
    ) -> Result<Through, WhyNot> {
        let mut why_not = match self.is_member(person, group, at) {
            Ok(()) => return Ok(Through::Membership),
            Err(why_not) => why_not,
        };
        let stands_in = |delegation: &&Delegation| {
            delegation.to == *person && delegation.groups.contains(group)
        };
        for delegation in self.delegations.iter().filter(stands_in) {
            let from = delegation.from.clone();
            if delegation.span.contains(at) {
                match self.is_member(&from, group, at) {
                    Ok(()) => return Ok(Through::Delegation { from }),
                    Err(_) => why_not = WhyNot::NothingToDelegate { from },
                }
            } else if delegation.span.to <= at && why_not == WhyNot::NoMember {
                let at = delegation.span.to;
                why_not = WhyNot::DelegationOver { from, at };
            }
        }
        Err(why_not)
    }

    /// Whether somebody is a member in his own right.
    fn is_member(
        &self,
        person: &PersonName,
        group: &GroupName,
        at: Timestamp,
    ) -> Result<(), WhyNot> {
        let group = self.groups.get(group).ok_or(WhyNot::NoGroup)?;
        let mut why_not = WhyNot::NoMember;
        for member in group.members.iter().filter(|one| one.person == *person) {
            let is_on = |on: &Spans| at < self.until && on.contains(at);
            if !member.on.as_ref().is_none_or(is_on) {
                let next = member.on.as_ref().and_then(|on| on.next_after(at));
                let next = next.map(|span| span.from);
                if why_not == WhyNot::NoMember {
                    why_not = WhyNot::OffShift { next };
                }
            } else if let Some(from) = member.from.filter(|from| at < *from) {
                why_not = WhyNot::TooNew { from };
            } else {
                return Ok(());
            }
        }
        Err(why_not)
    }

    /// The windows by their names, as far as the policy says something of the moment.
    pub fn window(&self, name: &WindowName) -> Option<&Spans> {
        self.windows.get(name)
    }

    /// The freezes that hold at a moment for a target.
    pub fn frozen(&self, target: Option<&str>, at: Timestamp) -> impl Iterator<Item = &Freeze> {
        let holds = move |freeze: &&Freeze| freeze.is_about(target) && freeze.spans.contains(at);
        self.freezes.iter().filter(holds)
    }

    /// Why a key signs nothing at a moment, if so.
    pub fn key_fault(&self, fingerprint: &str, at: Timestamp) -> Option<String> {
        let ways = self.people.values().flat_map(|person| &person.ways);
        let mut fault = format!("the policy knows nobody by the key {fingerprint}");
        for way in ways {
            let Way::SshKey { key, after, before } = way else {
                continue;
            };
            if key.fingerprint() != fingerprint {
                continue;
            }
            match (after, before) {
                (Some(after), _) if at < *after => {
                    fault = format!("the key {fingerprint} signs nothing before {after}");
                }
                (_, Some(before)) if *before <= at => {
                    fault = format!("the key {fingerprint} signs nothing from {before} on");
                }
                (None | Some(_), None | Some(_)) => return None,
            }
        }
        Some(fault)
    }

    /// What `ssh-keygen -Y verify` reads: whose keys sign approvals, and while which.
    pub fn allowed_signers(&self) -> String {
        let mut text = String::new();
        for (name, person) in &self.people {
            for way in &person.ways {
                if let Way::SshKey { key, after, before } = way {
                    let mut options = "namespaces=\"windlass\"".to_owned();
                    for (option, at) in [("valid-after", after), ("valid-before", before)] {
                        if let Some(at) = at {
                            options.push_str(&format!(",{option}=\"{}\"", compact(*at)));
                        }
                    }
                    text.push_str(&format!("{name} {options} {key}\n"));
                }
            }
        }
        text
    }
}

/// `20261122011203Z`, as `ssh-keygen` reads moments.
fn compact(at: Timestamp) -> String {
    at.to_string().replace(['-', ':', 'T'], "")
}
