//! The last line against secrets in the journal: what a runner reports is searched for
//! the attempt's secrets before it becomes an event. Known spellings only.

use windlass_core::outcome::{Answer, Failure, Outcome};
use windlass_core::value::Value;

use crate::attempt::AttemptLog;

/// Replaces every secret of the attempt in a value, keys of maps among it.
pub(crate) fn value(log: &AttemptLog, value: Value) -> Value {
    match value {
        Value::Text(text) => Value::Text(log.redact(&text)),
        Value::List(items) => Value::List(
            items
                .into_iter()
                .map(|item| self::value(log, item))
                .collect(),
        ),
        Value::Map(map) => Value::Map(
            map.into_iter()
                .map(|(key, item)| (log.redact(&key), self::value(log, item)))
                .collect(),
        ),
        plain @ (Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_)) => plain,
    }
}

/// Replaces every secret of the attempt in its outcome, and adds the log's digest.
pub(crate) fn outcome(attempt_log: &AttemptLog, outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Succeeded { outputs, log } => Outcome::Succeeded {
            outputs: value(attempt_log, outputs),
            log: log.or_else(|| attempt_log.finish()),
        },
        Outcome::Failed(failure) => Outcome::Failed(Failure {
            effect: failure.effect,
            code: failure.code,
            message: attempt_log.redact(&failure.message),
            evidence: failure
                .evidence
                .map(|evidence| value(attempt_log, evidence)),
            log: failure.log.or_else(|| attempt_log.finish()),
        }),
    }
}

/// Replaces every secret of the attempt in a look's answer.
pub(crate) fn answer(log: &AttemptLog, answer: Answer) -> Answer {
    match answer {
        Answer::Happened { outputs } => Answer::Happened {
            outputs: value(log, outputs),
        },
        Answer::NotHappened { evidence } => Answer::NotHappened {
            evidence: value(log, evidence),
        },
        Answer::Settled { state } => Answer::Settled {
            state: value(log, state),
        },
        Answer::InProgress { note } => Answer::InProgress {
            note: log.redact(&note),
        },
        Answer::Unknown { note } => Answer::Unknown {
            note: log.redact(&note),
        },
        Answer::Failed { message } => Answer::Failed {
            message: log.redact(&message),
        },
    }
}
