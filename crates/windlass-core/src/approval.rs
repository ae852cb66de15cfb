//! Approvals of one gate: as whom each approver counts, and which of the gate's places
//! they fill together. Not responsible for who may approve (`authorise`).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{GroupName, PersonName};
use crate::operator::Operator;
use crate::plan::{Digest, Gate};
use crate::time::Timestamp;

/// What an approval rests on besides the statement: the record keeps it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Grounds {
    /// Who the approver is by the policy; `None` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonName>,
    /// The groups that he can fill a place of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seats: Vec<Seat>,
    /// Which reading of each fact he decided on: when its look began.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, Timestamp>,
    /// The statement that he approved; older records name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<Digest>,
    /// His signature of it, where he gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Box<Signature>>,
}

/// A signature by which somebody approved, as it was when it was verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// What was signed, to the byte: the statement, and what the approver says himself.
    pub text: String,
    /// As `ssh-keygen -Y sign` writes it.
    pub armored: String,
    /// Who brought it: he needs no right, and counts for nothing.
    pub carried_by: Operator,
}

/// The longest signature, in bytes of its text.
pub const SIGNATURE_BYTES_MAX: usize = 16 * 1024;

impl Grounds {
    /// Whether there is nothing to be kept, as in older records.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A group that somebody can fill a place of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    pub group: GroupName,
    /// The member that he stands in for; nobody, when he is one himself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<PersonName>,
}

/// One person's approval of an open gate.
#[derive(Clone, Debug, PartialEq)]
pub struct Approval {
    pub by: Operator,
    pub at: Timestamp,
    pub note: String,
    /// The rule that let him.
    pub rule: String,
    pub grounds: Grounds,
}

impl Approval {
    /// Whether it is this person's, through whatever door.
    pub fn is_by(&self, by: &Operator, person: Option<&PersonName>) -> bool {
        self.by.is_same_person(by) || person.is_some() && self.grounds.person.as_ref() == person
    }

    /// Calls the persons in it by other names.
    pub(crate) fn rename(&mut self, called: impl Fn(&PersonName) -> PersonName) {
        let stood_in = self.grounds.seats.iter_mut();
        let persons = stood_in.filter_map(|seat| seat.instead_of.as_mut());
        for person in persons.chain(&mut self.grounds.person) {
            *person = called(person);
        }
    }
}

/// A place of a gate, and whose approval fills it.
#[derive(Clone, Debug, PartialEq)]
pub struct Place<'a> {
    pub group: &'a GroupName,
    pub filled_by: Option<&'a Approval>,
}

/// The places of a gate and who fills them. As many are filled as can be: whoever could
/// fill places of two groups takes the one that leaves the other to somebody else. Nobody
/// fills two places, and nobody fills one for a member who fills one himself.
pub fn places<'a>(gate: &'a Gate, approvals: &'a [Approval]) -> Vec<Place<'a>> {
    let groups = gate.places();
    let seats = seats(approvals);
    let mut filled = vec![None; groups.len()];
    for approver in 0..approvals.len() {
        let mut tried = vec![false; groups.len()];
        seat(approver, &groups, &seats, &mut filled, &mut tried);
    }
    let place = |(group, approver): (&'a GroupName, Option<usize>)| Place {
        group,
        filled_by: approver.and_then(|approver| approvals.get(approver)),
    };
    groups.into_iter().zip(filled).map(place).collect()
}

/// How many places are not filled.
pub(crate) fn missing(gate: &Gate, approvals: &[Approval]) -> usize {
    let places = places(gate, approvals);
    places
        .iter()
        .filter(|place| place.filled_by.is_none())
        .count()
}

/// The groups that each approver may fill a place of.
fn seats(approvals: &[Approval]) -> Vec<Vec<&GroupName>> {
    let mut spoken_for: BTreeSet<&PersonName> = BTreeSet::new();
    let themselves = approvals
        .iter()
        .filter_map(|approval| approval.grounds.person.as_ref());
    spoken_for.extend(themselves);
    let mut seats = Vec::new();
    for approval in approvals {
        let free = |seat: &&Seat| {
            seat.instead_of
                .as_ref()
                .is_none_or(|member| !spoken_for.contains(member))
        };
        let own: Vec<&Seat> = approval.grounds.seats.iter().filter(free).collect();
        // The first who stands in for a member speaks for him.
        spoken_for.extend(own.iter().filter_map(|seat| seat.instead_of.as_ref()));
        seats.push(own.into_iter().map(|seat| &seat.group).collect());
    }
    seats
}

