//! Bare expressions of the runbook and the names in them: everything that an
//! expression reads must exist, and must be known when it is read.

use std::collections::BTreeMap;
use std::ops::Range;

use windlass_core::catalog::Output;
use windlass_core::expr::{Expr, Reference};

use super::fields::{Found, wrong_shape};
use super::graph::Before;
use super::inline::Fragment;
use super::place::Located;
use super::typed::{self, Wants};
use super::world::{Form, World};
use crate::codes::{
    EXPR_BRACES, EXPR_SYNTAX, NO_ITEM, NOT_A_PREDECESSOR, SECRET_IN_EXPR, UNKNOWN_NAME,
    UNKNOWN_OUTPUT,
};
use crate::diagnostic::{Diagnostic, Severity, Span};
use crate::expr::parse;
use crate::node::{Node, NodeKind};
use crate::suggest::{did_you_mean, nearest};

/// The names of `run` that expressions may read.
const RUN_FIELDS: [&str; 5] = ["id", "requester", "started_at_ms", "end", "reason"];

/// What is around an expression.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around<'a> {
    /// The step that holds the expression.
    pub(super) step: usize,
    /// The steps that surely precede it, by index.
    pub(super) before: Before<'a>,
    /// Whether it is read only where the step's `when` held.
    pub(super) when_held: bool,
    /// Whether the step runs over items, and the expression once for each.
    pub(super) item: bool,
    /// Whether the step's own outputs may be read by its id, as in an undo.
    pub(super) itself: bool,
    /// The outputs that stand as bare names.
    pub(super) outputs: Outputs<'a>,
}

/// Outputs as far as they are known before a run.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outputs<'a> {
    None,
    /// There are some and nobody can say which.
    Unknown,
    Known(&'a BTreeMap<String, Output>),
}

/// A bare condition, as in `when`.
pub(super) fn bare(
    world: &World<'_>,
    node: &Node,
    key: &str,
    around: Around<'_>,
    found: &mut Found,
) -> Option<Expr> {
    bare_for(world, node, key, Wants::Condition(key), around, found)
}

/// A bare expression of what its key wants.
pub(super) fn bare_for(
    world: &World<'_>,
    node: &Node,
    key: &str,
    wants: Wants<'_>,
    around: Around<'_>,
    found: &mut Found,
) -> Option<Expr> {
    let source = match &node.kind {
        NodeKind::Text(text) => text.clone(),
        NodeKind::Bool(_) | NodeKind::Int(_) | NodeKind::Float(_) => node.to_value().to_string(),
        NodeKind::Null | NodeKind::List(_) | NodeKind::Map(_) => {
            found.push(
                wrong_shape(node, &format!("`{key}` is an expression"))
                    .help("an expression is text; one that starts with [ or { needs quotes"),
            );
            return None;
        }
    };
    let located = Located::new(world.text(node.span), node, &source);
    if let Some(at) = source.find("${{") {
        let span = located.place(at..at + 3);
        let message = format!("`{key}` is a bare expression");
        found.push(
            Diagnostic::error(EXPR_BRACES, message)
                .at(span, "no braces here")
                .help("leave `${{` and `}}` out"),
        );
        return None;
    }
    expression(world, &located, 0..source.len(), wants, around, found)
}

/// The expression at `range` of the scalar's value.
pub(super) fn expression(
    world: &World<'_>,
    located: &Located<'_>,
    range: Range<usize>,
    wants: Wants<'_>,
    around: Around<'_>,
    found: &mut Found,
) -> Option<Expr> {
    let place = |span: windlass_core::expr::Span| {
        let within = span.range();
        located.place(range.start + within.start..range.start + within.end)
    };
    let expr = match parse(&located.value[range.clone()]) {
        Ok(expr) => expr,
        Err(error) => {
            found.push(
                Diagnostic::error(EXPR_SYNTAX, error.message)
                    .at(place(error.span), "in this expression")
                    .maybe_help(if located.is_cut_by_comment() {
                        let help = "a blank and `#` begin a comment in YAML: put the whole expression in quotes";
                        Some(help.to_owned())
                    } else {
                        error.help
                    }),
            );
            return None;
        }
    };
    let before = found.len();
    for reference in expr.references() {
        // Places cost a walk through the scalar, so only mistakes get one.
        if let Err(mut diagnostic) = reference_exists(world, &reference, around) {
            if let Some((span, _)) = diagnostic.labels.first_mut() {
                *span = place(reference.span);
            }
            found.push(*diagnostic);
        }
    }
    if found.len() > before {
        return None;
    }
    found.extend(typed::check(world, &expr, around, wants, &place));
    let errors = found[before..]
        .iter()
        .any(|found| found.severity == Severity::Error);
    (!errors).then_some(expr)
}

/// A mistake's first label is put in its place by the caller.
type Known = Result<(), Box<Diagnostic>>;

