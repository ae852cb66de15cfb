//! The first look at the steps: ids, forms, effects and needs.
//! Values and expressions come later, when every step is known.

use std::rc::Rc;

use windlass_core::catalog::{Action, Catalog};
use windlass_core::id::{ActionName, StepId};
use windlass_core::plan::EffectClass;

use super::actions::Actions;
use super::fields::{Fields, Found, text, wrong_shape};
use super::inline::{Fragment, Used, is_path};
use super::world::{Form, StepDraft};
use super::{hints, keys, manual, outputs};
use crate::codes::{
    BAD_NAME, BAD_VALUE, DUPLICATE_STEP, EFFECT_LOWERED, EFFECT_UNSTATED, INLINED_KEY, KEYS_CLASH,
    MISSING_KEY, UNKNOWN_ACTION, UNKNOWN_KEY,
};
use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Entry, Node, NodeKind};
use crate::suggest::did_you_mean;

/// The step kind that is no action.
const WAIT: &str = "wait";

/// The steps under `steps` or `finally`.
pub(super) fn drafts<'a>(
    node: &'a Node,
    finally: bool,
    catalog: &'a Actions,
    used: &Used,
    found: &mut Found,
) -> Vec<StepDraft<'a>> {
    let NodeKind::Map(entries) = &node.kind else {
        let key = if finally { "finally" } else { "steps" };
        let diagnostic = wrong_shape(node, &format!("`{key}` is a map of steps by their ids"));
        found.push(diagnostic.help(match &node.kind {
            NodeKind::List(_) => {
                "write each step under its id, without dashes:\n\
                 steps:\n\
                 \u{20} look:\n\
                 \u{20}   uses: ..."
            }
            _ => "the steps stand below it, each under its id, indented further",
        }));
        return Vec::new();
    };
    if entries.is_empty() && !finally {
        let message = "a runbook has at least one step";
        found.push(Diagnostic::error(BAD_VALUE, message).at(node.span, "no steps"));
    }
    entries
        .iter()
        .filter_map(|entry| draft(entry, finally, catalog, used, found))
        .collect()
}

/// Says so where two steps have one id; the later one is left out.
pub(super) fn drop_duplicates(steps: &mut Vec<StepDraft<'_>>, found: &mut Found) {
    let mut places: std::collections::BTreeMap<StepId, Span> = std::collections::BTreeMap::new();
    steps.retain(|step| {
        let Some(first) = places.get(&step.id) else {
            places.insert(step.id.clone(), step.id_span);
            return true;
        };
        // Within one map the reader has found the key already.
        found.push(
            Diagnostic::error(
                DUPLICATE_STEP,
                format!("two steps are called `{}`", step.id),
            )
            .at(step.id_span, "again here")
            .at(*first, "first here"),
        );
        false
    });
}

fn draft<'a>(
    entry: &'a Entry,
    finally: bool,
    catalog: &'a Actions,
    used: &Used,
    found: &mut Found,
) -> Option<StepDraft<'a>> {
    let id = match plain_id(&entry.key) {
        Ok(id) => id,
        Err(error) => {
            let label = "not a step id";
            found.push(
                Diagnostic::error(BAD_NAME, error)
                    .at(entry.key_span, label)
                    .maybe_help(hints::respelled(&entry.key)),
            );
            return None;
        }
    };
    let (form, fields) = form(entry, catalog, used, found);
    let needs = fields
        .as_ref()
        .and_then(|fields| fields.value("needs"))
        .map(|node| needs(node, found))
        .unwrap_or_default();
    let mut outputs = std::collections::BTreeMap::new();
    let mut values = std::collections::BTreeMap::new();
    if let (Form::Action { name, action, .. }, Some(fields)) = (&form, &fields) {
        if action.is_some_and(Action::is_by_hand) {
            (outputs, values) = manual::values(fields, found);
        } else {
            outputs = outputs::declared(name, *action, fields, found);
        }
    }
    Some(StepDraft {
        id,
        id_span: entry.key_span,
        finally,
        needs,
        form,
        outputs,
        values,
        fields,
    })
}

