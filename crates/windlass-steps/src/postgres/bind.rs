//! Values as bound parameters. Each is sent as text for the type that the server
//! gave it when it parsed the statement, so the server's own rules read it and no
//! text ever becomes SQL.

use bytes::{BufMut as _, BytesMut};
use tokio_postgres::types::{Format, IsNull, Kind, ToSql, Type, to_sql_checked};
use windlass_core::value::Value;

use crate::with::scalar_text;

/// A parameter in its text form; `None` is NULL.
#[derive(Debug)]
pub(super) struct Bound(Option<String>);

impl Bound {
    /// A value for a type, or why it cannot be one.
    pub(super) fn new(value: &Value, ty: &Type) -> Result<Self, String> {
        let text = match (value, ty.kind()) {
            (Value::Null, _) => return Ok(Self(None)),
            (value, _) if is_json(ty) => value.to_string(),
            (Value::List(items), Kind::Array(item_type)) => array_text(items, item_type)?,
            (value, _) => scalar_text(value)
                .ok_or_else(|| format!("a {} cannot be a {}", value.type_name(), ty.name()))?,
        };
        if text.contains('\0') {
            return Err("PostgreSQL's texts cannot hold a NUL".to_owned());
        }
        Ok(Self(Some(text)))
    }
}

fn is_json(ty: &Type) -> bool {
    *ty == Type::JSON || *ty == Type::JSONB
}

/// `{"a","b",NULL}`: every item quoted, so none can end the array.
fn array_text(items: &[Value], item_type: &Type) -> Result<String, String> {
    let mut text = "{".to_owned();
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        // A list within a list is a further dimension of the same type.
        if let Value::List(inner) = item
            && !is_json(item_type)
        {
            text.push_str(&array_text(inner, item_type)?);
            continue;
        }
        match Bound::new(item, item_type)?.0 {
            None => text.push_str("NULL"),
            Some(item) => {
                text.push('"');
                for c in item.chars() {
                    if matches!(c, '"' | '\\') {
                        text.push('\\');
                    }
                    text.push(c);
                }
                text.push('"');
            }
        }
    }
    text.push('}');
    Ok(text)
}

impl ToSql for Bound {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        Ok(match &self.0 {
            None => IsNull::Yes,
            Some(text) => {
                out.put_slice(text.as_bytes());
                IsNull::No
            }
        })
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_take_the_form_of_their_type() {
        let table = [
            ("null", Type::INT4, None),
            ("7", Type::INT8, Some("7")),
            ("true", Type::BOOL, Some("true")),
            ("\"1.50\"", Type::NUMERIC, Some("1.50")),
            ("{\"a\":[1]}", Type::JSONB, Some("{\"a\":[1]}")),
            ("\"x\"", Type::JSON, Some("\"x\"")),
            (
                r#"["a\"b","c\\d",null,"{},"]"#,
                Type::TEXT_ARRAY,
                Some(r#"{"a\"b","c\\d",NULL,"{},"}"#),
            ),
            ("[]", Type::INT4_ARRAY, Some("{}")),
            (
                "[[1,2],[3,null]]",
                Type::INT4_ARRAY,
                Some(r#"{{"1","2"},{"3",NULL}}"#),
            ),
        ];
        for (json, ty, expected) in table {
            let value: Value = serde_json::from_str(json).unwrap();
            assert_eq!(
                Bound::new(&value, &ty).unwrap().0.as_deref(),
                expected,
                "{json}"
            );
        }
        let map: Value = serde_json::from_str("{}").unwrap();
        assert!(Bound::new(&map, &Type::TEXT).is_err());
        assert!(Bound::new(&Value::from("a\0"), &Type::TEXT).is_err());
    }
}