fn reference_exists(world: &World<'_>, reference: &Reference<'_>, around: Around<'_>) -> Known {
    let span = Span::default();
    let path = &reference.path;
    let second = path.get(1).copied();
    // Outputs hide the other names, as they do in the run.
    if let Outputs::Known(outputs) = around.outputs
        && outputs.contains_key(path[0])
    {
        return Ok(());
    }
    match path[0] {
        "inputs" => {
            let known = world.inputs.keys().map(String::as_str);
            one_of("an input", "inputs", second, known, span)
        }
        "run" => one_of("a fact of the run", "run", second, RUN_FIELDS, span),
        "steps" => step_exists(world, path, span, around),
        "item" if around.item => Ok(()),
        "item" => fail(
            Diagnostic::error(NO_ITEM, "there is no `item` here")
                .at(span, "no item")
                .help("`item` is each item of the step's `for_each`, in what is done for each"),
        ),
        "secrets" => fail(secret_in_expression(span)),
        name => match around.outputs {
            Outputs::Unknown => Ok(()),
            Outputs::None => unknown_root(world, name, [], span),
            Outputs::Known(outputs) => {
                unknown_root(world, name, outputs.keys().map(String::as_str), span)
            }
        },
    }
}

pub(super) fn secret_in_expression(span: Span) -> Diagnostic {
    Diagnostic::error(
        SECRET_IN_EXPR,
        "a secret cannot be part of an expression or a text",
    )
    .at(span, "a secret")
    .help("hand it over alone, as `${{ secrets.NAME }}`, in a parameter that takes secrets")
}

fn fail(diagnostic: Diagnostic) -> Known {
    Err(Box::new(diagnostic))
}

fn one_of<'k>(
    what: &str,
    root: &str,
    name: Option<&str>,
    known: impl IntoIterator<Item = &'k str>,
    span: Span,
) -> Known {
    let Some(name) = name else {
        let message = format!("`{root}` alone has no value");
        let label = format!("name {what}: `{root}.NAME`");
        return fail(Diagnostic::error(UNKNOWN_NAME, message).at(span, label));
    };
    let known: Vec<&str> = known.into_iter().collect();
    if known.contains(&name) {
        return Ok(());
    }
    let message = format!("`{root}.{name}` does not exist");
    let diagnostic = Diagnostic::error(UNKNOWN_NAME, message).at(span, format!("not {what}"));
    fail(diagnostic.maybe_help(did_you_mean(name, known)))
}

fn unknown_root<'k>(
    world: &World<'_>,
    name: &str,
    outputs: impl IntoIterator<Item = &'k str>,
    span: Span,
) -> Known {
    let outputs: Vec<&str> = outputs.into_iter().collect();
    let own_outputs = !outputs.is_empty();
    let help = if let Some(help) = habit(name, own_outputs) {
        Some(help)
    } else if world.index_of(name).is_some() {
        Some(format!("a step is read as `steps.{name}.outputs.NAME`"))
    } else if world.inputs.contains_key(name) {
        Some(format!("an input is read as `inputs.{name}`"))
    } else if let Some(near) = nearest(name, outputs.iter().copied()) {
        Some(format!("did you mean the output `{near}`?"))
    } else {
        did_you_mean(name, ["inputs", "steps", "run", "item"]).or_else(|| {
            Some(if own_outputs {
                let outputs = outputs.join(", ");
                format!("the outputs are {outputs}; a text stands in quotes: '{name}'")
            } else {
                format!("a text stands in quotes: '{name}'")
            })
        })
    };
    let message = format!("nothing here is called `{name}`");
    fail(
        Diagnostic::error(UNKNOWN_NAME, message)
            .at(span, "unknown name")
            .maybe_help(help),
    )
}

/// What stands here for a name of another tool.
fn habit(name: &str, own_outputs: bool) -> Option<String> {
    let help = match name {
        "True" | "TRUE" | "yes" | "Yes" | "on" | "On" => "write `true`",
        "False" | "FALSE" | "no" | "No" | "off" | "Off" => "write `false`",
        "None" | "nil" | "NULL" | "Null" | "undefined" => "write `null`",
        "outputs" | "output" | "result" if own_outputs => {
            "the outputs of this step stand as plain names, those of another as `steps.STEP.outputs.NAME`"
        }
        "outputs" | "output" | "result" | "needs" => {
            "the outputs of a step are read as `steps.STEP.outputs.NAME`"
        }
        "secret" | "Secrets" => "a secret is handed over as `${{ secrets.NAME }}`",
        "env" | "ENV" | "vars" | "var" | "params" => {
            "a runbook does not read the environment: declare an input and read `inputs.NAME`"
        }
        "each" | "it" | "this" | "i" => "the item of a `for_each` is read as `item`",
        _ => return None,
    };
    Some(help.to_owned())
}

