//! Persons, groups and who stands in for whom.

use std::collections::BTreeMap;

use windlass_core::id::{GroupName, PersonName};
use windlass_core::policy::{
    Delegation, GROUPS_MAX, Group, Member, PEOPLE_MAX, Person, SshKey, Way,
};
use windlass_core::span::Span as Moments;
use windlass_core::time::Timestamp;

use super::calendars::{Clock, calendar};
use super::keys;
use super::names::{Names, members, texts};
use crate::calendar::Reading;
use crate::check::fields::{Fields, Found, wrong_shape};
use crate::codes::{POINT_IN_TIME, POLICY_IDLE, POLICY_NAME, POLICY_WAY};
use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Entry, NodeKind};

type Facts = BTreeMap<String, String>;

pub(super) fn people(
    fields: &Fields<'_>,
    facts: &mut Facts,
    found: &mut Found,
) -> BTreeMap<PersonName, Person> {
    fields.required("people", "a policy", found);
    let mut people = BTreeMap::new();
    let mut taken: BTreeMap<String, PersonName> = BTreeMap::new();
    for (name, entry) in members::<PersonName>(fields, "people", PEOPLE_MAX, found) {
        facts.insert(format!("person {name}"), entry.value.to_value().to_string());
        let Some(person) = Fields::read(&entry.value, entry.key_span, &keys::PERSON, found) else {
            continue;
        };
        person.text("title", found);
        let mut ways = Vec::new();
        for (user, span) in texts(&person, "os_user", found) {
            let name = user.to_owned();
            ways.push((Way::OsUser { name }, span));
        }
        if let (Some(uid), Some(node)) = (
            person.count("uid", 0, u32::MAX - 1, found),
            person.value("uid"),
        ) {
            ways.push((Way::Uid { uid }, node.span));
        }
        ways.extend(ssh_keys(&person, found));
        if ways.is_empty() {
            let message = format!("{name} has no way in, and so can do nothing");
            found.push(
                Diagnostic::warning(POLICY_IDLE, message)
                    .at(entry.key_span, "never comes in")
                    .help("name a user of the engine's host (`os_user`) or a key (`ssh_keys`)"),
            );
        }
        for (way, span) in &ways {
            // A key is one way in whatever dates it has.
            let shown = way.to_string();
            if let Some(other) = taken.get(&shown).filter(|other| **other != name) {
                let message = format!("{shown} is both {other} and {name}");
                found.push(
                    Diagnostic::error(POLICY_WAY, message)
                        .at(*span, "one way in leads to one person"),
                );
            }
            taken.insert(shown, name.clone());
        }
        let ways = ways.into_iter().map(|(way, _)| way).collect();
        people.insert(name, Person { ways, from: None });
    }
    people
}

fn ssh_keys(person: &Fields<'_>, found: &mut Found) -> Vec<(Way, Span)> {
    let Some(node) = person.value("ssh_keys") else {
        return Vec::new();
    };
    let NodeKind::List(items) = &node.kind else {
        found.push(wrong_shape(node, "`ssh_keys` is a list of maps"));
        return Vec::new();
    };
    let mut ways = Vec::new();
    for item in items {
        let Some(fields) = Fields::read(item, item.span, &keys::SSH_KEY, found) else {
            continue;
        };
        let after = moment(&fields, "after", found);
        let before = moment(&fields, "before", found);
        let Some(node) = fields.required("key", "an SSH key", found) else {
            continue;
        };
        let Some(text) = fields.text("key", found) else {
            continue;
        };
        match text.parse::<SshKey>() {
            Ok(key) => ways.push((Way::SshKey { key, after, before }, node.span)),
            Err(error) => found.push(
                Diagnostic::error(POLICY_WAY, "this is no public key")
                    .at(node.span, "not a key")
                    .help(error.to_string()),
            ),
        }
    }
    ways
}

