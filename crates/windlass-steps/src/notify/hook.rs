//! What `notify/webhook` sends: the author's own body, or one that windlass makes.

use serde_json::json;
use windlass_engine::ports::Message;

use super::call::HookCall;

/// The version of the bodies that windlass makes.
pub(super) const BODY_VERSION: u32 = 1;

/// The bytes of a message.
pub(super) fn body(call: &HookCall, message: &Message) -> Vec<u8> {
    match &call.json {
        Some(value) => value.to_string().into_bytes(),
        None => made(
            &format!("run.{}", kind(message)),
            message,
            message.facts.clone(),
        ),
    }
}

/// The kind of the fact that a message tells.
pub(super) fn kind(message: &Message) -> String {
    match message.facts.get("kind") {
        Some(windlass_core::value::Value::Text(kind)) => kind.clone(),
        _ => "told".to_owned(),
    }
}

/// A body that windlass makes: type, version, time, and the facts.
pub(super) fn made(kind: &str, message: &Message, data: windlass_core::value::Value) -> Vec<u8> {
    let body = json!({
        "type": kind,
        "version": BODY_VERSION,
        "timestamp": message.at.to_string(),
        "data": data,
    });
    body.to_string().into_bytes()
}