fn step_exists(world: &World<'_>, path: &[&str], span: Span, around: Around<'_>) -> Known {
    let ids = || world.steps.iter().map(|step| step.id.as_str());
    let Some(id) = path.get(1) else {
        return one_of("a step", "steps", None, [], span);
    };
    let Some(index) = world.index_of(id) else {
        return one_of("a step", "steps", Some(id), ids(), span);
    };
    let step = &world.steps[index];
    let own = index == around.step;
    let known_before = around.before.contains(index) || (own && around.itself);
    // Steps of `finally` see every other step, whatever became of it.
    let in_finally = world.steps[around.step].finally && !step.finally;
    if !known_before && !in_finally {
        let reader = &world.steps[around.step].id;
        let (label, help) = if own {
            ("this step itself".to_owned(), None)
        } else {
            let help = format!("let `{reader}` need `{id}`, directly or through others");
            (format!("`{id}` need not have run"), Some(help))
        };
        let message = format!("`{id}` does not precede `{reader}`");
        return fail(
            Diagnostic::error(NOT_A_PREDECESSOR, message)
                .at(span, label)
                .maybe_help(help),
        );
    }
    match path.get(2).copied() {
        Some("state") if matches!(step.form, Form::Inlined { .. }) => {
            let message = format!("`{id}` is a runbook and has no state of its own");
            return fail(
                Diagnostic::error(UNKNOWN_NAME, message)
                    .at(span, "a runbook")
                    .help("let the runbook say it under its `outputs`"),
            );
        }
        Some("state") if path.len() == 3 => return Ok(()),
        Some("outputs") => {}
        Some(name) => {
            let message = format!("a step has no `{name}` to read");
            let is_output = typed::stated(world, index, around)
                .is_some_and(|outputs| outputs.contains_key(name));
            let help = if is_output {
                format!("did you mean `steps.{id}.outputs.{name}`?")
            } else if matches!(name, "status" | "result" | "conclusion" | "outcome") {
                format!("how it ended is read as `steps.{id}.state`")
            } else {
                did_you_mean(name, ["outputs", "state"])
                    .unwrap_or_else(|| format!("write `steps.{id}.outputs.NAME`"))
            };
            return fail(
                Diagnostic::error(UNKNOWN_NAME, message)
                    .at(span, "unknown")
                    .help(help),
            );
        }
        None => {
            let message = format!("`steps.{id}` alone has no value");
            let help = format!("write `steps.{id}.outputs.NAME` or `steps.{id}.state`");
            return fail(
                Diagnostic::error(UNKNOWN_NAME, message)
                    .at(span, "a step")
                    .help(help),
            );
        }
    }
    if let Form::Inlined { fragment, .. } = &step.form {
        return output_of_runbook(fragment, id, path.get(3).copied(), span);
    }
    let Some(output) = path.get(3) else {
        return Ok(());
    };
    match &step.form {
        Form::Action { .. } => {}
        Form::Inlined { .. } => return Ok(()),
        Form::Gate | Form::Wait => {
            let message = format!("`{id}` is {} and has no outputs", step.form.describe());
            return fail(Diagnostic::error(UNKNOWN_OUTPUT, message).at(span, "no outputs"));
        }
        // Said already.
        Form::Broken => return Ok(()),
    }
    if step.fields_has_each() {
        let message = format!("the outputs of `{id}` are a list, one for each item");
        return fail(
            Diagnostic::error(UNKNOWN_OUTPUT, message)
                .at(span, "a list")
                .help(format!("write `steps.{id}.outputs.map(x, x.{output})`")),
        );
    }
    let Some(outputs) = typed::stated(world, index, around) else {
        return Ok(());
    };
    if outputs.contains_key(*output) {
        return Ok(());
    }
    let names = || outputs.keys().map(String::as_str);
    let help = did_you_mean(output, names())
        .unwrap_or_else(|| format!("the outputs are {}", names().collect::<Vec<_>>().join(", ")));
    let message = format!("`{id}` has no output `{output}`");
    fail(
        Diagnostic::error(UNKNOWN_OUTPUT, message)
            .at(span, "unknown output")
            .help(help),
    )
}

/// An inlined runbook gives what it says under `outputs`, each by its name.
fn output_of_runbook(fragment: &Fragment, id: &str, name: Option<&str>, span: Span) -> Known {
    let Some(name) = name else {
        let message = format!("the outputs of the runbook `{id}` are read one by one");
        return fail(
            Diagnostic::error(UNKNOWN_OUTPUT, message)
                .at(span, "all of them")
                .help(format!("write `steps.{id}.outputs.NAME`")),
        );
    };
    if fragment.outputs.contains_key(name) {
        return Ok(());
    }
    let names = || fragment.outputs.keys().map(String::as_str);
    let help = did_you_mean(name, names()).unwrap_or_else(|| {
        if fragment.outputs.is_empty() {
            "it has no `outputs`".to_owned()
        } else {
            format!("the outputs are {}", names().collect::<Vec<_>>().join(", "))
        }
    });
    let message = format!("the runbook `{id}` has no output `{name}`");
    fail(
        Diagnostic::error(UNKNOWN_OUTPUT, message)
            .at(span, "unknown output")
            .help(help),
    )
}
