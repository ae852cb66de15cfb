//! Requests of a guest: held against what the manifest asks for, filled with secrets on
//! their way out, sent by `windlass-http`, and seen.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value as Json;
use tokio::time::Instant;
use windlass_core::refusal::RefusedBy;
use windlass_engine::redact::MARK;
use windlass_http::{
    Answer, BODY_BYTES_MAX, CONNECT_TIMEOUT, Error as NoAnswer, Kind as Why, Limits, Method,
    Refusal, Request as Wire, Sent as WasSent, Url,
};

use crate::bindings::http::{
    Body, Document, Error, ErrorKind, Host, Part, Place, Request, Response, Sent,
};
use crate::compiled::digest;
use crate::fixture;
use crate::imports::millis;
use crate::limits::{ANSWER_BYTES_MAX, CAPTURES_MAX, LINGER, REQUEST_BYTES_MAX};
use crate::manifest::method;
use crate::requests::Allowed;
use crate::seen::Exchange;
use crate::stage::Stage;
use crate::state::{Around, Handle, Kind, State, Witness};

impl Host for State {
    async fn send(&mut self, request: Request) -> wasmtime::Result<Result<Response, Error>> {
        self.called()?;
        let captures = request.capture.clone();
        let said = self.said(&request)?;
        let asked = asked(&request);
        let prepared = self.prepare(request)?;
        let went_out = prepared.is_ok();
        let sent = match prepared {
            Ok(prepared) => self.exchange(prepared, said.as_ref()).await?,
            Err(NotSent { error, refused }) => {
                if let (Some(around), Some((by, missing))) = (self.around(), refused) {
                    around.refuse(by, &asked, &missing).await;
                    if let Some(stage) = &around.stage {
                        stage.refused(&error.message);
                    }
                }
                Err(error)
            }
        };
        if let (Some(around), Err(error)) = (self.around(), &sent)
            && error.kind == ErrorKind::Address
        {
            around
                .refuse(RefusedBy::Address, &asked, &error.message)
                .await;
        }
        let first_issued = self.around().map_or(0, |around| around.issued) + 1;
        let came = match sent {
            Ok(answer) => Ok(self.response(answer, &captures)?),
            Err(error) => {
                if let Some(around) = self.around() {
                    around.tell(&format!("[no answer: {}]", error.message));
                }
                Err(error)
            }
        };
        if let (Some(stage), Some(said), true) = (self.stage(), said, went_out) {
            stage.saw(said, &captures, &came, first_issued);
        }
        Ok(came)
    }
}

/// A request that may go out.
struct Prepared {
    wire: Wire,
    method: Method,
    reads: bool,
    timeout: Option<Duration>,
}

/// A request that does not go out, and what would have had to be granted for it.
struct NotSent {
    error: Error,
    refused: Option<(RefusedBy, String)>,
}

fn unsent(kind: ErrorKind, message: impl Into<String>) -> Error {
    Error {
        kind,
        sent: Sent::No,
        status: None,
        message: message.into(),
    }
}

fn invalid(message: impl Into<String>) -> NotSent {
    NotSent {
        error: unsent(ErrorKind::Invalid, message),
        refused: None,
    }
}

/// What a request asks for, as far as people need to know.
fn asked(request: &Request) -> String {
    let url = request.url.split(['?', '#']).next().unwrap_or_default();
    format!("{} {url}", method(request.method).name())
}

/// Without its query.
fn shown(url: &Url) -> String {
    let text = url.to_string();
    text.split('?').next().unwrap_or_default().to_owned()
}

impl State {
    fn stage(&self) -> Option<&Stage> {
        self.around().and_then(|around| around.stage.as_ref())
    }

