//! `looks`: what the looks at the target say after an attempt that left a doubt.

use windlass_core::outcome::{Answer, Effected, Failure, Outcome};
use windlass_core::plan::Reconcile;
use windlass_core::rehearsal::{LookReply, Said, Series};
use windlass_core::time::Millis;
use windlass_core::value::Value;

use super::book::{Book, Work};
use super::keys;
use super::mocks::{exactly_one_of, series};
use super::outputs::Gives;
use crate::check::fields::{Fields, Found, text};
use crate::codes::{BAD_VALUE, TEST_MISFIT};
use crate::diagnostic::Diagnostic;
use crate::node::{Entry, Node};
use crate::suggest::did_you_mean;

/// The words that stand for a whole answer of an action's own reconcile.
const WORDS: [&str; 5] = [
    "happened",
    "not_happened",
    "in_progress",
    "unknown",
    "timeout",
];

pub(super) fn looks(
    entry: &Entry,
    work: Work<'_>,
    book: &Book<'_>,
    found: &mut Found,
) -> Option<Series<LookReply>> {
    let misfit = |message: String| {
        Diagnostic::error(TEST_MISFIT, message).at(entry.key_span, "nobody looks")
    };
    let step = &work.step.id;
    if !work.effect.is_change() {
        let message = format!("`{step}` is no change: it is tried again, never looked into");
        found.push(misfit(message));
        return None;
    }
    match &work.call.reconcile {
        Reconcile::None => {
            let message = format!("`{step}` has no reconcile: a person is asked at once");
            found.push(misfit(message).help("resolve the doubt under `operator`"));
            None
        }
        Reconcile::Native { .. } => series(&entry.value, found, |node, found| {
            let gives = Gives::new(&work.call.uses, &work.call.with, work.stated, book.catalog);
            native(node, &gives, found)
        }),
        Reconcile::Read { uses, with, .. } => series(&entry.value, found, |node, found| {
            let gives = Gives::new(uses, with, None, book.catalog);
            read(node, &gives, found)
        }),
    }
}

/// The answer of an action's own reconcile.
fn native(node: &Node, gives: &Gives<'_>, found: &mut Found) -> Option<LookReply> {
    if let Some(word) = node.as_text() {
        let nothing = String::new();
        let said = match word {
            "happened" => Said::Answer(Answer::Happened {
                outputs: gives.blank(),
            }),
            "not_happened" => Said::Answer(Answer::NotHappened {
                evidence: Value::Null,
            }),
            "in_progress" => Said::Answer(Answer::InProgress { note: nothing }),
            "unknown" => Said::Answer(Answer::Unknown { note: nothing }),
            "timeout" => Said::Never,
            _ => {
                let message = format!("`{}` is no answer of a look", word.escape_debug());
                let help = did_you_mean(word, WORDS)
                    .unwrap_or_else(|| format!("the words are {}", WORDS.join(", ")));
                found.push(
                    Diagnostic::error(BAD_VALUE, message)
                        .at(node.span, "not an answer")
                        .help(help),
                );
                return None;
            }
        };
        return Some(LookReply {
            said,
            takes: Millis(0),
        });
    }
    let fields = Fields::read(node, node.span, &keys::NATIVE_LOOK, found)?;
    let takes = fields.duration_or_zero("takes", found).unwrap_or_default();
    let (key, node) = exactly_one_of(&fields, &keys::FINDINGS, "the answer of a look", found)?;
    let note = |found: &mut Found| {
        let rule = format!("`{key}` is a note");
        text(node, &rule, found).map(str::to_owned)
    };
    let answer = match key {
        "happened" => Answer::Happened {
            outputs: gives.read(node, found)?,
        },
        "not_happened" => Answer::NotHappened {
            evidence: node.to_value(),
        },
        "settled" => Answer::Settled {
            state: node.to_value(),
        },
        "in_progress" => Answer::InProgress { note: note(found)? },
        "unknown" => Answer::Unknown { note: note(found)? },
        _ => Answer::Failed {
            message: note(found)?,
        },
    };
    Some(LookReply {
        said: Said::Answer(answer),
        takes,
    })
}

/// How the read of a `reconcile:` block ends; its expressions judge the outputs.
pub(super) fn read(node: &Node, gives: &Gives<'_>, found: &mut Found) -> Option<LookReply> {
    if let Some(word) = node.as_text() {
        if word == "timeout" {
            return Some(LookReply {
                said: Said::Never,
                takes: Millis(0),
            });
        }
        let message = format!("`{}` is no answer of this look", word.escape_debug());
        found.push(
            Diagnostic::error(BAD_VALUE, message)
                .at(node.span, "not an answer")
                .help("the look is a read whose outputs the step's `happened` and `not_happened` judge: write {outputs: ...}, {fails: MESSAGE} or timeout"),
        );
        return None;
    }
    let fields = Fields::read(node, node.span, &keys::READ_LOOK, found)?;
    let takes = fields.duration_or_zero("takes", found).unwrap_or_default();
    let (key, node) = exactly_one_of(&fields, &keys::READINGS, "the answer of a look", found)?;
    let outcome = if key == "outputs" {
        Outcome::Succeeded {
            outputs: gives.read(node, found)?,
            log: None,
        }
    } else {
        Outcome::Failed(Failure {
            effect: Effected::None,
            code: "mocked".to_owned(),
            message: text(node, "`fails` is the failure's message", found)?.to_owned(),
            evidence: None,
            log: None,
        })
    };
    Some(LookReply {
        said: Said::Outcome(outcome),
        takes,
    })
}
