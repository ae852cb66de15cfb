//! What an answer means. A status is the target's own word: a change that gets one which
//! says neither done nor refused leaves everybody in doubt.

use std::collections::BTreeMap;
use std::time::Duration;

use windlass_core::outcome::{Effected, OUTPUTS_BYTES_MAX, Outcome};
use windlass_core::value::Value;
use windlass_engine::ports::StepContext;
use windlass_engine::redact::Redactor;
use windlass_http::Answer;

use super::call::{Call, Output};
use crate::ending::{Ending, succeeded};
use crate::json;
use crate::text::truncate;

/// Statuses that say by their definition that the request was not carried out: not
/// authorised, refused, no such method, a precondition that is false, not willing to
/// read it, wrong server, too many requests (RFC 9110, 15.5; RFC 6585).
/// 400, 404, 409 and 422 are not among them: a target can say them half way through.
pub const NO_EFFECT: [u16; 12] = [401, 403, 405, 411, 412, 413, 414, 415, 421, 428, 429, 431];
/// What of an answer's body stands in a failure's evidence.
const EVIDENCE_BYTES_MAX: usize = 8 * 1024;
/// What of it stands in the message.
const EXCERPT_BYTES_MAX: usize = 300;
/// What JSON may weigh as outputs; the rest is for headers.
const JSON_BYTES_MAX: usize = OUTPUTS_BYTES_MAX - 72 * 1024;
/// Headers of an answer that are credentials.
const CREDENTIALS: [&str; 2] = ["set-cookie", "set-cookie2"];
/// Headers that are told with a failure.
const TOLD: [&str; 5] = [
    "content-type",
    "location",
    "retry-after",
    "www-authenticate",
    "x-request-id",
];

/// Which statuses mean what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statuses {
    pub(super) ok: Vec<u16>,
    pub(super) no_effect: Vec<u16>,
}

impl Statuses {
    /// What a status that is no success says about the world.
    fn effect(&self, change: bool, status: u16) -> Effected {
        if self.no_effect.contains(&status) || !change {
            Effected::None
        } else {
            Effected::Unknown
        }
    }
}

/// The outcome of a whole answer. `derived` are secrets that only this call has, such as a
/// pair of user and password as a header carries it.
pub(super) fn outcome(
    context: &StepContext,
    call: &Call,
    derived: &Redactor,
    answer: Answer,
    took: Duration,
) -> Result<Outcome, Ending> {
    let change = context.effect.is_change();
    let body = text(&answer.body);
    let body = if answer.truncated {
        let redactor = context.log.redactor();
        redactor.cut_text(&derived.cut_text(&body))
    } else {
        derived.text(&body)
    };
    let took_ms = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
    let bytes = answer.body.len();
    context.log.line(&derived.text(&format!(
        "{:?}: {}, {bytes} bytes in {took_ms} ms",
        call.request, answer.status
    )));
    if !call.statuses.ok.contains(&answer.status) {
        let effect = call.statuses.effect(change, answer.status);
        // Before it is cut, or half of a secret could be left over.
        let body = context.log.redact(&body);
        return Err(refused(effect, &answer, &body));
    }
    let (json, body) = read(call.output, &answer, body)?;
    let headers = answer
        .headers
        .iter()
        .filter(|(name, _)| !CREDENTIALS.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), Value::Text(text(value.as_bytes()))))
        .collect();
    let outputs = [
        ("status", Value::Int(answer.status.into())),
        ("headers", Value::Map(headers)),
        ("json", json),
        ("body", body),
        ("truncated", Value::Bool(answer.truncated)),
        ("url", Value::Text(answer.url.to_string())),
        ("duration_ms", Value::Int(took_ms)),
    ];
    let outputs = outputs.map(|(name, value)| (name.to_owned(), value));
    let Value::Map(outputs) = derived.value(Value::Map(outputs.into())) else {
        unreachable!("a map without secrets is a map");
    };
    Ok(succeeded(&context.log, outputs))
}

/// The outputs `json` and `body`. The target has answered that all is well: what cannot
/// be read of that is a known end, and no doubt.
fn read(output: Output, answer: &Answer, body: String) -> Result<(Value, Value), Ending> {
    let wanted = match output {
        Output::Json => true,
        Output::Text => false,
        Output::Typed => is_json(answer) && !answer.truncated && !body.trim().is_empty(),
    };
    if !wanted {
        return Ok((Value::Null, Value::Text(body)));
    }
    let unusable = |code, message: String| {
        Ending::new(Effected::Settled, code, message).with_evidence(status_alone(answer.status))
    };
    if answer.truncated {
        let message = "the answer is longer than `max_bytes`, and half a document is none";
        return Err(unusable("output_too_large", message.to_owned()));
    }
    match json::parse(&body) {
        Ok(json) if json.weight_bytes() > JSON_BYTES_MAX => {
            let message = format!("the document is larger than {JSON_BYTES_MAX} bytes");
            Err(unusable("output_too_large", message))
        }
        Ok(json) => Ok((json, Value::Null)),
        Err(_) if output == Output::Typed => Ok((Value::Null, Value::Text(body))),
        Err(error) => {
            let message = format!("the answer is no JSON document: {error}");
            Err(unusable("output_not_json", message))
        }
    }
}

fn is_json(answer: &Answer) -> bool {
    let kind = answer.header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}

/// An answer that says no.
fn refused(effect: Effected, answer: &Answer, body: &str) -> Ending {
    let mut message = format!("the answer is {}", answer.status);
    if let Some(why) = &answer.stopped_at {
        message.push_str(&format!(", a redirect that is not followed: {why}"));
    }
    let mut excerpt = body.trim().to_owned();
    truncate(&mut excerpt, EXCERPT_BYTES_MAX);
    if !excerpt.is_empty() {
        message.push_str(&format!(": {excerpt}"));
    }
    let mut shown = body.to_owned();
    truncate(&mut shown, EVIDENCE_BYTES_MAX);
    let headers: BTreeMap<String, Value> = TOLD
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), answer.header(name)?.into())))
        .collect();
    let evidence = BTreeMap::from([
        ("status".to_owned(), Value::Int(answer.status.into())),
        ("headers".to_owned(), Value::Map(headers)),
        ("body".to_owned(), Value::Text(shown)),
    ]);
    Ending::new(effect, "http_status", message).with_evidence(Value::Map(evidence))
}

/// As evidence where there is no more.
pub(super) fn status_alone(status: u16) -> Value {
    Value::Map(BTreeMap::from([(
        "status".to_owned(),
        Value::Int(status.into()),
    )]))
}

/// Text for outputs: what is no UTF-8, and NUL, becomes U+FFFD.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_mean_what_the_page_says() {
        use Effected::{None as Nothing, Unknown};
        let statuses = Statuses {
            ok: vec![200],
            no_effect: NO_EFFECT.to_vec(),
        };
        for (change, status, effect) in [
            (true, 401, Nothing),
            (true, 429, Nothing),
            (true, 400, Unknown),
            (true, 404, Unknown),
            (true, 409, Unknown),
            (true, 303, Unknown),
            (true, 500, Unknown),
            (true, 503, Unknown),
            (true, 204, Unknown),
            (false, 500, Nothing),
            (false, 404, Nothing),
        ] {
            assert_eq!(statuses.effect(change, status), effect, "{change} {status}");
        }
    }
}
