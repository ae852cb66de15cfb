//! What `notify/page` sends: an event of PagerDuty's Events API v2, or a message of the
//! same content to a receiver of one's own.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde_json::json;
use windlass_core::value::Value;
use windlass_engine::ports::{Message, MessageAct};

use super::call::{PageCall, Provider};
use super::hook::made;

/// Where PagerDuty takes events.
pub const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";
/// How often a page is sent again, unless it says otherwise.
pub const REPEAT: Duration = Duration::from_secs(5 * 60);
/// The shortest pause between two sendings of a page.
pub(super) const REPEAT_MIN: Duration = Duration::from_secs(1);
/// The longest summary that PagerDuty takes, in characters.
const SUMMARY_CHARS_MAX: usize = 1_024;

/// What calls of one cause are put together by: the message's own id.
pub(super) fn dedup_key(id: &str) -> String {
    format!("windlass-{id}")
}

/// The id of one sending: repeats of a call are messages of their own to a receiver that
/// tells repeats of one apart, and tries of one repeat are not.
pub(super) fn sending_id(message: &Message) -> String {
    let id = &message.id;
    match message.act {
        MessageAct::Tell | MessageAct::Call if message.number == 0 => id.clone(),
        MessageAct::Tell | MessageAct::Call => format!("{id}-{}", message.number),
        MessageAct::Acknowledge => format!("{id}-acknowledge"),
        MessageAct::Resolve => format!("{id}-resolve"),
    }
}

/// The bytes of a page, or why there are none.
pub(super) fn body(call: &PageCall, message: &Message) -> Result<Vec<u8>, String> {
    let action = match message.act {
        MessageAct::Tell | MessageAct::Call => "trigger",
        MessageAct::Acknowledge => "acknowledge",
        MessageAct::Resolve => "resolve",
    };
    let payload = payload(call, message);
    match &call.provider {
        Provider::PagerDuty { routing_key } => {
            let host = call.way.host(PAGERDUTY, &message.secrets)?;
            let key = message.secrets.for_host(routing_key, &host);
            let key = key.map_err(|error| error.to_string())?;
            let mut event = json!({
                "routing_key": key.expose_secret().trim(),
                "event_action": action,
                "dedup_key": dedup_key(&message.id),
            });
            if action == "trigger" {
                event["payload"] = payload;
                event["links"] = json!(call.links);
                event["client"] = json!("windlass");
            }
            Ok(event.to_string().into_bytes())
        }
        Provider::Webhook => {
            let text =
                |value: serde_json::Value| serde_json::from_value(value).unwrap_or(Value::Null);
            let data = BTreeMap::from([
                ("dedup_key".to_owned(), Value::Text(dedup_key(&message.id))),
                ("page".to_owned(), text(payload)),
                ("links".to_owned(), Value::List(call.links.clone())),
                ("event".to_owned(), message.facts.clone()),
            ]);
            Ok(made(&format!("page.{action}"), message, Value::Map(data)))
        }
    }
}

fn payload(call: &PageCall, message: &Message) -> serde_json::Value {
    let fact = |name: &str| match message.facts.get(name) {
        Some(Value::Text(text)) => text.clone(),
        _ => String::new(),
    };
    let told = || format!("{}: {}", fact("title"), fact("summary"));
    let summary = call.summary.clone().unwrap_or_else(told);
    let summary: String = summary.chars().take(SUMMARY_CHARS_MAX).collect();
    let source = call.source.clone().unwrap_or_else(|| fact("run"));
    let mut details = match &call.details {
        Some(Value::Map(map)) => map.clone(),
        Some(other) => BTreeMap::from([("details".to_owned(), other.clone())]),
        None => BTreeMap::new(),
    };
    details
        .entry("windlass".to_owned())
        .or_insert_with(|| message.facts.clone());
    json!({
        "summary": summary,
        "source": source,
        "severity": call.severity,
        "timestamp": message.at.to_string(),
        "class": fact("kind"),
        "custom_details": details,
    })
}
