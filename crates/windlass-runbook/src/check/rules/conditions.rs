//! Conditions that decide nothing: always true, never true, or about states that cannot be.

use std::collections::BTreeSet;

use windlass_core::expr::{BinaryOp, Expr, Kind, NoScope, NodeId};
use windlass_core::plan::StepKind;
use windlass_core::value::Value;

use super::super::fields::Found;
use super::super::world::Form;
use super::book::{Book, Condition, conditions, expressions, path};
use crate::codes::{CONSTANT_CONDITION, NEVER_RUNS, NO_SUCH_STATE};
use crate::diagnostic::Diagnostic;
use crate::suggest::did_you_mean;

/// The words of `steps.STEP.state`.
const STEP_STATES: [&str; 10] = [
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
/// The words of `run.end`, which is null before the end.
const RUN_ENDS: [&str; 3] = ["succeeded", "failed", "cancelled"];

pub(super) fn check(book: &Book<'_>, index: usize, found: &mut Found) {
    let step = &book.steps[index];
    for condition in conditions(step) {
        constant(book, index, condition, found);
    }
    if let StepKind::Action {
        for_each: Some(each),
        ..
    } = &step.kind
        && each.items.references().is_empty()
        && each.items.eval(&NoScope) == Ok(Value::List(Vec::new()))
    {
        let message = format!("`{}` never does anything: its list is empty", step.id);
        found.push(
            Diagnostic::warning(NEVER_RUNS, message)
                .at(book.whole(index, &each.items), "always empty")
                .help("list the items, or take the step out"),
        );
    }
    let mut seen = BTreeSet::new();
    for expr in expressions(step) {
        // The same text twice would be said twice at the same place.
        if seen.insert(expr.source()) {
            states(book, index, expr, found);
        }
    }
}

/// A condition that reads nothing has one answer for all runs.
fn constant(book: &Book<'_>, index: usize, condition: Condition<'_>, found: &mut Found) {
    let Condition { key, expr } = condition;
    if !expr.references().is_empty() {
        return;
    }
    let Ok(Value::Bool(answer)) = expr.eval(&NoScope) else {
        return;
    };
    let id = &book.steps[index].id;
    let (code, message, help) = match (key, answer) {
        ("when", false) => (
            NEVER_RUNS,
            format!("`{id}` never runs"),
            "take the step out, or let an input decide: `when: inputs.NAME`",
        ),
        ("when", true) => (
            CONSTANT_CONDITION,
            format!("`{id}` runs in any case"),
            "leave `when` out",
        ),
        ("expect", true) => (
            CONSTANT_CONDITION,
            format!("`{id}` expects nothing of its result"),
            "read an output in it, or leave `expect` out",
        ),
        ("expect", false) => (
            CONSTANT_CONDITION,
            format!("`{id}` fails in every run"),
            "read an output in it",
        ),
        ("that", true) => (
            CONSTANT_CONDITION,
            format!("`{id}` looks only once"),
            "read an output in it, or leave `until` out",
        ),
        ("that", false) => (
            CONSTANT_CONDITION,
            format!("`{id}` looks until its time is over, and fails"),
            "read an output in it",
        ),
        ("done", true) => (
            CONSTANT_CONDITION,
            format!("every run ends after `{id}`"),
            "read an output in it, or leave `done` out",
        ),
        ("done", false) => (
            CONSTANT_CONDITION,
            format!("`{id}` never finds that there is nothing to do"),
            "read an output in it, or leave `done` out",
        ),
        ("happened" | "not_happened", true) => (
            CONSTANT_CONDITION,
            format!("`{key}` answers without having looked"),
            "read an output of the look: this answer decides whether a change is repeated",
        ),
        _ => (
            CONSTANT_CONDITION,
            format!("`{key}` is {answer} whatever the look finds"),
            "read an output of the look, or leave it out",
        ),
    };
    found.push(
        Diagnostic::warning(code, message)
            .at(book.whole(index, expr), format!("always {answer}"))
            .help(help),
    );
}

/// Comparisons of a state with words that it cannot have.
fn states(book: &Book<'_>, index: usize, expr: &Expr, found: &mut Found) {
    for node in expr.nodes() {
        let Kind::Binary { op, left, right } = node.kind else {
            continue;
        };
        let pair = match op {
            BinaryOp::Equal | BinaryOp::NotEqual => [(left, right), (right, left)],
            BinaryOp::In => [(left, right), (left, right)],
            _ => continue,
        };
        let Some((subject, words)) = pair.into_iter().find_map(|(subject, word)| {
            Some((subject_of(book, expr, subject)?, words(expr, word)))
        }) else {
            continue;
        };
        for word in words {
            let Kind::Text(text) = &expr.node(word).kind else {
                continue;
            };
            if subject.words.contains(&text.as_str()) {
                impossible(book, index, expr, &subject, (word, text), op, found);
            } else {
                let help = elsewhere(text)
                    .or_else(|| did_you_mean(text, subject.words.iter().copied()))
                    .unwrap_or_else(|| format!("the words are {}", subject.words.join(", ")));
                let message = format!("`{}` is never '{text}'", subject.name);
                let place = book.place(index, expr, expr.node(word).span);
                found.push(
                    Diagnostic::error(NO_SUCH_STATE, message)
                        .at(place, "no such state")
                        .help(help),
                );
            }
        }
    }
}

/// What other tools call the states.
fn elsewhere(word: &str) -> Option<String> {
    let here = match word.to_ascii_lowercase().as_str() {
        "success" | "successful" | "ok" | "completed" | "done" | "passed" => "succeeded",
        "failure" | "error" | "errored" | "fail" => "failed",
        "skip" => "skipped",
        _ => return None,
    };
    Some(format!("did you mean `{here}`?"))
}

/// What is compared: a step's state, or the run's end.
struct Subject {
    name: String,
    words: &'static [&'static str],
    /// The step, when it is one.
    step: Option<usize>,
}

