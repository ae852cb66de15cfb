//! JSON Schemas into the catalog's parameters and outputs. What a schema says beyond a
//! type (bounds, patterns, the values of an enum) the plugin itself holds.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use windlass_core::catalog::{Output, Param};
use windlass_core::types::Type;

use crate::limits::SCHEMA_DEPTH_MAX;

/// The most bytes of a sentence for authors.
const SUMMARY_BYTES_MAX: usize = 500;

/// Why a schema is not used; the path says where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the schema at `{path}` {what}")]
pub struct BadSchema {
    path: String,
    what: &'static str,
}

fn bad(path: &str, what: &'static str) -> BadSchema {
    let path = if path.is_empty() { "/" } else { path }.to_owned();
    BadSchema { path, what }
}

/// The parameters that an `input` schema declares.
///
/// # Errors
/// It is not the schema of an object, or says what this version does not read.
pub fn params(text: &str) -> Result<BTreeMap<String, Param>, BadSchema> {
    let (properties, required) = object(text)?;
    let mut params = BTreeMap::new();
    for (name, schema) in &properties {
        let path = format!("/properties/{name}");
        if !is_name(name) {
            return Err(bad(
                &path,
                "is of a property whose name no runbook can write",
            ));
        }
        let ty = type_of(schema, &path, 0)?;
        let is_required = required.contains(name);
        let param = Param {
            summary: summary(schema),
            // `null` counts as left out.
            ty: match ty {
                Type::Nullable(inner) => *inner,
                other => other,
            },
            required: is_required,
            secret: has_secret(schema),
            literal: false,
            checks: false,
            declares: false,
            touches: None,
        };
        params.insert(name.clone(), param);
    }
    Ok(params)
}

/// The outputs that an `output` schema declares.
///
/// # Errors
/// As of [`params`].
pub fn outputs(text: &str) -> Result<BTreeMap<String, Output>, BadSchema> {
    let (properties, required) = object(text)?;
    let mut outputs = BTreeMap::new();
    for (name, schema) in &properties {
        let path = format!("/properties/{name}");
        if !is_name(name) {
            return Err(bad(
                &path,
                "is of a property whose name no runbook can write",
            ));
        }
        if has_secret(schema) {
            return Err(bad(&path, "is of a secret: no output is one"));
        }
        let ty = type_of(schema, &path, 0)?;
        let ty = match required.contains(name) {
            true => ty,
            false => ty.nullable(),
        };
        let summary = summary(schema);
        outputs.insert(name.clone(), Output { summary, ty });
    }
    Ok(outputs)
}

type Properties = (Map<String, Json>, Vec<String>);

fn object(text: &str) -> Result<Properties, BadSchema> {
    let schema: Json = serde_json::from_str(text).map_err(|_| bad("", "is no JSON"))?;
    if schema.get("type").and_then(Json::as_str) != Some("object") {
        return Err(bad("", "is not of an object"));
    }
    members(&schema, "")
}

fn members(schema: &Json, path: &str) -> Result<Properties, BadSchema> {
    let properties = match schema.get("properties") {
        None => Map::new(),
        Some(Json::Object(properties)) => properties.clone(),
        Some(_) => return Err(bad(path, "has `properties` that are no map")),
    };
    let required = match schema.get("required") {
        None => Vec::new(),
        Some(Json::Array(names)) => names
            .iter()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect(),
        Some(_) => return Err(bad(path, "has `required` that is no list")),
    };
    Ok((properties, required))
}

fn type_of(schema: &Json, path: &str, depth: usize) -> Result<Type, BadSchema> {
    if depth > SCHEMA_DEPTH_MAX {
        return Err(bad(path, "is too deep"));
    }
    let map = match schema {
        Json::Bool(true) => return Ok(Type::Any),
        Json::Object(map) => map,
        _ => return Err(bad(path, "is no schema")),
    };
    if map.contains_key("$ref") {
        return Err(bad(path, "is a `$ref`: write the schema where it is used"));
    }
    if let Some(Json::Array(choices)) = map.get("anyOf").or(map.get("oneOf")) {
        return one_of(choices, path, depth);
    }
    let (name, nullable) = match map.get("type") {
        None => return Ok(Type::Any),
        Some(Json::String(name)) => (name.as_str(), false),
        Some(Json::Array(names)) => {
            let names: Vec<&str> = names.iter().filter_map(Json::as_str).collect();
            match names[..] {
                [name, "null"] | ["null", name] => (name, true),
                [name] => (name, false),
                _ => return Ok(Type::Any),
            }
        }
        Some(_) => return Err(bad(path, "has a `type` that is no name")),
    };
    let ty = match name {
        "null" => Type::Null,
        "boolean" => Type::Bool,
        "integer" => Type::Int,
        "number" => Type::Number,
        "string" => Type::Text,
        "array" => match map.get("items") {
            None => Type::list(Type::Any),
            Some(items) => Type::list(type_of(items, &format!("{path}/items"), depth + 1)?),
        },
        "object" => object_type(schema, map, path, depth)?,
        _ => return Err(bad(path, "has a `type` that JSON does not know")),
    };
    Ok(if nullable { ty.nullable() } else { ty })
}

