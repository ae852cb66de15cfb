//! What a step declares that its action gives: types, where the action itself says less.

use std::borrow::Cow;
use std::collections::BTreeMap;

use windlass_core::catalog::{Action, Output};
use windlass_core::expr::is_identifier;
use windlass_core::id::ActionName;
use windlass_core::types::Type;

use super::echoed;
use super::fields::{Fields, Found, wrong_shape};
use super::shapes::{bad_name, plain_type};
use crate::codes::DECLARED_OUTPUT;
use crate::diagnostic::Diagnostic;
use crate::node::NodeKind;
use crate::suggest::did_you_mean;

/// The outputs that the step's fields declare, by name.
pub(super) fn declared(
    name: &ActionName,
    action: Option<&Action>,
    fields: &Fields<'_>,
    found: &mut Found,
) -> BTreeMap<String, Type> {
    let mut declared = BTreeMap::new();
    let Some(node) = fields.value("outputs") else {
        return declared;
    };
    let NodeKind::Map(entries) = &node.kind else {
        let rule = "`outputs` is a map from the action's outputs to their types";
        found.push(wrong_shape(node, rule));
        return declared;
    };
    let known = action.and_then(|action| known(action, fields));
    let known = known.as_deref();
    for entry in entries {
        if !is_identifier(&entry.key) {
            found.push(bad_name(&entry.key, "an output", entry.key_span));
            continue;
        }
        let Some(ty) = plain_type(&entry.value, entry.key_span, found) else {
            continue;
        };
        if let Some(known) = known {
            let Some(output) = known.get(&entry.key) else {
                let names = || known.keys().map(String::as_str);
                let help = did_you_mean(&entry.key, names()).unwrap_or_else(|| {
                    format!("its outputs are {}", names().collect::<Vec<_>>().join(", "))
                });
                let message = format!("`{name}` gives no output `{}`", entry.key);
                found.push(
                    Diagnostic::error(DECLARED_OUTPUT, message)
                        .at(entry.key_span, "unknown output")
                        .help(help),
                );
                continue;
            };
            if !narrows(&ty, &output.ty) {
                let message = format!("`{}` of `{name}` is {}, never {ty}", entry.key, output.ty);
                found.push(
                    Diagnostic::error(DECLARED_OUTPUT, message)
                        .at(entry.value.span, "cannot be")
                        .help(format!("`{}`: {}", entry.key, output.summary)),
                );
                continue;
            }
        }
        declared.insert(entry.key.clone(), ty);
    }
    declared
}

/// The outputs of the action by itself, before anything is known of the step's values.
fn known<'a>(action: &'a Action, fields: &Fields<'_>) -> Option<Cow<'a, BTreeMap<String, Output>>> {
    if !action.echoes {
        return action.outputs.as_ref().map(Cow::Borrowed);
    }
    let any = Output {
        summary: "what it is given".to_owned(),
        ty: Type::Any,
    };
    let given = echoed::given(fields).iter();
    Some(Cow::Owned(
        given
            .map(|entry| (entry.key.clone(), any.clone()))
            .collect(),
    ))
}

/// Whether every value of `declared` could be one of `given`.
fn narrows(declared: &Type, given: &Type) -> bool {
    match (declared, given) {
        (_, Type::Any) | (Type::Any, _) => true,
        (Type::Nullable(declared), Type::Nullable(given)) => narrows(declared, given),
        (declared, Type::Nullable(given)) => *declared == Type::Null || narrows(declared, given),
        // It is more cautious than it need be, and that is no contradiction.
        (Type::Nullable(declared), given) => narrows(declared, given),
        (Type::Int | Type::Duration | Type::Bytes, Type::Int | Type::Number | Type::Scalar) => true,
        (Type::Number, Type::Scalar) | (Type::Text | Type::Bool, Type::Scalar) => true,
        (Type::List(declared), Type::List(given)) | (Type::Map(declared), Type::Map(given)) => {
            narrows(declared, given)
        }
        (Type::Object(members), Type::Map(given)) => {
            members.values().all(|member| narrows(member, given))
        }
        (Type::Map(value), Type::Object(members)) => {
            members.values().all(|member| narrows(value, member))
        }
        (Type::Object(declared), Type::Object(given)) => declared
            .iter()
            .all(|(name, member)| given.get(name).is_some_and(|given| narrows(member, given))),
        (declared, given) => declared == given,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_says_more_and_never_otherwise() {
        let rows = || Type::list(Type::map(Type::Any));
        let row = Type::Object([("lag".to_owned(), Type::Bytes)].into());
        for (declared, given) in [
            (Type::Text, Type::Any),
            (Type::Bytes, Type::Int),
            (Type::Int, Type::Scalar),
            (Type::list(row.clone()), rows()),
            (Type::Text, Type::Text.nullable()),
        ] {
            assert!(narrows(&declared, &given), "{declared} of {given}");
        }
        for (declared, given) in [
            (Type::Text, Type::Int),
            (Type::list(Type::Text), rows()),
            (Type::map(Type::Any), rows()),
            (Type::Number, Type::Int),
        ] {
            assert!(!narrows(&declared, &given), "{declared} of {given}");
        }
    }
}
