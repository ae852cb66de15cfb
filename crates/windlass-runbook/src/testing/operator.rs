//! `gates` and `operator`: what people do, at which moment, and what they are refused.

use windlass_core::command::Verdict;
use windlass_core::id::StepId;
use windlass_core::outcome::Effected;
use windlass_core::plan::StepKind;
use windlass_core::rehearsal::{
    APPROVER, Act, Cue, Decision, GateReply, GateScript, Moment, REQUESTER,
};
use windlass_core::time::Millis;
use windlass_core::value::Value;

use super::book::Book;
use super::keys;
use super::mocks::{exactly_one_of, series};
use super::outputs::Gives;
use crate::check::fields::{Fields, Found, text, wrong_shape};
use crate::codes::{BAD_VALUE, KEYS_CLASH, TEST_MISFIT};
use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Entry, Node, NodeKind};
use crate::suggest::did_you_mean;

/// The reason of what is done without one.
const REASON: &str = "as the test says";

pub(super) fn gates(
    entry: &Entry,
    own: bool,
    book: &Book<'_>,
    found: &mut Found,
) -> Vec<GateScript> {
    let NodeKind::Map(entries) = &entry.value.kind else {
        let rule = "`gates` is a map from gates to answers";
        found.push(wrong_shape(&entry.value, rule));
        return Vec::new();
    };
    let script = |entry: &Entry| {
        let gate = gate(&entry.key, entry.key_span, book, found)?;
        let replies = series(&entry.value, found, gate_reply)?;
        Some(GateScript { gate, replies, own })
    };
    entries.iter().filter_map(script).collect()
}

fn gate(name: &str, span: Span, book: &Book<'_>, found: &mut Found) -> Option<StepId> {
    let step = book.step(name, span, found)?;
    if let StepKind::Gate(_) = step.kind {
        return Some(step.id.clone());
    }
    found.push(
        Diagnostic::error(TEST_MISFIT, format!("`{name}` is no gate"))
            .at(span, "not a gate")
            .help("work is answered under `mocks`"),
    );
    None
}

fn gate_reply(node: &Node, found: &mut Found) -> Option<GateReply> {
    const WORDS: [&str; 3] = ["approve", "reject", "leave"];
    let decide = |decision, by: &str, after| GateReply::Decide {
        decision,
        by: by.to_owned(),
        after,
    };
    if let Some(word) = node.as_text() {
        return match word {
            "approve" => Some(decide(approval(""), APPROVER, Millis(0))),
            "reject" => Some(decide(rejection(REASON), APPROVER, Millis(0))),
            "leave" => Some(GateReply::Leave),
            _ => {
                let message = format!("`{}` is no answer of a gate", word.escape_debug());
                let help = did_you_mean(word, WORDS).unwrap_or_else(|| {
                    "write approve, reject, leave (nobody answers), or {approve: NOTE, by: WHO, after: 5m}".to_owned()
                });
                found.push(
                    Diagnostic::error(BAD_VALUE, message)
                        .at(node.span, "not an answer")
                        .help(help),
                );
                None
            }
        };
    }
    let fields = Fields::read(node, node.span, &keys::GATE, found)?;
    let by = fields.text("by", found).unwrap_or(APPROVER);
    let after = fields.duration_or_zero("after", found).unwrap_or_default();
    let (key, node) = exactly_one_of(&fields, &keys::DECISIONS, "the answer of a gate", found)?;
    let said = match &node.kind {
        NodeKind::Null => None,
        _ => Some(text(node, &format!("`{key}` is a text"), found)?),
    };
    let decision = match key {
        "approve" => approval(said.unwrap_or_default()),
        _ => rejection(said.unwrap_or(REASON)),
    };
    Some(decide(decision, by, after))
}

fn approval(note: &str) -> Decision {
    Decision::Approve {
        note: note.to_owned(),
    }
}

fn rejection(reason: &str) -> Decision {
    Decision::Reject {
        reason: reason.to_owned(),
    }
}

/// What can be done, and which keys say more about it.
const ACTS: [(&str, &[&str]); 14] = [
    ("approve", &["step", "note"]),
    ("reject", &["step", "reason"]),
    ("withdraw", &["step", "reason"]),
    ("pause", &["reason"]),
    ("resume", &[]),
    ("cancel", &["reason", "undo"]),
    ("retry", &["step", "reason", "nothing_remains"]),
    ("attest", &["step", "reason", "outputs"]),
    ("decline", &["step", "reason", "effect"]),
    ("resolve", &["step", "reason", "says", "outputs"]),
    ("abandon", &["reason"]),
    ("take_over", &["step", "reason"]),
    ("acknowledge", &["step", "reason"]),
    ("crash", &["down"]),
];

/// The words of all acts.
pub(super) const ACT_WORDS: [&str; ACTS.len()] = {
    let mut words = [""; ACTS.len()];
    let mut place = 0;
    while place < ACTS.len() {
        words[place] = ACTS[place].0;
        place += 1;
    }
    words
};

/// Keys that say when and by whom.
const CIRCUMSTANCES: [&str; 6] = ["after", "at", "later", "do", "by", "refused"];

pub(super) fn cues(node: &Node, book: &Book<'_>, found: &mut Found) -> Vec<Cue> {
    let NodeKind::List(items) = &node.kind else {
        let rule = "`operator` is a list of what people do";
        found.push(wrong_shape(node, rule));
        return Vec::new();
    };
    items
        .iter()
        .filter_map(|item| cue(item, book, found))
        .collect()
}

