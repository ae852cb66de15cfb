//! A fixture: one call of an action, what its targets answered, and what comes of it. It
//! is a JSON file beside the plugin, written by hand or by a run that was recorded; no
//! value of a secret stands in it. Playing it is `trial`'s.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use windlass_core::id::SecretName;
use windlass_core::plan::Input;
use windlass_core::time::Timestamp;
use windlass_core::value::Value;

/// The most bytes of a fixture.
pub const FIXTURE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// What a header of a recorded request holds that is another one each time.
pub(crate) const ANYTHING: &str = "*";

/// One call and all around it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    pub action: String,
    #[serde(default)]
    pub phase: Phase,
    #[serde(default)]
    pub call: Call,
    /// The inputs; `${{ secrets.NAME }}` stands for a secret.
    #[serde(default)]
    pub with: Json,
    /// What the attempt had kept: for a reconcile and an undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Json>,
    #[serde(default)]
    pub exchanges: Vec<Exchange>,
    pub expect: Expect,
}

/// Which export is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    #[default]
    Run,
    Reconcile,
    /// A reconcile of an undo.
    ReconcileUndo,
    Undo,
}

/// What the guest is told of its call.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Call {
    pub run: String,
    pub step: String,
    pub attempt: u32,
    pub idempotency_key: String,
    /// When it begins; only waits move the guest's clock on.
    pub now: String,
    pub timeout_ms: u64,
    /// What its random bytes are made of.
    pub seed: String,
}

impl Default for Call {
    fn default() -> Self {
        Self {
            run: "run-1".to_owned(),
            step: "step".to_owned(),
            attempt: 1,
            idempotency_key: "key-1".to_owned(),
            now: "2030-01-01T00:00:00Z".to_owned(),
            timeout_ms: 600_000,
            seed: String::new(),
        }
    }
}

/// A request and what came of it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    pub request: Request,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// In the place of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<Lost>,
}

/// A request as the guest makes it: secrets stand in it by their names. It has at most one
/// of the three bodies.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub method: String,
    pub url: String,
    /// Those that are looked at; `*` is any value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}

/// An answer as the guest gets it; `${{ issued.1 }}` is the first secret that is issued.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub status: u16,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}

/// A request that got no answer.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Lost {
    /// As `docs/plugins.md` lists them.
    pub kind: String,
    /// Whether a byte of it may have left.
    pub sent: bool,
    #[serde(default)]
    pub message: String,
}

/// What comes of the call: one of the ends, and what else is looked at.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub happened: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_happened: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_progress: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// The look itself failed, with a message that holds this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What was kept last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Json>,
}

/// A failure; the message holds what stands here.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Failed {
    /// `none`, `settled` or `unknown`.
    pub effect: String,
    pub code: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// What is no fixture.
#[derive(Debug, thiserror::Error)]
pub enum BadFixture {
    #[error("it has more than {FIXTURE_BYTES_MAX} bytes")]
    Large,
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("`call.now` is no time such as 2030-01-01T00:00:00Z")]
    Now,
    #[error("exchange {0} has neither `answer` nor `lost`, or both")]
    Exchange(usize),
    #[error("a body of exchange {0} is more than one of `json`, `text` and `base64`")]
    Body(usize),
    #[error("`expect` names {0} ends, and there is one")]
    Ends(usize),
}

impl Fixture {
    /// Reads a fixture.
    ///
    /// # Errors
    /// It is none.
    pub fn read(text: &str) -> Result<Self, BadFixture> {
        if text.len() > FIXTURE_BYTES_MAX {
            return Err(BadFixture::Large);
        }
        let fixture: Self = serde_json::from_str(text)?;
        fixture.now().ok_or(BadFixture::Now)?;
        for (number, exchange) in fixture.exchanges.iter().enumerate() {
            if exchange.answer.is_some() == exchange.lost.is_some() {
                return Err(BadFixture::Exchange(number + 1));
            }
            let request = exchange.request.bodies();
            let answer = exchange.answer.as_ref().map_or(0, Answer::bodies);
            if request > 1 || answer > 1 {
                return Err(BadFixture::Body(number + 1));
            }
        }
        match fixture.expect.ends() {
            1 => Ok(fixture),
            other => Err(BadFixture::Ends(other)),
        }
    }

    /// When the call begins.
    pub fn now(&self) -> Option<Timestamp> {
        Timestamp::parse(&self.call.now)
    }
}

fn count(set: &[bool]) -> usize {
    set.iter().filter(|set| **set).count()
}

