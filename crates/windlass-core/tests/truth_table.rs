//! `authorise` against a model that is written without it: every combination of an act, a
//! person, the rules that there are, his place in the gate's group and the time. The model
//! knows no standing, only the factors that each row was made from.

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::authorise::{Act, Circumstances, Rule, authorise};
use windlass_core::id::{GroupName, PersonName};
use windlass_core::operator::{Door, Identity, Operator};
use windlass_core::plan::Digest;
use windlass_core::policy::{Deed, Delegation, Group, Member, Permission, Person, Standing, Way};
use windlass_core::span::{Span, Spans};
use windlass_core::time::Timestamp;

const NOW: Timestamp = Timestamp(1_000);
const LATER: Timestamp = Timestamp(2_000);
const END: Timestamp = Timestamp(9_000);

/// Who wants something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// The one who started the run.
    Requester,
    /// The same, through another door.
    RequesterElsewhere,
    Other,
    /// Stands in for a member who has nothing to do with the run.
    Delegate,
    /// Stands in for the requester, who is a member too.
    DelegateOfRequester,
    Unknown,
}

/// How he belongs to the group of the rule and of the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Never,
    Always,
    OnShift,
    OffShift,
    /// Gained by a load, and not ripe.
    New,
}

/// The one rule that could let him.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Nothing,
    Name,
    Group,
    GroupAlsoOwn,
    GroupNew,
    OtherDeed,
    OtherTarget,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    act: Kind,
    who: Who,
    place: Place,
    by: By,
    new_person: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Start,
    Direct,
    Override,
    Rescue,
    Review,
    Own,
    Perform { not_requester: bool },
    Decide { not_requester: bool, grouped: bool },
}

const KINDS: [Kind; 12] = [
    Kind::Start,
    Kind::Direct,
    Kind::Override,
    Kind::Rescue,
    Kind::Review,
    Kind::Own,
    Kind::Perform {
        not_requester: false,
    },
    Kind::Perform {
        not_requester: true,
    },
    Kind::Decide {
        not_requester: false,
        grouped: false,
    },
    Kind::Decide {
        not_requester: false,
        grouped: true,
    },
    Kind::Decide {
        not_requester: true,
        grouped: false,
    },
    Kind::Decide {
        not_requester: true,
        grouped: true,
    },
];
const WHO: [Who; 6] = [
    Who::Requester,
    Who::RequesterElsewhere,
    Who::Other,
    Who::Delegate,
    Who::DelegateOfRequester,
    Who::Unknown,
];
const PLACES: [Place; 5] = [
    Place::Never,
    Place::Always,
    Place::OnShift,
    Place::OffShift,
    Place::New,
];
const RULES: [By; 7] = [
    By::Nothing,
    By::Name,
    By::Group,
    By::GroupAlsoOwn,
    By::GroupNew,
    By::OtherDeed,
    By::OtherTarget,
];

/// What the model says: deny unless every condition holds.
fn model(row: Row) -> bool {
    let Row {
        act,
        who,
        place,
        by,
        new_person,
    } = row;
    let is_requester = matches!(who, Who::Requester | Who::RequesterElsewhere);
    let is_decision = matches!(act, Kind::Decide { .. });
    let waits_for_ripeness = is_decision || matches!(act, Kind::Override | Kind::Rescue);
    if act == Kind::Own || who == Who::Unknown {
        return false;
    }
    let excluded = match act {
        Kind::Perform { not_requester } | Kind::Decide { not_requester, .. } => not_requester,
        _ => false,
    };
    if is_requester && excluded {
        return false;
    }
    // A place that came by a load is none yet, whoever takes it.
    let holds_place = matches!(place, Place::Always | Place::OnShift);
    let in_group = holds_place && !(is_decision && who == Who::DelegateOfRequester);
    if matches!(act, Kind::Decide { grouped: true, .. }) && !in_group {
        return false;
    }
    if waits_for_ripeness && new_person {
        return false;
    }
    match by {
        By::Nothing | By::OtherDeed | By::OtherTarget => false,
        By::Name => !(is_decision && is_requester),
        By::Group => in_group && !(is_decision && is_requester),
        By::GroupAlsoOwn => in_group,
        By::GroupNew => in_group && !waits_for_ripeness && !(is_decision && is_requester),
    }
}

fn name(text: &str) -> PersonName {
    text.parse().expect("a name")
}

fn group() -> GroupName {
    "dba".parse().expect("a name")
}

