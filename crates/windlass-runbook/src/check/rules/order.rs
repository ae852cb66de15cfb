//! What comes before what: gates that guard nothing, needs said twice, and runbooks whose
//! steps all start at once.

use std::collections::BTreeMap;

use windlass_core::plan::{EffectClass, StepKind};

use super::super::fields::Found;
use super::super::world::Form;
use super::book::Book;
use crate::codes::{DUPLICATE_NEED, GATE_WITHOUT_CHANGE, NO_ORDER};
use crate::diagnostic::Diagnostic;

pub(super) fn check(book: &Book<'_>, found: &mut Found) {
    for index in 0..book.steps.len() {
        needs_twice(book, index, found);
    }
    // What stands before and behind an inlined runbook is seen by the one around it.
    if !book.world.inlined {
        let gates: Vec<usize> = of_form(book, |form| matches!(form, Form::Gate));
        idle_gates(book, &gates, found);
    }
    no_order(book, found);
}

fn of_form(book: &Book<'_>, wanted: impl Fn(&Form<'_>) -> bool) -> Vec<usize> {
    (0..book.steps.len())
        .filter(|index| wanted(&book.draft(*index).form))
        .collect()
}

fn needs_twice(book: &Book<'_>, index: usize, found: &mut Found) {
    let draft = book.draft(index);
    let mut places = BTreeMap::new();
    for (need, span) in &draft.needs {
        let Some(first) = places.get(need) else {
            places.insert(need, *span);
            continue;
        };
        let message = format!("`{}` needs `{need}` twice", draft.id);
        found.push(
            Diagnostic::warning(DUPLICATE_NEED, message)
                .at(*span, "again here")
                .at(*first, "first here")
                .help("leave one of them out, or name the step that you meant"),
        );
    }
}

/// Whether a step does anything to the world.
fn acts(book: &Book<'_>, index: usize) -> bool {
    let effect = book.draft(index).effect();
    effect.is_some_and(|effect| effect != EffectClass::Read)
}

/// A gate is there so that something waits for it.
fn idle_gates(book: &Book<'_>, gates: &[usize], found: &mut Found) {
    if gates.is_empty() {
        return;
    }
    let mut idle: Vec<usize> = gates.to_vec();
    for index in 0..book.steps.len() {
        if idle.is_empty() {
            return;
        }
        if acts(book, index) {
            let before = book.graph.before(index);
            idle.retain(|gate| !before.contains(*gate));
        }
    }
    for gate in idle {
        let draft = book.draft(gate);
        let message = format!("`{}` guards nothing", draft.id);
        found.push(
            Diagnostic::warning(GATE_WITHOUT_CHANGE, message)
                .at(draft.id_span, "nothing that changes anything waits for it")
                .help(format!(
                    "let the step that it guards say `needs: {}`",
                    draft.id
                )),
        );
    }
}

/// Authors who come from tools that run from top to bottom leave `needs` out everywhere.
fn no_order(book: &Book<'_>, found: &mut Found) {
    let steps = || {
        book.steps
            .iter()
            .enumerate()
            .filter(|(_, step)| !step.finally)
    };
    let unordered = steps().count() > 1 && steps().all(|(_, step)| step.needs.is_empty());
    let first = steps().map(|(index, _)| index).next();
    let change = steps()
        .map(|(index, _)| index)
        .find(|index| acts(book, *index) && Some(*index) != first);
    let (true, Some(first), Some(change)) = (unordered, first, change) else {
        return;
    };
    let looks = matches!(
        book.steps[first].kind,
        StepKind::Gate(_) | StepKind::Wait { .. }
    ) || !acts(book, first);
    // Changes that are all alike may well be meant to go side by side.
    if !looks {
        return;
    }
    let (first, change) = (book.draft(first), book.draft(change));
    let message = "no step needs another, so all of them start at once";
    found.push(
        Diagnostic::warning(NO_ORDER, message)
            .at(change.id_span, format!("does not wait for `{}`", first.id))
            .help(format!(
                "the order of the text means nothing: write `needs: {}`",
                first.id
            )),
    );
}
