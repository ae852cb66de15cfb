//! The language as a JSON Schema (draft 2020-12), so that editors complete and explain.
//! It is made from the same grammar that the decoder reads with, and from the catalog.
//! It refuses nothing that `check` accepts; what it cannot know, `check` says.

mod actions;
mod page;
mod shapes;
mod values;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use windlass_core::catalog::Catalog;

use crate::check::keys::{self, Key, Keys, Shape};
use crate::diagnostic::Diagnostic;
use crate::node::{Node, NodeKind};
use crate::policy;
use crate::testing;
use crate::yaml;

pub use page::keys_page;

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema of a runbook that may use the catalog's actions.
pub fn runbook(catalog: &Catalog) -> Value {
    Schema::new(catalog).document(
        &keys::TOP,
        "A windlass runbook",
        "Steps that change production, each journalled, none irreversible twice.",
    )
}

/// The schema of a test file.
pub fn test_file() -> Value {
    Schema::new(&Catalog::default()).document(
        &testing::keys::TOP,
        "Tests of a windlass runbook",
        "Cases with mocked work, answered gates and what the run must come to.",
    )
}

/// The schema of a policy file.
pub fn policy_file() -> Value {
    Schema::new(&Catalog::default()).document(
        &policy::keys::TOP,
        "A windlass policy",
        "Who may start, approve and direct what, and what is demanded of plans.",
    )
}

/// What a text says, as the schema sees it.
///
/// # Errors
/// The text cannot be read.
pub fn data(text: &str) -> Result<Value, Vec<Diagnostic>> {
    match yaml::read(text) {
        (Some(node), found) if found.is_empty() => Ok(json(&node)),
        (_, found) => Err(found),
    }
}

fn json(node: &Node) -> Value {
    match &node.kind {
        NodeKind::Null => Value::Null,
        NodeKind::Bool(value) => (*value).into(),
        NodeKind::Int(value) => (*value).into(),
        NodeKind::Float(value) => (*value).into(),
        NodeKind::Text(text) => text.as_str().into(),
        NodeKind::List(items) => items.iter().map(json).collect(),
        NodeKind::Map(entries) => {
            let members = entries.iter();
            members
                .map(|entry| (entry.key.clone(), json(&entry.value)))
                .collect()
        }
    }
}

/// A schema that grows by definitions.
struct Schema<'a> {
    catalog: &'a Catalog,
    /// By name; `None` while a definition is being made, for those that hold themselves.
    defs: BTreeMap<String, Option<Value>>,
}

impl<'a> Schema<'a> {
    fn new(catalog: &'a Catalog) -> Self {
        Self {
            catalog,
            defs: BTreeMap::new(),
        }
    }

    /// A whole document, with all definitions that it refers to.
    fn document(mut self, keys: &'static Keys, title: &str, description: &str) -> Value {
        let mut root = self.map(keys);
        let defs: serde_json::Map<String, Value> = self
            .defs
            .into_iter()
            .map(|(name, def)| (name, def.unwrap_or(Value::Bool(true))))
            .collect();
        let head = json!({
            "$schema": DRAFT,
            "title": title,
            "description": description,
            "$defs": defs,
        });
        extend(&mut root, head);
        root
    }

    /// A reference to a definition, which is made when it is met first.
    fn define(&mut self, name: &str, make: impl FnOnce(&mut Self) -> Value) -> Value {
        if !self.defs.contains_key(name) {
            self.defs.insert(name.to_owned(), None);
            let made = make(self);
            self.defs.insert(name.to_owned(), Some(made));
        }
        json!({"$ref": format!("#/$defs/{name}")})
    }

    /// A reference to a map of the grammar.
    fn reference(&mut self, keys: &'static Keys) -> Value {
        let name = keys.of.trim_start_matches("a ").trim_start_matches("an ");
        let name = name.replace('`', "").replace(' ', "_");
        self.define(&name, |schema| schema.map(keys))
    }

