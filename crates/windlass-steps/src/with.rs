//! Reads a step's resolved `with`. The front end has checked names and shapes where
//! it could; values of expressions come only now, so every read checks again.
//! A secret is given out only by the readers that say so.

use std::collections::BTreeMap;
use std::time::Duration;

use windlass_core::id::SecretName;
use windlass_core::outcome::Effected;
use windlass_core::plan::Input;
use windlass_core::value::Value;
use windlass_engine::ports::NotGranted;

use crate::ending::Ending;

/// Why a `with` cannot be used; nothing was sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadWith {
    #[error("{0}")]
    Unfit(String),
    #[error(transparent)]
    NotGranted(#[from] NotGranted),
}

impl BadWith {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::Unfit(message.into())
    }

    /// The attempt's end.
    pub(crate) fn into_ending(self) -> Ending {
        let code = match &self {
            BadWith::Unfit(_) => return Ending::not_sent(self.to_string()),
            BadWith::NotGranted(refusal) => refusal.code(),
        };
        Ending::new(Effected::None, code, self.to_string())
    }
}

/// A text, or the handle of a secret.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Given {
    Text(String),
    Secret(SecretName),
}

/// The members of a `with` that nobody has read yet. `null` counts as left out.
#[derive(Debug)]
pub(crate) struct Fields(BTreeMap<String, Input>);

impl Fields {
    /// The members of a map.
    pub(crate) fn of(input: &Input) -> Result<Self, BadWith> {
        let mut members = members(input).ok_or_else(|| {
            BadWith::new(format!("`with` must be a map, but is: {}", name(input)))
        })?;
        members.retain(|_, member| !matches!(member, Input::Value(Value::Null)));
        Ok(Self(members))
    }

    /// Whether a member was given and not read yet.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// Refuses members that nobody asked for.
    pub(crate) fn finish(self) -> Result<(), BadWith> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(key) => Err(BadWith::new(format!("`{key}` is no parameter here"))),
        }
    }

    /// Anything.
    pub(crate) fn input(&mut self, key: &str) -> Option<Input> {
        self.0.remove(key)
    }

    /// Any value without secrets.
    pub(crate) fn value(&mut self, key: &str) -> Result<Option<Value>, BadWith> {
        match self.0.remove(key) {
            None => Ok(None),
            Some(input) => match input.into_value() {
                Some(value) => Ok(Some(value)),
                None => Err(BadWith::new(format!("`{key}` takes no secret"))),
            },
        }
    }

    /// A text.
    pub(crate) fn text(&mut self, key: &str) -> Result<Option<String>, BadWith> {
        match self.value(key)? {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(other) => Err(mismatch(key, "a text", &other)),
        }
    }

    /// A text or a secret.
    pub(crate) fn given(&mut self, key: &str) -> Result<Option<Given>, BadWith> {
        match self.0.get(key) {
            Some(Input::Secret(secret)) => {
                let secret = secret.clone();
                self.0.remove(key);
                Ok(Some(Given::Secret(secret)))
            }
            _ => Ok(self.text(key)?.map(Given::Text)),
        }
    }

    /// A secret and nothing else.
    pub(crate) fn secret(&mut self, key: &str) -> Result<Option<SecretName>, BadWith> {
        match self.0.remove(key) {
            None => Ok(None),
            Some(Input::Secret(secret)) => Ok(Some(secret)),
            Some(_) => Err(BadWith::new(format!(
                "`{key}` must be a secret, as in `${{{{ secrets.NAME }}}}`: other values are journalled"
            ))),
        }
    }

    /// A list whose items are texts, numbers or booleans, as texts.
    pub(crate) fn texts(&mut self, key: &str) -> Result<Option<Vec<String>>, BadWith> {
        let Some(value) = self.value(key)? else {
            return Ok(None);
        };
        let Value::List(items) = value else {
            return Err(mismatch(key, "a list", &value));
        };
        let texts = items.iter().enumerate().map(|(at, item)| {
            scalar_text(item).ok_or_else(|| {
                let (at, kind) = (at + 1, item.type_name());
                BadWith::new(format!(
                    "item {at} of `{key}` must be a text, but is: {kind}"
                ))
            })
        });
        texts.collect::<Result<_, _>>().map(Some)
    }

    /// A list of integers.
    pub(crate) fn ints(&mut self, key: &str) -> Result<Option<Vec<i64>>, BadWith> {
        let Some(value) = self.value(key)? else {
            return Ok(None);
        };
        let Value::List(items) = value else {
            return Err(mismatch(key, "a list", &value));
        };
        let ints = items.iter().map(|item| match item {
            Value::Int(int) => Ok(*int),
            other => Err(mismatch(key, "a list of integers", other)),
        });
        ints.collect::<Result<_, _>>().map(Some)
    }

    /// A list of any values.
    pub(crate) fn values(&mut self, key: &str) -> Result<Option<Vec<Value>>, BadWith> {
        match self.value(key)? {
            None => Ok(None),
            Some(Value::List(items)) => Ok(Some(items)),
            Some(other) => Err(mismatch(key, "a list", &other)),
        }
    }

    /// A boolean.
    pub(crate) fn bool(&mut self, key: &str) -> Result<Option<bool>, BadWith> {
        match self.value(key)? {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(other) => Err(mismatch(key, "true or false", &other)),
        }
    }

    /// An integer.
    pub(crate) fn int(&mut self, key: &str) -> Result<Option<i64>, BadWith> {
        match self.value(key)? {
            None => Ok(None),
            Some(Value::Int(value)) => Ok(Some(value)),
            Some(other) => Err(mismatch(key, "an integer", &other)),
        }
    }

    /// A duration, which the plan holds as milliseconds; longer than nothing.
    pub(crate) fn duration(&mut self, key: &str) -> Result<Option<Duration>, BadWith> {
        match self.int(key)? {
            None => Ok(None),
            Some(ms) => match u64::try_from(ms) {
                Ok(ms) if ms > 0 => Ok(Some(Duration::from_millis(ms))),
                _ => Err(BadWith::new(format!("`{key}` must be longer than nothing"))),
            },
        }
    }

    /// A map of texts, numbers and booleans, or secrets, by name.
    pub(crate) fn givens(&mut self, key: &str) -> Result<Vec<(String, Given)>, BadWith> {
        let Some(input) = self.0.remove(key) else {
            return Ok(Vec::new());
        };
        let members = members(&input).ok_or_else(|| {
            BadWith::new(format!("`{key}` must be a map, but is: {}", name(&input)))
        })?;
        let givens = members.into_iter().map(|(member, input)| match input {
            Input::Secret(secret) => Ok((member, Given::Secret(secret))),
            input => match input.into_value().as_ref().and_then(scalar_text) {
                Some(text) => Ok((member, Given::Text(text))),
                None => Err(BadWith::new(format!(
                    "`{key}.{member}` must be a text or a secret"
                ))),
            },
        });
        givens.collect()
    }
}

