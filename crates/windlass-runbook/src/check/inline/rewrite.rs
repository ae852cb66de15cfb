//! Names of an inlined runbook put in terms of the runbook around it: in expressions, in
//! templates and in whole steps. Expressions are written back to text and parsed again, so
//! that the result is an expression as anybody could have written it.

use windlass_core::expr::{Expr, Kind};
use windlass_core::plan::{
    Call, Fact, ForEach, Gate, Part, Provides, Reconcile, Step, StepKind, Template, Until,
};
use windlass_core::value::Value;

use crate::check::templates::{folded_list, folded_map};
use crate::expr::typing::{NESTED_MACROS_MAX, nests_too_deep};
use crate::expr::{SyntaxError, parse, text_literal, unparse, unparse_with};

/// What names stand for.
pub(super) trait Names {
    /// The text that stands for a chain of names; it binds as strongly as a name.
    fn text(&self, path: &[&str]) -> Option<String>;

    /// What stands for an input as a whole, where it is the whole of a value.
    fn input(&self, name: &str) -> Option<&Template>;
}

/// A rewritten expression that is no valid one any more: too long or too deep.
pub(super) type Rewritten<T> = Result<T, SyntaxError>;

/// The expression with its names replaced.
pub(super) fn expr(source: &Expr, names: &dyn Names) -> Rewritten<Expr> {
    let touched = source.references().iter().any(|reference| {
        let path = &reference.path;
        (1..=path.len()).any(|length| names.text(&path[..length]).is_some())
    });
    if !touched {
        return Ok(source.clone());
    }
    no_hidden_names(source)?;
    let rewritten = parse(&unparse_with(source, &|path| names.text(path)))?;
    if nests_too_deep(&rewritten) {
        return Err(SyntaxError {
            span: rewritten.node(rewritten.root()).span,
            message: format!(
                "with the values in it, macros stand more than {NESTED_MACROS_MAX} deep in each other"
            ),
            help: Some(
                "give the value as an output of a step, so that it is worked out once".to_owned(),
            ),
        });
    }
    Ok(rewritten)
}

/// What is written into an expression must mean there what it means around it.
fn no_hidden_names(source: &Expr) -> Rewritten<()> {
    const ROOTS: [&str; 4] = ["inputs", "steps", "run", "item"];
    let mut open = vec![source.root()];
    while let Some(id) = open.pop() {
        let node = source.node(id);
        if let Kind::Macro { variable, .. } = &node.kind
            && ROOTS.contains(&variable.as_str())
        {
            return Err(SyntaxError {
                span: node.span,
                message: format!("its variable `{variable}` hides a name of the runbook around"),
                help: Some("give the variable another name".to_owned()),
            });
        }
        open.extend(node.kind.children());
    }
    Ok(())
}

/// Both conditions hold.
pub(super) fn both(outer: &Expr, inner: &Expr) -> Rewritten<Expr> {
    parse(&format!("({}) && ({})", unparse(outer), unparse(inner)))
}

/// The value as an expression that binds as strongly as a name; `None` for a secret.
pub(super) fn template_text(template: &Template) -> Option<String> {
    Some(match template {
        Template::Literal(value) => value_text(value),
        Template::Expr(expr) => format!("({})", unparse(expr)),
        Template::Text(parts) => {
            let parts = parts.iter().map(|part| match part {
                Part::Text(text) => text_literal(text),
                Part::Expr(expr) => format!("string({})", unparse(expr)),
            });
            format!("({})", parts.collect::<Vec<_>>().join(" + "))
        }
        Template::Secret(_) => return None,
        Template::List(items) => {
            let items: Option<Vec<String>> = items.iter().map(template_text).collect();
            format!("[{}]", items?.join(", "))
        }
        Template::Map(map) => {
            let entries: Option<Vec<String>> = map
                .iter()
                .map(|(key, value)| {
                    Some(format!("{}: {}", text_literal(key), template_text(value)?))
                })
                .collect();
            format!("{{{}}}", entries?.join(", "))
        }
    })
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) if *value < 0 => format!("({value})"),
        Value::Int(value) => value.to_string(),
        Value::Float(value) if value.is_sign_negative() => format!("({value:?})"),
        Value::Float(value) => format!("{value:?}"),
        Value::Text(text) => text_literal(text),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(value_text).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(map) => {
            let entries: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{}: {}", text_literal(key), value_text(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

/// The template with its names replaced. An input that is all of a value is replaced by its
/// own template, so that long texts and lists never become expressions.
pub(super) fn template(source: &Template, names: &dyn Names) -> Rewritten<Template> {
    Ok(match source {
        Template::Literal(_) | Template::Secret(_) => source.clone(),
        Template::Expr(whole) => match whole_input(whole, names) {
            Some(input) => input.clone(),
            None => Template::Expr(expr(whole, names)?),
        },
        Template::Text(parts) => text(parts, names)?,
        Template::List(items) => {
            let items: Vec<Template> = items
                .iter()
                .map(|item| template(item, names))
                .collect::<Rewritten<_>>()?;
            folded_list(items)
        }
        Template::Map(map) => folded_map(
            map.iter()
                .map(|(key, value)| Ok((key.clone(), template(value, names)?)))
                .collect::<Rewritten<_>>()?,
        ),
    })
}

fn whole_input<'n>(expr: &Expr, names: &'n dyn Names) -> Option<&'n Template> {
    let whole = expr.node(expr.root()).span;
    match expr.references().as_slice() {
        [only] if only.span == whole && !only.tested => match only.path.as_slice() {
            ["inputs", name] => names.input(name),
            _ => None,
        },
        _ => None,
    }
}

