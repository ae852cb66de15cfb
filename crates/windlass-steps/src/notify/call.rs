//! Reads the `with` of a message: where it goes, how it is signed, what it says.

use std::time::Duration;

use secrecy::ExposeSecret as _;
use windlass_core::id::SecretName;
use windlass_core::plan::Input;
use windlass_core::value::Value;
use windlass_engine::ports::Secrets;
use windlass_http::{Range, Url};

use super::page::{REPEAT, REPEAT_MIN};
use crate::with::{BadWith, Fields, Given};

/// The words that `severity` takes, as PagerDuty has them.
const SEVERITIES: [&str; 4] = ["critical", "error", "warning", "info"];

/// Where a message goes, and what it carries beside its body.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) url: Option<Given>,
    pub(super) secret: Option<SecretName>,
    pub(super) headers: Vec<(String, Given)>,
    pub(super) private: Vec<Range>,
    pub(super) plaintext: bool,
}

/// The `with` of `notify/webhook`.
#[derive(Clone, Debug)]
pub(super) struct HookCall {
    pub(super) way: Way,
    pub(super) json: Option<Value>,
    pub(super) wait: bool,
}

/// Who is called.
#[derive(Clone, Debug)]
pub(super) enum Provider {
    PagerDuty { routing_key: SecretName },
    Webhook,
}

/// The `with` of `notify/page`.
#[derive(Clone, Debug)]
pub(super) struct PageCall {
    pub(super) way: Way,
    pub(super) provider: Provider,
    pub(super) severity: String,
    pub(super) summary: Option<String>,
    pub(super) source: Option<String>,
    pub(super) details: Option<Value>,
    pub(super) links: Vec<Value>,
    pub(super) repeat: Duration,
}

impl Way {
    /// Where it goes. What is wrong with an address says nothing of it: it may be a secret.
    pub(super) fn url(&self, default: &str, secrets: &Secrets) -> Result<Url, String> {
        let text = match &self.url {
            None => default,
            Some(Given::Text(text)) => text,
            Some(Given::Secret(name)) => secrets
                .as_address(name)
                .map_err(|error| error.to_string())?
                .expose_secret(),
        };
        text.trim()
            .parse()
            .map_err(|error| format!("`url`: {error}"))
    }

    /// The host that it goes to.
    pub(super) fn host(&self, default: &str, secrets: &Secrets) -> Result<String, String> {
        Ok(self.url(default, secrets)?.origin().host().to_owned())
    }
}

fn way(fields: &mut Fields) -> Result<Way, BadWith> {
    let ranges = fields.texts("private_addresses")?.unwrap_or_default();
    let private = ranges.iter().map(|range| {
        let bad = |_| {
            BadWith::new(format!(
                "`private_addresses`: {range:?} is no range of addresses"
            ))
        };
        range.parse::<Range>().map_err(bad)
    });
    let reason = fields.text("insecure_reason")?;
    Ok(Way {
        url: fields.given("url")?,
        secret: fields.secret("secret")?,
        headers: fields.givens("headers")?,
        private: private.collect::<Result<_, _>>()?,
        plaintext: reason.is_some_and(|reason| !reason.trim().is_empty()),
    })
}

impl HookCall {
    pub(super) fn read(input: &Input) -> Result<Self, BadWith> {
        let mut fields = Fields::of(input)?;
        let way = way(&mut fields)?;
        if way.url.is_none() {
            return Err(BadWith::new("`url` is missing"));
        }
        let call = Self {
            way,
            json: fields.value("json")?,
            wait: fields.bool("wait")?.unwrap_or(false),
        };
        fields.finish()?;
        Ok(call)
    }
}

impl PageCall {
    pub(super) fn read(input: &Input) -> Result<Self, BadWith> {
        let mut fields = Fields::of(input)?;
        let way = way(&mut fields)?;
        let routing_key = fields.secret("routing_key")?;
        let provider = match fields.text("provider")?.as_deref() {
            Some("pagerduty") => Provider::PagerDuty {
                routing_key: routing_key
                    .ok_or_else(|| BadWith::new("`pagerduty` needs a `routing_key`"))?,
            },
            Some("webhook") if way.url.is_none() => {
                return Err(BadWith::new("`webhook` needs a `url`"));
            }
            Some("webhook") if routing_key.is_some() => {
                return Err(BadWith::new("`routing_key` is for `pagerduty`"));
            }
            Some("webhook") => Provider::Webhook,
            Some(other) => {
                return Err(BadWith::new(format!(
                    "`provider` is `pagerduty` or `webhook`, not {other:?}"
                )));
            }
            None => return Err(BadWith::new("`provider` is missing")),
        };
        let severity = fields
            .text("severity")?
            .unwrap_or_else(|| SEVERITIES[0].to_owned());
        if !SEVERITIES.contains(&severity.as_str()) {
            return Err(BadWith::new(format!(
                "`severity` is critical, error, warning or info, not {severity:?}"
            )));
        }
        let call = Self {
            way,
            provider,
            severity,
            summary: fields.text("summary")?,
            source: fields.text("source")?,
            details: fields.value("details")?,
            links: fields.values("links")?.unwrap_or_default(),
            repeat: fields.duration("repeat")?.unwrap_or(REPEAT).max(REPEAT_MIN),
        };
        fields.finish()?;
        Ok(call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(json: &str) -> Result<PageCall, String> {
        let input = Input::Value(serde_json::from_str(json).unwrap());
        PageCall::read(&input).map_err(|error| error.to_string())
    }

    #[test]
    fn what_a_page_lacks_is_named() {
        for (with, why) in [
            ("{}", "`provider` is missing"),
            (
                r#"{"provider":"pagerduty"}"#,
                "`pagerduty` needs a `routing_key`",
            ),
            (r#"{"provider":"webhook"}"#, "`webhook` needs a `url`"),
            (
                r#"{"provider":"carrier pigeon"}"#,
                "`provider` is `pagerduty` or `webhook`, not \"carrier pigeon\"",
            ),
            (
                r#"{"provider":"webhook","url":"https://a.example","severity":"bad"}"#,
                "`severity` is critical, error, warning or info, not \"bad\"",
            ),
            (
                r#"{"provider":"webhook","url":"https://a.example","private_addresses":["all"]}"#,
                "`private_addresses`: \"all\" is no range of addresses",
            ),
        ] {
            assert_eq!(page(with).unwrap_err(), why, "{with}");
        }
        let least = page(r#"{"provider":"webhook","url":"https://a.example"}"#).unwrap();
        assert_eq!(
            (least.severity.as_str(), least.repeat),
            ("critical", REPEAT)
        );
    }
}
