//! Rules about steps among each other and about keys and effects, with their
//! places. Core has the last word on the same rules; it knows no places.

use windlass_core::plan::EffectClass;

use super::super::fields::{Fields, Found};
use super::super::graph::{Before, Graph};
use super::super::place::Located;
use super::super::world::{Form, StepDraft, World};
use super::requests;
use crate::codes::{
    BAD_ENSURE, DONE_AFTER_CHANGE, IRREVERSIBLE_FINALLY, KEY_NEEDS_CHANGE, KEY_NEEDS_READ,
    KEYS_CLASH,
};
use crate::diagnostic::{Diagnostic, Span};
use crate::expr::parse;
use crate::suggest::did_you_mean;

/// Checks every rule for the step at `index`.
pub(in super::super) fn check(
    world: &World<'_>,
    graph: &Graph,
    index: usize,
    before: Before<'_>,
    found: &mut Found,
) {
    let step = &world.steps[index];
    let Some(fields) = &step.fields else { return };
    if step.finally {
        in_finally(step, found);
    }
    if let Form::Action { action, effect, .. } = &step.form {
        requests::check(world, fields, *action, *effect, found);
    }
    match &step.form {
        Form::Gate => {
            gate(fields, found);
            requests::facts(world, fields, found);
        }
        Form::Action {
            effect: Some(effect),
            ..
        } => {
            action_keys(step, fields, *effect, found);
            done(world, step, fields, *effect, before, found);
            ensure(world, graph, index, fields, *effect, found);
        }
        Form::Action { effect: None, .. } | Form::Wait | Form::Inlined { .. } | Form::Broken => {}
    }
}

fn in_finally(step: &StepDraft<'_>, found: &mut Found) {
    let what = match &step.form {
        Form::Gate => "a gate",
        Form::Action {
            action: Some(action),
            ..
        } if action.is_by_hand() => "done by a person",
        Form::Inlined { fragment, .. } if fragment.has_gate => "a runbook with a gate",
        Form::Inlined { fragment, .. } if fragment.effect == Some(EffectClass::Irreversible) => {
            "a runbook that is irreversible"
        }
        Form::Action {
            effect: Some(EffectClass::Irreversible),
            ..
        } => "irreversible",
        Form::Action { .. } | Form::Wait | Form::Inlined { .. } | Form::Broken => return,
    };
    found.push(
        Diagnostic::error(IRREVERSIBLE_FINALLY, format!("`{}` cannot stand in `finally`", step.id))
            .at(step.id_span, format!("this step is {what}"))
            .help("`finally` runs whatever happened before, so nothing there may be irrevocable or wait for people"),
    );
}

fn gate(fields: &Fields<'_>, found: &mut Found) {
    if let Some(entry) = fields.get("when") {
        found.push(
            Diagnostic::error(KEYS_CLASH, "a gate has no `when`")
                .at(entry.key_span, "could skip the gate")
                .help("a gate that can be skipped protects nothing"),
        );
    }
}

fn action_keys(step: &StepDraft<'_>, fields: &Fields<'_>, effect: EffectClass, found: &mut Found) {
    let label = || format!("this step is {}", effect.as_str());
    if !effect.is_change() {
        for key in ["reconcile", "observe", "ensure"] {
            if let Some(entry) = fields.get(key) {
                let message = format!("`{key}` is for a change");
                found.push(
                    Diagnostic::error(KEY_NEEDS_CHANGE, message)
                        .at(entry.key_span, label())
                        .help("a read or idempotent step is simply repeated when in doubt"),
                );
            }
        }
    } else if let Some(entry) = fields.get("until") {
        found.push(
            Diagnostic::error(KEY_NEEDS_READ, "`until` repeats a read")
                .at(entry.key_span, label())
                .help("a change is never repeated: make the wait a step of its own after it"),
        );
    }
    if let Some(entry) = fields.get("done") {
        let wrong = if effect != EffectClass::Read {
            Some((KEY_NEEDS_READ, label()))
        } else if step.finally {
            Some((KEYS_CLASH, "this step is in `finally`".to_owned()))
        } else if step.fields_has_each() {
            Some((KEYS_CLASH, "this step runs over items".to_owned()))
        } else {
            None
        };
        if let Some((code, label)) = wrong {
            let message = "`done` is for a single read at the start";
            found.push(Diagnostic::error(code, message).at(entry.key_span, label));
        }
    }
}

