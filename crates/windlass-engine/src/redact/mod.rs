//! The last line against secrets in journals, logs, answers and terminals: known secrets
//! are replaced in every text before it goes anywhere, in the forms that `forms` knows.
//! One redactor is built from all secrets of a run; every sink asks it.
//!
//! - [`Redactor`]: texts, values, outcomes; [`RedactedStream`]: what arrives in pieces.
//! - [`everywhere`]: sinks of the process that know no run, such as a panic's text.

mod forms;
mod needles;
mod process;
mod stream;

use std::sync::Arc;

use secrecy::SecretString;
use windlass_core::outcome::{Answer, Failure, Outcome};
use windlass_core::value::Value;

use crate::attempt::AttemptLog;
use crate::printable::printable;
use forms::Forms;
use needles::Needles;

pub use forms::REDACTED_BYTES_MIN;
pub use process::{everywhere, stand_before_all};
pub use stream::RedactedStream;

/// What stands in the place of a secret.
pub const MARK: &str = "[secret]";

/// Finds and replaces the secrets of one run. Cheap to clone.
#[derive(Clone, Default)]
pub struct Redactor(Arc<Set>);

#[derive(Default)]
struct Set {
    /// Forms that stand in one piece, and those that line ends may break.
    exact: Option<Needles>,
    spread: Option<Needles>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor")
    }
}

impl Redactor {
    /// A redactor of these secrets. To build it takes longer than to use it.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a SecretString>) -> Self {
        let forms = Forms::of(secrets.into_iter());
        if forms.is_cut {
            tracing::warn!(
                "the secrets are so long that not all encoded forms of them are looked for"
            );
        }
        Self(Arc::new(Set {
            exact: Needles::new(&forms.exact),
            spread: Needles::new(&forms.spread),
        }))
    }

    fn finds_nothing(&self) -> bool {
        self.0.exact.is_none() && self.0.spread.is_none()
    }

    /// For a text that arrives in pieces.
    pub fn stream(&self) -> RedactedStream {
        RedactedStream::new(self.clone())
    }

    /// The text with every secret replaced.
    pub fn text(&self, text: &str) -> String {
        self.also_as_shown(text, |text| {
            let mut stream = self.stream();
            let mut redacted = stream.push(text.as_bytes());
            redacted.extend(stream.finish());
            into_text(redacted)
        })
    }

    /// The same of a text whose end was cut off: what may be the first half of a secret
    /// goes, too.
    pub fn cut_text(&self, text: &str) -> String {
        self.also_as_shown(text, |text| {
            let mut stream = self.stream();
            let mut redacted = stream.push(text.as_bytes());
            redacted.extend(stream.cut());
            into_text(redacted)
        })
    }

    /// Replaces secrets in the text and, where it holds escape sequences or other
    /// characters that do not show, in what a terminal shows of it: colours in the middle of a secret hide
    /// it from a search and from nobody's eyes. Such a text is kept as it is shown.
    fn also_as_shown(&self, text: &str, replaced: impl Fn(&str) -> String) -> String {
        if self.finds_nothing() {
            return text.to_owned();
        }
        let redacted = replaced(text);
        let shown = printable(&redacted);
        if shown == redacted {
            return redacted;
        }
        let again = replaced(&shown);
        if again == shown { redacted } else { again }
    }

    /// The value with every secret replaced, in texts, names and numbers.
    pub fn value(&self, value: Value) -> Value {
        match value {
            Value::Null | Value::Bool(_) => value,
            Value::Int(_) | Value::Float(_) => {
                let shown = value.to_string();
                let redacted = self.text(&shown);
                if redacted == shown {
                    value
                } else {
                    Value::Text(redacted)
                }
            }
            Value::Text(text) => Value::Text(self.text(&text)),
            Value::List(items) => {
                Value::List(items.into_iter().map(|item| self.value(item)).collect())
            }
            Value::Map(map) => Value::Map(
                map.into_iter()
                    .map(|(key, value)| (self.text(&key), self.value(value)))
                    .collect(),
            ),
        }
    }
}

/// A secret's forms begin and end where characters do, so what was text stays text.
fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Replaces every secret of the run in an attempt's outcome, and adds the log's digest.
pub(crate) fn outcome(log: &AttemptLog, outcome: Outcome) -> Outcome {
    let redactor = log.redactor();
    match outcome {
        Outcome::Succeeded { outputs, log: of } => Outcome::Succeeded {
            outputs: redactor.value(outputs),
            log: of.or_else(|| log.finish()),
        },
        Outcome::Failed(failure) => Outcome::Failed(Failure {
            effect: failure.effect,
            code: redactor.text(&failure.code),
            message: redactor.text(&failure.message),
            evidence: failure.evidence.map(|evidence| redactor.value(evidence)),
            log: failure.log.or_else(|| log.finish()),
        }),
    }
}

/// Replaces every secret of the run in a look's answer.
pub(crate) fn answer(redactor: &Redactor, answer: Answer) -> Answer {
    match answer {
        Answer::Happened { outputs } => Answer::Happened {
            outputs: redactor.value(outputs),
        },
        Answer::NotHappened { evidence } => Answer::NotHappened {
            evidence: redactor.value(evidence),
        },
        Answer::Settled { state } => Answer::Settled {
            state: redactor.value(state),
        },
        Answer::InProgress { note } => Answer::InProgress {
            note: redactor.text(&note),
        },
        Answer::Unknown { note } => Answer::Unknown {
            note: redactor.text(&note),
        },
        Answer::Failed { message } => Answer::Failed {
            message: redactor.text(&message),
        },
    }
}

#[cfg(test)]
mod tests;
