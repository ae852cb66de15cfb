//! A parameter that is a map of checks: conditions by their names, each alone or with what
//! is said and done where it is false. The plan holds them as a list, in the author's order.

use std::collections::BTreeMap;

use windlass_core::expr::{Expr, is_identifier};
use windlass_core::plan::Template;
use windlass_core::types::Type;
use windlass_core::value::Value;

use super::fields::{Fields, Found, wrong_shape};
use super::keys;
use super::names::Around;
use super::shapes::bad_name;
use super::templates::{Wanted, folded_list, folded_map, template};
use super::world::World;
use crate::codes::{BAD_VALUE, PARAM_TYPE};
use crate::diagnostic::Diagnostic;
use crate::expr::parse;
use crate::node::{Entry, Node, NodeKind};
use crate::suggest::did_you_mean;

/// The most checks of one step.
const CHECKS_MAX: usize = 50;
/// What a check that is false may do.
const OTHERWISE: [&str; 2] = ["stop", "warn"];

/// The list of the checks.
pub(super) fn checks(
    world: &World<'_>,
    node: &Node,
    around: Around<'_>,
    found: &mut Found,
) -> Option<Template> {
    let NodeKind::Map(entries) = &node.kind else {
        let rule = "`checks` is a map from names to conditions";
        found.push(wrong_shape(node, rule).help(
            "write `checks: {NAME: \"${{ CONDITION }}\"}`, one for each thing that must hold",
        ));
        return None;
    };
    if entries.is_empty() || entries.len() > CHECKS_MAX {
        let message = format!("there are from 1 to {CHECKS_MAX} checks");
        let label = format!("{} here", entries.len());
        found.push(Diagnostic::error(BAD_VALUE, message).at(node.span, label));
        return None;
    }
    // Every check is looked at, so that all mistakes are told at once.
    let checks: Vec<Option<Template>> = entries
        .iter()
        .map(|entry| check(world, entry, around, found))
        .collect();
    Some(folded_list(checks.into_iter().collect::<Option<_>>()?))
}

fn check(
    world: &World<'_>,
    entry: &Entry,
    around: Around<'_>,
    found: &mut Found,
) -> Option<Template> {
    let named = is_identifier(&entry.key);
    if !named {
        found.push(bad_name(&entry.key, "a check", entry.key_span));
    }
    let NodeKind::Map(_) = &entry.value.kind else {
        let that = condition(world, &entry.value, &entry.key, around, found)?;
        return named.then(|| of_members(&entry.key, [("that", that)].into()));
    };
    let fields = Fields::read(&entry.value, entry.key_span, &keys::CHECK, found)?;
    let before = found.len();
    let mut members = BTreeMap::new();
    let that = fields.required("that", "a check", found);
    if let Some(that) = that.and_then(|node| condition(world, node, "that", around, found)) {
        members.insert("that", that);
    }
    if let Some(word) = otherwise(&fields, found) {
        members.insert("otherwise", Template::Literal(Value::Text(word.to_owned())));
    }
    let say = Wanted {
        ty: &Type::Text,
        ..Wanted::any("say")
    };
    for wanted in [say, Wanted::any("show")] {
        let Some(node) = fields.value(wanted.name) else {
            continue;
        };
        if let Some(value) = template(world, node, wanted, around, found) {
            members.insert(wanted.name, value);
        }
    }
    let whole = named && members.contains_key("that");
    (whole && found.len() == before).then(|| of_members(&entry.key, members))
}

fn of_members(name: &str, members: BTreeMap<&str, Template>) -> Template {
    let mut map: BTreeMap<String, Template> = members
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    let name = Template::Literal(Value::Text(name.to_owned()));
    map.insert("name".to_owned(), name);
    folded_map(map)
}

fn condition(
    world: &World<'_>,
    node: &Node,
    name: &str,
    around: Around<'_>,
    found: &mut Found,
) -> Option<Template> {
    // In other places conditions are bare, so that this one is easily written bare too.
    if let Some(text) = node.as_text().filter(|text| !text.contains("${{"))
        && parse(text).is_ok_and(|expr| reads(&expr))
    {
        let message = format!("`{name}` is true or false, and this is plain text");
        let shown = text.trim().replace('\n', " ");
        found.push(
            Diagnostic::error(PARAM_TYPE, message)
                .at(node.span, "not an expression")
                .help(format!("write `${{{{ {shown} }}}}`")),
        );
        return None;
    }
    let wanted = Wanted {
        ty: &Type::Bool,
        optional: false,
        ..Wanted::any(name)
    };
    template(world, node, wanted, around, found)
}

/// Whether it reads something of the run, which a word such as "yes" does not.
fn reads(expr: &Expr) -> bool {
    let roots = ["inputs", "steps", "run", "item"];
    let references = expr.references();
    let mut roots_read = references.iter().filter_map(|read| read.path.first());
    roots_read.any(|root| roots.contains(root))
}

fn otherwise<'a>(fields: &Fields<'a>, found: &mut Found) -> Option<&'a str> {
    let word = fields.text("otherwise", found)?;
    if OTHERWISE.contains(&word) {
        return Some(word);
    }
    let span = fields
        .value("otherwise")
        .map_or(fields.span, |node| node.span);
    let help = did_you_mean(word, OTHERWISE).unwrap_or_else(|| {
        "`stop` ends the step as failed, `warn` is told and the run goes on".to_owned()
    });
    found.push(
        Diagnostic::error(BAD_VALUE, "`otherwise` is `stop` or `warn`")
            .at(span, "neither")
            .help(help),
    );
    None
}