fn done(
    world: &World<'_>,
    step: &StepDraft<'_>,
    fields: &Fields<'_>,
    effect: EffectClass,
    before: Before<'_>,
    found: &mut Found,
) {
    let Some(entry) = fields.get("done") else {
        return;
    };
    if effect != EffectClass::Read || step.finally {
        return;
    }
    let change = before
        .iter()
        .map(|index| &world.steps[index])
        .find(|step| step.is_change());
    if let Some(change) = change {
        found.push(
            Diagnostic::error(DONE_AFTER_CHANGE, "`done` says that there is nothing to do")
                .at(entry.key_span, "but a change precedes")
                .at(change.id_span, format!("`{}` is a change", change.id)),
        );
    }
}

fn ensure(
    world: &World<'_>,
    graph: &Graph,
    index: usize,
    fields: &Fields<'_>,
    effect: EffectClass,
    found: &mut Found,
) {
    let Some(entry) = fields.get("ensure").filter(|_| effect.is_change()) else {
        return;
    };
    let Some(id) = entry.value.as_text() else {
        return;
    };
    let span = entry.value.span;
    let fault =
        |message: String, label: &str| Diagnostic::error(BAD_ENSURE, message).at(span, label);
    let Some(target) = world.index_of(id) else {
        let ids = world.steps.iter().map(|step| step.id.as_str());
        let message = format!(
            "`ensure` names `{}`, which does not exist",
            id.escape_debug()
        );
        found.push(fault(message, "no such step").maybe_help(did_you_mean(id, ids)));
        return;
    };
    let change = &world.steps[index];
    let step = &world.steps[target];
    let label_target = format!("`{id}` is {}", step.form.describe());
    match &step.form {
        Form::Wait | Form::Gate | Form::Inlined { .. } => {
            found.push(
                fault(format!("`{id}` cannot pay a debt"), "wants an action")
                    .at(step.id_span, label_target),
            );
        }
        Form::Action { .. } if step.fields_has_each() => {
            found.push(
                fault(format!("`{id}` cannot pay a debt"), "wants one action")
                    .at(step.id_span, "runs over items"),
            );
        }
        Form::Action { .. } if !graph.before(target).contains(index) => {
            let message = format!("`{id}` does not come after `{}`", change.id);
            let help = format!(
                "let `{id}` need `{}`, directly or through others",
                change.id
            );
            found.push(fault(message, "must come after the change").help(help));
        }
        Form::Action { .. } => debt_condition(world, graph, index, target, found),
        Form::Broken => {}
    }
}

/// The `when` of an ensured step may read only what precedes the change:
/// whether something is owed must be known when the debt is made.
fn debt_condition(
    world: &World<'_>,
    graph: &Graph,
    change: usize,
    target: usize,
    found: &mut Found,
) {
    let step = &world.steps[target];
    let Some(node) = step.fields.as_ref().and_then(|fields| fields.value("when")) else {
        return;
    };
    // What does not parse is reported where the expression is read.
    let Some(source) = node.as_text() else { return };
    let Ok(expr) = parse(source) else { return };
    let before = graph.before(change);
    for reference in expr.references() {
        let [root, id, ..] = reference.path.as_slice() else {
            continue;
        };
        let Some(read) = world.index_of(id).filter(|_| *root == "steps") else {
            continue;
        };
        if !before.contains(read) {
            let range = reference.span.range();
            let place: Span = Located::new(world.text(node.span), node, source).place(range);
            let change = &world.steps[change];
            let label = if *id == change.id.as_str() {
                "reads the change itself".to_owned()
            } else {
                format!("`{id}` does not precede `{}`", change.id)
            };
            let message = format!(
                "whether `{}` is owed must be known before `{}`",
                step.id, change.id
            );
            found.push(
                Diagnostic::error(BAD_ENSURE, message)
                    .at(place, label)
                    .at(change.id_span, format!("ensures `{}`", step.id)),
            );
        }
    }
}