/// Finds a place for an approver; whoever has it already moves to another that he can
/// fill, if there is one.
fn seat(
    approver: usize,
    groups: &[&GroupName],
    seats: &[Vec<&GroupName>],
    filled: &mut [Option<usize>],
    tried: &mut [bool],
) -> bool {
    let fits = |place: &usize| seats[approver].contains(&groups[*place]);
    // Nobody moves for somebody who finds a place that is free.
    if let Some(free) = (0..groups.len())
        .filter(fits)
        .find(|place| filled[*place].is_none())
    {
        filled[free] = Some(approver);
        return true;
    }
    for place in (0..groups.len()).filter(fits) {
        if std::mem::replace(&mut tried[place], true) {
            continue;
        }
        if filled[place].is_none_or(|other| seat(other, groups, seats, filled, tried)) {
            filled[place] = Some(approver);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::{Door, Identity};
    use crate::plan::Quorum;

    fn gate(groups: &[(&str, u32)]) -> Gate {
        let quorum = |(group, count): &(&str, u32)| Quorum {
            group: group.parse().unwrap(),
            count: *count,
        };
        Gate {
            all_of: groups.iter().map(quorum).collect(),
            ..Gate::default()
        }
    }

    /// `ann: a b=cyd` is ann, in group a, and in b instead of cyd.
    fn approval(text: &str) -> Approval {
        let (name, seats) = text.split_once(": ").unwrap();
        let seat = |word: &str| {
            let (group, instead_of) = match word.split_once('=') {
                Some((group, member)) => (group, Some(member.parse().unwrap())),
                None => (word, None),
            };
            let group = group.parse().unwrap();
            Seat { group, instead_of }
        };
        Approval {
            by: Operator {
                name: name.to_owned(),
                identity: Identity::OsUser {
                    uid: u32::from(name.as_bytes()[0]),
                },
                door: Door::Socket,
            },
            at: Timestamp(0),
            note: String::new(),
            rule: String::new(),
            grounds: Grounds {
                person: Some(name.parse().unwrap()),
                seats: seats.split(' ').map(seat).collect(),
                ..Grounds::default()
            },
        }
    }

    fn filled(groups: &[(&str, u32)], approvals: &[&str]) -> String {
        let gate = gate(groups);
        let approvals: Vec<Approval> = approvals.iter().map(|text| approval(text)).collect();
        let place = |place: &Place<'_>| match place.filled_by {
            Some(approval) => format!("{}={}", place.group, approval.by.name),
            None => format!("{}=?", place.group),
        };
        let places = places(&gate, &approvals);
        places.iter().map(place).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_person_in_two_groups_fills_one_place_and_leaves_the_other_to_who_needs_it() {
        let two = [("a", 1), ("b", 1)];
        assert_eq!(filled(&two, &["ann: a b"]), "a=ann b=?");
        // Ann moves, as bob can fill no other place.
        assert_eq!(filled(&two, &["ann: a b", "bob: a"]), "a=bob b=ann");
        assert_eq!(filled(&two, &["ann: a b", "bob: b"]), "a=ann b=bob");
        let three = [("a", 1), ("b", 1), ("c", 1)];
        let chain = ["ann: a b", "bob: b c", "cyd: a"];
        assert_eq!(filled(&three, &chain), "a=cyd b=ann c=bob");
    }

    #[test]
    fn a_count_takes_as_many_persons() {
        let gate = [("a", 1), ("b", 2)];
        assert_eq!(filled(&gate, &["ann: b", "bob: b"]), "a=? b=ann b=bob");
        assert_eq!(
            filled(&gate, &["ann: b", "bob: b", "cyd: b"]),
            "a=? b=ann b=bob"
        );
    }

    #[test]
    fn who_stands_in_for_a_member_does_not_count_beside_him() {
        let two = [("a", 2)];
        assert_eq!(filled(&two, &["bob: a=ann", "cyd: a"]), "a=bob a=cyd");
        assert_eq!(filled(&two, &["bob: a=ann", "ann: a"]), "a=ann a=?");
        assert_eq!(filled(&two, &["bob: a=ann", "cyd: a=ann"]), "a=bob a=?");
        // In a group of his own he counts beside her.
        let both = [("a", 1), ("b", 1)];
        assert_eq!(filled(&both, &["bob: a=ann b", "ann: a"]), "a=ann b=bob");
    }

    /// All ways to give each place another approver, or none.
    fn most(groups: &[&GroupName], seats: &[Vec<&GroupName>], used: u32) -> usize {
        let Some((group, rest)) = groups.split_first() else {
            return 0;
        };
        let fits = |at: &usize| used & 1 << at == 0 && seats[*at].contains(group);
        let with = (0..seats.len()).filter(fits);
        let with = with.map(|at| 1 + most(rest, seats, used | 1 << at)).max();
        with.unwrap_or(0).max(most(rest, seats, used))
    }

    #[test]
    fn as_many_places_are_filled_as_can_be() {
        const GROUPS: [&str; 3] = ["a", "b", "c"];
        // Every set of groups for each of four approvers, in gates of up to four places.
        for counts in [[1, 1, 0], [1, 1, 1], [2, 1, 1], [1, 2, 1], [2, 2, 0]] {
            let wanted: Vec<(&str, u32)> = GROUPS
                .into_iter()
                .zip(counts)
                .filter(|(_, count)| *count > 0)
                .collect();
            let gate = gate(&wanted);
            for choice in 0..7usize.pow(4) {
                let approver = |at: usize| {
                    let set = choice / 7usize.pow(at as u32) % 7 + 1;
                    let of = |(bit, group): (usize, &str)| {
                        (set >> bit & 1 == 1).then(|| group.to_owned())
                    };
                    let groups: Vec<String> =
                        GROUPS.into_iter().enumerate().filter_map(of).collect();
                    approval(&format!(
                        "{}: {}",
                        ["ann", "bob", "cyd", "dan"][at],
                        groups.join(" ")
                    ))
                };
                let approvals: Vec<Approval> = (0..4).map(approver).collect();
                let places = gate.places();
                let expected = places.len() - most(&places, &seats(&approvals), 0);
                assert_eq!(missing(&gate, &approvals), expected, "{counts:?} {choice}");
            }
        }
    }
}
