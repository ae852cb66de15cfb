//! `expect`: what a case expects of its run.

use std::collections::BTreeMap;

use windlass_core::id::{Phase, SecretName, StepId};
use windlass_core::plan::{Input, StepKind, Topic};
use windlass_core::rehearsal::{Expected, Rest, Subject};
use windlass_core::value::Value;

use super::book::{Book, Work};
use super::keys;
use super::mocks::series;
use super::outputs::Gives;
use crate::check::fields::{Fields, Found, text, wrong_shape};
use crate::codes::{BAD_VALUE, TEST_MISFIT, TEST_STATE};
use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Entry, Node, NodeKind};
use crate::suggest::did_you_mean;

/// States of a step, as `show` has them.
pub(super) const STEP_STATES: [&str; 10] = [
    "pending",
    "running",
    "waiting",
    "open",
    "approved",
    "withdrawn",
    "succeeded",
    "skipped",
    "failed",
    "stopped",
];
/// States of an item or of an undo.
const NODE_STATES: [&str; 11] = [
    "not_begun",
    "ready",
    "running",
    "by_hand",
    "backoff",
    "polling",
    "in_doubt",
    "succeeded",
    "attested",
    "failed",
    "stopped",
];
/// States of anything.
pub(super) const STATES: [&str; STEP_STATES.len() + NODE_STATES.len()] = {
    let mut states = [""; STEP_STATES.len() + NODE_STATES.len()];
    let mut place = 0;
    while place < states.len() {
        states[place] = if place < STEP_STATES.len() {
            STEP_STATES[place]
        } else {
            NODE_STATES[place - STEP_STATES.len()]
        };
        place += 1;
    }
    states
};
/// What a run can come to; core's own words, which a test compares.
pub(super) const ENDS: [&str; 6] = [
    "succeeded",
    "failed",
    "cancelled",
    "waiting",
    "paused",
    "needs_operator",
];
/// Why a person is needed.
const NEEDS: [&str; 5] = [
    "in_doubt",
    "failed_after_irreversible",
    "undo_failed",
    "debt",
    "contradicted",
];
/// The most attempts that can be expected.
pub(super) const ATTEMPTS_MAX: u32 = 100_000;

pub(super) fn expected(
    node: &Node,
    case: Span,
    book: &Book<'_>,
    found: &mut Found,
) -> Option<Expected> {
    let fields = Fields::read(node, case, &keys::EXPECT, found)?;
    let mut expected = Expected::end(end(&fields, found)?);
    expected.reason = fields.text("reason", found).map(str::to_owned);
    expected.within = fields
        .get("within")
        .and_then(|_| fields.duration("within", found));
    let steps = |key: &str, found: &mut Found| {
        fields
            .value(key)
            .map(|node| book.step_ids(node, key, found))
    };
    expected.order = steps("order", found).unwrap_or_default();
    expected.not_started = steps("not_started", found).unwrap_or_default();
    expected.owes = steps("owes", found);
    for (key, patterns) in [
        ("events", &mut expected.events),
        ("never", &mut expected.never),
    ] {
        for node in listed(fields.value(key)) {
            patterns.extend(book.pattern(node, key, found));
        }
    }
    for entry in members(&fields, "states", found) {
        expected.states.extend(state(entry, book, found));
    }
    for entry in members(&fields, "attempts", found) {
        expected.attempts.extend(attempts(entry, book, found));
    }
    for entry in members(&fields, "calls", found) {
        let Some(subject) = worker(entry, book, found) else {
            continue;
        };
        let calls = series(&entry.value, found, |node, found| {
            if let NodeKind::Map(_) = node.kind {
                return Some(input(node));
            }
            found.push(wrong_shape(node, "a call is a map of parameters"));
            None
        });
        expected.calls.extend(calls.map(|calls| (subject, calls)));
    }
    for entry in members(&fields, "outputs", found) {
        expected.outputs.extend(outputs(entry, book, found));
    }
    for entry in members(&fields, "shown", found) {
        expected.shown.extend(shown(entry, book, found));
    }
    for node in listed(fields.value("needs")) {
        expected.needs.extend(need(node, book, found));
    }
    expected.announced = announced(&fields, found);
    Some(expected)
}