fn text(parts: &[Part], names: &dyn Names) -> Rewritten<Template> {
    let mut rewritten = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Part::Text(text) => rewritten.push(Part::Text(text.clone())),
            Part::Expr(source) => match whole_input(source, names) {
                Some(Template::Literal(Value::Text(text))) => {
                    rewritten.push(Part::Text(text.clone()));
                }
                Some(Template::Text(parts)) => rewritten.extend_from_slice(parts),
                _ => rewritten.push(Part::Expr(expr(source, names)?)),
            },
        }
    }
    let plain: Option<String> = rewritten
        .iter()
        .map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Expr(_) => None,
        })
        .collect();
    Ok(plain.map_or(Template::Text(rewritten), |plain| {
        Template::Literal(Value::Text(plain))
    }))
}

/// The step with the names in all of its expressions replaced; its id and needs are the
/// caller's.
pub(super) fn step(source: Step, names: &dyn Names) -> Rewritten<Step> {
    let kind = match source.kind {
        StepKind::Action {
            effect,
            call: how,
            for_each,
            expect,
            until,
            done,
            undo,
            outputs,
            manual,
        } => StepKind::Action {
            effect,
            call: call(how, names)?,
            for_each: match for_each {
                None => None,
                Some(each) => Some(ForEach {
                    items: expr(&each.items, names)?,
                    ..each
                }),
            },
            expect: optional(expect, names)?,
            until: match until {
                None => None,
                Some(until) => Some(Until {
                    that: expr(&until.that, names)?,
                    ..until
                }),
            },
            done: optional(done, names)?,
            undo: undo.map(|undo| call(undo, names)).transpose()?,
            outputs,
            manual,
        },
        StepKind::Wait { span } => StepKind::Wait {
            span: template(&span, names)?,
        },
        StepKind::Gate(gate) => StepKind::Gate(Gate {
            show: gate
                .show
                .iter()
                .map(|(caption, value)| Ok((caption.clone(), template(value, names)?)))
                .collect::<Rewritten<_>>()?,
            facts: gate
                .facts
                .into_iter()
                .map(|fact| {
                    Ok(Fact {
                        with: template(&fact.with, names)?,
                        accept: expr(&fact.accept, names)?,
                        ..fact
                    })
                })
                .collect::<Rewritten<_>>()?,
            ..gate
        }),
    };
    let provides = match source.provides {
        Some(Provides {
            guard,
            claimed: Some(claimed),
        }) => Some(Provides {
            guard,
            claimed: Some(template(&claimed, names)?),
        }),
        by_itself => by_itself,
    };
    Ok(Step {
        when: optional(source.when, names)?,
        kind,
        provides,
        ..source
    })
}

fn optional(source: Option<Expr>, names: &dyn Names) -> Rewritten<Option<Expr>> {
    source.map(|source| expr(&source, names)).transpose()
}

fn call(source: Call, names: &dyn Names) -> Rewritten<Call> {
    let reconcile = match source.reconcile {
        Reconcile::Read {
            uses,
            with,
            timeout,
            happened,
            in_progress,
            settled,
            not_happened,
        } => Reconcile::Read {
            uses,
            with: template(&with, names)?,
            timeout,
            happened: expr(&happened, names)?,
            in_progress: optional(in_progress, names)?,
            settled: optional(settled, names)?,
            not_happened: optional(not_happened, names)?,
        },
        other @ (Reconcile::None | Reconcile::Native { .. }) => other,
    };
    Ok(Call {
        with: template(&source.with, names)?,
        reconcile,
        ..source
    })
}
