//! The policies of the scenarios: `start board`, `govern small voids`. ann runs and works,
//! bob leads the DBAs, cyd manages changes and is on shift from @100 to @200.

use std::collections::{BTreeMap, BTreeSet};

use super::seconds;
use windlass_core::id::{GroupName, PersonName, WindowName};
use windlass_core::plan::Digest;
use windlass_core::policy::{
    Deed, Delegation, Freeze, Group, Member, Permission, Person, SshKey, Standing, TargetPattern,
    Way,
};
use windlass_core::span::{Span, Spans};
use windlass_core::time::Timestamp;

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
        // bob breaks the glass, and he and cyd review what was done.
        "glass" => {
            windowed("windowed", &mut standing);
            standing.rules.push(Permission {
                name: "looks".parse().expect("a rule's name"),
                may: BTreeSet::from([Deed::Review]),
                people: BTreeSet::from([self::name("bob"), self::name("cyd")]),
                ..standing.rules[1].clone()
            });
        }
        // bob is called rob, and comes in as another user of the host too.
        "renamed" => {
            let mut rob = standing
                .people
                .remove(&self::name("bob"))
                .expect("he is there");
            rob.ways.insert(0, Way::Uid { uid: 9 });
            standing.people.insert(self::name("rob"), rob);
            for one in standing
                .groups
                .values_mut()
                .flat_map(|group| &mut group.members)
            {
                if one.person == self::name("bob") {
                    one.person = self::name("rob");
                }
            }
            standing.delegations.clear();
        }
        // ann leads the DBAs, and sends cyd in her place from @10 to @20; bob and cyd manage
        // changes.
        "led" => {
            let member = |who: &str| Member {
                person: self::name(who),
                on: None,
                from: None,
            };
            let of = |who: &[&str]| Group {
                members: who.iter().copied().map(member).collect(),
            };
            standing.groups.insert(group("dba"), of(&["ann"]));
            standing.groups.insert(group("change"), of(&["bob", "cyd"]));
            standing.delegations[0].from = self::name("ann");
        }
        // bob signs, and had another key until @50.
        "keys" => {
            let ways = &mut standing
                .people
                .get_mut(&self::name("bob"))
                .expect("he is there")
                .ways;
            for (of, before) in [("bobs_key", None), ("old_key", Some(seconds("50")))] {
                let (key, after) = (key(of), None);
                ways.push(Way::SshKey { key, after, before });
            }
        }
        "later" => standing.until = seconds("9000"),
        _ => windowed(name, &mut standing),
    }
    standing
}

/// A key that somebody signs with.
pub(crate) fn key(of: &str) -> SshKey {
    let data = match of {
        "bobs_key" => "AAAAC3NzaC1lZDI1NTE5AAAAIPlLuXEW2sJ2fpiMpXxjPr5RhwMCXpkEIbHs0XcCSxwM",
        "old_key" => "AAAAC3NzaC1lZDI1NTE5AAAAIPlLuXEW2sJ2fpiMpXxjPr5RhwMCXpkEIbHs0XcCSxwN",
        _ => "AAAAC3NzaC1lZDI1NTE5AAAAIPlLuXEW2sJ2fpiMpXxjPr5RhwMCXpkEIbHs0XcCSxwO",
    };
    format!("ssh-ed25519 {data}").parse().expect("a key")
}

/// `off` is open from @100 to @300 and from @1000 to @1400, `night` in the second of them
/// only; bob may break the glass.
fn windowed(name: &str, standing: &mut Standing) {
    let off = Spans::of([span("100", "300"), span("1000", "1400")]);
    let night = Spans::of([span("1100", "1300")]);
    standing.windows = BTreeMap::from([(window("off"), off), (window("night"), night)]);
    standing.rules.push(Permission {
        name: "glass".parse().expect("a rule's name"),
        may: BTreeSet::from([Deed::Override, Deed::Rescue]),
        people: BTreeSet::from([self::name("bob")]),
        groups: BTreeSet::new(),
        targets: Vec::new(),
        own_runs: false,
        from: None,
    });
    match name {
        "windowed" => {}
        // The first opening of `off` ends early.
        "shorter" => {
            let off = Spans::of([span("100", "130"), span("1000", "1400")]);
            standing.windows.insert(window("off"), off);
        }
        // The same policy, whose calendars reach further.
        "windowed_longer" => {
            standing.policy = Digest::of(b"windowed");
            standing.until = seconds("9000");
        }
        // A freeze that comes twice.
        "frozen_twice" => {
            let mut twice = freeze("60", "200", None);
            twice.spans = Spans::of([span("60", "200"), span("250", "500")]);
            standing.freezes.push(twice);
        }
        // Nobody changes a database until @500.
        "frozen" => standing.freezes.push(freeze("60", "500", Some("db:*"))),
        "frozen_late" => standing.freezes.push(freeze("170", "500", None)),
        "frozen_elsewhere" => standing.freezes.push(freeze("60", "500", Some("rds:*"))),
        // Nobody says when `off` is open.
        "closed" => {
            standing.windows.insert(window("off"), Spans::default());
        }
        "ending" => {
            standing.until = seconds("90");
            standing.freezes.push(freeze("60", "70", None));
        }
        // Everybody may do everything, and `off` is open most of the time.
        "nights" | "nights_frozen" => {
            standing.until = seconds("2000000");
            standing.rules.push(Permission {
                name: "all".parse().expect("a rule's name"),
                may: Deed::ALL.into_iter().collect(),
                people: standing.people.keys().cloned().collect(),
                own_runs: true,
                ..standing.rules[0].clone()
            });
            let night = |at: i64| Span {
                from: Timestamp(at * 8_000_000 + 20_000),
                to: Timestamp(at * 8_000_000 + 7_000_000),
            };
            let off = Spans::of((0..200).map(night));
            standing.windows.insert(window("off"), off);
            if name == "nights_frozen" {
                standing.freezes.push(freeze("10", "150", Some("db:main")));
                standing.freezes.push(freeze("15", "60", None));
            }
        }
        _ => panic!("a policy: {name}"),
    }
}

/// Where the change board decides, and somebody on shift for the last word.
fn board() -> Box<Standing> {
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

fn freeze(from: &str, to: &str, target: Option<&str>) -> Freeze {
    Freeze {
        name: window("quarter"),
        reason: "the books are closed".to_owned(),
        spans: Spans::of([span(from, to)]),
        targets: target.map(pattern).into_iter().collect(),
    }
}

fn window(text: &str) -> WindowName {
    text.parse().expect("a window's name")
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
