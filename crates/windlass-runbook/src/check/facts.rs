//! Facts of a gate: reads whose outcome an approval rests on. What may be said of any
//! other read of the runbook is said in `calls`.

use windlass_core::expr::is_identifier;
use windlass_core::plan::{FACTS_MAX, Fact};
use windlass_core::value::Value;

use super::calls::{Read, read};
use super::fields::{Fields, Found, wrong_shape};
use super::keys;
use super::names::{Around, bare};
use super::shapes::bad_name;
use super::world::World;
use crate::codes::FACTS;
use crate::diagnostic::Diagnostic;
use crate::node::{Entry, NodeKind};

pub(super) fn facts(
    world: &World<'_>,
    approval: &Fields<'_>,
    around: Around<'_>,
    found: &mut Found,
) -> Vec<Fact> {
    let Some(entry) = approval.get("facts") else {
        return Vec::new();
    };
    let NodeKind::Map(entries) = &entry.value.kind else {
        let rule = "`facts` is a map from names to reads";
        let help =
            "write `facts: {lag: {uses: ACTION, with: {...}, accept: EXPRESSION, max_age: 1m}}`";
        found.push(wrong_shape(&entry.value, rule).help(help));
        return Vec::new();
    };
    if entries.is_empty() || entries.len() > FACTS_MAX {
        let message = format!("a gate has from 1 to {FACTS_MAX} facts");
        let label = format!("{} of them", entries.len());
        found.push(Diagnostic::error(FACTS, message).at(entry.key_span, label));
        return Vec::new();
    }
    let facts = entries.iter();
    facts
        .filter_map(|entry| fact(world, entry, around, found))
        .collect()
}

fn fact(world: &World<'_>, entry: &Entry, around: Around<'_>, found: &mut Found) -> Option<Fact> {
    if !is_identifier(&entry.key) {
        found.push(bad_name(&entry.key, "a fact", entry.key_span));
        return None;
    }
    let fields = Fields::read(&entry.value, entry.key_span, &keys::FACT, found)?;
    let accept = fields.required("accept", "a fact", found);
    let max_age = fields
        .required("max_age", "a fact", found)
        .and_then(|_| fields.duration("max_age", found));
    let Read {
        uses,
        with,
        timeout,
        outputs,
    } = read(world, &fields, "a fact", around, found)?;
    // What comes later than that would be too old anyway.
    let timeout = match (fields.get("timeout"), timeout, max_age) {
        (None, Some(timeout), Some(max_age)) => Some(timeout.min(max_age)),
        (_, timeout, _) => timeout,
    };
    let judge = Around { outputs, ..around };
    let accept_expr = bare(world, accept?, "accept", judge, found);
    if let (Some(timeout), Some(max_age)) = (timeout, max_age)
        && timeout > max_age
        && let Some(entry) = fields.get("timeout")
    {
        let message = "a fact is waited for no longer than it may be old";
        found.push(
            Diagnostic::error(FACTS, message)
                .at(entry.value.span, "by then it would be too old")
                .help("its age counts from the moment that its reading begins"),
        );
        return None;
    }
    Some(Fact {
        name: entry.key.clone(),
        uses,
        with: with?,
        timeout: timeout?,
        accept: accept_expr?,
        rule: match accept?.to_value() {
            Value::Text(text) => text,
            other => other.to_string(),
        },
        max_age: max_age?,
    })
}
