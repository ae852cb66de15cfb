//! Waiting and trying again: spans that cannot be used up, and retries that cannot happen.

use windlass_core::catalog::{Action, NoEffect};
use windlass_core::plan::{Call, EffectClass, Reconcile, StepKind, Template};
use windlass_core::time::Millis;
use windlass_core::value::Value;

use super::super::fields::{Fields, Found};
use super::super::world::Form;
use super::super::{keys, units};
use super::book::Book;
use crate::codes::{IDLE_RETRY, LONGER_THAN_RUN, POLL_TOO_SLOW, RETRY_IN_VAIN};
use crate::diagnostic::{Diagnostic, Span};
use crate::node::NodeKind;

pub(super) fn check(book: &Book<'_>, index: usize, found: &mut Found) {
    let Some(fields) = &book.draft(index).fields else {
        return;
    };
    let run = book.top.value("timeout").and_then(|node| {
        let span = units::duration(node.as_text()?)?;
        Some((span, node.span))
    });
    match &book.steps[index].kind {
        StepKind::Action {
            effect, call, undo, ..
        } => {
            let id = &book.steps[index].id;
            retry(
                book,
                index,
                fields,
                *effect,
                call,
                &format!("`{id}`"),
                found,
            );
            poll(fields, found);
            if let Some(run) = run {
                within_run(fields, "timeout", run, found);
                if let Some(until) = inner(fields, "until") {
                    within_run(&until, "for", run, found);
                }
            }
            if let (Some(undo), Some(fields)) = (undo, inner(fields, "undo")) {
                let what = format!("the undoing of `{id}`");
                let effect = EffectClass::Reversible;
                retry(book, index, &fields, effect, undo, &what, found);
            }
        }
        StepKind::Gate(_) => {
            if let (Some(run), Some(approval)) = (run, inner(fields, "approval")) {
                within_run(&approval, "expires", run, found);
            }
        }
        StepKind::Wait { span } => wait(fields, span, run, found),
    }
}

/// A map below a key, whose mistakes have been reported.
fn inner<'a>(fields: &Fields<'a>, key: &str) -> Option<Fields<'a>> {
    let keys = match key {
        "until" => &keys::UNTIL,
        "retry" => &keys::RETRY,
        "undo" => &keys::UNDO,
        _ => &keys::APPROVAL,
    };
    let entry = fields.get(key)?;
    matches!(entry.value.kind, NodeKind::Map(_))
        .then(|| Fields::read(&entry.value, entry.key_span, keys, &mut Vec::new()))
        .flatten()
}

fn span_of(fields: &Fields<'_>, key: &str) -> Option<(Millis, Span)> {
    let node = fields.value(key)?;
    Some((units::duration(node.as_text()?)?, node.span))
}

fn poll(fields: &Fields<'_>, found: &mut Found) {
    let Some(until) = inner(fields, "until") else {
        return;
    };
    let (Some((every, place)), Some((within, _))) =
        (span_of(&until, "every"), span_of(&until, "for"))
    else {
        return;
    };
    if every >= within {
        let message = "the time is over before the second look";
        found.push(
            Diagnostic::warning(POLL_TOO_SLOW, message)
                .at(place, "`every` is not shorter than `for`")
                .help("`every` is the pause between two looks, `for` the time for all of them"),
        );
    }
}

/// What takes longer than the whole run may take is cut short by it.
fn within_run(fields: &Fields<'_>, key: &str, run: (Millis, Span), found: &mut Found) {
    if let Some((_, place)) = span_of(fields, key).filter(|(span, _)| *span > run.0) {
        found.push(longer_than_run(&format!("`{key}`"), place, run.1));
    }
}

fn wait(fields: &Fields<'_>, span: &Template, run: Option<(Millis, Span)>, found: &mut Found) {
    let (Some(run), Template::Literal(Value::Int(span))) = (run, span) else {
        return;
    };
    let longer = u64::try_from(*span).is_ok_and(|span| Millis(span) > run.0);
    let Some(NodeKind::Map(entries)) = fields.value("with").map(|node| &node.kind) else {
        return;
    };
    if let Some(entry) = entries.iter().find(|_| longer) {
        found.push(longer_than_run("the wait", entry.value.span, run.1));
    }
}

fn longer_than_run(what: &str, place: Span, run: Span) -> Diagnostic {
    let message = format!("{what} is longer than the whole run may take");
    Diagnostic::warning(LONGER_THAN_RUN, message)
        .at(place, "the run ends first")
        .at(run, "the run's `timeout`")
        .help("make the run's `timeout` longer than its longest path, or this shorter")
}

fn retry(
    book: &Book<'_>,
    index: usize,
    fields: &Fields<'_>,
    effect: EffectClass,
    call: &Call,
    what: &str,
    found: &mut Found,
) {
    let (Some(entry), Some(retry)) = (fields.get("retry"), inner(fields, "retry")) else {
        return;
    };
    if call.retry.attempts == 1 {
        found.push(
            Diagnostic::warning(IDLE_RETRY, "one attempt is no retry")
                .at(entry.key_span, "never tried again")
                .help("`attempts` counts the first one: write at least 2, or leave `retry` out"),
        );
        return;
    }
    if let (Some((most, place)), Some((first, _))) =
        (span_of(&retry, "max_backoff"), span_of(&retry, "backoff"))
        && most < first
    {
        found.push(
            Diagnostic::warning(IDLE_RETRY, "`max_backoff` is shorter than `backoff`")
                .at(place, "without effect")
                .help("`backoff` is the first pause; pauses grow up to `max_backoff`"),
        );
    }
    let Form::Action {
        action: Some(own), ..
    } = &book.draft(index).form
    else {
        return;
    };
    let action = book.world.catalog.get(&call.uses).unwrap_or(own);
    if !effect.is_change() || can_be_without_effect(action, call) {
        return;
    }
    let list = match &action.no_effect {
        NoEffect::Param(name) => format!("say by `{name}` when nothing was changed, or add"),
        NoEffect::Refused | NoEffect::Never => "add".to_owned(),
    };
    found.push(
        Diagnostic::warning(
            RETRY_IN_VAIN,
            format!("{what} is a change that is never tried again"),
        )
        .at(
            entry.key_span,
            "a failure leaves it in doubt, and a doubt is not repeated",
        )
        .help(format!(
            "{list} `reconcile` with `not_happened`, so that a failed attempt can be known to have done nothing"
        )),
    );
}

/// Whether a failed attempt of a change can be known to have changed nothing, which alone
/// lets it be tried again.
fn can_be_without_effect(action: &Action, call: &Call) -> bool {
    let says_so = match &action.no_effect {
        NoEffect::Refused => true,
        NoEffect::Param(name) => match &call.with {
            Template::Literal(Value::Map(map)) => {
                !matches!(map.get(name), None | Some(Value::Null))
                    && map.get(name) != Some(&Value::List(Vec::new()))
            }
            Template::Map(map) => map.contains_key(name),
            Template::Literal(_)
            | Template::Expr(_)
            | Template::Text(_)
            | Template::Secret(_)
            | Template::List(_) => true,
        },
        NoEffect::Never => false,
    };
    says_so
        || match &call.reconcile {
            Reconcile::Native { .. } => true,
            Reconcile::Read { not_happened, .. } => not_happened.is_some(),
            Reconcile::None => false,
        }
}