fn subject_of(book: &Book<'_>, expr: &Expr, at: NodeId) -> Option<Subject> {
    match path(expr, at)?.as_slice() {
        ["steps", id, "state"] => Some(Subject {
            name: format!("steps.{id}.state"),
            words: &STEP_STATES,
            step: Some(book.world.index_of(id)?),
        }),
        ["run", "end"] => Some(Subject {
            name: "run.end".to_owned(),
            words: &RUN_ENDS,
            step: None,
        }),
        _ => None,
    }
}

/// The literal texts that stand on one side of a comparison.
fn words(expr: &Expr, at: NodeId) -> Vec<NodeId> {
    match &expr.node(at).kind {
        Kind::Text(_) => vec![at],
        Kind::List(items) => items.clone(),
        _ => Vec::new(),
    }
}

/// A word that exists and cannot be met here: outside of `finally` a step runs only when
/// all that precede it succeeded or were skipped.
fn impossible(
    book: &Book<'_>,
    index: usize,
    expr: &Expr,
    subject: &Subject,
    (word, text): (NodeId, &str),
    op: BinaryOp,
    found: &mut Found,
) {
    let step = &book.steps[index];
    // What pays a debt may run after a failure.
    let pays = book
        .steps
        .iter()
        .any(|other| other.ensure.as_ref() == Some(&step.id));
    if step.finally || pays {
        return;
    }
    let mut help =
        "what shall happen after a failure stands in `finally`, where every state can be read";
    let why = match subject.step {
        Some(read) if read != index => {
            let is_gate = matches!(book.draft(read).form, Form::Gate);
            let (met, how): (&[&str], _) = if is_gate {
                (&["approved"], "was approved")
            } else {
                (&["succeeded", "skipped"], "succeeded or was skipped")
            };
            if met.contains(&text) {
                return;
            }
            if is_gate && text == "succeeded" {
                help = "the state of a gate that let the run pass is 'approved'";
            }
            let read = &book.steps[read].id;
            format!("`{}` runs only when `{read}` {how}", step.id)
        }
        Some(_) => return,
        None => "the run has not ended while this is read".to_owned(),
    };
    let whole_when = step.when.as_ref().is_some_and(|when| {
        let root = &when.node(when.root()).kind;
        when.source() == expr.source()
            && matches!(
                root,
                Kind::Binary {
                    op: BinaryOp::Equal,
                    ..
                }
            )
    });
    let (code, message) = if whole_when && op == BinaryOp::Equal {
        (NEVER_RUNS, format!("`{}` never runs", step.id))
    } else {
        let message = format!("`{}` is never '{text}' here", subject.name);
        (CONSTANT_CONDITION, message)
    };
    found.push(
        Diagnostic::warning(code, message)
            .at(book.place(index, expr, expr.node(word).span), why)
            .help(help),
    );
}
