//! Values with `${{ }}` in them. Alone it keeps the type of its expression;
//! inside a text it gives text; secrets stand alone or not at all.

use std::collections::BTreeMap;
use std::ops::Range;

use windlass_core::catalog::{Param, Touch};
use windlass_core::expr::SOURCE_BYTES_MAX;
use windlass_core::id::SecretName;
use windlass_core::plan::{Part, Template};
use windlass_core::types::Type;
use windlass_core::value::Value;

use super::fields::{Found, is_full};
use super::names::{Around, expression, secret_in_expression};
use super::place::Located;
use super::typed::Wants;
use super::world::World;
use super::{hints, units};
use crate::codes::{
    BAD_SPAN, EXPR_BRACES, EXPR_IN_SCRIPT, PARAM_TYPE, SECRET_IN_EXPR, UNKNOWN_NAME,
};
use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Node, NodeKind};
use crate::suggest::did_you_mean;

/// What a template may be where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// The parameter's or key's name, for diagnostics.
    pub(super) name: &'a str,
    pub(super) ty: &'a Type,
    pub(super) secret: bool,
    pub(super) literal: bool,
    /// Whether null means that it is left out.
    pub(super) optional: bool,
    /// Whether it is a command line, which every user of the machine can read.
    pub(super) command_line: bool,
    /// Whether it is an address, whose blanks are filled from beside it.
    pub(super) url: bool,
}

impl<'a> Wanted<'a> {
    pub(super) fn any(name: &'a str) -> Self {
        Self {
            name,
            ty: &Type::Any,
            secret: false,
            literal: false,
            optional: true,
            command_line: false,
            url: false,
        }
    }

    pub(super) fn param(name: &'a str, param: &'a Param) -> Self {
        Self {
            name,
            ty: &param.ty,
            secret: param.secret,
            literal: param.literal,
            optional: !param.required,
            command_line: param.touches == Some(Touch::Program),
            url: param.touches == Some(Touch::Url),
        }
    }

    /// What an expression would do in a literal.
    fn literal_label(&self) -> &'static str {
        match self.url {
            true => "would lead to who knows where",
            false => "would become part of the program",
        }
    }

    fn literal_help(&self) -> &'static str {
        match self.url {
            true => {
                "leave a blank such as {project}, and fill it: `parts: {project: \"${{ … }}\"}`"
            }
            false => "hand the value over beside it, such as by `env`, and read it from there",
        }
    }
}

/// The template of a value.
pub(super) fn template(
    world: &World<'_>,
    node: &Node,
    wanted: Wanted<'_>,
    around: Around<'_>,
    found: &mut Found,
) -> Option<Template> {
    if is_full(found) {
        return None;
    }
    let inner = |name| Wanted {
        ty: wanted.ty.member(name),
        optional: false,
        ..wanted
    };
    match &node.kind {
        NodeKind::Text(text) if text.contains("${{") => {
            filled(world, node, text, wanted, around, found)
        }
        NodeKind::Text(text) if let Some(part) = hints::almost_expression(text) => {
            let place = Located::new(world.text(node.span), node, text).place(part.clone());
            found.push(almost(&text[part], place, wanted));
            None
        }
        NodeKind::List(items) if fits(node, wanted, found) => {
            // Every item is looked at, so that all mistakes are told at once.
            let items: Vec<Option<Template>> = items
                .iter()
                .map(|item| template(world, item, inner(None), around, found))
                .collect();
            let items: Option<Vec<Template>> = items.into_iter().collect();
            Some(folded_list(items?))
        }
        NodeKind::Map(entries) if fits(node, wanted, found) => {
            let mut map = BTreeMap::new();
            let mut whole = true;
            for entry in entries {
                match template(world, &entry.value, inner(Some(&entry.key)), around, found) {
                    Some(value) => {
                        map.insert(entry.key.clone(), value);
                    }
                    None => whole = false,
                }
            }
            whole.then(|| folded_map(map))
        }
        NodeKind::List(_) | NodeKind::Map(_) => None,
        NodeKind::Text(text) if *wanted.ty == Type::Duration => {
            let Some(span) = units::duration(text) else {
                found.push(
                    Diagnostic::error(BAD_SPAN, format!("`{}` is a duration", wanted.name))
                        .at(node.span, "not a duration")
                        .help(hints::duration(node)),
                );
                return None;
            };
            // The unit's reader keeps it within 63 bits.
            i64::try_from(span.0)
                .ok()
                .map(|span| Template::Literal(Value::Int(span)))
        }
        NodeKind::Null
        | NodeKind::Bool(_)
        | NodeKind::Int(_)
        | NodeKind::Float(_)
        | NodeKind::Text(_) => {
            fits(node, wanted, found).then(|| Template::Literal(node.to_value()))
        }
    }
}

