//! `never` and `at_every_end`: conditions over every run that the runbook can come to. What
//! their names mean is known here, and what becomes of them is the engine's.

use windlass_core::expr::{BinaryOp, Expr, Kind};
use windlass_core::rehearsal::{Invariant, When};

use super::book::Book;
use super::expect::{ENDS, STEP_STATES};
use crate::check::fields::{Fields, Found, text};
use crate::codes::{INVARIANT_NAME, INVARIANT_SYNTAX, INVARIANT_TYPE};
use crate::diagnostic::{Diagnostic, Span};
use crate::expr::parse;
use crate::expr::typing::{Facts, Known, Names, Ty, typing};
use crate::node::{Node, NodeKind};
use crate::suggest::did_you_mean;

/// What is known of each step.
const OF_STEP: [&str; 5] = ["state", "started", "acted", "attested", "guards"];
/// What is known of the run.
const OF_RUN: [&str; 3] = ["end", "needs", "cancelled"];
/// The names that an invariant begins with.
const FIRST: [&str; 4] = ["steps", "run", "owed", "taken_over"];

/// All invariants of a test file.
pub(super) fn invariants(
    fields: &Fields<'_>,
    book: &Book<'_>,
    found: &mut Found,
) -> Vec<Invariant> {
    let mut all = Vec::new();
    for when in [When::Never, When::AtEveryEnd] {
        let Some(node) = fields.value(when.as_str()) else {
            continue;
        };
        let written = match &node.kind {
            NodeKind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        for node in written {
            all.extend(invariant(when, node, book, found));
        }
    }
    all
}

fn invariant(when: When, node: &Node, book: &Book<'_>, found: &mut Found) -> Option<Invariant> {
    let rule = format!("`{}` lists expressions", when.as_str());
    let written = text(node, &rule, found)?;
    let expr = match parse(written) {
        Ok(expr) => expr,
        Err(error) => {
            found.push(
                Diagnostic::error(INVARIANT_SYNTAX, error.message)
                    .at(node.span, "not an expression")
                    .maybe_help(error.help),
            );
            return None;
        }
    };
    let before = found.len();
    names(&expr, node.span, book, found);
    words(&expr, node.span, found);
    if found.len() == before {
        types(&expr, node.span, found);
    }
    (found.len() == before).then(|| Invariant {
        when,
        expr,
        line: book.line(node.span),
    })
}

/// Each name is one of a run.
fn names(expr: &Expr, span: Span, book: &Book<'_>, found: &mut Found) {
    for reference in expr.references() {
        let (unknown, known): (&str, &[&str]) = match reference.path.as_slice() {
            ["steps", id, rest @ ..] => {
                if book.step(id, span, found).is_none() {
                    continue;
                }
                match rest {
                    [name, ..] if !OF_STEP.contains(name) => (name, &OF_STEP),
                    [] => ("", &OF_STEP),
                    [_, ..] => continue,
                }
            }
            ["run", name, ..] if !OF_RUN.contains(name) => (name, &OF_RUN),
            ["run"] => ("", &OF_RUN),
            [first, ..] if !FIRST.contains(first) => (first, &FIRST),
            [..] => continue,
        };
        let path = reference.path.join(".");
        let message = format!("an invariant knows nothing of `{}`", path.escape_debug());
        let help = did_you_mean(unknown, known.iter().copied())
            .unwrap_or_else(|| format!("there is {}", known.join(", ")));
        found.push(
            Diagnostic::error(INVARIANT_NAME, message)
                .at(span, "no such name")
                .help(help),
        );
    }
}

/// A state or an end that is compared is one.
fn words(expr: &Expr, span: Span, found: &mut Found) {
    for node in expr.nodes() {
        let Kind::Binary {
            op: BinaryOp::Equal | BinaryOp::NotEqual,
            left,
            right,
        } = &node.kind
        else {
            continue;
        };
        for (name, word) in [(left, right), (right, left)] {
            let (Kind::Field { name, .. }, Kind::Text(word)) =
                (&expr.node(*name).kind, &expr.node(*word).kind)
            else {
                continue;
            };
            let known: &[&str] = match name.as_str() {
                "state" => &STEP_STATES,
                "end" => &ENDS[..3],
                _ => continue,
            };
            if known.contains(&word.as_str()) {
                continue;
            }
            let message = format!("no `{name}` is `{}`", word.escape_debug());
            let help = did_you_mean(word, known.iter().copied())
                .unwrap_or_else(|| format!("there is {}", known.join(", ")));
            found.push(
                Diagnostic::error(INVARIANT_NAME, message)
                    .at(span, "it would never be")
                    .help(help),
            );
        }
    }
}

fn types(expr: &Expr, span: Span, found: &mut Found) {
    let typing = typing(expr, &OfRuns, &Facts::default());
    // What follows from one mistake would be told twice.
    if let Some(finding) = typing.findings.into_iter().next() {
        found.push(
            Diagnostic::error(INVARIANT_TYPE, finding.message)
                .at(span, finding.label)
                .maybe_help(finding.help),
        );
        return;
    }
    if typing.ty != Ty::Bool && typing.ty != Ty::Any {
        let message = "an invariant is true or false";
        let label = "neither";
        found.push(Diagnostic::error(INVARIANT_TYPE, message).at(span, label));
    }
}

/// The types of what an invariant knows.
struct OfRuns;

impl Names for OfRuns {
    fn known(&self, path: &[&str]) -> Option<Known> {
        let texts = || Ty::list(Ty::Text);
        let (ty, used) = match path {
            ["steps", _, "state", ..] => (Ty::Text, 3),
            ["steps", _, "started" | "acted" | "attested", ..] => (Ty::Bool, 3),
            ["steps", _, "guards", ..] => (texts(), 3),
            ["run", "end", ..] => (Ty::Text.nullable(), 2),
            ["run", "needs", ..] => (texts(), 2),
            ["run", "cancelled", ..] => (Ty::Bool, 2),
            ["owed" | "taken_over", ..] => (texts(), 1),
            [..] => return None,
        };
        Some(Known::present(ty, used))
    }
}