fn form<'a>(
    entry: &'a Entry,
    catalog: &'a Actions,
    used: &Used,
    found: &mut Found,
) -> (Form<'a>, Option<Fields<'a>>) {
    let key_of = |key: &str| match &entry.value.kind {
        NodeKind::Map(entries) => entries.iter().find(|entry| entry.key == key),
        NodeKind::Null
        | NodeKind::Bool(_)
        | NodeKind::Int(_)
        | NodeKind::Float(_)
        | NodeKind::Text(_)
        | NodeKind::List(_) => None,
    };
    let uses = key_of("uses");
    let approval = key_of("approval");
    if let (Some(uses), Some(approval)) = (uses, approval) {
        found.push(
            Diagnostic::error(KEYS_CLASH, "a step either uses an action or is a gate")
                .at(approval.key_span, "makes it a gate")
                .at(uses.key_span, "makes it an action")
                .help("make the gate a step of its own and let this step need it"),
        );
        return (Form::Broken, None);
    }
    if approval.is_some() {
        let fields = Fields::read(&entry.value, entry.key_span, &keys::GATE, found);
        return (Form::Gate, fields);
    }
    if let Some((node, path)) = uses.and_then(|uses| Some((&uses.value, uses.value.as_text()?)))
        && is_path(path)
    {
        return inlined(entry, node.span, used.get(path), found);
    }
    if uses.is_none() && misplaced_top_key(entry, found) {
        return (Form::Broken, None);
    }
    let is_wait = uses.is_some_and(|uses| uses.value.as_text() == Some(WAIT));
    let called = uses
        .and_then(|uses| ActionName::try_from(uses.value.as_text()?.to_owned()).ok())
        .and_then(|name| catalog.get(&name).map(|action| (name, action)));
    let is_manual = called
        .as_ref()
        .is_some_and(|(_, action)| action.is_by_hand());
    let keys = if is_wait {
        keys::WAIT
    } else if is_manual {
        keys::MANUAL
    } else {
        keys::ACTION
    };
    let hint = |inner: &Entry| {
        let key = &inner.key;
        if looks_like_step(&inner.value) && hints::foreign_key(keys.of, key).is_none() {
            return Some(format!(
                "it looks like a step: begin it as far left as `{}`",
                entry.key
            ));
        }
        let (name, action) = called.as_ref()?;
        action.params.contains_key(key).then(|| {
            format!("it is a parameter of `{name}`: write it under `with`, indented further")
        })
    };
    let fields = Fields::read_hinted(&entry.value, entry.key_span, &keys, &hint, found);
    let Some(fields) = fields else {
        return (Form::Broken, None);
    };
    if is_wait {
        return (Form::Wait, Some(fields));
    }
    let Some(uses) = uses else {
        let message = format!("`{}` says neither `uses` nor `approval`", entry.key);
        found.push(
            Diagnostic::error(MISSING_KEY, message)
                .at(entry.key_span, "what does it do?")
                .help("`uses: ACTION` makes it an action, `approval: {}` makes it a gate"),
        );
        return (Form::Broken, Some(fields));
    };
    let Some((name, action)) = any_action(&uses.value, catalog, found) else {
        return (Form::Broken, Some(fields));
    };
    let effect = effect(&name, action, &fields, uses.value.span, found);
    (
        Form::Action {
            name,
            action,
            effect,
            uses_span: uses.value.span,
        },
        Some(fields),
    )
}

/// A step whose place the steps of a runbook take.
fn inlined<'a>(
    entry: &'a Entry,
    uses_span: Span,
    fragment: Option<&Option<Rc<Fragment>>>,
    found: &mut Found,
) -> (Form<'a>, Option<Fields<'a>>) {
    let Some(fields) = Fields::read(&entry.value, entry.key_span, &keys::INLINED, found) else {
        return (Form::Broken, None);
    };
    for key in keys::INLINED.refused {
        if let Some(entry) = fields.get(key) {
            let message = format!("`{key}` is for a step, and this one is a whole runbook");
            found.push(
                Diagnostic::error(INLINED_KEY, message)
                    .at(entry.key_span, "not here")
                    .help("say it at a step inside of the runbook, with an input where it differs"),
            );
        }
    }
    let form = match fragment {
        Some(Some(fragment)) => Form::Inlined {
            fragment: Rc::clone(fragment),
            uses_span,
        },
        // Why it cannot be used was said where it was read.
        Some(None) | None => Form::Broken,
    };
    (form, Some(fields))
}