    /// A map of the grammar.
    fn map(&mut self, keys: &'static Keys) -> Value {
        let mut properties = serde_json::Map::new();
        for key in keys.known {
            properties.insert(key.name.to_owned(), self.key(key));
        }
        let required: Vec<&str> = keys
            .known
            .iter()
            .filter(|key| key.is_required)
            .map(|key| key.name)
            .collect();
        let mut map = json!({
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        });
        if !required.is_empty() {
            extend(&mut map, json!({"required": required}));
        }
        if keys.get("type").is_some() {
            extend(&mut map, values::rules(keys));
        }
        let one_of = testing::keys::ONE_OF.iter();
        for (_, names) in one_of.filter(|(of, _)| std::ptr::eq(*of, keys)) {
            let one_of: Vec<Value> = names
                .iter()
                .map(|name| json!({"required": [name]}))
                .collect();
            extend(&mut map, json!({"oneOf": one_of}));
        }
        let calls = keys.get("uses").map(|key| key.shape);
        if matches!(calls, Some(Shape::Uses | Shape::Reads)) {
            extend(&mut map, json!({"allOf": self.by_action(Self::with)}));
        }
        map
    }

    fn key(&mut self, key: &Key) -> Value {
        let mut shape = self.shape(key.shape);
        if matches!(key.shape, Shape::Steps) && key.is_required {
            extend(&mut shape, json!({"minProperties": 1}));
        }
        extend(
            &mut shape,
            json!({"description": key.doc, "examples": [example(key)]}),
        );
        shape
    }
}

/// The example of a key as data.
fn example(key: &Key) -> Value {
    data(key.example).unwrap_or_default()
}

/// Adds the members of one object to another.
fn extend(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every map of the grammar, once.
    pub(super) fn all_keys() -> [&'static Keys; 51] {
        [
            &keys::TOP,
            &keys::CHANGE,
            &keys::SECRET,
            &keys::VAULT,
            &keys::VAULT_AUTH,
            &keys::APPROLE,
            &keys::KEPT,
            &keys::INPUT,
            &keys::FIELD,
            &keys::ITEM,
            &keys::OUTPUT,
            &keys::ACTION,
            &keys::INLINED,
            &keys::MANUAL,
            &keys::VALUE,
            &keys::WAIT,
            &keys::WINDOW,
            &keys::GATE,
            &keys::APPROVAL,
            &keys::QUORUM,
            &keys::FACT,
            &keys::CHECK,
            &keys::RETRY,
            &keys::PROVIDES,
            &keys::GUARD,
            &keys::UNTIL,
            &keys::RECONCILE,
            &keys::UNDO,
            &testing::keys::TOP,
            &testing::keys::CASE,
            &testing::keys::REPLY,
            &testing::keys::NATIVE_LOOK,
            &testing::keys::READ_LOOK,
            &testing::keys::GATE,
            &testing::keys::OPENINGS,
            &testing::keys::CUE,
            &testing::keys::EXPECT,
            &policy::keys::TOP,
            &policy::keys::PERSON,
            &policy::keys::SSH_KEY,
            &policy::keys::GROUP,
            &policy::keys::SHIFT,
            &policy::keys::DELEGATION,
            &policy::keys::RULE,
            &policy::keys::DEMAND,
            &policy::keys::GUARD,
            &policy::keys::RELAXATION,
            &policy::keys::WINDOW,
            &policy::keys::OPENING,
            &policy::keys::FREEZE,
            &policy::keys::LOADS,
        ]
    }

    #[test]
    fn every_key_is_explained_by_one_sentence_and_an_example() {
        for keys in all_keys() {
            for key in keys.known {
                let place = format!("`{}` of {}", key.name, keys.of);
                assert!(key.doc.ends_with('.') && key.doc.len() > 5, "{place}");
                assert!(!key.doc.contains('\n'), "{place}");
                assert!(data(key.example).is_ok(), "{place}");
            }
        }
    }
}