fn object_type(
    schema: &Json,
    map: &Map<String, Json>,
    path: &str,
    depth: usize,
) -> Result<Type, BadSchema> {
    if !map.contains_key("properties") {
        let path = format!("{path}/additionalProperties");
        return match map.get("additionalProperties") {
            None | Some(Json::Bool(_)) => Ok(Type::map(Type::Any)),
            Some(values) => Ok(Type::map(type_of(values, &path, depth + 1)?)),
        };
    }
    let (properties, required) = members(schema, path)?;
    let mut types = BTreeMap::new();
    for (name, schema) in &properties {
        let path = format!("{path}/properties/{name}");
        let ty = type_of(schema, &path, depth + 1)?;
        let ty = match required.contains(name) {
            true => ty,
            false => ty.nullable(),
        };
        types.insert(name.clone(), ty);
    }
    Ok(Type::Object(types))
}

/// One schema or null is that schema, nullable; other choices are told apart by nobody.
fn one_of(choices: &[Json], path: &str, depth: usize) -> Result<Type, BadSchema> {
    let types: Vec<Type> = choices
        .iter()
        .map(|choice| type_of(choice, path, depth + 1))
        .collect::<Result<_, _>>()?;
    let nullable = types.contains(&Type::Null);
    let mut others = types.into_iter().filter(|ty| *ty != Type::Null);
    match (others.next(), others.next(), nullable) {
        (Some(ty), None, true) => Ok(ty.nullable()),
        (Some(ty), None, false) => Ok(ty),
        (None, _, _) => Ok(Type::Null),
        (Some(first), Some(second), _) => {
            let alike = first == second && others.all(|other| other == first);
            let ty = if alike { first } else { Type::Any };
            Ok(if nullable { ty.nullable() } else { ty })
        }
    }
}

/// Whether a secret may stand in it, at any depth.
fn has_secret(schema: &Json) -> bool {
    match schema {
        Json::Object(map) => {
            map.get("format").and_then(Json::as_str) == Some("secret")
                || map.values().any(has_secret)
        }
        Json::Array(items) => items.iter().any(has_secret),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
    }
}

/// The first paragraph, on one line.
fn summary(schema: &Json) -> String {
    let text = schema.get("description").and_then(Json::as_str);
    let first = text
        .unwrap_or_default()
        .split("\n\n")
        .next()
        .unwrap_or_default();
    one_line(first, SUMMARY_BYTES_MAX)
}

/// A text of a plugin as it is shown: on one line, without control characters, bounded.
pub(crate) fn one_line(text: &str, bytes_max: usize) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut line: String = words.chars().filter(|c| !c.is_control()).collect();
    let cut = (0..=bytes_max.min(line.len()))
        .rev()
        .find(|at| line.is_char_boundary(*at));
    line.truncate(cut.unwrap_or(0));
    line
}

/// Whether a runbook can write it as a key and an expression as a member.
fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    name.len() <= windlass_core::id::NAME_BYTES_MAX
        && chars.next().is_some_and(|c| c.is_ascii_alphabetic())
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_properties() {
        let params = params(
            r#"{"type": "object", "required": ["name", "key"], "properties": {
                "name": {"type": "string", "description": "Whom\nto greet.\n\nMore."},
                "times": {"type": ["integer", "null"], "format": "uint32", "minimum": 0},
                "key": {"type": "string", "format": "secret"},
                "tags": {"type": "object", "additionalProperties": {"type": "string"}},
                "nodes": {"type": "array", "items": {"type": "object",
                    "properties": {"id": {"type": "string"}, "up": {"type": "boolean"}},
                    "required": ["id"]}},
                "size": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                "either": {"oneOf": [{"type": "integer"}, {"type": "string"}]}}}"#,
        )
        .unwrap();
        let node = [
            ("id".to_owned(), Type::Text),
            ("up".to_owned(), Type::Bool.nullable()),
        ];
        for (name, ty) in [
            ("name", Type::Text),
            ("times", Type::Int),
            ("key", Type::Text),
            ("tags", Type::map(Type::Text)),
            ("nodes", Type::list(Type::Object(node.into()))),
            ("size", Type::Int),
            ("either", Type::Any),
        ] {
            assert_eq!(params[name].ty, ty, "{name}");
            assert_eq!(params[name].secret, name == "key", "{name}");
            assert_eq!(
                params[name].required,
                ["name", "key"].contains(&name),
                "{name}"
            );
        }
        assert_eq!(params["name"].summary, "Whom to greet.");
    }

    #[test]
    fn outputs_that_may_be_missing_are_nullable() {
        let text = r#"{"type": "object", "properties": {"a": {"type": "integer"}}}"#;
        assert_eq!(outputs(text).unwrap()["a"].ty, Type::Int.nullable());
    }

    #[test]
    fn what_is_not_read_is_refused_with_its_place() {
        let deep = "{\"items\":".repeat(40) + "true" + &"}".repeat(40);
        let deep = deep.replace("{\"items\"", "{\"type\":\"array\",\"items\"");
        for (schema, path) in [
            ("x".to_owned(), "/"),
            (r#"{"type": "string"}"#.to_owned(), "/"),
            (property(r##"{"$ref": "#/$defs/a"}"##), "/properties/a"),
            (property(r#"{"type": "sting"}"#), "/properties/a"),
            (property(&deep), "/properties/a/items"),
        ] {
            let error = params(&schema).unwrap_err();
            assert!(error.to_string().contains(path), "{error}");
        }
        let secret = property(r#"{"type": "string", "format": "secret"}"#);
        assert!(outputs(&secret).is_err());
        assert!(params(r#"{"type":"object","properties":{"a-b":true}}"#).is_err());
    }

    fn property(schema: &str) -> String {
        format!(r#"{{"type": "object", "properties": {{"a": {schema}}}}}"#)
    }
}