fn standing(row: Row) -> Standing {
    let person = |uids: &[u32]| Person {
        ways: uids.iter().map(|uid| Way::Uid { uid: *uid }).collect(),
        from: None,
    };
    let mut people = BTreeMap::from([
        (name("req"), person(&[1, 11])),
        (name("other"), person(&[2])),
        (name("deputy"), person(&[3])),
        (name("member"), person(&[4])),
    ]);
    let actor = match row.who {
        Who::Requester | Who::RequesterElsewhere => "req",
        Who::Other | Who::Unknown => "other",
        Who::Delegate | Who::DelegateOfRequester => "deputy",
    };
    if row.new_person {
        people.get_mut(&name(actor)).expect("he is in it").from = Some(LATER);
    }
    let member = match row.who {
        Who::Delegate => "member",
        Who::DelegateOfRequester => "req",
        _ => actor,
    };
    let span = |from: i64, to: i64| {
        Some(Spans::of([Span {
            from: Timestamp(from),
            to: Timestamp(to),
        }]))
    };
    let (on, from) = match row.place {
        Place::Never | Place::Always => (None, None),
        Place::OnShift => (span(500, 1_500), None),
        Place::OffShift => (span(1_500, 2_500), None),
        Place::New => (None, Some(LATER)),
    };
    let members = match row.place {
        Place::Never => Vec::new(),
        _ => vec![Member {
            person: name(member),
            on,
            from,
        }],
    };
    let deed = match row.act {
        Kind::Start => Deed::Start,
        Kind::Direct | Kind::Own => Deed::Direct,
        Kind::Override => Deed::Override,
        Kind::Rescue => Deed::Rescue,
        Kind::Review => Deed::Review,
        Kind::Perform { .. } => Deed::Perform,
        Kind::Decide { .. } => Deed::Approve,
    };
    let other = if deed == Deed::Start {
        Deed::Direct
    } else {
        Deed::Start
    };
    let by_group = BTreeSet::from([group()]);
    let rule = Permission {
        name: "the_rule".parse().expect("a name"),
        may: BTreeSet::from([if row.by == By::OtherDeed { other } else { deed }]),
        people: match row.by {
            By::Name => BTreeSet::from([name(actor)]),
            _ => BTreeSet::new(),
        },
        groups: if row.by == By::Name {
            BTreeSet::new()
        } else {
            by_group
        },
        targets: match row.by {
            By::OtherTarget => vec!["db:other".parse().expect("a name")],
            _ => vec!["db:*".parse().expect("a name")],
        },
        own_runs: row.by == By::GroupAlsoOwn,
        from: (row.by == By::GroupNew).then_some(LATER),
    };
    Standing {
        policy: Digest::of(b"table"),
        until: END,
        people,
        groups: BTreeMap::from([(group(), Group { members })]),
        delegations: match row.who {
            Who::Delegate | Who::DelegateOfRequester => vec![Delegation {
                from: name(member),
                to: name("deputy"),
                groups: BTreeSet::from([group()]),
                span: Span {
                    from: Timestamp(0),
                    to: END,
                },
            }],
            _ => Vec::new(),
        },
        rules: if row.by == By::Nothing {
            Vec::new()
        } else {
            vec![rule]
        },
        windows: BTreeMap::new(),
        freezes: Vec::new(),
    }
}

fn operator(uid: u32) -> Operator {
    Operator {
        name: format!("u{uid}"),
        identity: Identity::OsUser { uid },
        door: Door::Socket,
    }
}

#[test]
fn every_combination_is_what_the_model_says() {
    let groups = [group()];
    let requester = operator(1);
    // Under a policy nobody has a right for owning the directory.
    let owner = operator(2).identity;
    let (mut rows, mut granted) = (0, 0);
    for act in KINDS {
        for who in WHO {
            for place in PLACES {
                for by in RULES {
                    for new_person in [false, true] {
                        let row = Row {
                            act,
                            who,
                            place,
                            by,
                            new_person,
                        };
                        let standing = standing(row);
                        let by = operator(match who {
                            Who::Requester => 1,
                            Who::RequesterElsewhere => 11,
                            Who::Other => 2,
                            Who::Delegate | Who::DelegateOfRequester => 3,
                            Who::Unknown => 99,
                        });
                        let asked = match act {
                            Kind::Start => Act::Start,
                            Kind::Direct => Act::Direct,
                            Kind::Override => Act::Override,
                            Kind::Rescue => Act::Rescue,
                            Kind::Review => Act::Review { of: None },
                            Kind::Own => Act::Own,
                            Kind::Perform { not_requester } => Act::Perform { not_requester },
                            Kind::Decide {
                                not_requester,
                                grouped,
                            } => Act::Decide {
                                not_requester,
                                groups: if grouped { &groups } else { &[] },
                            },
                        };
                        let circumstances = Circumstances {
                            owner: &owner,
                            requester: Some(&requester),
                            single_user: false,
                            standing: Some(&standing),
                            target: Some("db:main"),
                            now: NOW,
                        };
                        let answer = authorise(asked, &by, circumstances);
                        // What is about no run is the owner's alone, under a policy too.
                        let expected = model(row) || act == Kind::Own && who == Who::Other;
                        assert_eq!(answer.is_ok(), expected, "{row:?}: {answer:?}");
                        if let Ok(Rule::Policy { rule, .. }) = &answer {
                            assert_eq!(rule.as_str(), "the_rule");
                        }
                        if let Err(denial) = &answer {
                            assert!(!denial.why.is_empty(), "{row:?}");
                        }
                        rows += 1;
                        granted += u32::from(answer.is_ok());
                    }
                }
            }
        }
    }
    assert_eq!(rows, 12 * 6 * 5 * 7 * 2);
    // A model that denied everything would agree with a function that does.
    assert!(granted > 400, "{granted}");
}