    /// A request as the guest made it, where somebody writes down or compares.
    fn said(&self, request: &Request) -> wasmtime::Result<Option<fixture::Request>> {
        if self.stage().is_none() {
            return Ok(None);
        }
        let mut headers = BTreeMap::new();
        for header in &request.headers {
            let mut value = String::new();
            for part in &header.value {
                match part {
                    Part::Text(text) => value.push_str(text),
                    Part::Secret(handle) => value.push_str(&self.reference(handle)?),
                    Part::Basic((user, handle)) => {
                        value.push_str(&format!("{user}:{}", self.reference(handle)?));
                    }
                }
            }
            headers.insert(header.name.to_ascii_lowercase(), value);
        }
        let mut said = fixture::Request {
            method: method(request.method).name().to_owned(),
            url: request.url.clone(),
            headers,
            json: None,
            text: None,
            base64: None,
        };
        match &request.body {
            None => {}
            Some(Body::Json(document)) => match serde_json::from_str::<Json>(&document.text) {
                Ok(mut json) => {
                    for (pointer, handle) in &document.secrets {
                        if let Some(place) = json.pointer_mut(pointer) {
                            *place = Json::String(self.reference(handle)?);
                        }
                    }
                    said.json = Some(json);
                }
                Err(_) => said.text = Some(document.text.clone()),
            },
            Some(Body::Bytes(bytes)) => match std::str::from_utf8(bytes) {
                Ok(text) => said.text = Some(text.to_owned()),
                Err(_) => said.base64 = Some(STANDARD.encode(bytes)),
            },
        }
        Ok(Some(said))
    }

    /// What is written in the place of a secret.
    fn reference(
        &self,
        handle: &wasmtime::component::Resource<Handle>,
    ) -> wasmtime::Result<String> {
        Ok(match self.table.get(handle)? {
            Handle::Named(name) => fixture::secret_reference(name),
            Handle::Issued(_, number) => fixture::issued_reference(*number),
            Handle::Derived(_) => "a derived key".to_owned(),
        })
    }

    /// Judges a request and fills in its secrets.
    fn prepare(&self, request: Request) -> wasmtime::Result<Result<Prepared, NotSent>> {
        let Some(around) = self.around() else {
            return Ok(Err(invalid("`describe` sends nothing")));
        };
        let url: Url = match request.url.parse() {
            Ok(url) => url,
            Err(error) => return Ok(Err(invalid(format!("the address: {error}")))),
        };
        if request.capture.len() > CAPTURES_MAX {
            return Ok(Err(invalid(format!("at most {CAPTURES_MAX} captures"))));
        }
        let method = method(request.method);
        let reads = match around.grant(method, &url) {
            Ok(reads) => reads,
            Err(missing) => {
                let message = format!("no grant allows {method} {}: {missing}", shown(&url));
                return Ok(Err(NotSent {
                    error: unsent(ErrorKind::NotGranted, message),
                    refused: Some((RefusedBy::Grant, missing)),
                }));
            }
        };
        let host = url.origin().host().to_owned();
        let mut wire = Wire::new(method, url);
        for header in request.headers {
            let value = match self.header(&header.value, &host)? {
                Ok(value) => value,
                Err(error) => return Ok(Err(error)),
            };
            wire = match wire.secret_header(&header.name, &value) {
                Ok(wire) => wire,
                Err(error) => return Ok(Err(invalid(error.to_string()))),
            };
        }
        if let Some(body) = request.body {
            let (bytes, is_json) = match body {
                Body::Bytes(bytes) => (bytes, false),
                Body::Json(document) => match self.document(document, &host)? {
                    Ok(bytes) => (bytes, true),
                    Err(error) => return Ok(Err(error)),
                },
            };
            if bytes.len() > REQUEST_BYTES_MAX {
                let message = format!("a body has at most {REQUEST_BYTES_MAX} bytes");
                return Ok(Err(invalid(message)));
            }
            wire = wire.body(bytes);
            if is_json && !wire.has_header("content-type") {
                wire = match wire.header("content-type", "application/json") {
                    Ok(wire) => wire,
                    Err(error) => return Ok(Err(invalid(error.to_string()))),
                };
            }
        }
        Ok(Ok(Prepared {
            wire,
            method,
            reads,
            timeout: request.timeout_ms.map(Duration::from_millis),
        }))
    }

