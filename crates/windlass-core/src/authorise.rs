//! Who may do what to a run: the one function that every door asks.
//! Deny by default; each answer names the rule that gave it.

use crate::operator::{Identity, Operator};

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Start a run of this state directory.
    Start,
    /// Approve or reject a gate.
    Decide {
        /// Whether the gate excludes the person who started the run.
        not_requester: bool,
    },
    /// State that work by hand is done or is not.
    Perform {
        /// Whether the step excludes the person who started the run.
        not_requester: bool,
    },
    /// Pause, resume, cancel, resolve, retry, attest, abandon, take over.
    Direct,
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
}

/// A granted act, with the rule that granted it; the record keeps its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The owner of the state directory directs its runs.
    Owner,
    /// Somebody other than the requester decided.
    SecondPerson,
    /// The requester decided his own gate, as there is no policy that forbids it.
    SingleUser,
}

impl Rule {
    /// The words that gate, plan and record show.
    pub fn as_str(self) -> &'static str {
        match self {
            Rule::Owner => "owner of the state directory",
            Rule::SecondPerson => "second person",
            Rule::SingleUser => "single-user: no second person",
        }
    }
}

/// Decides an act.
///
/// # Errors
/// The reason of the denial, in words for the person who is denied.
pub fn authorise(
    act: Act,
    by: &Operator,
    circumstances: Circumstances<'_>,
) -> Result<Rule, &'static str> {
    let is_owner = by.identity == *circumstances.owner;
    let is_requester = circumstances
        .requester
        .is_some_and(|requester| requester.is_same_person(by));
    match act {
        Act::Start | Act::Direct if is_owner => Ok(Rule::Owner),
        Act::Start | Act::Direct => Err("only the owner of the state directory may do this"),
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
        } if is_requester => {
            Err("the gate excludes the person who started the run (not_requester)")
        }
        Act::Decide { .. } if !is_requester => Ok(Rule::SecondPerson),
        Act::Decide { .. } if circumstances.single_user => Ok(Rule::SingleUser),
        Act::Decide { .. } => Err("the person who started the run may not decide its gates"),
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
            };
            authorise(act, &person(uid), circumstances).ok()
        };
        let (open, strict) = (
            Act::Decide {
                not_requester: false,
            },
            Act::Decide {
                not_requester: true,
            },
        );
        let perform = |not_requester| Act::Perform { not_requester };
        let (by_hand, by_another) = (perform(false), perform(true));
        let table = [
            (Act::Direct, 1, true, Some(Rule::Owner)),
            (Act::Direct, 2, true, None),
            (Act::Start, 2, true, None),
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
