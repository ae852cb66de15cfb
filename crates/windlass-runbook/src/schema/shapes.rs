//! The grammar's shapes as schemas.

use serde_json::{Value, json};
use windlass_core::plan::NOTICES_MAX;

use super::{Schema, values};
use crate::check::keys::{Answer, Keys, Shape};

/// A runbook's or a step's name.
const NAME: &str = "^[a-z][a-z0-9_]{0,63}$";
/// A name that expressions can write.
pub(super) const IDENTIFIER: &str = "^[A-Za-z_][A-Za-z0-9_]*$";
/// A span of time.
pub(super) const DURATION: &str = "^[0-9]+(ms|s|m|h|d)$";
/// A span of time that is longer than nothing.
const SOME_DURATION: &str = "^0*[1-9][0-9]*(ms|s|m|h|d)$";
/// How a target begins.
const SCHEME: &str = "^[a-z][a-z0-9+.-]*:";
/// Where an expression begins inside of text.
const BRACES: &str = "\\$\\{\\{";

impl Schema<'_> {
    pub(super) fn shape(&mut self, shape: Shape) -> Value {
        match shape {
            Shape::Version => json!({"const": 1}),
            Shape::Text => literal(),
            Shape::Target => json!({"type": "string", "pattern": SCHEME}),
            Shape::Name => json!({"type": "string", "pattern": NAME}),
            Shape::Word(words) => json!({"enum": words}),
            Shape::Boolean => json!({"type": "boolean"}),
            Shape::Count(least, most) => {
                json!({"type": "integer", "minimum": least, "maximum": most})
            }
            Shape::Duration => json!({"type": "string", "pattern": SOME_DURATION}),
            Shape::DurationOrZero => json!({"type": "string", "pattern": DURATION}),
            Shape::Expression => json!({
                "type": ["string", "boolean", "number"],
                "minLength": 1,
                "not": {"type": "string", "pattern": BRACES},
            }),
            Shape::Map(keys) => self.reference(keys),
            Shape::Texts => json!({
                "type": "object",
                "additionalProperties": {"type": "string"},
            }),
            Shape::Templates | Shape::With => json!({"type": "object"}),
            Shape::Names => {
                let name = json!({"type": "string", "pattern": NAME});
                json!({"anyOf": [name, {"type": "array", "items": name}]})
            }
            Shape::TextOrTexts => json!({
                "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
            }),
            Shape::Words => json!({"type": "array", "items": literal(), "minItems": 1}),
            Shape::Path => json!({"type": "string", "pattern": "^\\.\\.?/"}),
            Shape::Expressions => {
                let expression = self.shape(Shape::Expression);
                json!({
                    "type": "object",
                    "propertyNames": {"pattern": IDENTIFIER},
                    "additionalProperties": expression,
                })
            }
            Shape::Uses => self.uses(),
            Shape::Reads => self.reads(),
            Shape::Steps => {
                let step = self.define("step", Self::step);
                json!({
                    "type": "object",
                    "propertyNames": {"pattern": NAME},
                    "additionalProperties": step,
                })
            }
            Shape::Defaults => self.defaults(),
            Shape::Secrets => self.secrets(),
            Shape::Grants(keys) => {
                let grant = self.reference(keys);
                json!({"anyOf": [{"const": "manifest"}, {"type": "array", "items": grant}]})
            }
            Shape::Ranges => {
                let ranges = json!({"type": "array", "items": {"type": "string"}});
                json!({"anyOf": [ranges, {"type": "string", "pattern": BRACES}]})
            }
            Shape::Declarations(keys) => {
                let declaration = self.declaration(keys);
                json!({
                    "type": "object",
                    "propertyNames": {"pattern": IDENTIFIER},
                    "additionalProperties": declaration,
                })
            }
            Shape::Declaration(keys) => self.declaration(keys),
            Shape::Members(keys) => {
                let member = self.reference(keys);
                json!({"type": "object", "additionalProperties": member, "minProperties": 1})
            }
            Shape::ListOf(keys) => {
                let item = self.reference(keys);
                json!({"type": "array", "items": item})
            }
            Shape::NameOr(keys) => {
                let map = self.reference(keys);
                json!({"anyOf": [{"type": "string", "pattern": NAME}, map]})
            }
            Shape::Expiry => json!({
                "anyOf": [{"type": "string", "pattern": SOME_DURATION}, {"const": "window_end"}],
            }),
            Shape::OneOrMore(keys) => {
                let one = self.reference(keys);
                let more =
                    json!({"type": "array", "items": one, "minItems": 1, "maxItems": NOTICES_MAX});
                json!({"anyOf": [one, more]})
            }
            Shape::Answers(answer) => self.answers(answer),
            Shape::AnswersByStep(answer) => {
                let answers = self.answers(answer);
                json!({"type": "object", "additionalProperties": answers})
            }
            Shape::WordsByStep(words) => {
                let words: std::collections::BTreeSet<&&str> = words.iter().collect();
                json!({"type": "object", "additionalProperties": {"enum": words}})
            }
            Shape::CountsByStep(most) => json!({
                "type": "object",
                "additionalProperties": {"type": "integer", "minimum": 0, "maximum": most},
            }),
            Shape::MapByStep => json!({
                "type": "object",
                "additionalProperties": {"type": "object"},
            }),
            Shape::Note => json!({"type": "string"}),
            Shape::MapsByStep => {
                let map = json!({"type": "object"});
                let maps = json!({"type": "array", "items": map, "minItems": 1});
                json!({"type": "object", "additionalProperties": {"anyOf": [map, maps]}})
            }
            Shape::TextOrNothing => json!({"type": ["string", "null"]}),
            Shape::Anything => json!({}),
            // The rules of each type say more.
            Shape::OfType => json!({}),
            Shape::ListOfType => json!({"type": "array", "minItems": 1}),
        }
    }

    /// One answer, or a list with one for each time.
    fn answers(&mut self, answer: &'static Answer) -> Value {
        let mut one = vec![json!({"enum": answer.words})];
        one.extend(answer.maps.iter().map(|keys| self.reference(keys)));
        let one = json!({"anyOf": one});
        json!({"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]})
    }

    fn declaration(&mut self, keys: &'static Keys) -> Value {
        let map = self.reference(keys);
        json!({"anyOf": [{"enum": values::words()}, map]})
    }

    fn secrets(&mut self) -> Value {
        let name = json!({"type": "string", "pattern": NAME});
        let mut place = self.map(&crate::check::keys::SECRET);
        // One place at most, not two; and not nothing at all.
        super::extend(
            &mut place,
            json!({
                "minProperties": 1,
                "anyOf": [{"maxProperties": 1}, {"required": ["hosts"], "maxProperties": 2}],
            }),
        );
        let place = self.define("secret", |_| place);
        json!({"anyOf": [
            {"type": "array", "items": name},
            {
                "type": "object",
                "propertyNames": {"pattern": NAME},
                "additionalProperties": {"anyOf": [{"type": "null"}, place]},
            },
        ]})
    }
}

/// Text into which nothing is filled.
pub(super) fn literal() -> Value {
    json!({"type": "string", "not": {"pattern": BRACES}})
}