    /// A header's value; it always counts as a secret one.
    fn header(
        &self,
        parts: &[Part],
        host: &str,
    ) -> wasmtime::Result<Result<SecretString, NotSent>> {
        let mut value = String::new();
        for part in parts {
            match part {
                Part::Text(text) => value.push_str(text),
                Part::Secret(handle) => match self.value(handle, host)? {
                    Ok(secret) => value.push_str(secret.expose_secret()),
                    Err(error) => return Ok(Err(error)),
                },
                Part::Basic((user, _)) if user.contains(':') => {
                    return Ok(Err(invalid("a user holds no colon")));
                }
                Part::Basic((user, handle)) => match self.value(handle, host)? {
                    Ok(secret) => {
                        let pair = STANDARD.encode(format!("{user}:{}", secret.expose_secret()));
                        if let Some(around) = self.around() {
                            around.witness.issue(&pair.clone().into())?;
                        }
                        value.push_str(&pair);
                    }
                    Err(error) => return Ok(Err(error)),
                },
            }
        }
        Ok(Ok(value.into()))
    }

    /// A JSON body with its secrets.
    fn document(
        &self,
        document: Document,
        host: &str,
    ) -> wasmtime::Result<Result<Vec<u8>, NotSent>> {
        if document.secrets.is_empty() {
            // As it was written: somebody may have signed it.
            return Ok(Ok(document.text.into_bytes()));
        }
        let Ok(mut json) = serde_json::from_str::<Json>(&document.text) else {
            return Ok(Err(invalid("the body is no JSON")));
        };
        for (pointer, handle) in document.secrets {
            let secret = match self.value(&handle, host)? {
                Ok(secret) => secret,
                Err(error) => return Ok(Err(error)),
            };
            match json.pointer_mut(&pointer) {
                Some(place) => *place = Json::String(secret.expose_secret().to_owned()),
                None => return Ok(Err(invalid(format!("the body has no `{pointer}`")))),
            }
        }
        Ok(Ok(json.to_string().into_bytes()))
    }

    /// What a handle stands for, on its way to `host`.
    fn value(
        &self,
        handle: &wasmtime::component::Resource<Handle>,
        host: &str,
    ) -> wasmtime::Result<Result<SecretString, NotSent>> {
        let Some(around) = self.around() else {
            return Ok(Err(invalid("`describe` sends nothing")));
        };
        Ok(match self.table.get(handle)? {
            Handle::Named(name) => match around.secrets.for_host(name, host) {
                Ok(value) => Ok(value.clone()),
                Err(refusal) => Err(NotSent {
                    error: unsent(ErrorKind::NotGranted, refusal.to_string()),
                    refused: Some((RefusedBy::Secret, refusal.to_string())),
                }),
            },
            Handle::Issued(value, _) => Ok(value.clone()),
            Handle::Derived(_) => Err(invalid("a derived key can sign and cannot be sent")),
        })
    }

    /// Sends a request; the outer error ends the guest.
    async fn exchange(
        &mut self,
        prepared: Prepared,
        said: Option<&fixture::Request>,
    ) -> wasmtime::Result<Result<Answer, Error>> {
        let Some(around) = self.around_mut() else {
            return Ok(Err(unsent(ErrorKind::Invalid, "`describe` sends nothing")));
        };
        let url = prepared.wire.url().clone();
        let exchange = Exchange {
            method: prepared.method.name(),
            url: around.redact(&shown(&url)),
            reads: prepared.reads,
            at_ms: millis(around.clock.now()),
            answer: None,
        };
        if let Some((stage, said)) = around.stage.as_ref().zip(said)
            && let Some(played) = stage.answer(said, &url, prepared.reads)
        {
            let sent = played?;
            let left = !matches!(&sent, Err(error) if error.sent == WasSent::No);
            if !prepared.reads
                && left
                && let Err(late) = around.witness.hand_over(around.deadline)
            {
                return Ok(Err(unsent(ErrorKind::TooLate, late.to_string())));
            }
            return Ok(told(around, exchange, sent));
        }
        let now = Instant::now();
        let until = match prepared.timeout {
            Some(timeout) => now.checked_add(timeout).unwrap_or(around.deadline),
            None => around.deadline,
        }
        .min(around.deadline);
        let credentials: Vec<&str> = around.given.keys().map(|name| name.as_str()).collect();
        let host = url.origin().host().to_owned();
        if !is_this_machine(&host) {
            let key = (host, credentials.join(" "));
            let Some(at) = around.rates.next(key, now, until) else {
                let message = "the plugin's rate leaves no time for it";
                return Ok(Err(unsent(ErrorKind::Timeout, message)));
            };
            tokio::time::sleep_until(at).await;
        }
        let sent = match prepared.reads {
            true => read(around, prepared.wire, until).await,
            false => change(around, prepared.wire, until).await,
        };
        Ok(told(around, exchange, sent))
    }