/// Something that would be an expression with other braces, and is plain text as it is.
fn almost(written: &str, place: Span, wanted: Wanted<'_>) -> Diagnostic {
    let message = format!(
        "`{}` would be handed over as it is written",
        written.escape_debug()
    );
    let path = written.trim_matches(['$', '{', '}', '(', ')', ' ']);
    if wanted.literal {
        return Diagnostic::error(EXPR_IN_SCRIPT, message)
            .at(place, "is never filled in")
            .help(format!(
                "hand the value over beside it, such as by `env: {{NAME: \"${{{{ {path} }}}}\"}}`, and read it from there"
            ));
    }
    Diagnostic::error(EXPR_BRACES, message)
        .at(place, "not an expression")
        .help(format!("write `${{{{ {path} }}}}`"))
}

/// A list without expressions is one literal.
pub(super) fn folded_list(items: Vec<Template>) -> Template {
    let plain: Option<Vec<Value>> = items.iter().map(literal).collect();
    plain.map_or(Template::List(items), |plain| {
        Template::Literal(Value::List(plain))
    })
}

/// A map without expressions is one literal.
pub(super) fn folded_map(map: BTreeMap<String, Template>) -> Template {
    let plain: Option<BTreeMap<String, Value>> = map
        .iter()
        .map(|(key, value)| Some((key.clone(), literal(value)?)))
        .collect();
    plain.map_or(Template::Map(map), |plain| {
        Template::Literal(Value::Map(plain))
    })
}

fn literal(template: &Template) -> Option<Value> {
    match template {
        Template::Literal(value) => Some(value.clone()),
        Template::Expr(_)
        | Template::Text(_)
        | Template::Secret(_)
        | Template::List(_)
        | Template::Map(_) => None,
    }
}

/// Whether a literal has the parameter's type.
fn fits(node: &Node, wanted: Wanted<'_>, found: &mut Found) -> bool {
    let fits = match wanted.ty {
        Type::Any => return true,
        Type::Nullable(inner) => {
            let inner = Wanted {
                ty: inner,
                ..wanted
            };
            return matches!(node.kind, NodeKind::Null) || fits(node, inner, found);
        }
        Type::Null => matches!(node.kind, NodeKind::Null),
        Type::Bool => matches!(node.kind, NodeKind::Bool(_)),
        Type::Int => matches!(node.kind, NodeKind::Int(_)),
        Type::Number => matches!(node.kind, NodeKind::Int(_) | NodeKind::Float(_)),
        Type::Text => matches!(node.kind, NodeKind::Text(_)),
        Type::Scalar => matches!(
            node.kind,
            NodeKind::Text(_) | NodeKind::Int(_) | NodeKind::Float(_) | NodeKind::Bool(_)
        ),
        Type::Duration | Type::Bytes => false,
        Type::List(_) => matches!(node.kind, NodeKind::List(_)),
        Type::Map(_) | Type::Object(_) => matches!(node.kind, NodeKind::Map(_)),
    };
    if !fits {
        let message = format!(
            "`{}` is {}, not {}",
            wanted.name,
            wanted.ty,
            node.describe()
        );
        let help = match wanted.ty {
            Type::Text => hints::quoted(node),
            Type::Bool => hints::boolean(node),
            Type::Duration => Some(hints::duration(node)),
            _ => None,
        };
        found.push(
            Diagnostic::error(PARAM_TYPE, message)
                .at(node.span, format!("this is {}", node.describe()))
                .maybe_help(help),
        );
    }
    fits
}

/// A text with at least one `${{`.
fn filled(
    world: &World<'_>,
    node: &Node,
    text: &str,
    wanted: Wanted<'_>,
    around: Around<'_>,
    found: &mut Found,
) -> Option<Template> {
    let located = Located::new(world.text(node.span), node, text);
    let place = |range| located.place(range);
    if wanted.literal {
        let at = text.find("${{").unwrap_or(0);
        let message = format!("expressions are not filled into `{}`", wanted.name);
        found.push(
            Diagnostic::error(EXPR_IN_SCRIPT, message)
                .at(place(at..at + 3), wanted.literal_label())
                .help(wanted.literal_help()),
        );
        return None;
    }
    let mut parts = Vec::new();
    let mut at = 0;
    let mut whole = true;
    while !is_full(found)
        && let Some(opening) = text[at..].find("${{").map(|place| at + place)
    {
        let Some(length) = expression_length(&text[opening + 3..]) else {
            found.push(
                Diagnostic::error(EXPR_BRACES, "`${{` is not closed")
                    .at(place(opening..opening + 3), "opened here")
                    .help(format!("expected `}}}}` within {SOURCE_BYTES_MAX} bytes")),
            );
            return None;
        };
        let inside = opening + 3..opening + 3 + length;
        let end = inside.end + 2;
        let alone = text[..opening].trim().is_empty() && text[end..].trim().is_empty();
        if let Some(name) = secret_name(&text[inside.clone()]) {
            let span = place(trimmed(text, &inside));
            if !alone {
                found.push(secret_in_expression(span));
                return None;
            }
            return secret(world, name, span, wanted, found);
        }
        let wants = if alone {
            Wants::Value {
                name: wanted.name,
                ty: wanted.ty,
                optional: wanted.optional,
            }
        } else {
            Wants::Text
        };
        let expr = expression(
            world,
            &located,
            trimmed(text, &inside),
            wants,
            around,
            found,
        );
        if alone {
            return expr.map(Template::Expr);
        }
        if opening > at {
            parts.push(Part::Text(text[at..opening].to_owned()));
        }
        match expr {
            Some(expr) => parts.push(Part::Expr(expr)),
            None => whole = false,
        }
        at = end;
    }
    if at < text.len() {
        parts.push(Part::Text(text[at..].to_owned()));
    }
    let present = match wanted.ty {
        Type::Nullable(inner) => inner,
        other => other,
    };
    if !matches!(present, Type::Any | Type::Text | Type::Scalar) {
        let message = format!("`{}` would be a string here", wanted.name);
        found.push(
            Diagnostic::error(PARAM_TYPE, message)
                .at(node.span, "text and expression together give a string")
                .help("an expression alone, `${{ }}` with nothing around it, keeps its type"),
        );
        return None;
    }
    whole.then_some(Template::Text(parts))
}

