//! Outputs of mocked work, held against what the action gives: a mock that gives what
//! the action never would proves nothing.

use std::collections::BTreeMap;

use windlass_core::catalog::Catalog;
use windlass_core::id::ActionName;
use windlass_core::plan::Template;
use windlass_core::types::Type;
use windlass_core::value::Value;

use crate::check::fields::{Found, wrong_shape};
use crate::codes::TEST_MOCK;
use crate::diagnostic::Diagnostic;
use crate::node::{Node, NodeKind};
use crate::suggest::did_you_mean;

/// What an action gives, as far as anybody knows.
pub(super) struct Gives<'a> {
    action: &'a ActionName,
    /// `None` when that depends on the call.
    known: Option<BTreeMap<&'a str, &'a Type>>,
}

impl<'a> Gives<'a> {
    pub(super) fn new(
        action: &'a ActionName,
        with: &'a Template,
        stated: Option<&'a BTreeMap<String, Type>>,
        catalog: &'a Catalog,
    ) -> Self {
        let mut known = match catalog.get(action) {
            Some(action) if action.echoes => Some(given(with)),
            Some(action) => action.outputs.as_ref().map(|outputs| {
                let types = outputs.iter();
                types
                    .map(|(name, output)| (name.as_str(), &output.ty))
                    .collect()
            }),
            None => None,
        };
        if let Some(stated) = stated {
            let known = known.get_or_insert_default();
            known.extend(stated.iter().map(|(name, ty)| (name.as_str(), ty)));
        }
        Self { action, known }
    }

    /// Outputs in which nothing was said: empty texts and lists, noughts, nulls.
    pub(super) fn blank(&self) -> Value {
        let known = self.known.iter().flatten();
        Value::Map(
            known
                .map(|(name, ty)| ((*name).to_owned(), blank(ty)))
                .collect(),
        )
    }

    /// The outputs that are written down; what is left out is blank.
    pub(super) fn read(&self, node: &Node, found: &mut Found) -> Option<Value> {
        let part = self.part(node, found)?;
        let Value::Map(mut outputs) = self.blank() else {
            return None;
        };
        outputs.extend(part);
        Some(Value::Map(outputs))
    }

    /// Those outputs alone that are written down.
    pub(super) fn part(&self, node: &Node, found: &mut Found) -> Option<BTreeMap<String, Value>> {
        let NodeKind::Map(entries) = &node.kind else {
            found.push(wrong_shape(
                node,
                "`outputs` is a map by the outputs' names",
            ));
            return None;
        };
        let mut outputs = BTreeMap::new();
        let before = found.len();
        for entry in entries {
            let value = entry.value.to_value();
            let lie = |message: String| Diagnostic::error(TEST_MOCK, message);
            match self
                .known
                .as_ref()
                .map(|known| known.get(entry.key.as_str()))
            {
                None => {}
                Some(None) => {
                    let (action, name) = (self.action, entry.key.escape_debug());
                    let message = format!("`{action}` gives no output `{name}`");
                    let names = self.known.iter().flat_map(|known| known.keys().copied());
                    let help = did_you_mean(&entry.key, names.clone()).unwrap_or_else(|| {
                        format!("it gives {}", names.collect::<Vec<_>>().join(", "))
                    });
                    found.push(lie(message).at(entry.key_span, "no such output").help(help));
                }
                Some(Some(ty)) if ty.has(&value) => {}
                Some(Some(ty)) => {
                    let (action, name) = (self.action, &entry.key);
                    let message = format!("the output `{name}` of `{action}` is {ty}");
                    let label = format!("this is {}", entry.value.describe());
                    found.push(lie(message).at(entry.value.span, label));
                }
            }
            outputs.insert(entry.key.clone(), value);
        }
        (found.len() == before).then_some(outputs)
    }
}

/// What an action gives that gives its parameters back: of whatever type.
fn given(with: &Template) -> BTreeMap<&str, &Type> {
    let names: Vec<&String> = match with {
        Template::Map(map) => map.keys().collect(),
        Template::Literal(Value::Map(map)) => map.keys().collect(),
        Template::Literal(_)
        | Template::Expr(_)
        | Template::Text(_)
        | Template::Secret(_)
        | Template::List(_) => Vec::new(),
    };
    names
        .into_iter()
        .map(|name| (name.as_str(), &Type::Any))
        .collect()
}

fn blank(ty: &Type) -> Value {
    match ty {
        Type::Any | Type::Null | Type::Nullable(_) => Value::Null,
        Type::Bool => Value::Bool(false),
        Type::Int | Type::Number | Type::Duration | Type::Bytes => Value::Int(0),
        Type::Text | Type::Scalar => Value::Text(String::new()),
        Type::List(_) => Value::List(Vec::new()),
        Type::Map(_) => Value::Map(BTreeMap::new()),
        Type::Object(members) => Value::Map(
            members
                .iter()
                .map(|(name, ty)| (name.clone(), blank(ty)))
                .collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_value_has_its_type() {
        let members = [
            ("a".to_owned(), Type::list(Type::Int)),
            ("b".to_owned(), Type::Text),
        ];
        let types = [
            Type::Any,
            Type::Null,
            Type::Bool,
            Type::Int,
            Type::Number,
            Type::Duration,
            Type::Bytes,
            Type::Text,
            Type::Scalar,
            Type::list(Type::Text),
            Type::map(Type::Int),
            Type::Object(members.into()),
            Type::Text.nullable(),
        ];
        for ty in types {
            assert!(ty.has(&blank(&ty)), "{ty}");
        }
    }
}
