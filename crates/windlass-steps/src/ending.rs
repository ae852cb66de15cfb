//! How an attempt of this crate ends: outcomes whose every text is redacted and
//! bounded, with the digest of the attempt's log.

use std::collections::BTreeMap;

use windlass_core::outcome::{Effected, Failure, MESSAGE_BYTES_MAX, Outcome};
use windlass_core::value::Value;
use windlass_engine::attempt::{AttemptLog, TooLate};
use windlass_engine::redact::Redactor;

use crate::text::{printable, truncate};

/// A failure before it is redacted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ending {
    pub(crate) effect: Effected,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) evidence: Option<Value>,
}

impl Ending {
    /// A failure without evidence.
    pub(crate) fn new(effect: Effected, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            effect,
            code,
            message: message.into(),
            evidence: None,
        }
    }

    /// Nothing was handed to the target.
    pub(crate) fn not_sent(message: impl Into<String>) -> Self {
        Self::new(Effected::None, "not_sent", message)
    }

    /// Its send deadline passed before anything was handed to the target.
    pub(crate) fn too_late(late: TooLate) -> Self {
        Self::not_sent(late.to_string())
    }

    /// The same with what the target answered.
    pub(crate) fn with_evidence(self, evidence: Value) -> Self {
        Self {
            evidence: Some(evidence),
            ..self
        }
    }

    /// The same without what is secret of this call alone; secrets of the run go later.
    pub(crate) fn without(self, secrets: &Redactor) -> Self {
        Self {
            message: secrets.text(&self.message),
            evidence: self.evidence.map(|evidence| secrets.value(evidence)),
            ..self
        }
    }

    /// The outcome where no secret can be in it and nothing was logged.
    pub(crate) fn into_plain_outcome(self) -> Outcome {
        let mut message = printable(&self.message);
        truncate(&mut message, MESSAGE_BYTES_MAX);
        Outcome::Failed(Failure {
            effect: self.effect,
            code: self.code.to_owned(),
            message,
            evidence: self.evidence,
            log: None,
        })
    }

    /// The outcome, fit for the journal.
    pub(crate) fn into_outcome(self, log: &AttemptLog) -> Outcome {
        let mut message = log.redact(&printable(&log.redact(&self.message)));
        truncate(&mut message, MESSAGE_BYTES_MAX);
        log.line(&format!("{} ({}): {message}", self.code, self.effect));
        Outcome::Failed(Failure {
            effect: self.effect,
            code: self.code.to_owned(),
            message,
            evidence: self.evidence.map(|evidence| log.redactor().value(evidence)),
            log: log.finish(),
        })
    }
}

/// A success whose outputs hold no secret of the attempt.
pub(crate) fn succeeded(log: &AttemptLog, outputs: BTreeMap<String, Value>) -> Outcome {
    Outcome::Succeeded {
        outputs: log.redactor().value(Value::Map(outputs)),
        log: log.finish(),
    }
}