impl Request {
    fn bodies(&self) -> usize {
        count(&[
            self.json.is_some(),
            self.text.is_some(),
            self.base64.is_some(),
        ])
    }
}

impl Answer {
    fn bodies(&self) -> usize {
        count(&[
            self.json.is_some(),
            self.text.is_some(),
            self.base64.is_some(),
        ])
    }
}

impl Expect {
    fn ends(&self) -> usize {
        count(&[
            self.output.is_some(),
            self.failure.is_some(),
            self.happened.is_some(),
            self.not_happened.is_some(),
            self.settled.is_some(),
            self.in_progress.is_some(),
            self.unknown.is_some(),
            self.error.is_some(),
        ])
    }
}

/// How a secret of the step is written.
pub(crate) fn secret_reference(name: &SecretName) -> String {
    format!("${{{{ secrets.{name} }}}}")
}

/// How a secret is written that a target issued, counted from 1.
pub(crate) fn issued_reference(number: u32) -> String {
    format!("${{{{ issued.{number} }}}}")
}

/// The secret that a text stands for.
fn secret_named(text: &str) -> Option<SecretName> {
    let inner = text.strip_prefix("${{")?.strip_suffix("}}")?.trim();
    inner.strip_prefix("secrets.")?.parse().ok()
}

/// Inputs as they are written, for the runner.
pub(crate) fn to_input(with: &Json) -> Input {
    match with {
        Json::String(text) => match secret_named(text) {
            Some(name) => Input::Secret(name),
            None => Input::Value(Value::Text(text.clone())),
        },
        Json::Array(items) => Input::List(items.iter().map(to_input).collect()),
        Json::Object(map) => {
            let members = map
                .iter()
                .map(|(key, value)| (key.clone(), to_input(value)));
            Input::Map(members.collect())
        }
        plain => Input::Value(serde_json::from_value(plain.clone()).unwrap_or(Value::Null)),
    }
}

/// Inputs of a runner, as they are written.
pub(crate) fn of_input(input: &Input) -> Json {
    match input {
        Input::Value(value) => serde_json::to_value(value).unwrap_or(Json::Null),
        Input::Secret(name) => Json::String(secret_reference(name)),
        Input::List(items) => items.iter().map(of_input).collect(),
        Input::Map(map) => {
            let members = map
                .iter()
                .map(|(key, value)| (key.clone(), of_input(value)));
            Json::Object(members.collect())
        }
    }
}

/// The names of the secrets that inputs hold.
pub(crate) fn secrets_in(input: &Input, found: &mut Vec<SecretName>) {
    match input {
        Input::Value(_) => {}
        Input::Secret(name) => found.push(name.clone()),
        Input::List(items) => items.iter().for_each(|item| secrets_in(item, found)),
        Input::Map(map) => map.values().for_each(|item| secrets_in(item, found)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_fixture_says_twice_or_not_at_all_is_refused() {
        let fixture = |exchange: &str, expect: &str| {
            let text =
                format!(r#"{{"action": "a", "exchanges": [{exchange}], "expect": {expect}}}"#);
            Fixture::read(&text)
                .map(|_| ())
                .map_err(|error| error.to_string())
        };
        let request = r#""request": {"method": "GET", "url": "https://a.example/"}"#;
        let answer = r#""answer": {"status": 200, "json": {}}"#;
        let good = format!("{{{request}, {answer}}}");
        assert_eq!(fixture(&good, r#"{"output": {}}"#), Ok(()));
        for (exchange, expect, why) in [
            (format!("{{{request}}}"), r#"{"output": {}}"#, "exchange 1"),
            (
                good.replace("\"json\"", "\"text\": \"\", \"json\""),
                r#"{"output": {}}"#,
                "a body",
            ),
            (good.clone(), "{}", "names 0 ends"),
            (
                good.clone(),
                r#"{"output": {}, "unknown": ""}"#,
                "names 2 ends",
            ),
            (good.clone(), r#"{"outptu": {}}"#, "unknown field"),
            (
                good.replace("200", "200, \"x\": 1"),
                r#"{"output": {}}"#,
                "unknown field",
            ),
        ] {
            let error = fixture(&exchange, expect).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn secrets_stand_by_their_names() {
        let with = serde_json::json!({"a": "${{ secrets.token }}", "b": ["x", 7, null]});
        let input = to_input(&with);
        let mut secrets = Vec::new();
        secrets_in(&input, &mut secrets);
        assert_eq!(secrets, ["token".parse().unwrap()]);
        assert_eq!(of_input(&input), with);
    }
}
