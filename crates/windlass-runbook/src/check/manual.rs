//! Work that a person does by hand: the values that he states, and what may be said of
//! the step. What he is told is read with the other parameters.

use std::collections::BTreeMap;

use windlass_core::expr::is_identifier;
use windlass_core::plan::{Asked, EffectClass, Manual};
use windlass_core::types::Type;
use windlass_core::value::Value;

use super::fields::{Fields, Found, wrong_shape};
use super::shapes::{bad_name, stated};
use super::units;
use super::world::StepDraft;
use crate::codes::{MANUAL_EXPIRES, MANUAL_KEY};
use crate::diagnostic::Diagnostic;
use crate::node::{Entry, Node, NodeKind};

/// Keys of other steps, and why they have no place here.
const REFUSED: [(&str, &str); 6] = [
    (
        "timeout",
        "a person needs as long as he needs: `expires` closes what is no change",
    ),
    (
        "retry",
        "a person is asked once: `windlass retry` asks him again",
    ),
    (
        "until",
        "a person looks until he has seen it: say so in `instructions`",
    ),
    (
        "done",
        "whether there is anything to do is found by a read before",
    ),
    (
        "outputs",
        "what is stated is declared under `with`, as `values`",
    ),
    (
        "provides",
        "what a person states is no evidence: let a step look at what he did",
    ),
];

/// The declared values: their types, and what else is said of them.
pub(super) fn values(
    fields: &Fields<'_>,
    found: &mut Found,
) -> (BTreeMap<String, Type>, BTreeMap<String, Asked>) {
    let (mut types, mut rules) = (BTreeMap::new(), BTreeMap::new());
    let Some(node) = declared(fields) else {
        return (types, rules);
    };
    let NodeKind::Map(entries) = &node.kind else {
        let rule = "`values` is a map from names to types";
        found.push(wrong_shape(node, rule).help("write `values: {ticket: string}`"));
        return (types, rules);
    };
    for entry in entries {
        if !is_identifier(&entry.key) {
            found.push(bad_name(&entry.key, "a value", entry.key_span));
            continue;
        }
        let Some((ty, asked)) = stated(&entry.value, entry.key_span, found) else {
            continue;
        };
        types.insert(entry.key.clone(), ty);
        let asked = Asked {
            title: title(entry),
            ..asked
        };
        if asked != Asked::default() {
            rules.insert(entry.key.clone(), asked);
        }
    }
    (types, rules)
}

fn declared<'a>(fields: &Fields<'a>) -> Option<&'a Node> {
    let NodeKind::Map(with) = &fields.value("with")?.kind else {
        return None;
    };
    let entry = with.iter().find(|entry| entry.key == "values")?;
    Some(&entry.value)
}

fn title(entry: &Entry) -> Option<String> {
    let NodeKind::Map(about) = &entry.value.kind else {
        return None;
    };
    let title = about.iter().find(|about| about.key == "title")?;
    title.value.as_text().map(str::to_owned)
}

/// A value as a person types it, read as the type that is asked for. What does not fit
/// stays text: whoever judges it names the type.
pub fn stated_value(ty: &Type, text: &str) -> Value {
    let count = |count: Option<u64>| count.and_then(|count| i64::try_from(count).ok());
    let read = match ty {
        Type::Nullable(inner) => return stated_value(inner, text),
        Type::Text => None,
        Type::Bool => text.parse().ok().map(Value::Bool),
        Type::Duration => count(units::duration(text).map(|span| span.0)).map(Value::Int),
        Type::Bytes => count(units::bytes(text)).map(Value::Int),
        Type::Int => text.parse().ok().map(Value::Int),
        Type::Any
        | Type::Null
        | Type::Number
        | Type::Scalar
        | Type::List(_)
        | Type::Map(_)
        | Type::Object(_) => serde_json::from_str(text).ok(),
    };
    read.unwrap_or_else(|| Value::Text(text.to_owned()))
}

/// How the step is done by hand.
pub(super) fn manual(
    draft: &StepDraft<'_>,
    fields: &Fields<'_>,
    effect: Option<EffectClass>,
    found: &mut Found,
) -> Option<Manual> {
    let before = found.len();
    for (key, help) in REFUSED {
        if let Some(entry) = fields.get(key) {
            let message = format!("`{key}` is not for work that a person does by hand");
            found.push(
                Diagnostic::error(MANUAL_KEY, message)
                    .at(entry.key_span, "not here")
                    .help(help),
            );
        }
    }
    let expires = fields.duration("expires", found);
    if let Some(entry) = fields.get("expires")
        && let Some(effect) = effect.filter(|effect| effect.is_change())
    {
        let message = "a change by hand does not expire";
        found.push(
            Diagnostic::error(MANUAL_EXPIRES, message)
                .at(entry.key_span, format!("this step is {}", effect.as_str()))
                .help("somebody may be doing it when the time is over: only his word ends it"),
        );
    }
    let not_requester = fields.boolean("not_requester", found).unwrap_or(false);
    (found.len() == before).then(|| Manual {
        expires,
        not_requester,
        values: draft.values.clone(),
        show_units: BTreeMap::new(),
    })
}
