//! Templates: values with expressions and secrets in them, and what they resolve to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::expr::{EvalError, Expr, Scope};
use crate::id::SecretName;
use crate::value::Value;

/// A value of the runbook before its expressions are evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    Literal(Value),
    /// `${{ expr }}` alone: keeps its type.
    Expr(Expr),
    /// Text with expressions in it: always a string.
    Text(Vec<Part>),
    /// `${{ secrets.NAME }}` alone.
    Secret(SecretName),
    List(Vec<Template>),
    Map(BTreeMap<String, Template>),
}

/// A piece of a text template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Text(String),
    Expr(Expr),
}

/// A resolved template: a value in which secrets stand as handles.
///
/// The variants are tagged in JSON, so that no value that a target returned
/// can be read back as a secret's handle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    Value(Value),
    Secret(SecretName),
    List(Vec<Input>),
    Map(BTreeMap<String, Input>),
}

/// Why a template has no value.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ResolveError {
    #[error(transparent)]
    Eval(#[from] EvalError),
    #[error("`{0}` is null and stands inside a text; test it with `== null` first")]
    NullInText(String),
    #[error("the value is larger than {INPUT_BYTES_MAX} bytes")]
    TooLarge,
    /// Of a target only.
    #[error("{0}")]
    NoTarget(&'static str),
}

/// The most bytes that a resolved template may hold.
pub const INPUT_BYTES_MAX: usize = 256 * 1024;

impl Template {
    /// Evaluates every expression once.
    pub fn resolve(&self, scope: &dyn Scope) -> Result<Input, ResolveError> {
        let input = self.resolve_inner(scope)?;
        if input.weight_bytes() > INPUT_BYTES_MAX {
            return Err(ResolveError::TooLarge);
        }
        Ok(input)
    }

    /// The names of all secrets in it.
    pub fn secrets(&self) -> Vec<&SecretName> {
        match self {
            Template::Literal(_) | Template::Expr(_) | Template::Text(_) => Vec::new(),
            Template::Secret(name) => vec![name],
            Template::List(items) => items.iter().flat_map(Template::secrets).collect(),
            Template::Map(map) => map.values().flat_map(Template::secrets).collect(),
        }
    }

    fn resolve_inner(&self, scope: &dyn Scope) -> Result<Input, ResolveError> {
        Ok(match self {
            Template::Literal(value) => Input::Value(value.clone()),
            Template::Expr(expr) => Input::Value(expr.eval(scope)?),
            Template::Text(parts) => Input::Value(Value::Text(resolve_text(parts, scope)?)),
            Template::Secret(name) => Input::Secret(name.clone()),
            Template::List(items) => {
                let items: Vec<Input> = items
                    .iter()
                    .map(|item| item.resolve_inner(scope))
                    .collect::<Result<_, _>>()?;
                Input::List(items).plain()
            }
            Template::Map(map) => {
                let map: BTreeMap<String, Input> = map
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), value.resolve_inner(scope)?)))
                    .collect::<Result<_, ResolveError>>()?;
                Input::Map(map).plain()
            }
        })
    }
}

pub(super) fn resolve_text(parts: &[Part], scope: &dyn Scope) -> Result<String, ResolveError> {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Text(piece) => text.push_str(piece),
            Part::Expr(expr) => match expr.eval(scope)? {
                Value::Null => return Err(ResolveError::NullInText(expr.source().to_owned())),
                Value::Text(value) => text.push_str(&value),
                value => text.push_str(&value.to_string()),
            },
        }
    }
    Ok(text)
}

impl Input {
    /// Folds a list or map without secrets into one plain value.
    fn plain(self) -> Self {
        match self {
            Input::List(items) if items.iter().all(Input::is_value) => Input::Value(Value::List(
                items.into_iter().filter_map(Input::into_value).collect(),
            )),
            Input::Map(map) if map.values().all(Input::is_value) => Input::Value(Value::Map(
                map.into_iter()
                    .filter_map(|(key, input)| Some((key, input.into_value()?)))
                    .collect(),
            )),
            other => other,
        }
    }

    fn is_value(&self) -> bool {
        matches!(self, Input::Value(_))
    }

    /// The plain value, when no secret is in it.
    pub fn into_value(self) -> Option<Value> {
        match self {
            Input::Value(value) => Some(value),
            Input::Secret(_) | Input::List(_) | Input::Map(_) => None,
        }
    }

    /// The member of a map, secrets or not.
    pub fn get(&self, name: &str) -> Option<Input> {
        match self {
            Input::Value(value) => value.get(name).cloned().map(Input::Value),
            Input::Map(map) => map.get(name).cloned(),
            Input::Secret(_) | Input::List(_) => None,
        }
    }

    /// The names of all secrets in it.
    pub fn secrets(&self) -> Vec<&SecretName> {
        match self {
            Input::Value(_) => Vec::new(),
            Input::Secret(name) => vec![name],
            Input::List(items) => items.iter().flat_map(Input::secrets).collect(),
            Input::Map(map) => map.values().flat_map(Input::secrets).collect(),
        }
    }

    /// A rough count of the bytes it holds, for size bounds.
    pub fn weight_bytes(&self) -> usize {
        match self {
            Input::Value(value) => value.weight_bytes(),
            Input::Secret(name) => name.as_str().len(),
            Input::List(items) => items.iter().map(Input::weight_bytes).sum(),
            Input::Map(map) => map.iter().map(|(k, v)| k.len() + v.weight_bytes()).sum(),
        }
    }
}