/// Messages by their topics; an empty list is what tells nobody.
fn announced(fields: &Fields<'_>, found: &mut Found) -> Option<Vec<String>> {
    let node = fields.value("announced")?;
    let mut announced = Vec::new();
    for node in listed(Some(node)) {
        let written = text(node, "`announced` lists topics", found)?;
        let topic = written.split(' ').next().unwrap_or_default();
        let topics = Topic::ALL.map(Topic::as_str);
        if !topics.contains(&topic) {
            let message = format!("nothing is told of `{}`", topic.escape_debug());
            let help = did_you_mean(topic, topics)
                .unwrap_or_else(|| format!("the topics are {}", topics.join(", ")));
            found.push(
                Diagnostic::error(BAD_VALUE, message)
                    .at(node.span, "no topic of `on`")
                    .help(help),
            );
        }
        announced.push(written.to_owned());
    }
    Some(announced)
}

fn end(fields: &Fields<'_>, found: &mut Found) -> Option<Rest> {
    let node = fields.required("end", "`expect`", found)?;
    let word = text(node, "`end` is a word", found)?;
    let rest = Rest::ALL.into_iter().find(|rest| rest.as_str() == word);
    if rest.is_none() {
        let words = Rest::ALL.map(Rest::as_str);
        let message = format!("no run comes to `{}`", word.escape_debug());
        let help = did_you_mean(word, words)
            .unwrap_or_else(|| format!("a run ends, or comes to rest, as {}", words.join(", ")));
        found.push(
            Diagnostic::error(BAD_VALUE, message)
                .at(node.span, "not an end")
                .help(help),
        );
    }
    rest
}

/// The items of a list; one alone may stand without a list.
fn listed(node: Option<&Node>) -> &[Node] {
    match node.map(|node| (&node.kind, node)) {
        None => &[],
        Some((NodeKind::List(items), _)) => items,
        Some((_, node)) => std::slice::from_ref(node),
    }
}

fn members<'a>(fields: &Fields<'a>, key: &str, found: &mut Found) -> &'a [Entry] {
    match fields.value(key).map(|node| (&node.kind, node)) {
        None => &[],
        Some((NodeKind::Map(entries), _)) => entries,
        Some((_, node)) => {
            found.push(wrong_shape(node, &format!("`{key}` is a map by steps")));
            &[]
        }
    }
}

fn state(entry: &Entry, book: &Book<'_>, found: &mut Found) -> Option<(Subject, String)> {
    let (subject, _) = book.subject(&entry.key, entry.key_span, found)?;
    let word = text(&entry.value, "a state is a word", found)?;
    let of_step = subject.item.is_none() && subject.phase == Phase::Do;
    let (known, what) = if of_step {
        (&STEP_STATES[..], "a step")
    } else {
        (&NODE_STATES[..], "an item or an undo")
    };
    if !known.contains(&word) {
        let message = format!("{what} is never `{}`", word.escape_debug());
        let help = did_you_mean(word, known.iter().copied())
            .unwrap_or_else(|| format!("the states are {}", known.join(", ")));
        found.push(
            Diagnostic::error(TEST_STATE, message)
                .at(entry.value.span, "no such state")
                .help(help),
        );
        return None;
    }
    Some((subject, word.to_owned()))
}

/// A subject that has attempts.
fn worker(entry: &Entry, book: &Book<'_>, found: &mut Found) -> Option<Subject> {
    Some(working(entry, book, found)?.0)
}

/// The same with its work.
fn working<'a>(entry: &Entry, book: &Book<'a>, found: &mut Found) -> Option<(Subject, Work<'a>)> {
    let (subject, step) = book.subject(&entry.key, entry.key_span, found)?;
    if let Some(work) = book.work(&subject, step) {
        return Some((subject, work));
    }
    let message = format!("`{}` has no attempts", step.id);
    let label = "a gate or a wait";
    found.push(Diagnostic::error(TEST_MISFIT, message).at(entry.key_span, label));
    None
}

fn outputs(
    entry: &Entry,
    book: &Book<'_>,
    found: &mut Found,
) -> Option<(Subject, BTreeMap<String, Value>)> {
    let (subject, work) = working(entry, book, found)?;
    let gives = Gives::new(&work.call.uses, &work.call.with, work.stated, book.catalog);
    Some((subject, gives.part(&entry.value, found)?))
}