pub(super) fn groups(
    fields: &Fields<'_>,
    names: &Names<'_>,
    clock: &Clock,
    facts: &mut Facts,
    found: &mut Found,
) -> BTreeMap<GroupName, Group> {
    let mut groups = BTreeMap::new();
    for (name, entry) in members::<GroupName>(fields, "groups", GROUPS_MAX, found) {
        let Some(group) = Fields::read(&entry.value, entry.key_span, &keys::GROUP, found) else {
            continue;
        };
        group.text("title", found);
        let mut list = Vec::new();
        for person in names.people(&group, "members", found) {
            facts.insert(format!("member {person} of {name}"), "always".to_owned());
            list.push(Member {
                person,
                on: None,
                from: None,
            });
        }
        for shift in shifts(&group, found) {
            let Some(fields) = Fields::read(shift, shift.span, &keys::SHIFT, found) else {
                continue;
            };
            fields.required("people", "a shift", found);
            let on = calendar(&fields, clock, Reading::Every, "a shift", found);
            for person in names.people(&fields, "people", found) {
                let fact = facts
                    .entry(format!("member {person} of {name}"))
                    .or_default();
                if !fact.is_empty() {
                    fact.push_str(" and ");
                }
                fact.push_str(&shift.to_value().to_string());
                list.push(Member {
                    person,
                    on: on.clone(),
                    from: None,
                });
            }
        }
        if list.is_empty() {
            facts.insert(format!("group {name}"), "nobody".to_owned());
            let message = format!("the group {name} has no members");
            found.push(
                Diagnostic::warning(POLICY_IDLE, message).at(entry.key_span, "nobody is in it"),
            );
        }
        groups.insert(name, Group { members: list });
    }
    groups
}

fn shifts<'a>(group: &Fields<'a>, found: &mut Found) -> &'a [crate::node::Node] {
    let Some(node) = group.value("shifts") else {
        return &[];
    };
    match &node.kind {
        NodeKind::List(items) => items,
        _ => {
            found.push(wrong_shape(node, "`shifts` is a list of maps"));
            &[]
        }
    }
}

pub(super) fn delegations(
    fields: &Fields<'_>,
    names: &Names<'_>,
    facts: &mut Facts,
    found: &mut Found,
) -> Vec<Delegation> {
    let Some(node) = fields.value("delegations") else {
        return Vec::new();
    };
    let NodeKind::List(items) = &node.kind else {
        found.push(wrong_shape(node, "`delegations` is a list of maps"));
        return Vec::new();
    };
    let mut delegations = Vec::new();
    for item in items {
        let Some(fields) = Fields::read(item, item.span, &keys::DELEGATION, found) else {
            continue;
        };
        for key in ["from", "to", "groups", "until"] {
            fields.required(key, "a delegation", found);
        }
        let from = names.people(&fields, "from", found);
        let to = names.people(&fields, "to", found);
        let groups = names.groups(&fields, "groups", found);
        let since = moment(&fields, "since", found);
        let until = moment(&fields, "until", found);
        let ([from], [to], Some(until)) = (from.as_slice(), to.as_slice(), until) else {
            continue;
        };
        if from == to {
            let message = format!("{from} cannot stand in for himself");
            found.push(Diagnostic::error(POLICY_NAME, message).at(item.span, "one person"));
            continue;
        }
        let what = format!("delegation {to} for {from}");
        let fact = facts.entry(what).or_default();
        fact.push_str(&item.to_value().to_string());
        delegations.push(Delegation {
            from: from.clone(),
            to: to.clone(),
            groups: groups.into_iter().collect(),
            span: Moments {
                from: since.unwrap_or(Timestamp(i64::MIN)),
                to: until,
            },
        });
    }
    delegations
}

/// A point in time with its offset.
fn moment(fields: &Fields<'_>, key: &str, found: &mut Found) -> Option<Timestamp> {
    let entry: &Entry = fields.get(key)?;
    let text = fields.text(key, found)?;
    let moment = Timestamp::parse(text);
    if moment.is_none() {
        let message = format!("`{key}` is a point in time with its offset");
        found.push(
            Diagnostic::error(POINT_IN_TIME, message)
                .at(entry.value.span, "not a point in time")
                .help("write it as 2026-12-24T18:00:00+01:00"),
        );
    }
    moment
}
