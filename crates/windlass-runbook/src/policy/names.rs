//! Names in a policy: which there are, and what is said of one that there is not.

use std::collections::BTreeSet;
use std::str::FromStr;

use windlass_core::id::{BadName, GroupName, PersonName, WindowName};

use crate::check::fields::{Fields, Found, text, wrong_shape};
use crate::codes::{BAD_NAME, POLICY_NAME};
use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Entry, Node, NodeKind};
use crate::suggest::did_you_mean;

/// The names that a policy declares.
pub(super) struct Names<'a> {
    people: BTreeSet<&'a str>,
    groups: BTreeSet<&'a str>,
    windows: BTreeSet<&'a str>,
}

impl<'a> Names<'a> {
    pub(super) fn new(fields: &Fields<'a>) -> Self {
        let of = |key| {
            let entries = entries(fields.value(key));
            entries.iter().map(|entry| entry.key.as_str()).collect()
        };
        Self {
            people: of("people"),
            groups: of("groups"),
            windows: of("windows"),
        }
    }

    pub(super) fn people(
        &self,
        fields: &Fields<'_>,
        key: &str,
        found: &mut Found,
    ) -> Vec<PersonName> {
        self.listed(fields, key, ("person", &self.people), found)
    }

    pub(super) fn groups(
        &self,
        fields: &Fields<'_>,
        key: &str,
        found: &mut Found,
    ) -> Vec<GroupName> {
        self.listed(fields, key, ("group", &self.groups), found)
    }

    pub(super) fn windows(
        &self,
        fields: &Fields<'_>,
        key: &str,
        found: &mut Found,
    ) -> Vec<WindowName> {
        self.listed(fields, key, ("window", &self.windows), found)
    }

    fn listed<T: FromStr<Err = BadName>>(
        &self,
        fields: &Fields<'_>,
        key: &str,
        (what, known): (&str, &BTreeSet<&str>),
        found: &mut Found,
    ) -> Vec<T> {
        let mut names = Vec::new();
        for (name, span) in texts(fields, key, found) {
            if known.contains(name) {
                names.extend(name.parse());
            } else {
                let message = format!("the policy has no {what} `{}`", name.escape_debug());
                let help = did_you_mean(name, known.iter().copied());
                found.push(
                    Diagnostic::error(POLICY_NAME, message)
                        .at(span, format!("no such {what}"))
                        .maybe_help(help),
                );
            }
        }
        names
    }
}

/// The members of a map; none of what is no map.
pub(super) fn entries(node: Option<&Node>) -> &[Entry] {
    match node.map(|node| &node.kind) {
        Some(NodeKind::Map(entries)) => entries,
        Some(_) | None => &[],
    }
}

/// The members of a map of maps, each with its name read.
pub(super) fn members<'a, T: FromStr<Err = BadName>>(
    fields: &Fields<'a>,
    key: &str,
    most: usize,
    found: &mut Found,
) -> Vec<(T, &'a Entry)> {
    let Some(node) = fields.value(key) else {
        return Vec::new();
    };
    let NodeKind::Map(entries) = &node.kind else {
        found.push(wrong_shape(node, &format!("`{key}` is a map of maps")));
        return Vec::new();
    };
    if entries.is_empty() || entries.len() > most {
        let message = format!("`{key}` has from 1 to {most} entries");
        found
            .push(Diagnostic::error(crate::codes::BAD_VALUE, message).at(node.span, "not as many"));
        return Vec::new();
    }
    let named = |entry: &'a Entry| match entry.key.parse::<T>() {
        Ok(name) => Some((name, entry)),
        Err(error) => {
            let message = format!("{error}");
            found.push(Diagnostic::error(BAD_NAME, message).at(entry.key_span, "not a name"));
            None
        }
    };
    entries.iter().filter_map(named).collect()
}

/// A text, or a list of them, each with its place.
pub(super) fn texts<'a>(fields: &Fields<'a>, key: &str, found: &mut Found) -> Vec<(&'a str, Span)> {
    let Some(node) = fields.value(key) else {
        return Vec::new();
    };
    let items = match &node.kind {
        NodeKind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let rule = format!("`{key}` is a string or a list of strings");
    let mut read = |item: &'a Node| Some((text(item, &rule, found)?, item.span));
    items.iter().filter_map(&mut read).collect()
}