fn cue(node: &Node, book: &Book<'_>, found: &mut Found) -> Option<Cue> {
    let fields = Fields::read(node, node.span, &keys::CUE, found)?;
    let (key, when) = exactly_one_of(&fields, &["after", "at"], "an entry of `operator`", found)?;
    let moment = match key {
        "after" => Moment::After(book.pattern(when, "after", found)?),
        _ => Moment::At(fields.duration_or_zero("at", found)?),
    };
    let later = fields.duration_or_zero("later", found).unwrap_or_default();
    let done = fields.required("do", "an entry of `operator`", found)?;
    let word = text(done, "`do` is a word", found)?;
    let Some((word, allowed)) = ACTS.into_iter().find(|(known, _)| *known == word) else {
        let words = ACT_WORDS;
        let message = format!("nobody can do `{}`", word.escape_debug());
        let help = did_you_mean(word, words)
            .unwrap_or_else(|| format!("what can be done is {}", words.join(", ")));
        found.push(
            Diagnostic::error(BAD_VALUE, message)
                .at(done.span, "not known")
                .help(help),
        );
        return None;
    };
    let before = found.len();
    for key in keys::CUE.names() {
        let says_something = allowed.contains(&key) || CIRCUMSTANCES.contains(&key);
        if let Some(entry) = fields.get(key).filter(|_| !says_something) {
            let message = format!("`{key}` is not for `{word}`");
            let label = "says nothing here";
            found.push(Diagnostic::error(KEYS_CLASH, message).at(entry.key_span, label));
        }
    }
    let act = act(word, &fields, book, found)?;
    let usual = match &act {
        Act::Approve { .. } | Act::Reject { .. } | Act::Decline { .. } => APPROVER,
        _ => REQUESTER,
    };
    let by = fields.text("by", found).unwrap_or(usual).to_owned();
    let refused = fields.text("refused", found).map(str::to_owned);
    let line = book.line(node.span);
    (found.len() == before).then_some(Cue {
        moment,
        later,
        act,
        by,
        refused,
        line,
    })
}

fn act(word: &str, fields: &Fields<'_>, book: &Book<'_>, found: &mut Found) -> Option<Act> {
    let of = format!("`do: {word}`");
    let reason = fields.text("reason", found).unwrap_or(REASON).to_owned();
    let step = |found: &mut Found| fields.required("step", &of, found);
    let gate_of = |node: &Node, found: &mut Found| {
        let name = text(node, "`step` names a gate", found)?;
        gate(name, node.span, book, found)
    };
    Some(match word {
        "approve" => Act::Approve {
            gate: gate_of(step(found)?, found)?,
            note: fields.text("note", found).unwrap_or_default().to_owned(),
        },
        "reject" => Act::Reject {
            gate: gate_of(step(found)?, found)?,
            reason,
        },
        "withdraw" => Act::Withdraw {
            gate: gate_of(step(found)?, found)?,
            reason,
        },
        "pause" => Act::Pause { reason },
        "resume" => Act::Resume,
        "cancel" => Act::Cancel {
            reason,
            undo: fields.boolean("undo", found).unwrap_or(false),
        },
        "retry" => Act::Retry {
            node: book.node(step(found)?, found)?,
            reason,
            nothing_remains: fields.boolean("nothing_remains", found).unwrap_or(false),
        },
        "attest" => Act::Attest {
            node: book.node(step(found)?, found)?,
            reason,
            outputs: outputs(step(found)?, fields, book, found)?,
        },
        "decline" => Act::Decline {
            node: book.node(step(found)?, found)?,
            reason,
            effect: match fields.value("effect") {
                Some(node) => super::mocks::effect(node, found)?,
                None => Effected::None,
            },
        },
        "resolve" => {
            let node = step(found)?;
            Act::Resolve {
                node: book.node(node, found)?,
                reason,
                verdict: verdict(node, fields, book, found)?,
            }
        }
        "abandon" => Act::Abandon { reason },
        "take_over" => Act::TakeOver {
            step: book.step_id(step(found)?, "`step` names a step", found)?,
            reason,
        },
        "acknowledge" => Act::Acknowledge {
            node: book.node(step(found)?, found)?,
            reason,
        },
        _ => Act::Crash {
            down: fields.duration_or_zero("down", found).unwrap_or_default(),
        },
    })
}

/// What a person states that a step gave.
fn outputs(step: &Node, fields: &Fields<'_>, book: &Book<'_>, found: &mut Found) -> Option<Value> {
    let (subject, planned) = book.subject(step.as_text()?, step.span, found)?;
    let work = book.work(&subject, planned);
    let gives =
        work.map(|work| Gives::new(&work.call.uses, &work.call.with, work.stated, book.catalog));
    match (fields.value("outputs"), gives) {
        (Some(node), Some(gives)) => gives.read(node, found),
        (None, Some(gives)) => Some(gives.blank()),
        (_, None) => Some(Value::Null),
    }
}

fn verdict(
    step: &Node,
    fields: &Fields<'_>,
    book: &Book<'_>,
    found: &mut Found,
) -> Option<Verdict> {
    const WORDS: [&str; 3] = ["happened", "not_happened", "give_up"];
    let node = fields.required("says", "`do: resolve`", found)?;
    let word = text(node, "`says` is a word", found)?;
    match word {
        "happened" => Some(Verdict::Happened {
            outputs: outputs(step, fields, book, found)?,
        }),
        "not_happened" => Some(Verdict::NotHappened),
        "give_up" => Some(Verdict::GiveUp),
        _ => {
            let message = "`says` is happened, not_happened or give_up";
            found.push(
                Diagnostic::error(BAD_VALUE, message)
                    .at(node.span, "none of them")
                    .maybe_help(did_you_mean(word, WORDS)),
            );
            None
        }
    }
}
