//! What stands in the place of the world around a call that is played or recorded: a clock
//! that only waits move, random bytes from a seed, and targets that answer as they once
//! did, or the real ones with somebody who writes down what is said.
//!
//! Grants, captures, limits and redaction are those of every call: what is replaced comes
//! after them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use windlass_core::time::Timestamp;
use windlass_http::{Answer, Error, Kind, Sent, Url};

use crate::bindings::clock::Stop;
use crate::bindings::http::{Error as GuestError, Place};
use crate::bindings::http::{ErrorKind, Response, Sent as GuestSent};
use crate::fixture::{self, ANYTHING, Exchange, Lost, Request, issued_reference};

/// The stage of one call.
#[derive(Clone)]
pub(crate) struct Stage(Arc<Inner>);

struct Inner {
    seed: String,
    state: Mutex<State>,
}

struct State {
    now: Timestamp,
    deadline: Timestamp,
    /// Whether the run asks the guest to stop where it waits first.
    cancels: bool,
    cancelled: bool,
    /// How many times random bytes were asked for.
    drawn: u64,
    /// What was given out as a signature, in the forms in which headers hold it.
    signatures: Vec<String>,
    waits: u32,
    waits_after_cancel: u32,
    changes_after_cancel: u32,
    requests: Vec<Request>,
    /// What the guest asked for and was not given.
    refused: Vec<String>,
    kept: Option<String>,
    targets: Targets,
}

/// How a guest waits.
pub(crate) enum Waiting {
    /// As it is asked for.
    Real,
    /// It is over at once.
    Done,
    Stopped(Stop),
}

enum Targets {
    /// What is recorded, from the end to the next one.
    Played {
        left: Vec<Exchange>,
        wrong: Vec<String>,
    },
    /// All requests end like this.
    Same(Option<fixture::Answer>),
    /// The real ones.
    Recorded(Vec<Exchange>),
}

/// When a call begins, and when the waiting for it ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) now: Timestamp,
    pub(crate) deadline: Timestamp,
}

/// Why a played call is ended by its stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the fixture has no such request")]
pub(crate) struct Unmatched;

impl Stage {
    /// On which targets answer as they are recorded.
    pub(crate) fn playing(times: Times, seed: &str, exchanges: &[Exchange]) -> Self {
        let left = exchanges.iter().rev().cloned().collect();
        let wrong = Vec::new();
        Self::new(times, seed, Targets::Played { left, wrong })
    }

    /// On which all targets answer alike, or none does.
    pub(crate) fn answering(times: Times, seed: &str, answer: Option<fixture::Answer>) -> Self {
        Self::new(times, seed, Targets::Same(answer))
    }

    /// On which the real targets answer.
    pub(crate) fn recording(times: Times, seed: &str) -> Self {
        Self::new(times, seed, Targets::Recorded(Vec::new()))
    }

    fn new(times: Times, seed: &str, targets: Targets) -> Self {
        let state = State {
            now: times.now,
            deadline: times.deadline,
            cancels: false,
            cancelled: false,
            drawn: 0,
            signatures: Vec::new(),
            waits: 0,
            waits_after_cancel: 0,
            changes_after_cancel: 0,
            requests: Vec::new(),
            refused: Vec::new(),
            kept: None,
            targets,
        };
        Self(Arc::new(Inner {
            seed: seed.to_owned(),
            state: Mutex::new(state),
        }))
    }

    /// On which the run asks to stop where the guest waits first.
    pub(crate) fn cancelling(self) -> Self {
        self.state().cancels = true;
        self
    }

    /// Whether no real target is asked.
    pub(crate) fn is_played(&self) -> bool {
        !matches!(self.state().targets, Targets::Recorded(_))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.state().now
    }

    /// Moves the guest's clock on.
    pub(crate) fn wait(&self, ms: u64) -> Waiting {
        let mut state = self.state();
        state.waits += 1;
        state.cancelled |= state.cancels;
        if state.cancelled {
            state.waits_after_cancel += 1;
            return Waiting::Stopped(Stop::Cancelled);
        }
        let ms = i64::try_from(ms).unwrap_or(i64::MAX);
        let until = Timestamp(state.now.0.saturating_add(ms));
        let played = !matches!(state.targets, Targets::Recorded(_));
        match (played, until < state.deadline) {
            (true, false) => {
                state.now = state.deadline;
                Waiting::Stopped(Stop::Deadline)
            }
            (true, true) => {
                state.now = until;
                Waiting::Done
            }
            (false, _) => {
                state.now = until;
                Waiting::Real
            }
        }
    }

    /// The guest asked for something that it is not given.
    pub(crate) fn refused(&self, what: &str) {
        self.state().refused.push(what.to_owned());
    }