    /// What the guest gets of an answer; what it captures becomes handles.
    fn response(&mut self, answer: Answer, captures: &[Place]) -> wasmtime::Result<Response> {
        let mut headers = answer.headers;
        let mut body = answer.body;
        let mut json = match captures.iter().any(|place| matches!(place, Place::Json(_))) {
            true if !answer.truncated => serde_json::from_slice::<Json>(&body).ok(),
            _ => None,
        };
        let mut captured = Vec::new();
        for place in captures {
            let found = match place {
                Place::Header(name) => headers
                    .get_mut(&name.to_ascii_lowercase())
                    .map(|value| std::mem::replace(value, MARK.to_owned())),
                Place::Json(pointer) => {
                    match json.as_mut().and_then(|json| json.pointer_mut(pointer)) {
                        Some(Json::String(text)) => Some(std::mem::replace(text, MARK.to_owned())),
                        _ => None,
                    }
                }
            };
            captured.push(match found {
                Some(value) if !value.is_empty() => {
                    let value = SecretString::from(value);
                    if let Some(around) = self.around() {
                        around.witness.issue(&value)?;
                    }
                    let number = match self.around_mut() {
                        Some(around) => {
                            around.issued += 1;
                            around.issued
                        }
                        None => 0,
                    };
                    Some(self.add_handle(Handle::Issued(value, number))?)
                }
                Some(_) | None => None,
            });
        }
        if let Some(json) = json
            && captured.iter().any(Option::is_some)
        {
            body = json.to_string().into_bytes();
        }
        // A target that says back what it was sent tells the guest no secret.
        if let Some(around) = self.around() {
            for value in headers.values_mut() {
                *value = around.redact(value);
            }
            if let Ok(text) = std::str::from_utf8(&body) {
                body = around.redact(text).into_bytes();
            }
        }
        Ok(Response {
            status: answer.status,
            headers: headers.into_iter().collect(),
            body,
            truncated: answer.truncated,
            captured,
        })
    }
}

impl Around {
    /// Whether the request only reads, when it is allowed at all: the manifest asks for it
    /// and the runbook grants it.
    ///
    /// # Errors
    /// The grant that is missing.
    fn grant(&self, method: Method, url: &Url) -> Result<bool, String> {
        let holds = |allowed: &&Allowed| allowed.holds(method, url, &self.origins);
        let asked: Vec<&Allowed> = self.action.requests.iter().filter(holds).collect();
        let granted: Vec<&Allowed> = self.granted.iter().filter(holds).collect();
        let Some(first) = asked.first() else {
            return Err("the action's manifest does not ask for it".to_owned());
        };
        if granted.is_empty() {
            return Err(format!(
                "the manifest asks for {method} {}, and the runbook's `grants` do not hold it",
                first.pattern
            ));
        }
        let reads = asked.iter().any(|allowed| allowed.reads)
            && granted.iter().any(|allowed| allowed.reads);
        match (reads, self.kind) {
            (true, _) => Ok(true),
            (false, Kind::Run | Kind::Undo) => Ok(false),
            (false, Kind::Reconcile) => {
                Err("a reconcile only reads, and no grant calls it a read".to_owned())
            }
        }
    }
}

