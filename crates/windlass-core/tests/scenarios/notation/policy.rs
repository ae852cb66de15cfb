//! The policies of the scenarios: `start board`, `govern small voids`. ann runs and works,
//! bob leads the DBAs, cyd manages changes and is on shift from @100 to @200.

use std::collections::{BTreeMap, BTreeSet};

use super::seconds;
use windlass_core::id::{GroupName, PersonName};
use windlass_core::plan::Digest;
use windlass_core::policy::{
    Deed, Delegation, Group, Member, Permission, Person, Standing, TargetPattern, Way,
};
use windlass_core::span::{Span, Spans};

/// What a word of the notation names.
pub(crate) fn named(name: &str) -> Box<Standing> {
    let mut standing = board();
    standing.policy = Digest::of(name.as_bytes());
    match name {
        "board" => {}
        // cyd decides nothing any more.
        "small" => {
            standing.groups.insert(group("change"), Group::default());
            standing.groups.insert(group("shift"), Group::default());
        }
        // cyd decides only for bob, while he stands in for him.
        "delegated" => {
            standing.groups.insert(group("change"), Group::default());
            standing.groups.insert(group("shift"), Group::default());
        }
        // Whom the board newly trusts decides later.
        "new" => {
            for rule in &mut standing.rules {
                rule.from = (rule.name.as_str() == "decides").then(|| seconds("50"));
            }
        }
        "later" => standing.until = seconds("9000"),
        _ => panic!("a policy: {name}"),
    }
    standing
}

/// Where the change board decides, and somebody on shift for the last word.
pub(crate) fn board() -> Box<Standing> {
    let person = |uid| Person {
        ways: vec![Way::Uid { uid }],
        from: None,
    };
    let one = |who: &str, on: Option<(&str, &str)>| Group {
        members: vec![Member {
            person: name(who),
            on: on.map(|(from, to)| Spans::of([span(from, to)])),
            from: None,
        }],
    };
    let rule = |of: &str, may: &[Deed], people: &[&str], groups: &[&str]| Permission {
        name: of.parse().expect("a rule's name"),
        may: may.iter().copied().collect(),
        people: people.iter().copied().map(name).collect(),
        groups: groups.iter().copied().map(group).collect(),
        targets: Vec::new(),
        own_runs: false,
        from: None,
    };
    Box::new(Standing {
        policy: Digest::of(b"board"),
        until: seconds("3600"),
        people: [("ann", 1), ("bob", 2), ("cyd", 3)]
            .into_iter()
            .map(|(who, uid)| (name(who), person(uid)))
            .collect(),
        groups: BTreeMap::from([
            (group("dba"), one("bob", None)),
            (group("change"), one("cyd", None)),
            (group("shift"), one("cyd", Some(("100", "200")))),
        ]),
        delegations: vec![Delegation {
            from: name("bob"),
            to: name("cyd"),
            groups: BTreeSet::from([group("dba")]),
            span: span("10", "20"),
        }],
        rules: vec![
            Permission {
                targets: vec![pattern("db:main*"), pattern("rds:*")],
                ..rule("runs", &[Deed::Start], &["ann"], &[])
            },
            rule("works", &[Deed::Direct, Deed::Perform], &["ann"], &[]),
            rule(
                "decides",
                &[Deed::Approve],
                &[],
                &["dba", "change", "shift"],
            ),
        ],
        windows: BTreeMap::new(),
        freezes: Vec::new(),
    })
}

fn span(from: &str, to: &str) -> Span {
    Span {
        from: seconds(from),
        to: seconds(to),
    }
}

fn name(text: &str) -> PersonName {
    text.parse().expect("a person's name")
}

fn group(text: &str) -> GroupName {
    text.parse().expect("a group's name")
}

fn pattern(text: &str) -> TargetPattern {
    text.parse().expect("targets")
}
