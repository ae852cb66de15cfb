//! `facts`: what the readings of a gate's facts come to.

use windlass_core::plan::StepKind;
use windlass_core::rehearsal::FactScript;

use super::book::Book;
use super::looks;
use super::mocks::series;
use super::outputs::Gives;
use crate::check::fields::{Found, wrong_shape};
use crate::codes::TEST_MISFIT;
use crate::diagnostic::Diagnostic;
use crate::node::{Entry, NodeKind};

pub(super) fn facts(
    entry: &Entry,
    own: bool,
    book: &Book<'_>,
    found: &mut Found,
) -> Vec<FactScript> {
    let NodeKind::Map(gates) = &entry.value.kind else {
        found.push(wrong_shape(
            &entry.value,
            "`facts` is a map from gates to their facts",
        ));
        return Vec::new();
    };
    let mut scripts = Vec::new();
    for gate in gates {
        scripts.extend(of_gate(gate, own, book, found).unwrap_or_default());
    }
    scripts
}

fn of_gate(
    entry: &Entry,
    own: bool,
    book: &Book<'_>,
    found: &mut Found,
) -> Option<Vec<FactScript>> {
    let step = book.step(&entry.key, entry.key_span, found)?;
    let StepKind::Gate(gate) = &step.kind else {
        let message = format!("`{}` is no gate: it has no facts", step.id);
        found.push(Diagnostic::error(TEST_MISFIT, message).at(entry.key_span, "not a gate"));
        return None;
    };
    let NodeKind::Map(entries) = &entry.value.kind else {
        found.push(wrong_shape(&entry.value, "the facts of a gate are a map"));
        return None;
    };
    let mut scripts = Vec::new();
    for entry in entries {
        let Some(fact) = gate.facts.iter().find(|fact| fact.name == entry.key) else {
            let message = format!("`{}` has no fact `{}`", step.id, entry.key.escape_debug());
            found.push(Diagnostic::error(TEST_MISFIT, message).at(entry.key_span, "not a fact"));
            continue;
        };
        let gives = Gives::new(&fact.uses, &fact.with, None, book.catalog);
        let replies = series(&entry.value, found, |node, found| {
            looks::read(node, &gives, found)
        });
        scripts.extend(replies.map(|replies| FactScript {
            gate: step.id.clone(),
            fact: fact.name.clone(),
            replies,
            own,
        }));
    }
    Some(scripts)
}
