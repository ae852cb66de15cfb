//! `mocks`: how the attempts of each step end.

use windlass_core::outcome::{Effected, Failure, Outcome};
use windlass_core::rehearsal::{Ending, Mock, Reply, Series};
use windlass_core::time::Millis;
use windlass_core::value::Value;

use super::book::{Book, Work};
use super::outputs::Gives;
use super::{keys, looks};
use crate::check::fields::{Fields, Found, text, wrong_shape};
use crate::codes::{BAD_VALUE, KEYS_CLASH, MISSING_KEY, TEST_EFFECT, TEST_MISFIT};
use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Entry, Node, NodeKind};
use crate::suggest::did_you_mean;

/// The code of a failure that says none.
const CODE: &str = "mocked";
/// The words that stand for a whole answer.
const WORDS: [&str; 3] = ["ok", "timeout", "crash"];

/// The mocks of a case or of the file, the more precise ones first.
pub(super) fn mocks(entry: &Entry, own: bool, book: &Book<'_>, found: &mut Found) -> Vec<Mock> {
    let NodeKind::Map(entries) = &entry.value.kind else {
        let rule = "`mocks` is a map from steps to answers";
        found.push(wrong_shape(&entry.value, rule));
        return Vec::new();
    };
    let mut mocks: Vec<Mock> = entries
        .iter()
        .filter_map(|entry| mock(entry, own, book, found))
        .collect();
    mocks.sort_by_key(|mock| mock.of.item.is_none());
    mocks
}

fn mock(entry: &Entry, own: bool, book: &Book<'_>, found: &mut Found) -> Option<Mock> {
    let (of, step) = book.subject(&entry.key, entry.key_span, found)?;
    let Some(work) = book.work(&of, step) else {
        let message = format!("`{}` has no attempts to answer", step.id);
        found.push(
            Diagnostic::error(TEST_MISFIT, message)
                .at(entry.key_span, "a gate or a wait")
                .help("a gate is answered under `gates`; a wait passes by itself"),
        );
        return None;
    };
    let replies = series(&entry.value, found, |node, found| {
        reply(node, work, book, found)
    })?;
    Some(Mock { of, replies, own })
}

/// One answer for all, or a list with one for each.
pub(super) fn series<T>(
    node: &Node,
    found: &mut Found,
    mut read: impl FnMut(&Node, &mut Found) -> Option<T>,
) -> Option<Series<T>> {
    let NodeKind::List(items) = &node.kind else {
        return read(node, found).map(Series::Always);
    };
    if items.is_empty() {
        let message = "a list of answers has at least one";
        found.push(Diagnostic::error(BAD_VALUE, message).at(node.span, "empty"));
        return None;
    }
    let read: Vec<Option<T>> = items.iter().map(|item| read(item, found)).collect();
    read.into_iter()
        .collect::<Option<Vec<T>>>()
        .map(Series::Each)
}

fn reply(node: &Node, work: Work<'_>, book: &Book<'_>, found: &mut Found) -> Option<Reply> {
    let gives = Gives::new(&work.call.uses, &work.call.with, work.stated, book.catalog);
    if let Some(word) = node.as_text() {
        return Some(Reply {
            ending: ending(word, node.span, &gives, found)?,
            takes: Millis(0),
            looks: None,
        });
    }
    let fields = Fields::read(node, node.span, &keys::REPLY, found)?;
    let takes = fields.duration_or_zero("takes", found).unwrap_or_default();
    let looks = fields
        .get("looks")
        .map(|entry| looks::looks(entry, work, book, found));
    let looks = match looks {
        None => None,
        Some(looks) => Some(looks?),
    };
    let ending = match one_of(&fields, &["outputs", "fails", "ends"], found)? {
        Some(("outputs", node)) => success(gives.read(node, found)?),
        Some(("fails", node)) => failure(node, &fields, work, found)?,
        Some((_, node)) => {
            let word = text(node, "`ends` is a word", found)?;
            match ending(word, node.span, &gives, found)? {
                Ending::Crash { .. } => Ending::Crash {
                    down: fields.duration_or_zero("down", found).unwrap_or_default(),
                    process_lives: fields
                        .duration_or_zero("process_lives", found)
                        .unwrap_or_default(),
                },
                other => other,
            }
        }
        None => success(gives.blank()),
    };
    only_with(&fields, &ending, found)?;
    Some(Reply {
        ending,
        takes,
        looks,
    })
}

fn success(outputs: Value) -> Ending {
    Ending::Outcome(Outcome::Succeeded { outputs, log: None })
}

