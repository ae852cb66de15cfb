//! Who may do what to a run: the one function that every door asks.
//! Deny by default; each answer names the rule that gave it, each denial says why and who
//! could.

use std::fmt;

use crate::id::{GroupName, PersonName, RuleName};
use crate::operator::{Identity, Operator};
use crate::policy::{Deed, Permission, Standing, Through, WhyNot};
use crate::time::Timestamp;

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act<'a> {
    /// Start a run of this state directory.
    Start,
    /// Approve or reject a gate.
    Decide {
        /// Whether the gate excludes the person who started the run.
        not_requester: bool,
        /// The groups that the gate asks for, of which he must be in one; nobody's in
        /// particular when there are none.
        groups: &'a [GroupName],
    },
    /// State that work by hand is done or is not.
    Perform {
        /// Whether the step excludes the person who started the run.
        not_requester: bool,
    },
    /// Pause, resume, cancel, resolve, retry, attest, abandon, take over.
    Direct,
    /// Break glass: act against a window, a freeze or a gate.
    Override,
    /// Suspend the run that holds a target's lock.
    Rescue,
    /// Close a review.
    Review {
        /// Whose act is looked at, where it is about one person's.
        of: Option<&'a Operator>,
    },
    /// Stop the owner, take old runs away, load a policy: what is about no run.
    Own,
}

/// What the rules look at besides the person.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// Who owns the state directory.
    pub owner: &'a Identity,
    /// Who started the run; `None` before it started.
    pub requester: Option<&'a Operator>,
    /// Whether there is no policy, so that one person is every group.
    pub single_user: bool,
    /// What the policy says, where there is one.
    pub standing: Option<&'a Standing>,
    /// What the run changes, once that is known.
    pub target: Option<&'a str>,
    pub now: Timestamp,
}

/// A granted act, with the rule that granted it; the record keeps its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The owner of the state directory directs its runs.
    Owner,
    /// Somebody other than the requester decided.
    SecondPerson,
    /// The requester decided his own gate, as there is no policy that forbids it.
    SingleUser,
    /// A rule of the policy.
    Policy {
        rule: RuleName,
        person: PersonName,
        /// As whose member, where the act or the rule asks for a group.
        group: Option<GroupName>,
        /// For whom he stands in.
        stands_in_for: Option<PersonName>,
    },
}

impl fmt::Display for Rule {
    /// The words that gate, plan and record show.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Owner => f.write_str("owner of the state directory"),
            Rule::SecondPerson => f.write_str("second person"),
            Rule::SingleUser => f.write_str("single-user: no second person"),
            Rule::Policy {
                rule,
                person,
                group,
                stands_in_for,
            } => {
                write!(f, "policy rule {rule}: {person}")?;
                if let Some(group) = group {
                    write!(f, " in {group}")?;
                }
                match stands_in_for {
                    Some(from) => write!(f, " for {from}"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// A denied act, in words for the person who is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    pub why: String,
    /// Who could, at this moment, as far as a policy says so.
    pub could: Vec<PersonName>,
}

/// The most persons that a denial names.
const NAMED_MAX: usize = 8;

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)?;
        let named: Vec<&str> = self.could.iter().map(PersonName::as_str).collect();
        match named.len() {
            0 => Ok(()),
            count if count <= NAMED_MAX => write!(f, "; could now: {}", named.join(", ")),
            count => {
                let first = named[..NAMED_MAX].join(", ");
                write!(f, "; could now: {first} and {} more", count - NAMED_MAX)
            }
        }
    }
}

impl Denial {
    fn of(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            could: Vec::new(),
        }
    }
}

/// Decides an act.
///
/// # Errors
/// The reason of the denial, and who could instead.
pub fn authorise(
    act: Act<'_>,
    by: &Operator,
    circumstances: Circumstances<'_>,
) -> Result<Rule, Denial> {
    let is_owner = by.identity == *circumstances.owner;
    if act == Act::Own {
        let only = || Denial::of("only the owner of the state directory may do this");
        return is_owner.then_some(Rule::Owner).ok_or_else(only);
    }
    match circumstances.standing {
        Some(standing) => by_policy(act, by, standing, circumstances),
        None => without_policy(act, by, is_owner, circumstances).map_err(Denial::of),
    }
}