    /// What the guest asked for and was not given.
    pub(crate) fn refusals(&self) -> Vec<String> {
        self.state().refused.clone()
    }

    pub(crate) fn kept(&self, data: &str) {
        self.state().kept = Some(data.to_owned());
    }

    /// What the guest kept last.
    pub(crate) fn checkpoint(&self) -> Option<String> {
        self.state().kept.clone()
    }

    /// So many bytes; the same ones in each playing.
    pub(crate) fn random(&self, count: usize) -> Vec<u8> {
        let mut state = self.state();
        state.drawn += 1;
        let blocks = (0_u64..).flat_map(|block| {
            let named = format!("{}/{}/{block}", self.0.seed, state.drawn);
            Sha256::digest(named)
        });
        blocks.take(count).collect()
    }

    /// Hides a signature from the requests that are written down: it is another one each time.
    pub(crate) fn signed(&self, code: &[u8]) {
        let hex: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut state = self.state();
        state.signatures.extend([hex, STANDARD.encode(code)]);
    }

    /// What is recorded for a request. `None`: the real target is to be asked.
    pub(crate) fn answer(
        &self,
        said: &Request,
        url: &Url,
        reads: bool,
    ) -> Option<Result<Result<Answer, Error>, Unmatched>> {
        let mut state = self.state();
        state.requests.push(said.clone());
        state.changes_after_cancel += u32::from(state.cancelled && !reads);
        let number = state.requests.len();
        match &mut state.targets {
            Targets::Recorded(_) => None,
            Targets::Same(None) => Some(Ok(Err(unanswered()))),
            Targets::Same(Some(answer)) => Some(Ok(Ok(wire(answer, url)))),
            Targets::Played { left, wrong } => {
                let Some(exchange) = left.pop() else {
                    let more = format!(
                        "request {number} is {}, and the fixture has no more",
                        shown(said)
                    );
                    wrong.push(more);
                    return Some(Err(Unmatched));
                };
                let differences = differences(&exchange.request, said);
                if !differences.is_empty() {
                    wrong.push(format!("request {number}: {}", differences.join("; ")));
                    return Some(Err(Unmatched));
                }
                Some(Ok(played(&exchange, url)))
            }
        }
    }

    /// Writes down what came of a request, as the guest got it.
    pub(crate) fn saw(
        &self,
        said: Request,
        places: &[Place],
        came: &Result<Response, GuestError>,
        first_issued: u32,
    ) {
        let mut state = self.state();
        let signatures = state.signatures.clone();
        let Targets::Recorded(exchanges) = &mut state.targets else {
            return;
        };
        let mut request = said;
        for value in request.headers.values_mut() {
            if signatures.iter().any(|signature| value.contains(signature)) {
                *value = ANYTHING.to_owned();
            }
        }
        let (answer, lost) = match came {
            Ok(response) => (Some(written(response, places, first_issued)), None),
            Err(error) => (None, Some(lost(error))),
        };
        exchanges.push(Exchange {
            request,
            answer,
            lost,
        });
    }

    /// What was written down.
    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        match &self.state().targets {
            Targets::Recorded(exchanges) => exchanges.clone(),
            Targets::Played { .. } | Targets::Same(_) => Vec::new(),
        }
    }

    /// What was asked that is not in the fixture, and what of it nobody asked.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let state = self.state();
        let Targets::Played { left, wrong } = &state.targets else {
            return Vec::new();
        };
        let unasked = left
            .iter()
            .rev()
            .map(|exchange| format!("{} was never sent", shown(&exchange.request)));
        let unasked: Vec<String> = match wrong.is_empty() {
            true => unasked.collect(),
            false => Vec::new(),
        };
        wrong.iter().cloned().chain(unasked).collect()
    }

    /// How often the guest waited, how often after it was asked to stop, and how many
    /// changes it sent then.
    pub(crate) fn after_cancel(&self) -> (u32, u32, u32) {
        let state = self.state();
        let waits = state.waits_after_cancel.saturating_sub(1);
        (state.waits, waits, state.changes_after_cancel)
    }
}

fn shown(request: &Request) -> String {
    format!("{} {}", request.method, request.url)
}

fn unanswered() -> Error {
    Error {
        kind: Kind::Timeout,
        sent: Sent::Maybe,
        message: "no whole answer came in time".to_owned(),
        status: None,
    }
}