fn ending(word: &str, span: Span, gives: &Gives<'_>, found: &mut Found) -> Option<Ending> {
    match word {
        "ok" => Some(success(gives.blank())),
        "timeout" => Some(Ending::Never),
        "crash" => Some(Ending::Crash {
            down: Millis(0),
            process_lives: Millis(0),
        }),
        _ => {
            let message = format!("`{}` is no answer", word.escape_debug());
            let help = did_you_mean(word, WORDS).unwrap_or_else(|| {
                "write ok, timeout or crash, {outputs: ...}, {fails: MESSAGE, effect: ...}, or a list of these with one for each attempt".to_owned()
            });
            found.push(
                Diagnostic::error(BAD_VALUE, message)
                    .at(span, "not an answer")
                    .help(help),
            );
            None
        }
    }
}

fn failure(
    message: &Node,
    fields: &Fields<'_>,
    work: Work<'_>,
    found: &mut Found,
) -> Option<Ending> {
    let said = text(message, "`fails` is the failure's message", found)?;
    let effect = match fields.value("effect") {
        Some(node) => effect(node, found)?,
        None if work.effect.is_change() => {
            let (step, class) = (&work.step.id, work.effect.as_str());
            let span = fields
                .get("fails")
                .map_or(fields.span, |entry| entry.key_span);
            let message = format!("`{step}` is {class}: its failure says what it did to the world");
            found.push(
                Diagnostic::error(TEST_EFFECT, message)
                    .at(span, "without `effect`")
                    .help("effect: none (never sent, or refused), settled (acted and ended without success) or unknown (nobody knows)"),
            );
            return None;
        }
        None => Effected::None,
    };
    let code = fields.text("code", found).unwrap_or(CODE).to_owned();
    Some(Ending::Outcome(Outcome::Failed(Failure {
        effect,
        code,
        message: said.to_owned(),
        evidence: fields.value("evidence").map(Node::to_value),
        log: None,
    })))
}

pub(super) fn effect(node: &Node, found: &mut Found) -> Option<Effected> {
    let word = text(node, "`effect` is a word", found)?;
    match word {
        "none" => Some(Effected::None),
        "settled" => Some(Effected::Settled),
        "unknown" => Some(Effected::Unknown),
        _ => {
            let message = "the `effect` of a failure is none, settled or unknown";
            found.push(
                Diagnostic::error(BAD_VALUE, message)
                    .at(node.span, "none of them")
                    .maybe_help(did_you_mean(word, ["none", "settled", "unknown"])),
            );
            None
        }
    }
}

/// The one of some keys that is there; two of them exclude each other.
pub(super) fn one_of<'a>(
    fields: &Fields<'a>,
    names: &[&'static str],
    found: &mut Found,
) -> Option<Option<(&'static str, &'a Node)>> {
    let mut there = names
        .iter()
        .filter_map(|name| Some((*name, fields.get(name)?)));
    let Some((name, first)) = there.next() else {
        return Some(None);
    };
    if let Some((other, second)) = there.next() {
        let message = format!("`{name}` and `{other}` exclude each other");
        found.push(
            Diagnostic::error(KEYS_CLASH, message)
                .at(second.key_span, "either this")
                .at(first.key_span, "or this"),
        );
        return None;
    }
    Some(Some((name, &first.value)))
}

/// The same where one must be there.
pub(super) fn exactly_one_of<'a>(
    fields: &Fields<'a>,
    names: &[&'static str],
    of: &str,
    found: &mut Found,
) -> Option<(&'static str, &'a Node)> {
    let one = one_of(fields, names, found)?;
    if one.is_none() {
        let message = format!("{of} needs one of {}", names.join(", "));
        found.push(Diagnostic::error(MISSING_KEY, message).at(fields.span, "missing here"));
    }
    one
}

/// Keys that belong to one kind of ending say nothing with another.
fn only_with(fields: &Fields<'_>, ending: &Ending, found: &mut Found) -> Option<()> {
    let fails = matches!(ending, Ending::Outcome(Outcome::Failed(_)));
    let crash = matches!(ending, Ending::Crash { .. });
    let table = [
        ("effect", fails, "fails: MESSAGE"),
        ("code", fails, "fails: MESSAGE"),
        ("evidence", fails, "fails: MESSAGE"),
        ("down", crash, "ends: crash"),
        ("process_lives", crash, "ends: crash"),
    ];
    let before = found.len();
    for (key, allowed, with) in table {
        if let Some(entry) = fields.get(key).filter(|_| !allowed) {
            let message = format!("`{key}` is only for `{with}`");
            let label = "says nothing here";
            found.push(Diagnostic::error(KEYS_CLASH, message).at(entry.key_span, label));
        }
    }
    (found.len() == before).then_some(())
}