fn attempts(entry: &Entry, book: &Book<'_>, found: &mut Found) -> Option<(Subject, u32)> {
    let subject = worker(entry, book, found)?;
    let count = match entry.value.kind {
        NodeKind::Int(count) => u32::try_from(count).ok(),
        _ => {
            let rule = "a number of attempts is an integer";
            found.push(wrong_shape(&entry.value, rule));
            return None;
        }
    };
    let count = count.filter(|count| *count <= ATTEMPTS_MAX);
    if count.is_none() {
        let message = format!("a number of attempts is from 0 to {ATTEMPTS_MAX}");
        let label = "out of bounds";
        found.push(Diagnostic::error(BAD_VALUE, message).at(entry.value.span, label));
    }
    Some((subject, count?))
}

/// What an attempt is given. A secret is written as in the runbook.
fn input(node: &Node) -> Input {
    match &node.kind {
        NodeKind::Text(text) => match secret(text) {
            Some(name) => Input::Secret(name),
            None => Input::Value(Value::Text(text.clone())),
        },
        NodeKind::List(items) => plain_list(items.iter().map(input).collect()),
        NodeKind::Map(entries) => {
            let members = entries.iter();
            let member = |entry: &Entry| (entry.key.clone(), input(&entry.value));
            Input::Map(members.map(member).collect())
        }
        NodeKind::Null | NodeKind::Bool(_) | NodeKind::Int(_) | NodeKind::Float(_) => {
            Input::Value(node.to_value())
        }
    }
}

/// As the core holds it: a list without secrets is one plain value.
fn plain_list(items: Vec<Input>) -> Input {
    let plain: Option<Vec<Value>> = items.iter().map(|item| item.clone().into_value()).collect();
    match plain {
        Some(values) => Input::Value(Value::List(values)),
        None => Input::List(items),
    }
}

fn secret(text: &str) -> Option<SecretName> {
    let inner = text.trim().strip_prefix("${{")?.strip_suffix("}}")?;
    inner.trim().strip_prefix("secrets.")?.trim().parse().ok()
}

fn shown(
    entry: &Entry,
    book: &Book<'_>,
    found: &mut Found,
) -> Option<(StepId, BTreeMap<String, Value>)> {
    let step = book.step(&entry.key, entry.key_span, found)?;
    let StepKind::Gate(gate) = &step.kind else {
        let message = format!("`{}` is no gate: it shows nothing", step.id);
        let label = "not a gate";
        found.push(Diagnostic::error(TEST_MISFIT, message).at(entry.key_span, label));
        return None;
    };
    let NodeKind::Map(entries) = &entry.value.kind else {
        let rule = "what a gate shows is a map";
        found.push(wrong_shape(&entry.value, rule));
        return None;
    };
    let mut values = BTreeMap::new();
    for member in entries {
        let names = gate.show.iter().map(|(name, _)| name.as_str());
        if !names.clone().any(|name| name == member.key) {
            let message = format!(
                "`{}` does not show `{}`",
                step.id,
                member.key.escape_debug()
            );
            found.push(
                Diagnostic::error(TEST_MISFIT, message)
                    .at(member.key_span, "not shown")
                    .maybe_help(did_you_mean(&member.key, names)),
            );
            return None;
        }
        values.insert(member.key.clone(), member.value.to_value());
    }
    Some((step.id.clone(), values))
}

/// `in_doubt STEP`: why a person is needed, and for what.
fn need(node: &Node, book: &Book<'_>, found: &mut Found) -> Option<String> {
    let text = text(node, "`needs` says why a person is needed", found)?;
    let mut words = text.split_whitespace();
    let word = words.next().unwrap_or_default();
    if !NEEDS.contains(&word) {
        let message = format!(
            "a person is never needed because of `{}`",
            word.escape_debug()
        );
        let help = did_you_mean(word, NEEDS)
            .unwrap_or_else(|| format!("the reasons are {}", NEEDS.join(", ")));
        found.push(
            Diagnostic::error(TEST_STATE, message)
                .at(node.span, "no such reason")
                .help(help),
        );
        return None;
    }
    let Some(of) = words.next() else {
        return Some(word.to_owned());
    };
    book.subject(of, node.span, found)?;
    Some(format!("{word} {of}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_those_of_core() {
        assert_eq!(ENDS, Rest::ALL.map(Rest::as_str));
    }
}