/// The owner directs, and who is not the requester decides.
fn without_policy(
    act: Act<'_>,
    by: &Operator,
    is_owner: bool,
    circumstances: Circumstances<'_>,
) -> Result<Rule, &'static str> {
    let is_requester = circumstances
        .requester
        .is_some_and(|requester| requester.is_same_person(by));
    match act {
        Act::Own | Act::Start | Act::Direct | Act::Override | Act::Rescue | Act::Review { .. }
            if is_owner =>
        {
            Ok(Rule::Owner)
        }
        Act::Own | Act::Start | Act::Direct | Act::Override | Act::Rescue | Act::Review { .. } => {
            Err("only the owner of the state directory may do this")
        }
        Act::Perform {
            not_requester: true,
        } if is_requester => {
            Err("the step excludes the person who started the run (not_requester)")
        }
        // Whose directory it is may do its work, also when he started the run.
        Act::Perform { .. } if is_owner => Ok(Rule::Owner),
        Act::Perform { .. } if !is_requester => Ok(Rule::SecondPerson),
        Act::Perform { .. } => Err("the person who started the run may not do its work"),
        Act::Decide {
            not_requester: true,
            ..
        } if is_requester => {
            Err("the gate excludes the person who started the run (not_requester)")
        }
        Act::Decide { .. } if !is_requester => Ok(Rule::SecondPerson),
        Act::Decide { .. } if circumstances.single_user => Ok(Rule::SingleUser),
        Act::Decide { .. } => Err("the person who started the run may not decide its gates"),
    }
}

fn by_policy(
    act: Act<'_>,
    by: &Operator,
    standing: &Standing,
    circumstances: Circumstances<'_>,
) -> Result<Rule, Denial> {
    let requester = circumstances.requester;
    let judge = Judge {
        act,
        standing,
        requester: requester.and_then(|requester| standing.person_of(requester)),
        circumstances,
    };
    let why = match standing.person_of(by) {
        Some(person) => {
            let is_requester = requester.is_some_and(|who| standing.is_same_person(who, by));
            match judge.judge(person, is_requester) {
                Ok(rule) => return Ok(rule),
                Err(why) => why,
            }
        }
        None => format!("the policy knows no person who comes in as {by}"),
    };
    let may = |person: &&PersonName| {
        let is_requester = judge.requester == Some(*person);
        judge.judge(person, is_requester).is_ok()
    };
    Err(Denial {
        why,
        could: standing.people.keys().filter(may).cloned().collect(),
    })
}

/// Judges persons of a policy for one act.
struct Judge<'a> {
    act: Act<'a>,
    standing: &'a Standing,
    requester: Option<&'a PersonName>,
    circumstances: Circumstances<'a>,
}

impl Judge<'_> {
    fn judge(&self, person: &PersonName, is_requester: bool) -> Result<Rule, String> {
        let wanted = Wanted::of(self.act);
        if let Act::Review { of: Some(of) } = self.act
            && self.standing.person_of(of) == Some(person)
        {
            return Err(format!("what {person} did is reviewed by somebody else"));
        }
        if is_requester && wanted.not_requester {
            return Err("the person who started the run is excluded (not_requester)".to_owned());
        }
        let place = match wanted.groups {
            [] => None,
            groups => Some(self.place(person, groups)?),
        };
        if wanted.decides {
            let new = self.standing.people.get(person).and_then(|one| one.from);
            self.ripe(new, || format!("{person}, or a way in of his,"))?;
        }
        let mut why_not = None;
        let rules = self.standing.rules.iter();
        for rule in rules.filter(|rule| rule.may.contains(&wanted.deed)) {
            match self.allows(rule, person, is_requester, wanted) {
                Ok(by_group) => {
                    let (group, through) = place.or(by_group).unzip();
                    return Ok(Rule::Policy {
                        rule: rule.name.clone(),
                        person: person.clone(),
                        group,
                        stands_in_for: match through {
                            None | Some(Through::Membership) => None,
                            Some(Through::Delegation { from }) => Some(from),
                        },
                    });
                }
                Err(why) => why_not = why_not.or(why),
            }
        }
        let deed = wanted.deed.as_str();
        Err(why_not.unwrap_or_else(|| match self.circumstances.target {
            Some(target) => format!("no rule of the policy lets {person} {deed} on {target}"),
            None => format!("no rule of the policy lets {person} {deed} here"),
        }))
    }

    /// By which group a rule allows the act to somebody; by none when it names him. An
    /// error without words says that it is not about him at all.
    fn allows(
        &self,
        rule: &Permission,
        person: &PersonName,
        is_requester: bool,
        wanted: Wanted<'_>,
    ) -> Result<Option<(GroupName, Through)>, Option<String>> {
        if !rule.is_about(self.circumstances.target) {
            return Err(None);
        }
        let by_group = if rule.people.contains(person) {
            None
        } else {
            let mut nearly = None;
            let mut groups = rule.groups.iter();
            let found = groups.find_map(|group| match self.is_in(person, group) {
                Ok(through) => Some((group.clone(), through)),
                Err(why) => {
                    nearly = nearly.take().or(why);
                    None
                }
            });
            Some(found.ok_or(nearly)?)
        };
        if is_requester && wanted.deed == Deed::Approve && !rule.own_runs {
            let why = "the person who started the run may not decide its gates";
            return Err(Some(why.to_owned()));
        }
        if wanted.decides {
            self.ripe(rule.from, || format!("the rule {}", rule.name))?;
        }
        Ok(by_group)
    }

    /// As whose member somebody can decide where one of these groups is asked for.
    fn place(
        &self,
        person: &PersonName,
        groups: &[GroupName],
    ) -> Result<(GroupName, Through), String> {
        let mut nearly = None;
        for group in groups {
            match self.is_in(person, group) {
                Ok(through) => return Ok((group.clone(), through)),
                Err(why) => nearly = nearly.or(why),
            }
        }
        let listed: Vec<&str> = groups.iter().map(GroupName::as_str).collect();
        let listed = listed.join(", ");
        Err(nearly.unwrap_or_else(|| format!("{person} is in none of the groups asked: {listed}")))
    }

    /// Whether somebody belongs to a group now. Whom the requester sent in his place decides
    /// as little as the requester. An error without words: it is not about him.
    fn is_in(&self, person: &PersonName, group: &GroupName) -> Result<Through, Option<String>> {
        let is_decision = matches!(self.act, Act::Decide { .. });
        match self.standing.is_in(person, group, self.circumstances.now) {
            Ok(Through::Delegation { from }) if is_decision && self.requester == Some(&from) => {
                let why = format!("{person} stands in for {from}, who started the run");
                Err(Some(why))
            }
            Ok(through) => Ok(through),
            Err(WhyNot::NoMember | WhyNot::NoGroup) => Err(None),
            Err(why) => Err(Some(format!("{person} {why} ({group})"))),
        }
    }

    /// Whether a right is old enough to decide by it.
    fn ripe(&self, from: Option<Timestamp>, what: impl Fn() -> String) -> Result<(), String> {
        match from.filter(|from| self.circumstances.now < *from) {
            Some(from) => Err(format!("{} is too new to decide by before {from}", what())),
            None => Ok(()),
        }
    }
}