/// The id that an author writes: without the segments that inlining puts before it.
fn plain_id(text: &str) -> Result<StepId, String> {
    let id = StepId::try_from(text.to_owned()).map_err(|error| error.to_string())?;
    if id.is_plain() {
        Ok(id)
    } else {
        Err(format!(
            "`{id}` names a step inside of a runbook; from outside only the whole runbook is named"
        ))
    }
}

/// A map that says what only a step says.
pub(super) fn looks_like_step(node: &Node) -> bool {
    matches!(&node.kind, NodeKind::Map(entries)
        if entries.iter().any(|entry| entry.key == "uses" || entry.key == "approval"))
}

/// Whether a key of the runbook stands among the steps, which is said then.
fn misplaced_top_key(entry: &Entry, found: &mut Found) -> bool {
    let key = entry.key.as_str();
    let misplaced = keys::TOP.get(key).is_some();
    if misplaced {
        let message = format!("`{key}` is a key of the runbook and no step");
        found.push(
            Diagnostic::error(UNKNOWN_KEY, message)
                .at(entry.key_span, "read as a step's id")
                .help("begin it as far left as `steps`"),
        );
    }
    misplaced
}

/// The action that an undo or a look calls: one that needs no person.
pub(super) fn action<'a>(
    node: &'a Node,
    catalog: &'a Actions,
    found: &mut Found,
) -> Option<(ActionName, Option<&'a Action>)> {
    let (name, action) = any_action(node, catalog, found)?;
    if action.is_some_and(Action::is_by_hand) {
        let message = format!("`{name}` is a step of its own and cannot stand here");
        found.push(
            Diagnostic::error(BAD_VALUE, message)
                .at(node.span, "not here")
                .help("a step asks a person; an undo or a look does not"),
        );
        return None;
    }
    Some((name, action))
}

/// The action that a `uses` names, as far as the catalog has it.
fn any_action<'a>(
    node: &'a Node,
    catalog: &'a Actions,
    found: &mut Found,
) -> Option<(ActionName, Option<&'a Action>)> {
    let name = text(node, "`uses` is the name of an action", found)?;
    if is_path(name) {
        let message = "a runbook cannot stand here";
        found.push(
            Diagnostic::error(INLINED_KEY, message)
                .at(node.span, "a runbook")
                .help("an action is wanted; only a step of its own can use a runbook"),
        );
        return None;
    }
    // As a step it never comes here: the plan has waits of its own.
    if name == WAIT {
        let message = "`wait` is a step of its own and cannot stand here";
        found.push(Diagnostic::error(BAD_VALUE, message).at(node.span, "not an action"));
        return None;
    }
    let name = match ActionName::try_from(name.to_owned()) {
        Ok(name) => name,
        Err(error) => {
            let lower = name.to_ascii_lowercase();
            let help = catalog
                .actions
                .keys()
                .find(|known| known.as_str() == lower)
                .map(|known| format!("did you mean `{known}`?"));
            found.push(
                Diagnostic::error(BAD_NAME, error.to_string())
                    .at(node.span, "not an action")
                    .help(help.unwrap_or_else(|| known_actions(catalog))),
            );
            return None;
        }
    };
    let action = catalog.get(&name);
    if action.is_none() && !catalog.is_of_broken(&name) {
        let known = catalog.actions.keys().map(ActionName::as_str);
        found.push(
            Diagnostic::error(UNKNOWN_ACTION, format!("there is no action `{name}`"))
                .at(node.span, "unknown action")
                .help(
                    hints::foreign_action(name.as_str())
                        .map(str::to_owned)
                        .or_else(|| did_you_mean(name.as_str(), known))
                        .or_else(|| of_plugin(&name, catalog))
                        .unwrap_or_else(|| known_actions(catalog)),
                ),
        );
    }
    Some((name, action))
}