fn members(input: &Input) -> Option<BTreeMap<String, Input>> {
    match input {
        Input::Value(Value::Map(map)) => Some(
            map.iter()
                .map(|(key, value)| (key.clone(), Input::Value(value.clone())))
                .collect(),
        ),
        Input::Map(map) => Some(map.clone()),
        Input::Value(Value::Null) => Some(BTreeMap::new()),
        Input::Value(_) | Input::Secret(_) | Input::List(_) => None,
    }
}

fn name(input: &Input) -> &'static str {
    match input {
        Input::Value(value) => value.type_name(),
        Input::Secret(_) => "secret",
        Input::List(_) => "list",
        Input::Map(_) => "map",
    }
}

fn mismatch(key: &str, expected: &str, got: &Value) -> BadWith {
    BadWith::new(format!(
        "`{key}` must be {expected}, but is: {}",
        got.type_name()
    ))
}

/// A scalar as text; `None` for null, lists and maps.
pub(crate) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Int(value) => Some(value.to_string()),
        Value::Float(value) => Some(value.to_string()),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: &str) -> Fields {
        Fields::of(&Input::Value(serde_json::from_str(json).unwrap())).unwrap()
    }

    #[test]
    fn wrong_types_and_unknown_names_are_told() {
        let mut with = fields(r#"{"argv":["sleep",5],"cwd":3,"x":null,"y":1}"#);
        assert_eq!(with.texts("argv").unwrap().unwrap(), ["sleep", "5"]);
        assert_eq!(
            with.text("cwd").unwrap_err().to_string(),
            "`cwd` must be a text, but is: integer"
        );
        assert_eq!(
            with.finish().unwrap_err().to_string(),
            "`y` is no parameter here"
        );
    }

    #[test]
    fn a_secret_is_only_read_where_one_is_asked_for() {
        let secret = Input::Secret("token".parse().unwrap());
        let map = BTreeMap::from([
            ("argv".to_owned(), Input::List(vec![secret.clone()])),
            ("stdin".to_owned(), secret),
        ]);
        let mut with = Fields::of(&Input::Map(map)).unwrap();
        assert!(with.texts("argv").is_err());
        assert_eq!(
            with.given("stdin").unwrap(),
            Some(Given::Secret("token".parse().unwrap()))
        );
    }
}