fn secret(
    world: &World<'_>,
    name: &str,
    span: Span,
    wanted: Wanted<'_>,
    found: &mut Found,
) -> Option<Template> {
    let name = SecretName::try_from(name.to_owned()).ok();
    let Some(name) = name.filter(|name| world.secrets.contains(name)) else {
        let known = world.secrets.iter().map(SecretName::as_str);
        let written = world
            .text(span)
            .get(span.start..span.end)
            .unwrap_or_default();
        let written = written.trim_start_matches("secrets.");
        found.push(
            Diagnostic::error(UNKNOWN_NAME, format!("there is no secret `{written}`"))
                .at(span, "not listed under `secrets`")
                .maybe_help(did_you_mean(written, known)),
        );
        return None;
    };
    if !wanted.secret {
        let (message, help) = if wanted.command_line {
            (
                format!("`{}` is a command line and takes no secret", wanted.name),
                "every user of the machine can read it: hand the secret over by `env` or `stdin`",
            )
        } else {
            (
                format!("`{}` does not take a secret", wanted.name),
                "only parameters that are made for secrets keep them out of records",
            )
        };
        found.push(
            Diagnostic::error(SECRET_IN_EXPR, message)
                .at(span, "a secret")
                .help(help),
        );
        return None;
    }
    Some(Template::Secret(name))
}

/// `secrets.NAME` and nothing else.
fn secret_name(text: &str) -> Option<&str> {
    let name = text.trim().strip_prefix("secrets.")?;
    windlass_core::expr::is_identifier(name).then_some(name)
}

/// Where the expressions of a text stand, without their braces; up to the first that is
/// not closed.
pub(super) fn expressions(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(opening) = text[at..].find("${{").map(|place| at + place) {
        let Some(length) = expression_length(&text[opening + 3..]) else {
            break;
        };
        let inside = opening + 3..opening + 3 + length;
        at = inside.end + 2;
        found.push(trimmed(text, &inside));
    }
    found
}

/// The expression of a text that holds nothing else, and so keeps its type.
pub(super) fn alone(text: &str) -> Option<Range<usize>> {
    let opening = text.find("${{")?;
    let inside = opening + 3..opening + 3 + expression_length(&text[opening + 3..])?;
    let rest = &text[inside.end + 2..];
    let alone = text[..opening].trim().is_empty() && rest.trim().is_empty();
    alone.then(|| trimmed(text, &inside))
}

/// The range without blanks at its ends.
fn trimmed(text: &str, range: &Range<usize>) -> Range<usize> {
    let inside = &text[range.clone()];
    let start = range.start + (inside.len() - inside.trim_start().len());
    start..(start + inside.trim().len())
}

/// The length of the expression before its closing `}}`, which may not be one
/// that closes maps or stands in a string.
fn expression_length(text: &str) -> Option<usize> {
    // A longer one is refused in any case, and a text may hold many openings.
    let mut window = text.len().min(SOURCE_BYTES_MAX + 2);
    while !text.is_char_boundary(window) {
        window -= 1;
    }
    let text = &text[..window];
    let mut open_braces = 0_usize;
    let mut quote = None;
    let mut escaped = false;
    for (at, char) in text.char_indices() {
        if let Some(closing) = quote {
            if escaped {
                escaped = false;
            } else if char == '\\' {
                escaped = true;
            } else if char == closing {
                quote = None;
            }
            continue;
        }
        match char {
            '\'' | '"' => quote = Some(char),
            '{' => open_braces += 1,
            '}' if open_braces > 0 => open_braces -= 1,
            '}' if text[at..].starts_with("}}") => return Some(at),
            _ => {}
        }
    }
    // A quote that never closes must not hide the braces from the author.
    if quote.is_some() {
        text.find("}}")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_close_where_they_should() {
        assert_eq!(expression_length(" a }} b"), Some(3));
        assert_eq!(expression_length("{'a': {'b': 1}}}}"), Some(15));
        assert_eq!(expression_length("'}}' }}"), Some(5));
        assert_eq!(expression_length("'a }}"), Some(3));
        assert_eq!(expression_length("a }"), None);
    }
}