/// In what a request is not the recorded one. Values may hold what nobody should see on a
/// terminal, but never a secret of the run.
fn differences(recorded: &Request, said: &Request) -> Vec<String> {
    let mut found = Vec::new();
    let mut differ = |what: &str, said: &str, recorded: &str| {
        if said != recorded {
            found.push(format!(
                "{what} is `{said}`, and the fixture has `{recorded}`"
            ));
        }
    };
    differ("the request", &shown(said), &shown(recorded));
    for (name, value) in &recorded.headers {
        let name = name.to_ascii_lowercase();
        let sent = said.headers.get(&name).map_or("not there", String::as_str);
        if value != ANYTHING || !said.headers.contains_key(&name) {
            differ(&format!("the header {name}"), sent, value);
        }
    }
    differ("the body", &body(said), &body(recorded));
    found
}

fn body(request: &Request) -> String {
    if let Some(json) = &request.json {
        return json.to_string();
    }
    let other = request.text.as_ref().or(request.base64.as_ref());
    other.map_or("none", String::as_str).to_owned()
}

/// The recorded answer, as the wire would give it.
fn played(exchange: &Exchange, url: &Url) -> Result<Answer, Error> {
    if let Some(lost) = &exchange.lost {
        let kind = match lost.kind.as_str() {
            "resolve" => Kind::Resolve,
            "address" => Kind::Refused,
            "connect" => Kind::Connect,
            "tls" => Kind::Tls,
            "too-late" => Kind::TooLate,
            "timeout" => Kind::Timeout,
            "too-large" => Kind::TooLarge,
            "invalid" => Kind::Setup,
            _ => Kind::Cut,
        };
        return Err(Error {
            kind,
            sent: if lost.sent { Sent::Maybe } else { Sent::No },
            message: lost.message.clone(),
            status: None,
        });
    }
    match &exchange.answer {
        Some(answer) => Ok(wire(answer, url)),
        None => Err(unanswered()),
    }
}

/// A written answer, as the wire would give it.
fn wire(answer: &fixture::Answer, url: &Url) -> Answer {
    let mut headers = answer.headers.clone();
    let body = match (&answer.json, &answer.text, &answer.base64) {
        (Some(json), _, _) => {
            let json_type = || "application/json".to_owned();
            headers
                .entry("content-type".to_owned())
                .or_insert_with(json_type);
            json.to_string().into_bytes()
        }
        (None, Some(text), _) => text.clone().into_bytes(),
        (None, None, Some(base64)) => STANDARD.decode(base64).unwrap_or_default(),
        (None, None, None) => Vec::new(),
    };
    Answer {
        status: answer.status,
        headers,
        body,
        truncated: false,
        url: url.clone(),
        stopped_at: None,
    }
}

/// Headers of an answer that say nothing of what was answered.
const OF_THE_CONNECTION: [&str; 5] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "transfer-encoding",
];

/// An answer as it is written down: what was captured stands in it by its number.
fn written(response: &Response, places: &[Place], first_issued: u32) -> fixture::Answer {
    let headers = response.headers.iter().cloned();
    let mut headers: std::collections::BTreeMap<String, String> = headers
        .filter(|(name, _)| !OF_THE_CONNECTION.contains(&name.as_str()))
        .collect();
    let mut json = serde_json::from_slice::<Json>(&response.body).ok();
    let mut number = first_issued;
    for (place, captured) in places.iter().zip(&response.captured) {
        if captured.is_none() {
            continue;
        }
        let reference = issued_reference(number);
        number += 1;
        match place {
            Place::Header(name) => {
                headers.insert(name.to_ascii_lowercase(), reference);
            }
            Place::Json(pointer) => {
                if let Some(at) = json.as_mut().and_then(|json| json.pointer_mut(pointer)) {
                    *at = Json::String(reference);
                }
            }
        }
    }
    let (text, base64) = match (&json, std::str::from_utf8(&response.body)) {
        (Some(_), _) | (None, Ok("")) => (None, None),
        (None, Ok(text)) => (Some(text.to_owned()), None),
        (None, Err(_)) => (None, Some(STANDARD.encode(&response.body))),
    };
    fixture::Answer {
        status: response.status,
        headers,
        json,
        text,
        base64,
    }
}

fn lost(error: &GuestError) -> Lost {
    let kind = match error.kind {
        ErrorKind::NotGranted => "not-granted",
        ErrorKind::Invalid => "invalid",
        ErrorKind::Resolve => "resolve",
        ErrorKind::Address => "address",
        ErrorKind::Connect => "connect",
        ErrorKind::Tls => "tls",
        ErrorKind::TooLate => "too-late",
        ErrorKind::Timeout => "timeout",
        ErrorKind::Cut => "cut",
        ErrorKind::TooLarge => "too-large",
    };
    Lost {
        kind: kind.to_owned(),
        sent: error.sent == GuestSent::Maybe,
        message: error.message.clone(),
    }
}
