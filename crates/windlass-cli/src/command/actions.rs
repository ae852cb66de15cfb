//! `windlass actions`: what steps can do, from the catalog.

use serde_json::{Value, json};
use windlass_core::catalog::{Action, Catalog, Param};
use windlass_core::id::ActionName;
use windlass_core::plan::EffectClass;

use crate::error::Error;
use crate::exit_codes::Exit;
use crate::output;
use crate::render::Paint;
use crate::sources::catalog;
use crate::text;

/// The version of the JSON form.
const FORM: u32 = 1;

/// List the actions that steps can use: what each takes, gives, and may do
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  windlass actions
  windlass actions postgres/query
  windlass actions --json

Exit codes: 0 printed, 2 there is no such action")]
pub(crate) struct Args {
    /// One action, with everything about it
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn perform(args: &Args) -> Result<Exit, Error> {
    let catalog = catalog();
    let shown: Vec<(&ActionName, &Action)> = match &args.name {
        None => catalog.actions.iter().collect(),
        Some(name) => vec![named(&catalog, name)?],
    };
    if args.json {
        let actions: Vec<Value> = shown
            .iter()
            .map(|(name, action)| data(name, action))
            .collect();
        let document = json!({"windlass_actions": FORM, "actions": actions});
        output::out(&format!("{document:#}"));
        return Ok(Exit::Success);
    }
    let paint = Paint::of_stdout();
    let lines = match args.name {
        Some(_) => shown
            .iter()
            .flat_map(|(name, action)| page(name, action, &paint))
            .collect(),
        None => list(&shown, &paint),
    };
    for line in lines {
        output::out(&line);
    }
    Ok(Exit::Success)
}

fn named<'a>(catalog: &'a Catalog, name: &str) -> Result<(&'a ActionName, &'a Action), Error> {
    let found = catalog
        .actions
        .iter()
        .find(|(known, _)| known.as_str() == name);
    found.ok_or_else(|| {
        let known: Vec<&str> = catalog.actions.keys().map(ActionName::as_str).collect();
        Error::Usage(format!(
            "there is no action `{}`: the actions are {}",
            text::line(name),
            known.join(", ")
        ))
    })
}

/// An action in a line each.
fn list(shown: &[(&ActionName, &Action)], paint: &Paint) -> Vec<String> {
    let names = shown.iter().map(|(name, _)| name.as_str().len());
    let columns = names.max().unwrap_or(0);
    shown
        .iter()
        .flat_map(|(name, action)| {
            let head = format!("{:columns$}  {:12}  ", name.as_str(), effect(action));
            let indent = " ".repeat(text::width(&head));
            paint.hanging(&head, &indent, &action.summary)
        })
        .collect()
}

/// Its effect class, or that the step says it.
fn effect(action: &Action) -> &'static str {
    match action.effect {
        Some(effect) => effect.as_str(),
        None => "as stated",
    }
}

/// Everything about one.
fn page(name: &ActionName, action: &Action, paint: &Paint) -> Vec<String> {
    let mut lines = vec![name.to_string()];
    lines.extend(paint.hanging("  ", "  ", &action.summary));
    let mut fact = |label: &str, value: &str| {
        lines.extend(paint.labelled(label, value));
    };
    fact(
        "effect",
        match action.effect {
            Some(EffectClass::Read) => "read: it changes nothing",
            Some(EffectClass::Idempotent) => "idempotent, or more where the step says so",
            Some(EffectClass::Reversible) => "reversible, or more where the step says so",
            Some(EffectClass::Irreversible) => "irreversible",
            None => "the step must state it",
        },
    );
    fact("grants", &grants(action));
    fact("timeout", &timeout(action));
    fact("page", &format!("docs/steps/{}.md", family(name)));
    lines.push("parameters".to_owned());
    for (name, param) in &action.params {
        lines.extend(described(name, &param_type(param), &param.summary, paint));
    }
    if let Some(rest) = &action.rest {
        lines.extend(described(
            "any name",
            &param_type(rest),
            &rest.summary,
            paint,
        ));
    }
    lines.push("outputs".to_owned());
    let outputs = action.outputs.as_ref();
    for (name, output) in outputs.into_iter().flatten() {
        lines.extend(described(
            name,
            &output.ty.to_string(),
            &output.summary,
            paint,
        ));
    }
    if let Some(others) = other_outputs(action) {
        lines.extend(paint.hanging("  ", "  ", others));
    }
    lines
}

fn described(name: &str, ty: &str, summary: &str, paint: &Paint) -> Vec<String> {
    let mut lines = paint.hanging("  ", "    ", &format!("{name}: {ty}"));
    lines.extend(paint.hanging("    ", "    ", summary));
    lines
}

fn param_type(param: &Param) -> String {
    let mut words = if param.checks {
        "a map of checks".to_owned()
    } else if param.declares {
        "a map of types".to_owned()
    } else {
        param.ty.to_string()
    };
    if param.required {
        words.push_str(", required");
    }
    if param.secret {
        words.push_str(", may be a secret");
    }
    words
}

fn grants(action: &Action) -> String {
    let grants: Vec<String> = action.grants.iter().map(ToString::to_string).collect();
    match grants.as_slice() {
        [] => "none".to_owned(),
        grants => grants.join("; "),
    }
}

fn timeout(action: &Action) -> String {
    match (action.timeout, action.effect) {
        (Some(timeout), None) => format!("{timeout}; a change states its own"),
        (Some(timeout), Some(_)) => timeout.to_string(),
        (None, _) => "none".to_owned(),
    }
}

/// What is given besides the named outputs.
fn other_outputs(action: &Action) -> Option<&'static str> {
    if action.echoes {
        Some("the parameters, by their names and types")
    } else if action.is_by_hand() {
        Some("the declared values, by their names and types")
    } else {
        match &action.outputs {
            None => Some("those that the call gives"),
            Some(outputs) if outputs.is_empty() => Some("none"),
            Some(_) => None,
        }
    }
}

/// The first word of its name: its page has all of the family.
fn family(name: &ActionName) -> &str {
    name.as_str().split('/').next().unwrap_or_default()
}

/// The JSON form of one.
fn data(name: &ActionName, action: &Action) -> Value {
    let param = |name: &str, param: &Param| {
        json!({
            "name": name,
            "type": param_type(&Param { required: false, secret: false, ..param.clone() }),
            "required": param.required,
            "secret": param.secret,
            "summary": param.summary,
        })
    };
    let params: Vec<Value> = action
        .params
        .iter()
        .map(|(name, about)| param(name, about))
        .collect();
    let outputs: Vec<Value> = action
        .outputs
        .iter()
        .flatten()
        .map(|(name, output)| {
            json!({"name": name, "type": output.ty.to_string(), "summary": output.summary})
        })
        .collect();
    json!({
        "name": name.as_str(),
        "summary": action.summary,
        "effect": action.effect.map(EffectClass::as_str),
        "grants": action.grants.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "timeout_ms": action.timeout.map(|timeout| timeout.0),
        "reconciles": action.reconciles,
        "undoes": action.undoes,
        "computes": action.computes,
        "params": params,
        "other_params": action.rest.as_ref().map(|rest| param("", rest)),
        "outputs": outputs,
        "other_outputs": other_outputs(action),
        "page": format!("docs/steps/{}.md", family(name)),
    })
}
