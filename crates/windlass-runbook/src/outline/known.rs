//! Values that are known before a run: templates and expressions that read the inputs
//! only, or an item of a `for_each` over them. Not what steps give; that is told as the
//! text of its expression.

use std::borrow::Cow;
use std::collections::BTreeMap;

use windlass_core::expr::{Expr, Scope};
use windlass_core::plan::{Input, Part, Template};
use windlass_core::value::Value;

/// What is known of a value before the run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Known {
    Now(Value),
    /// A secret stands in it, or steps before it decide it: its text, as far as it is known.
    Later(String),
    /// It has no value with these inputs; why.
    Never(String),
}

/// The names that have values before a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a> {
    pub(crate) inputs: &'a BTreeMap<String, Value>,
    pub(crate) item: Option<&'a Value>,
}

impl Scope for Names<'_> {
    fn resolve<'a>(&'a self, path: &[&str]) -> Option<(Cow<'a, Value>, usize)> {
        match *path.first()? {
            "inputs" => match path.get(1) {
                Some(name) => Some((Cow::Borrowed(self.inputs.get(*name)?), 2)),
                None => Some((Cow::Owned(Value::Map(self.inputs.clone())), 1)),
            },
            "item" => Some((Cow::Borrowed(self.item?), 1)),
            _ => None,
        }
    }
}

impl Names<'_> {
    /// Whether all that the expression reads is known.
    fn cover(&self, expr: &Expr) -> bool {
        expr.references()
            .iter()
            .all(|reference| match reference.path.first() {
                Some(&"inputs") => true,
                Some(&"item") => self.item.is_some(),
                Some(_) | None => false,
            })
    }

    fn cover_all(&self, template: &Template) -> bool {
        match template {
            Template::Literal(_) => true,
            Template::Expr(expr) => self.cover(expr),
            Template::Text(parts) => parts.iter().all(|part| match part {
                Part::Text(_) => true,
                Part::Expr(expr) => self.cover(expr),
            }),
            Template::Secret(_) => false,
            Template::List(items) => items.iter().all(|item| self.cover_all(item)),
            Template::Map(map) => map.values().all(|value| self.cover_all(value)),
        }
    }

    /// What is known of an expression.
    pub(crate) fn expr(&self, expr: &Expr) -> Known {
        if !self.cover(expr) {
            return Known::Later(expr.source().to_owned());
        }
        match expr.eval(self) {
            Ok(value) => Known::Now(value),
            Err(error) => Known::Never(error.to_string()),
        }
    }

    /// What is known of a template.
    pub(crate) fn template(&self, template: &Template) -> Known {
        if !self.cover_all(template) {
            return Known::Later(self.partly(template));
        }
        match template.resolve(self).map(Input::into_value) {
            Ok(Some(value)) => Known::Now(value),
            Ok(None) => Known::Later(self.partly(template)),
            Err(error) => Known::Never(error.to_string()),
        }
    }

    /// A template's text, with the values of those parts that are known.
    fn partly(&self, template: &Template) -> String {
        match template {
            Template::Literal(_) | Template::Secret(_) => template_text(template),
            Template::Expr(expr) => match self.expr(expr) {
                Known::Now(value) => value_text(&value),
                Known::Later(_) | Known::Never(_) => template_text(template),
            },
            Template::Text(parts) => parts
                .iter()
                .map(|part| match part {
                    Part::Text(text) => text.clone(),
                    Part::Expr(expr) => self.partly(&Template::Expr(expr.clone())),
                })
                .collect(),
            Template::List(items) => {
                let items: Vec<String> = items.iter().map(|item| self.partly(item)).collect();
                items.join(" ")
            }
            Template::Map(map) => {
                let entries: Vec<String> = map
                    .iter()
                    .map(|(key, value)| format!("{key}: {}", self.partly(value)))
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }
        }
    }
}

/// A template as its author wrote it, or nearly.
pub(crate) fn template_text(template: &Template) -> String {
    match template {
        Template::Literal(value) => value_text(value),
        Template::Expr(expr) => format!("${{{{ {} }}}}", expr.source()),
        Template::Text(parts) => parts_text(parts),
        Template::Secret(name) => format!("${{{{ secrets.{name} }}}}"),
        Template::List(items) => {
            let items: Vec<String> = items.iter().map(template_text).collect();
            items.join(" ")
        }
        Template::Map(map) => {
            let entries: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{key}: {}", template_text(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

/// A text with expressions in it.
pub(crate) fn parts_text(parts: &[Part]) -> String {
    let text = parts.iter().map(|part| match part {
        Part::Text(text) => text.clone(),
        Part::Expr(expr) => format!("${{{{ {} }}}}", expr.source()),
    });
    text.collect()
}

/// A value in one text; a list of words as a command line is typed.
pub(crate) fn value_text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::List(items)
            if items
                .iter()
                .all(|item| !matches!(item, Value::List(_) | Value::Map(_))) =>
        {
            let words: Vec<String> = items.iter().map(word).collect();
            words.join(" ")
        }
        other => other.to_string(),
    }
}

fn word(value: &Value) -> String {
    let text = match value {
        Value::Text(text) => text.clone(),
        other => return other.to_string(),
    };
    let plain = |char: char| char.is_alphanumeric() || "_-./:=@%+,".contains(char);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