/// A service at an address of this machine is nobody's with a budget: a double of one,
/// usually.
fn is_this_machine(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    address.is_ok_and(|address| address.is_loopback())
}

fn limits(until: Instant) -> Limits {
    Limits {
        connect: CONNECT_TIMEOUT,
        deadline: until,
        body_bytes_max: ANSWER_BYTES_MAX.min(BODY_BYTES_MAX),
    }
}

async fn read(around: &Around, wire: Wire, until: Instant) -> Result<Answer, NoAnswer> {
    around.client.send(wire, limits(until), || Ok(())).await
}

/// What the guest gets of what came; the witness sees what was sent.
fn told(
    around: &Around,
    exchange: Exchange,
    sent: Result<Answer, NoAnswer>,
) -> Result<Answer, Error> {
    let answer = match &sent {
        Ok(answer) => Some((answer.status, digest(&answer.body))),
        Err(error) if error.sent == WasSent::No => return sent.map_err(no_answer),
        Err(_) => None,
    };
    around.witness.saw(Exchange { answer, ..exchange });
    sent.map_err(no_answer)
}

/// Whether a change's request still may go out, and whether it did.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Passing {
    Waiting,
    Gone,
    Abandoned,
}

/// Sends a change in a task of its own: who stops waiting for its answer, or is stopped,
/// does not cut its connection.
async fn change(around: &Around, wire: Wire, until: Instant) -> Result<Answer, NoAnswer> {
    let passing = Arc::new(Mutex::new(Passing::Waiting));
    let at_send = {
        let (passing, witness) = (passing.clone(), around.witness.clone());
        let deadline = around.deadline;
        move || pass(&passing, &witness, deadline)
    };
    let (client, limits) = (around.client.clone(), limits(around.deadline + LINGER));
    let mut sending = tokio::spawn(async move { client.send(wire, limits, at_send).await });
    let ended = tokio::time::timeout_at(until, &mut sending).await;
    let lost = |sent: WasSent, message: &str| NoAnswer {
        kind: Why::Timeout,
        sent,
        message: message.to_owned(),
        status: None,
    };
    match ended {
        Ok(Ok(sent)) => sent,
        Ok(Err(_)) => Err(lost(
            WasSent::Maybe,
            "the request's task ended without an answer",
        )),
        Err(_) => {
            let mut passing = passing.lock().unwrap_or_else(PoisonError::into_inner);
            if *passing == Passing::Gone {
                return Err(lost(WasSent::Maybe, "no whole answer came in time"));
            }
            *passing = Passing::Abandoned;
            sending.abort();
            Err(lost(WasSent::No, "no connection came in time"))
        }
    }
}

fn pass(passing: &Mutex<Passing>, witness: &Witness, deadline: Instant) -> Result<(), Refusal> {
    let mut passing = passing.lock().unwrap_or_else(PoisonError::into_inner);
    if *passing != Passing::Waiting {
        return Err(Refusal("nobody waits for it any more".to_owned()));
    }
    witness.hand_over(deadline)?;
    *passing = Passing::Gone;
    Ok(())
}

fn no_answer(error: NoAnswer) -> Error {
    let kind = match error.kind {
        Why::Setup => ErrorKind::Invalid,
        Why::Resolve => ErrorKind::Resolve,
        Why::Refused => ErrorKind::Address,
        Why::Connect => ErrorKind::Connect,
        Why::Tls => ErrorKind::Tls,
        Why::TooLate => ErrorKind::TooLate,
        Why::Timeout => ErrorKind::Timeout,
        Why::Cut => ErrorKind::Cut,
        Why::TooLarge => ErrorKind::TooLarge,
    };
    let sent = match error.sent {
        WasSent::No => Sent::No,
        WasSent::Maybe => Sent::Maybe,
    };
    Error {
        kind,
        sent,
        status: error.status,
        message: error.message,
    }
}