/// What plugins have to do with a name that no action has.
fn of_plugin(name: &ActionName, catalog: &Actions) -> Option<String> {
    let (plugin, _) = name.as_str().split_once('/')?;
    if !catalog.has_family(plugin) {
        return Some(format!(
            "when `{plugin}` is a plugin, say under `plugins` where it is"
        ));
    }
    let of_it = catalog.actions.keys().map(ActionName::as_str);
    let of_it: Vec<&str> = of_it
        .filter(|known| known.split('/').next() == Some(plugin))
        .collect();
    Some(format!(
        "the actions of `{plugin}` are {}",
        of_it.join(", ")
    ))
}

/// All actions, for a name that is near none of them.
fn known_actions(catalog: &Catalog) -> String {
    const SHOWN_MAX: usize = 20;
    let names: Vec<&str> = catalog
        .actions
        .keys()
        .take(SHOWN_MAX)
        .map(ActionName::as_str)
        .collect();
    let more = if catalog.actions.len() > SHOWN_MAX {
        " and others"
    } else {
        ""
    };
    format!("the actions are {}{more}", names.join(", "))
}

fn effect(
    name: &ActionName,
    action: Option<&Action>,
    fields: &Fields<'_>,
    uses_span: Span,
    found: &mut Found,
) -> Option<EffectClass> {
    const CLASSES: [EffectClass; 4] = [
        EffectClass::Read,
        EffectClass::Idempotent,
        EffectClass::Reversible,
        EffectClass::Irreversible,
    ];
    let least = action.and_then(|action| action.effect);
    let Some(node) = fields.value("effect") else {
        if action.is_some() && least.is_none() {
            found.push(
                Diagnostic::error(
                    EFFECT_UNSTATED,
                    format!("`{name}` can do anything, so the step must say what it does"),
                )
                .at(uses_span, "`effect` is missing")
                .help(
                    "effect: read          looks and changes nothing; retried at will\n\
                     effect: idempotent    may be done again with the same end; retried at will\n\
                     effect: reversible    a change that `undo` takes back; never repeated without proof\n\
                     effect: irreversible  a change that nothing takes back; never repeated without proof",
                ),
            );
        }
        return least;
    };
    let word = text(node, "`effect` is a word", found)?;
    let Some(class) = CLASSES.into_iter().find(|class| class.as_str() == word) else {
        let words = CLASSES.map(EffectClass::as_str);
        let message = format!("there is no effect class `{}`", word.escape_debug());
        let help = did_you_mean(word, words)
            .unwrap_or_else(|| format!("the classes are {}", words.join(", ")));
        found.push(
            Diagnostic::error(BAD_VALUE, message)
                .at(node.span, "unknown")
                .help(help),
        );
        return least;
    };
    if let Some(least) = least.filter(|least| class < *least) {
        let message = format!("`{name}` is {}, never less", least.as_str());
        found.push(
            Diagnostic::error(EFFECT_LOWERED, message)
                .at(node.span, format!("lowered to {word}"))
                .help("leave `effect` out, or raise it"),
        );
        return Some(least);
    }
    Some(class)
}

/// One name or a list of names.
fn needs(node: &Node, found: &mut Found) -> Vec<(StepId, Span)> {
    let names: Vec<&Node> = match &node.kind {
        NodeKind::List(items) => items.iter().collect(),
        NodeKind::Text(_) => vec![node],
        NodeKind::Null
        | NodeKind::Bool(_)
        | NodeKind::Int(_)
        | NodeKind::Float(_)
        | NodeKind::Map(_) => {
            found.push(wrong_shape(
                node,
                "`needs` is the name of a step or a list of them",
            ));
            return Vec::new();
        }
    };
    let mut needs = Vec::with_capacity(names.len());
    for node in names {
        let Some(name) = text(node, "`needs` lists names of steps", found) else {
            continue;
        };
        match plain_id(name) {
            Ok(id) => needs.push((id, node.span)),
            Err(error) => found.push(
                Diagnostic::error(BAD_NAME, error)
                    .at(node.span, "not a step id")
                    .maybe_help(hints::list_of_names(name).or_else(|| hints::respelled(name))),
            ),
        }
    }
    needs
}
