//! Steps and what they call: for each action of the catalog its parameters, and what a
//! step must say about its effect and its timeout.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use windlass_core::catalog::{Action, Param};
use windlass_core::id::ActionName;
use windlass_core::plan::EffectClass;
use windlass_core::types::Type;

use super::shapes::{DURATION, IDENTIFIER, literal};
use super::{Schema, extend};
use crate::check::keys;

/// A text that is one expression, which keeps its type.
const ALONE: &str = "^\\s*\\$\\{\\{[\\s\\S]*\\}\\}\\s*$";

/// A `uses` that means a runbook rather than an action.
const PATH: &str = "^[./]|\\.ya?ml$";

const CLASSES: [EffectClass; 4] = [
    EffectClass::Read,
    EffectClass::Idempotent,
    EffectClass::Reversible,
    EffectClass::Irreversible,
];

impl Schema<'_> {
    /// A step is a gate, a wait, or calls an action.
    pub(super) fn step(&mut self) -> Value {
        let gate = self.reference(&keys::GATE);
        let inlined = self.reference(&keys::INLINED);
        let wait = self.define("wait", |schema| {
            let mut wait = schema.map(&keys::WAIT);
            let span = template(&Type::Duration);
            let with = json!({
                "properties": {"for": span, "until": {"type": "string"}},
                "oneOf": [{"required": ["for"]}, {"required": ["until"]}],
                "additionalProperties": false,
            });
            extend(
                &mut wait,
                json!({"allOf": [{"properties": {"with": with}}]}),
            );
            wait
        });
        let manual = self.define("manual", |schema| {
            let mut manual = schema.map(&keys::MANUAL);
            let catalog = schema.catalog;
            let mut entries = catalog.actions.values();
            if let Some(action) = entries.find(|action| action.is_by_hand()) {
                extend(&mut manual, json!({"allOf": [schema.with(action)]}));
            }
            manual
        });
        let action = self.define("action", |schema| {
            let mut action = schema.map(&keys::ACTION);
            let calls = schema.by_action(|schema, action| {
                let mut says = schema.with(action);
                extend(&mut says, effect(action));
                says
            });
            extend(
                &mut action,
                json!({
                    "allOf": calls,
                    "not": {"required": ["done", "for_each"]},
                    "dependentRequired": {
                        "max_parallel": ["for_each"],
                        "failure_budget": ["for_each"],
                    },
                }),
            );
            action
        });
        json!({
            "type": "object",
            "if": {"required": ["approval"]},
            "then": gate,
            "else": {
                "if": {"properties": {"uses": {"const": "wait"}}, "required": ["uses"]},
                "then": wait,
                "else": {
                    "if": {"properties": {"uses": {"const": "manual"}}, "required": ["uses"]},
                    "then": manual,
                    "else": {
                        "if": {"properties": {"uses": {"pattern": PATH}}, "required": ["uses"]},
                        "then": inlined,
                        "else": action,
                    },
                },
            },
        })
    }

    /// What each action says about the map that its name stands in.
    pub(super) fn by_action(&mut self, says: impl Fn(&mut Self, &Action) -> Value) -> Vec<Value> {
        let catalog = self.catalog;
        let actions = catalog.actions.iter();
        actions
            .map(|(name, action)| {
                let uses = json!({"const": name.as_str()});
                json!({
                    "if": {"properties": {"uses": uses}, "required": ["uses"]},
                    "then": says(self, action),
                })
            })
            .collect()
    }

    /// The parameters of an action. That one is missing cannot be said: `defaults` may
    /// have it.
    pub(super) fn with(&mut self, action: &Action) -> Value {
        let params: serde_json::Map<String, Value> = action
            .params
            .iter()
            .map(|(name, param)| (name.clone(), self.parameter(param)))
            .collect();
        let mut with = json!({"type": "object", "properties": params});
        let others = match &action.rest {
            Some(rest) => self.parameter(rest),
            None => json!(false),
        };
        extend(&mut with, json!({"additionalProperties": others}));
        if action.echoes {
            // Expressions read them by their names.
            let rules = json!({"propertyNames": {"pattern": IDENTIFIER}, "minProperties": 1});
            extend(&mut with, rules);
        }
        json!({"properties": {"with": with}})
    }

    fn parameter(&mut self, param: &Param) -> Value {
        let mut schema = if param.declares {
            self.shape(crate::check::keys::Shape::Declarations(&keys::VALUE))
        } else if param.checks {
            let check = self.reference(&keys::CHECK);
            let short = template(&Type::Bool);
            json!({
                "type": "object",
                "propertyNames": {"pattern": IDENTIFIER},
                "additionalProperties": {"anyOf": [short, check]},
                "minProperties": 1,
            })
        } else {
            template(&param.ty)
        };
        if param.literal {
            schema = json!({"allOf": [schema, {"if": {"type": "string"}, "then": literal()}]});
        }
        extend(&mut schema, json!({"description": param.summary}));
        schema
    }

    /// The name of any action.
    pub(super) fn uses(&mut self) -> Value {
        self.names_of("any_action", |_| true)
    }

    /// The name of an action that can be used as a read.
    pub(super) fn reads(&mut self) -> Value {
        self.names_of("any_read", |action| {
            action
                .effect
                .is_none_or(|effect| effect == EffectClass::Read)
        })
    }

    fn names_of(&mut self, name: &str, is_meant: fn(&Action) -> bool) -> Value {
        self.define(name, |schema| {
            let actions = schema.catalog.actions.iter();
            let names: Vec<Value> = actions
                .filter(|(_, action)| is_meant(action))
                .map(
                    |(name, action)| json!({"const": name.as_str(), "description": action.summary}),
                )
                .collect();
            // A plugin has more, and only `check` knows which.
            let own: BTreeSet<&str> = schema.catalog.actions.keys().map(family).collect();
            let own: Vec<&str> = own.into_iter().collect();
            let of_plugin = json!({
                "pattern": "^[a-z][a-z0-9_]*/[a-z][a-z0-9_]*$",
                "not": {"pattern": format!("^({})/", own.join("|"))},
            });
            let names: Vec<Value> = names.into_iter().chain([of_plugin]).collect();
            json!({"type": "string", "anyOf": names})
        })
    }

    /// Parameters by the first words of actions. What each action makes of them is told
    /// where it is used.
    pub(super) fn defaults(&mut self) -> Value {
        let mut families: BTreeMap<&str, BTreeMap<&str, BTreeSet<&str>>> = BTreeMap::new();
        for (name, action) in &self.catalog.actions {
            let params = families.entry(family(name)).or_default();
            for (name, param) in &action.params {
                params.entry(name).or_default().insert(&param.summary);
            }
        }
        let families: serde_json::Map<String, Value> = families
            .into_iter()
            .map(|(family, params)| {
                let params: serde_json::Map<String, Value> = params
                    .into_iter()
                    .map(|(name, summaries)| {
                        let summaries: Vec<&str> = summaries.into_iter().collect();
                        (name.to_owned(), json!({"description": summaries.join(" ")}))
                    })
                    .collect();
                let schema = json!({
                    "type": "object",
                    "properties": params,
                    "additionalProperties": false,
                });
                (family.to_owned(), schema)
            })
            .collect();
        // Others are of plugins.
        let others = json!({"type": "object"});
        json!({"type": "object", "properties": families, "additionalProperties": others})
    }
}

