//! How an action ends that did not succeed, and what a reconcile says.

use crate::bindings::windlass::plugin::clock::Stop;
use crate::bindings::windlass::plugin::http::{Error, ErrorKind, Sent};
use crate::bindings::windlass::plugin::secrets::Refusal;
use crate::bindings::windlass::plugin::types::{self, Effected};

/// An attempt that failed, and what it did to the world.
#[derive(Clone, Debug)]
pub struct Failure(pub(crate) types::Failure);

impl Failure {
    /// Nothing happened: it was never sent, or the target refused it.
    pub fn none(code: &str, message: impl Into<String>) -> Self {
        Self::new(Effected::None, code, message)
    }

    /// It acted and came to a known end that is no success.
    pub fn settled(code: &str, message: impl Into<String>) -> Self {
        Self::new(Effected::Settled, code, message)
    }

    /// Nobody knows what happened.
    pub fn unknown(code: &str, message: impl Into<String>) -> Self {
        Self::new(Effected::Unknown, code, message)
    }

    /// The word for machines.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The lines for people.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether nothing happened.
    pub fn is_none(&self) -> bool {
        self.0.effect == Effected::None
    }

    /// With what the target answered, as proof.
    pub fn with_evidence(mut self, evidence: &impl serde::Serialize) -> Self {
        self.0.evidence = serde_json::to_string(evidence).ok();
        self
    }

    fn new(effect: Effected, code: &str, message: impl Into<String>) -> Self {
        Self(types::Failure {
            effect,
            code: code.to_owned(),
            message: message.into(),
            evidence: None,
        })
    }
}

/// A request that got no answer: nothing happened only when no byte of it left.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match error.kind {
            ErrorKind::NotGranted => "not_granted",
            ErrorKind::Invalid => "bad_request",
            ErrorKind::Resolve => "resolve_failed",
            ErrorKind::Address => "address_refused",
            ErrorKind::Connect => "connect_failed",
            ErrorKind::Tls => "tls_failed",
            ErrorKind::TooLate => "not_sent",
            ErrorKind::Timeout => "timeout",
            ErrorKind::Cut => "connection_lost",
            ErrorKind::TooLarge => "answer_too_large",
        };
        match error.sent {
            Sent::No => Self::none(code, error.message),
            Sent::Maybe => Self::unknown(code, error.message),
        }
    }
}

/// Who stops waiting for what was begun does not know how it ends.
impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Cancelled => Self::unknown("cancelled", "the run asked to stop"),
            Stop::Deadline => Self::unknown("timeout", "the attempt's time is over"),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unknown(name) => Self::none(
                "no_secret",
                format!("the step was given no secret `{name}`"),
            ),
            Refusal::NotForSigning => Self::none(
                "not_granted",
                "the manifest has no `signs-with` for this secret",
            ),
        }
    }
}

/// What the target shows of a change in doubt.
#[derive(Clone, Debug)]
pub enum Answer<O> {
    /// It happened; these are the outputs.
    Happened(O),
    /// It did not and will not happen; this is the evidence.
    NotHappened(serde_json::Value),
    /// It came to a known end that is no success.
    Settled(serde_json::Value),
    InProgress(String),
    Unknown(String),
}