/// What a policy is asked for an act.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    deed: Deed,
    /// Whether it is a decision that rests on somebody else's: it takes a right that was
    /// not gained just now.
    decides: bool,
    not_requester: bool,
    groups: &'a [GroupName],
}

impl<'a> Wanted<'a> {
    fn of(act: Act<'a>) -> Self {
        let plain = |deed, decides| Self {
            deed,
            decides,
            not_requester: false,
            groups: &[],
        };
        match act {
            Act::Start => plain(Deed::Start, false),
            // The owner's own acts never come here.
            Act::Direct | Act::Own => plain(Deed::Direct, false),
            Act::Override => plain(Deed::Override, true),
            Act::Rescue => plain(Deed::Rescue, true),
            Act::Review { .. } => plain(Deed::Review, false),
            Act::Perform { not_requester } => Self {
                not_requester,
                ..plain(Deed::Perform, false)
            },
            Act::Decide {
                not_requester,
                groups,
            } => Self {
                not_requester,
                groups,
                ..plain(Deed::Approve, true)
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::Door;

    fn person(uid: u32) -> Operator {
        Operator {
            name: format!("u{uid}"),
            identity: Identity::OsUser { uid },
            door: Door::Socket,
        }
    }

    #[test]
    fn table() {
        let owner = Identity::OsUser { uid: 1 };
        let requester = person(1);
        let look = |act, uid, single_user| {
            let circumstances = Circumstances {
                owner: &owner,
                requester: Some(&requester),
                single_user,
                standing: None,
                target: None,
                now: Timestamp(0),
            };
            authorise(act, &person(uid), circumstances).ok()
        };
        let (open, strict) = (
            Act::Decide {
                not_requester: false,
                groups: &[],
            },
            Act::Decide {
                not_requester: true,
                groups: &[],
            },
        );
        let perform = |not_requester| Act::Perform { not_requester };
        let (by_hand, by_another) = (perform(false), perform(true));
        let table = [
            (Act::Direct, 1, true, Some(Rule::Owner)),
            (Act::Direct, 2, true, None),
            (Act::Start, 2, true, None),
            (Act::Own, 1, false, Some(Rule::Owner)),
            (Act::Own, 2, true, None),
            (Act::Override, 2, true, None),
            (Act::Rescue, 1, true, Some(Rule::Owner)),
            (open, 1, true, Some(Rule::SingleUser)),
            (open, 1, false, None),
            (open, 2, false, Some(Rule::SecondPerson)),
            (by_hand, 1, false, Some(Rule::Owner)),
            (by_hand, 2, true, Some(Rule::SecondPerson)),
            (by_another, 1, true, None),
            (by_another, 2, true, Some(Rule::SecondPerson)),
            (strict, 1, true, None),
            (strict, 2, true, Some(Rule::SecondPerson)),
        ];
        for (act, uid, single_user, expected) in table {
            assert_eq!(look(act, uid, single_user), expected, "{act:?} by {uid}");
        }
    }
}