/// The first word of an action's name.
fn family(name: &ActionName) -> &str {
    name.as_str().split('/').next().unwrap_or_default()
}

/// A value of the type, or an expression that gives one.
fn template(ty: &Type) -> Value {
    let value = match ty {
        Type::Any => return json!({}),
        Type::Text => return json!({"type": "string"}),
        Type::Null => json!({"type": "null"}),
        Type::Bool => json!({"type": "boolean"}),
        Type::Int => json!({"type": "integer"}),
        Type::Number => json!({"type": "number"}),
        Type::Scalar => return json!({"type": ["string", "number", "boolean"]}),
        Type::Duration => json!({"type": "string", "pattern": DURATION}),
        // Only an expression gives one.
        Type::Bytes => json!(false),
        Type::List(item) => json!({"type": "array", "items": template(item)}),
        Type::Map(value) => {
            json!({"type": "object", "additionalProperties": template(value)})
        }
        Type::Object(members) => {
            let members: serde_json::Map<String, Value> = members
                .iter()
                .map(|(name, member)| (name.clone(), template(member)))
                .collect();
            json!({"type": "object", "properties": members})
        }
        Type::Nullable(inner) => return json!({"anyOf": [{"type": "null"}, template(inner)]}),
    };
    json!({"anyOf": [value, {"type": "string", "pattern": ALONE}]})
}

/// What a step with this action must say, and may say, about its effect.
fn effect(action: &Action) -> Value {
    let changes: Vec<&str> = CLASSES
        .into_iter()
        .filter(|class| class.is_change())
        .map(EffectClass::as_str)
        .collect();
    let is_change = json!({"properties": {"effect": {"enum": changes}}, "required": ["effect"]});
    // Nobody but the author knows how long a change may take that the action leaves open.
    let timeout = json!({"if": is_change, "then": {"required": ["timeout"]}});
    let mut all = Vec::new();
    let mut schema = json!({});
    match action.effect {
        None => {
            extend(&mut schema, json!({"required": ["effect"]}));
            all.push(timeout);
        }
        Some(least) => {
            let classes: Vec<&str> = CLASSES
                .into_iter()
                .filter(|class| *class >= least)
                .map(EffectClass::as_str)
                .collect();
            all.push(json!({"properties": {"effect": {"enum": classes}}}));
            if action.timeout.is_none() {
                all.push(if least.is_change() {
                    json!({"required": ["timeout"]})
                } else {
                    timeout
                });
            }
        }
    }
    extend(&mut schema, json!({"allOf": all}));
    schema
}
