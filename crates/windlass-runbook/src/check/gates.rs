//! Gates: whose approvals they take, what approvers are shown, and until when. Which steps
//! stand behind a gate is the proof's matter (`proved`).

use windlass_core::plan::{APPROVALS_MAX, Gate, Quorum, Template};

use super::echoed;
use super::facts::facts;
use super::fields::{Fields, Found, wrong_shape};
use super::keys;
use super::names::Around;
use super::templates::{Wanted, template};
use super::world::World;
use crate::codes::APPROVAL_GROUPS;
use crate::diagnostic::Diagnostic;
use crate::node::{Node, NodeKind};

pub(super) fn gate(
    world: &World<'_>,
    fields: &Fields<'_>,
    once: Around<'_>,
    found: &mut Found,
) -> Option<Gate> {
    let entry = fields.get("approval")?;
    let before = found.len();
    let fields = Fields::read(&entry.value, entry.key_span, &keys::APPROVAL, found)?;
    let expires = expires(&fields, found);
    let not_requester = fields.boolean("not_requester", found).unwrap_or(false);
    let all_of = all_of(&fields, found);
    let signed = fields.boolean("signed", found).unwrap_or(false);
    let facts = facts(world, &fields, once, found);
    let shown_node = fields.value("show");
    let show = shown_node.map(|node| shown(world, node, once, found));
    let units = |node| echoed::units(world, node, once);
    (found.len() == before).then(|| Gate {
        expires,
        window_end: is_window_end(&fields),
        show: show.unwrap_or_default(),
        show_units: shown_node.map(units).unwrap_or_default(),
        not_requester,
        all_of,
        facts,
        signed,
    })
}

/// Whose approvals it takes.
fn all_of(fields: &Fields<'_>, found: &mut Found) -> Vec<Quorum> {
    let Some(entry) = fields.get("all_of") else {
        return Vec::new();
    };
    let NodeKind::List(items) = &entry.value.kind else {
        let rule = "`all_of` is a list of groups";
        let help = "write `all_of: [{group: dba_leads}, {group: change_managers, count: 2}]`";
        found.push(wrong_shape(&entry.value, rule).help(help));
        return Vec::new();
    };
    let before = found.len();
    let quorums: Vec<Quorum> = items
        .iter()
        .filter_map(|item| quorum(item, found))
        .collect();
    if found.len() > before {
        return quorums;
    }
    let asked: u64 = quorums.iter().map(|quorum| u64::from(quorum.count)).sum();
    let twice = (1..quorums.len()).find(|at| {
        quorums[..*at]
            .iter()
            .any(|one| one.group == quorums[*at].group)
    });
    let fault = match twice {
        _ if quorums.is_empty() => Some((entry.value.span, "no group at all")),
        _ if asked > u64::from(APPROVALS_MAX) => Some((entry.value.span, "more than 16 persons")),
        Some(at) => Some((items[at].span, "this group stands here twice")),
        None => None,
    };
    if let Some((span, label)) = fault {
        let message = "`all_of` names each group once, and 16 persons at most";
        found.push(
            Diagnostic::error(APPROVAL_GROUPS, message)
                .at(span, label)
                .help("several persons of one group are its `count`"),
        );
    }
    quorums
}

fn quorum(node: &Node, found: &mut Found) -> Option<Quorum> {
    let fields = Fields::read(node, node.span, &keys::QUORUM, found)?;
    let count = match fields.value("count") {
        Some(_) => fields.count("count", 1, APPROVALS_MAX, found)?,
        None => 1,
    };
    let group = fields.required("group", "a place of `all_of`", found)?;
    match group.as_text().unwrap_or_default().parse() {
        Ok(group) => Some(Quorum { group, count }),
        Err(error) => {
            let message = "a group has a name such as `dba_leads`";
            let diagnostic = Diagnostic::error(APPROVAL_GROUPS, message);
            found.push(diagnostic.at(group.span, format!("{error}")));
            None
        }
    }
}

/// How long it waits, unless it is until the end of an opening.
fn expires(fields: &Fields<'_>, found: &mut Found) -> Option<windlass_core::time::Millis> {
    match is_window_end(fields) {
        true => None,
        false => fields.duration("expires", found),
    }
}

fn is_window_end(fields: &Fields<'_>) -> bool {
    fields.value("expires").and_then(Node::as_text) == Some("window_end")
}

/// What the approver is shown, in the author's order.
fn shown(
    world: &World<'_>,
    node: &Node,
    once: Around<'_>,
    found: &mut Found,
) -> Vec<(String, Template)> {
    let NodeKind::Map(entries) = &node.kind else {
        found.push(wrong_shape(node, "`show` is a map from captions to values"));
        return Vec::new();
    };
    entries
        .iter()
        .filter_map(|entry| {
            let wanted = Wanted::any(&entry.key);
            let value = template(world, &entry.value, wanted, once, found)?;
            Some((entry.key.clone(), value))
        })
        .collect()
}
