//! Policy files: read with diagnostics exactly like a runbook's, to what the core decides
//! by. Calendars become spans of UTC here, up to a horizon. Not responsible for where a
//! file comes from, nor for who may load it.

mod calendars;
pub(crate) mod keys;
mod names;
mod people;
mod rules;

use std::collections::BTreeMap;

use windlass_core::plan::Digest;
use windlass_core::policy::{Loads, Policy};
use windlass_core::span::Span as Moments;
use windlass_core::time::{Millis, Timestamp};

use crate::check::Checked;
use crate::check::fields::{DIAGNOSTICS_MAX, Fields, Found};
use crate::codes::BAD_VALUE;
use crate::diagnostic::{Diagnostic, Severity, Source, Span};
use crate::node::{Node, NodeKind};
use crate::yaml;
use names::Names;

/// How far ahead calendars are told, and how far back: long enough for every run that waits,
/// short enough to write down.
pub const HORIZON_DAYS: i64 = 400;
/// What began before a policy was loaded may still be on.
const BACK_DAYS: i64 = 8;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// The version of the format that this crate reads.
const FORMAT: i64 = 1;

/// What a check of a policy file found.
#[derive(Clone, Debug)]
pub struct CheckedPolicy {
    /// The policy, when there is no error.
    pub policy: Option<Policy>,
    /// The diagnostics, in the form of a runbook's.
    pub checked: Checked,
}

/// Whether a text says of itself that it is a policy.
pub fn is_policy(text: &str) -> bool {
    text.lines()
        .any(|line| line.starts_with("windlass_policy:"))
}

/// Reads a policy as it holds from `now` on.
pub fn read(source_name: &str, text: &str, now: Timestamp) -> CheckedPolicy {
    let (node, mut found) = yaml::read(text);
    let asked = Moments {
        from: Timestamp(now.0.saturating_sub(BACK_DAYS * DAY_MS)),
        to: Timestamp(now.0.saturating_add(HORIZON_DAYS * DAY_MS)),
    };
    let policy = node.and_then(|node| policy(&node, text, asked, &mut found));
    let is_wrong = found.iter().any(|found| found.severity == Severity::Error);
    found.sort_by_key(|found| found.labels.first().map(|(span, _)| *span));
    found.dedup();
    let omitted = found.len().saturating_sub(DIAGNOSTICS_MAX);
    found.truncate(DIAGNOSTICS_MAX);
    CheckedPolicy {
        policy: policy.filter(|_| !is_wrong),
        checked: Checked {
            plan: None,
            diagnostics: found,
            omitted,
            sources: vec![Source {
                name: source_name.to_owned(),
                text: text.to_owned(),
            }],
            actions: windlass_core::catalog::Catalog::default(),
        },
    }
}

fn policy(node: &Node, text: &str, asked: Moments, found: &mut Found) -> Option<Policy> {
    let fields = Fields::read(node, Span::default(), &keys::TOP, found)?;
    version(&fields, found);
    let title = fields.text("title", found).unwrap_or_default().to_owned();
    let zone = calendars::zone(&fields, None, found);
    let mut facts = BTreeMap::new();
    if let Some(zone) = &zone {
        facts.insert("zone".to_owned(), zone.name().to_owned());
    }
    let clock = calendars::Clock { zone, asked };
    let names = Names::new(&fields);
    let people = people::people(&fields, &mut facts, found);
    let groups = people::groups(&fields, &names, &clock, &mut facts, found);
    let delegations = people::delegations(&fields, &names, &mut facts, found);
    let windows = calendars::windows(&fields, &clock, &mut facts, found);
    let freezes = calendars::freezes(&fields, &clock, &mut facts, found);
    let rules = rules::rules(&fields, &names, &mut facts, found);
    let demands = rules::demands(&fields, &names, &mut facts, found);
    let relaxations = rules::relaxations(&fields, &mut facts, found);
    let loads = loads(&fields, &mut facts, found);
    Some(Policy {
        digest: Digest::of(text.as_bytes()),
        title,
        until: asked.to,
        people,
        groups,
        delegations,
        rules,
        windows,
        freezes,
        demands,
        relaxations,
        loads,
        facts,
    })
}

fn version(fields: &Fields<'_>, found: &mut Found) {
    let Some(node) = fields.required("windlass_policy", "a policy", found) else {
        return;
    };
    if node.kind != NodeKind::Int(FORMAT) {
        let message = format!("this version reads policies of the format {FORMAT}");
        found.push(
            Diagnostic::error(BAD_VALUE, message)
                .at(node.span, "another format")
                .help(format!("write `windlass_policy: {FORMAT}`")),
        );
    }
}

fn loads(fields: &Fields<'_>, facts: &mut BTreeMap<String, String>, found: &mut Found) -> Loads {
    let Some(entry) = fields.get("loads") else {
        return Loads::default();
    };
    facts.insert("loads".to_owned(), entry.value.to_value().to_string());
    let Some(loads) = Fields::read(&entry.value, entry.key_span, &keys::LOADS, found) else {
        return Loads::default();
    };
    Loads {
        require_signatures: loads.count("require_signatures", 0, 9, found).unwrap_or(0),
        wait: loads.duration("wait", found).unwrap_or(Millis(0)),
    }
}
