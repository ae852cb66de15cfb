//! A step that uses a runbook: the values of its inputs, and its place among the steps.

use std::collections::BTreeMap;
use std::rc::Rc;

use windlass_core::plan::Template;
use windlass_core::types::Type;

use super::{Fragment, Inlining};
use crate::check::fields::{Fields, Found, wrong_shape};
use crate::check::graph::Before;
use crate::check::inputs::{self, Declared};
use crate::check::names::{Around, Outputs};
use crate::check::shapes::fault_in;
use crate::check::steps::optional;
use crate::check::templates::{Wanted, template};
use crate::check::world::World;
use crate::codes::{INLINED_HOSTS, INLINED_PLUGIN, INLINED_SECRET, INPUT_MISSING};
use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Entry, Node, NodeKind};

/// The step at `index`, which uses `fragment`.
pub(in crate::check) fn call(
    world: &World<'_>,
    index: usize,
    before: Before<'_>,
    fragment: &Rc<Fragment>,
    uses_span: Span,
    found: &mut Found,
) -> Option<Inlining> {
    let draft = &world.steps[index];
    let fields = draft.fields.as_ref()?;
    let around = Around {
        step: index,
        before,
        when_held: true,
        item: false,
        itself: false,
        outputs: Outputs::None,
    };
    secrets(world, fragment, uses_span, found);
    plugins(world, fragment, uses_span, found);
    let when = optional(world, fields, "when", around, found);
    let inputs = values(world, fragment, fields, uses_span, around, found);
    Some(Inlining {
        id: draft.id.clone(),
        index,
        needs: draft.needs.iter().map(|(need, _)| need.clone()).collect(),
        when: when?,
        inputs: inputs?,
        fragment: Rc::clone(fragment),
    })
}

/// Secrets are given to a run, not to a part of it: those of the part are the run's by name.
fn secrets(world: &World<'_>, fragment: &Fragment, uses_span: Span, found: &mut Found) {
    for (name, span) in &fragment.secrets {
        if !world.secrets.contains(name) {
            let message = format!("`{}` needs the secret `{name}`", fragment.name);
            found.push(
                Diagnostic::error(INLINED_SECRET, message)
                    .at(uses_span, format!("`{name}` is not under `secrets` here"))
                    .at(*span, "declared there"),
            );
        }
    }
    for (name, (allowed, span)) in &fragment.secret_hosts {
        let around = world.secret_hosts.get(name);
        let within = around.is_some_and(|(hosts, _)| {
            hosts
                .iter()
                .all(|host| allowed.iter().any(|allowed| allowed.covers(host)))
        });
        if !within && world.secrets.contains(name) {
            let message = format!(
                "`{}` allows the secret `{name}` fewer hosts than this runbook does",
                fragment.name
            );
            found.push(
                Diagnostic::error(INLINED_HOSTS, message)
                    .at(uses_span, "inlined here")
                    .at(*span, "its hosts there")
                    .help(format!(
                        "say here under `secrets` to which of them `{name}` may go"
                    )),
            );
        }
    }
}

/// Plugins are a run's, too: what they are and may do stands in the runbook that it is of.
fn plugins(world: &World<'_>, fragment: &Fragment, uses_span: Span, found: &mut Found) {
    for (name, (digest, span)) in &fragment.plugins {
        let label = match world.catalog.plugins.get(name) {
            Some(own) if own == digest => continue,
            Some(_) => format!("`{name}` is another plugin here"),
            None if world.catalog.is_broken(name) => continue,
            None => format!("`{name}` is not under `plugins` here"),
        };
        let message = format!("`{}` uses the plugin `{name}`", fragment.name);
        found.push(
            Diagnostic::error(INLINED_PLUGIN, message)
                .at(uses_span, label)
                .at(*span, "named there")
                .help("name the same plugin here, with what the whole run grants it"),
        );
    }
}

/// The value of each input and its place; a default has the place of the step's `uses`.
pub(super) type Values = BTreeMap<String, (Template, Span)>;

fn values(
    world: &World<'_>,
    fragment: &Fragment,
    fields: &Fields<'_>,
    uses_span: Span,
    around: Around<'_>,
    found: &mut Found,
) -> Option<Values> {
    let with = fields.get("with");
    let given: &[Entry] = match with.map(|with| (&with.value, &with.value.kind)) {
        None => &[],
        Some((_, NodeKind::Map(entries))) => entries,
        Some((node, _)) => {
            found.push(wrong_shape(node, "`with` is a map of inputs"));
            return None;
        }
    };
    let mut values = Values::new();
    let mut whole = true;
    for entry in given {
        let Some(input) = fragment.inputs.iter().find(|input| input.name == entry.key) else {
            let unknown = inputs::unknown(&entry.key, &fragment.inputs);
            found.push(unknown.at(
                entry.key_span,
                format!("not an input of `{}`", fragment.name),
            ));
            whole = false;
            continue;
        };
        match value(world, input, &entry.value, around, found) {
            Some(value) => {
                values.insert(entry.key.clone(), (value, entry.value.span));
            }
            None => whole = false,
        }
    }
    for input in &fragment.inputs {
        if given.iter().any(|entry| entry.key == input.name) {
            continue;
        }
        let Some(shape) = &input.shape else {
            whole = false;
            continue;
        };
        match &shape.default {
            Some(default) => {
                let default = Template::Literal(default.clone());
                values.insert(input.name.clone(), (default, uses_span));
            }
            None => {
                let message = format!("`{}` needs the input `{}`", fragment.name, input.name);
                let place = with.map_or(uses_span, |with| with.key_span);
                found.push(
                    Diagnostic::error(INPUT_MISSING, message)
                        .at(place, format!("`{}` is missing", input.name))
                        .at(
                            input.name_span,
                            format!("{}, without a default", shape.describe()),
                        ),
                );
                whole = false;
            }
        }
    }
    whole.then_some(values)
}

/// A literal is judged by all rules here; of an expression only the type is known yet.
fn value(
    world: &World<'_>,
    input: &Declared,
    node: &Node,
    around: Around<'_>,
    found: &mut Found,
) -> Option<Template> {
    let shape = input.shape.as_ref()?;
    if is_literal(node) {
        return match shape.take(&node.to_value()) {
            Ok(value) => Some(Template::Literal(value)),
            Err(faults) => {
                found.extend(
                    faults
                        .iter()
                        .map(|fault| fault_in(fault, &input.name, node)),
                );
                None
            }
        };
    }
    let ty: Type = shape.ty();
    let wanted = Wanted {
        ty: &ty,
        optional: false,
        ..Wanted::any(&input.name)
    };
    template(world, node, wanted, around, found)
}

fn is_literal(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Text(text) => !text.contains("${{"),
        NodeKind::List(items) => items.iter().all(is_literal),
        NodeKind::Map(entries) => entries.iter().all(|entry| is_literal(&entry.value)),
        NodeKind::Null | NodeKind::Bool(_) | NodeKind::Int(_) | NodeKind::Float(_) => true,
    }
}
