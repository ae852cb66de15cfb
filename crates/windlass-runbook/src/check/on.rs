//! The `on` of a runbook: whom its runs tell, and of what. A notice is called as a step is,
//! but it reads what is known whatever has run: inputs, the run, and the event itself.

use std::collections::BTreeMap;
use std::ops::Range;

use windlass_core::catalog::Output;
use windlass_core::plan::{NOTICES_MAX, Notice, Topic};

use super::calls::{Called, with};
use super::drafts::action;
use super::fields::{Fields, Found};
use super::grants;
use super::graph::Graph;
use super::keys;
use super::names::{Around, Outputs};
use super::place::Located;
use super::steps::optional;
use super::templates::expressions;
use super::world::World;
use crate::codes::{BAD_VALUE, NOTICE_ACTION, NOTICE_PARAM, NOTICE_READS};
use crate::diagnostic::Diagnostic;
use crate::expr::parse;
use crate::node::{Entry, Node, NodeKind};
use crate::outline::Names;

/// The first word of the actions that send messages.
const FAMILY: &str = "notify";
/// What a step can wait for and a notice never does: a run is not held up by telling of it.
const WAIT: &str = "wait";

/// The `on` of a runbook.
pub(super) fn on(
    world: &World<'_>,
    graph: &Graph,
    top: &Fields<'_>,
    found: &mut Found,
) -> BTreeMap<Topic, Vec<Notice>> {
    let mut on = BTreeMap::new();
    let Some(entry) = top.get("on") else {
        return on;
    };
    let Some(fields) = Fields::read(&entry.value, entry.key_span, &keys::ON, found) else {
        return on;
    };
    for topic in Topic::ALL {
        let Some(node) = fields.value(topic.as_str()) else {
            continue;
        };
        let nodes: Vec<&Node> = match &node.kind {
            NodeKind::List(items) => items.iter().collect(),
            _ => vec![node],
        };
        if nodes.is_empty() || nodes.len() > NOTICES_MAX {
            let message = format!("`{}` has from 1 to {NOTICES_MAX} notices", topic.as_str());
            let label = format!("{} of them", nodes.len());
            found.push(Diagnostic::error(BAD_VALUE, message).at(node.span, label));
            continue;
        }
        let facts = Output {
            summary: String::new(),
            ty: topic.facts(),
        };
        let names = BTreeMap::from([("event".to_owned(), facts)]);
        let notices: Vec<Notice> = nodes
            .into_iter()
            .filter_map(|node| notice(world, graph, node, &names, found))
            .collect();
        if !notices.is_empty() {
            on.insert(topic, notices);
        }
    }
    on
}

fn notice(
    world: &World<'_>,
    graph: &Graph,
    node: &Node,
    names: &BTreeMap<String, Output>,
    found: &mut Found,
) -> Option<Notice> {
    let fields = Fields::read(node, node.span, &keys::NOTICE, found)?;
    let uses = fields.required("uses", "a notice", found)?;
    let (name, action) = action(uses, world.catalog, found)?;
    if name.as_str().split('/').next() != Some(FAMILY) {
        let message = format!("`{name}` tells nobody anything");
        let known = world.catalog.actions.keys().map(|name| name.as_str());
        let known: Vec<&str> = known.filter(|name| name.starts_with("notify/")).collect();
        found.push(
            Diagnostic::error(NOTICE_ACTION, message)
                .at(uses.span, "no message")
                .help(format!(
                    "`on` uses {}; what else a run has to do is a step",
                    known.join(" or ")
                )),
        );
        return None;
    }
    let entry = fields.get("with");
    let before = found.len();
    if let Some(node) = fields.value("when")
        && let NodeKind::Text(text) = &node.kind
    {
        judge_expr(world, node, text, 0..text.len(), found);
    }
    if let Some(entry) = entry {
        refuse_wait(entry, found);
        judge(world, &entry.value, found);
    }
    // Without a step there is nothing that a run could tell of, which has been said.
    let around = (!world.steps.is_empty()).then(|| Around {
        step: 0,
        before: graph.before(0),
        when_held: false,
        item: false,
        itself: false,
        outputs: Outputs::Known(names),
    })?;
    if found.len() > before {
        return None;
    }
    let when = optional(world, &fields, "when", around, found);
    let called = Called {
        name: &name,
        action,
        uses_span: uses.span,
        is_change: false,
    };
    let with = with(world, called, entry, around, found)?;
    let notice = Notice {
        when: when?,
        uses: name,
        with,
    };
    grants::notice(world, node, &notice, found);
    decided(world, notice)
}

/// What the inputs alone say of its condition: one that is false is in no plan, as it is
/// never sent, and one that is true is no condition.
fn decided(world: &World<'_>, notice: Notice) -> Option<Notice> {
    let (Some(when), Some(inputs)) = (&notice.when, &world.values) else {
        return Some(notice);
    };
    let names = Names { inputs, item: None };
    match when.eval_bool(&names) {
        Ok(false) => None,
        Ok(true) => Some(Notice {
            when: None,
            ..notice
        }),
        // The run and its event decide it.
        Err(_) => Some(notice),
    }
}

fn refuse_wait(with: &Entry, found: &mut Found) {
    let NodeKind::Map(entries) = &with.value.kind else {
        return;
    };
    if let Some(entry) = entries.iter().find(|entry| entry.key == WAIT) {
        found.push(
            Diagnostic::error(NOTICE_PARAM, "`wait` is for a step")
                .at(entry.key_span, "nothing waits for a notice")
                .help("take it out: a notice is sent until it is delivered, beside the run"),
        );
    }
}

/// Whether what is read is known whatever has run.
fn judge(world: &World<'_>, node: &Node, found: &mut Found) {
    match &node.kind {
        NodeKind::Map(entries) => {
            for entry in entries {
                judge(world, &entry.value, found);
            }
        }
        NodeKind::List(items) => items.iter().for_each(|item| judge(world, item, found)),
        NodeKind::Text(text) => {
            for range in expressions(text) {
                judge_expr(world, node, text, range, found);
            }
        }
        NodeKind::Null | NodeKind::Bool(_) | NodeKind::Int(_) | NodeKind::Float(_) => {}
    }
}

/// The same of the expression at `range` of the node's text.
fn judge_expr(world: &World<'_>, node: &Node, text: &str, range: Range<usize>, found: &mut Found) {
    // What is no expression is told where it is read.
    let Ok(expr) = parse(&text[range.clone()]) else {
        return;
    };
    for reference in expr.references() {
        let ["steps" | "item", ..] = reference.path.as_slice() else {
            continue;
        };
        let within = reference.span.range();
        let located = Located::new(world.text(node.span), node, text);
        let place = located.place(range.start + within.start..range.start + within.end);
        let path = reference.path.join(".");
        found.push(
            Diagnostic::error(NOTICE_READS, format!("a notice cannot read `{path}`"))
                .at(place, "need not have run")
                .help(
                    "read `inputs`, `run` and `event`, such as `event.summary`; what a step found is told by a step",
                ),
        );
    }
}
