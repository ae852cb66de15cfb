//! The fields of one map: which are there, which should not be, and the plain
//! values in them. What a field means is for the caller.

use std::collections::BTreeMap;

use windlass_core::time::Millis;

use super::hints;
use super::keys::{Keys, Shape};
use super::units;
use crate::codes::{
    BAD_SPAN, BAD_VALUE, EXPR_IN_SCRIPT, LATER_KEY, MISSING_KEY, UNKNOWN_KEY, WRONG_SHAPE,
};
use crate::diagnostic::{Diagnostic, Severity, Span};
use crate::node::{Entry, Node, NodeKind};
use crate::suggest::did_you_mean;

/// Where diagnostics are collected.
pub(crate) type Found = Vec<Diagnostic>;

/// How many diagnostics are kept.
pub const DIAGNOSTICS_MAX: usize = 100;

/// Whether there are so many errors that nobody reads more. What is costly stops
/// then, so that a hostile runbook buys no work with mistakes.
pub(crate) fn is_full(found: &Found) -> bool {
    found.len() >= DIAGNOSTICS_MAX
        && found
            .iter()
            .filter(|found| found.severity == Severity::Error)
            .count()
            >= DIAGNOSTICS_MAX
}

/// The fields of a map that may be there.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    /// What stands for the map in diagnostics: its key.
    pub(crate) span: Span,
    keys: Keys,
    entries: BTreeMap<&'a str, &'a Entry>,
}

impl<'a> Fields<'a> {
    /// Reads a map with the given keys; `None` when it is no map.
    pub(crate) fn read(node: &'a Node, span: Span, keys: &Keys, found: &mut Found) -> Option<Self> {
        Self::read_hinted(node, span, keys, &|_| None, found)
    }

    /// The same, with somebody who may know where a key that has no place here belongs.
    pub(crate) fn read_hinted(
        node: &'a Node,
        span: Span,
        keys: &Keys,
        hint: &dyn Fn(&Entry) -> Option<String>,
        found: &mut Found,
    ) -> Option<Self> {
        let NodeKind::Map(entries) = &node.kind else {
            let diagnostic = wrong_shape(node, &format!("{} is a map", keys.of));
            found.push(diagnostic.maybe_help(hints::map(keys.of, node)));
            return None;
        };
        let mut fields = BTreeMap::new();
        for entry in entries {
            let key = entry.key.as_str();
            if keys.get(key).is_some() || keys.refused.contains(&key) {
                fields.insert(key, entry);
            } else if keys.later.contains(&key) {
                let message = format!("`{key}` is not supported by this version");
                found.push(
                    Diagnostic::error(LATER_KEY, message)
                        .at(entry.key_span, "not supported yet")
                        .help("a key is refused rather than ignored: take it out to go on"),
                );
            } else {
                let known = keys.names().chain(keys.later.iter().copied());
                let message = format!("{} has no key `{}`", keys.of, key.escape_debug());
                let help = hint(entry)
                    .or_else(|| did_you_mean(key, known))
                    .or_else(|| hints::foreign_key(keys.of, key))
                    .unwrap_or_else(|| {
                        let names: Vec<&str> = keys.names().collect();
                        format!("the keys are {}", names.join(", "))
                    });
                found.push(
                    Diagnostic::error(UNKNOWN_KEY, message)
                        .at(entry.key_span, "unknown key")
                        .help(help),
                );
            }
        }
        Some(Self {
            span,
            keys: *keys,
            entries: fields,
        })
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'a Entry> {
        self.entries.get(key).copied()
    }

    /// What a key's value is, as a sentence.
    fn rule(&self, key: &str) -> String {
        let words = match self.keys.get(key).map(|key| key.shape) {
            // Which words there are is said when the value is one.
            None | Some(Shape::Word(_) | Shape::Name) => "a string".to_owned(),
            // Its bounds are said when the value is an integer.
            Some(Shape::Count(..)) => "an integer".to_owned(),
            Some(shape) => shape.words(),
        };
        format!("`{key}` is {words}")
    }

    /// The values of all keys.
    pub(crate) fn values(&self) -> impl Iterator<Item = &'a Node> {
        self.entries.values().map(|entry| &entry.value)
    }

    pub(crate) fn value(&self, key: &str) -> Option<&'a Node> {
        self.get(key).map(|entry| &entry.value)
    }

    /// A field that must be there.
    pub(crate) fn required(&self, key: &str, of: &str, found: &mut Found) -> Option<&'a Node> {
        let value = self.value(key);
        if value.is_none() {
            let message = format!("{of} needs the key `{key}`");
            found.push(
                Diagnostic::error(MISSING_KEY, message)
                    .at(self.span, "missing here")
                    .maybe_help(hints::missing_key(of, key).map(str::to_owned)),
            );
        }
        value
    }

    /// Text that stays as it is written: nothing is filled into it.
    pub(crate) fn text(&self, key: &str, found: &mut Found) -> Option<&'a str> {
        let node = self.value(key)?;
        let text = text(node, &self.rule(key), found)?;
        if text.contains("${{") {
            let message = format!("expressions are not filled into `{key}`");
            found.push(
                Diagnostic::error(EXPR_IN_SCRIPT, message)
                    .at(node.span, "stays as it is written")
                    .help("what depends on a run is shown where it is used, or by a gate's `show`"),
            );
            return None;
        }
        Some(text)
    }

    pub(crate) fn boolean(&self, key: &str, found: &mut Found) -> Option<bool> {
        let node = self.value(key)?;
        if let NodeKind::Bool(value) = node.kind {
            return Some(value);
        }
        let diagnostic = wrong_shape(node, &self.rule(key));
        found.push(diagnostic.maybe_help(hints::boolean(node)));
        None
    }

    /// A whole number within bounds.
    pub(crate) fn count(&self, key: &str, least: u32, most: u32, found: &mut Found) -> Option<u32> {
        let node = self.value(key)?;
        let NodeKind::Int(value) = node.kind else {
            found.push(wrong_shape(node, &self.rule(key)));
            return None;
        };
        let count = u32::try_from(value)
            .ok()
            .filter(|count| (least..=most).contains(count));
        if count.is_none() {
            let message = format!("`{key}` is from {least} to {most}, not {value}");
            found.push(Diagnostic::error(BAD_VALUE, message).at(node.span, "out of bounds"));
        }
        count
    }

    /// A span of time that is longer than nothing.
    pub(crate) fn duration(&self, key: &str, found: &mut Found) -> Option<Millis> {
        let span = self.duration_or_zero(key, found)?;
        if span.0 == 0 {
            let node = self.value(key)?;
            let message = format!("`{key}` must be longer than nothing");
            found.push(Diagnostic::error(BAD_VALUE, message).at(node.span, "no time at all"));
            return None;
        }
        Some(span)
    }

    pub(crate) fn duration_or_zero(&self, key: &str, found: &mut Found) -> Option<Millis> {
        duration(self.value(key)?, &format!("`{key}`"), found)
    }
}

/// A span of time such as `15m`.
pub(crate) fn duration(node: &Node, what: &str, found: &mut Found) -> Option<Millis> {
    let parsed = node.as_text().and_then(units::duration);
    if parsed.is_none() {
        found.push(
            Diagnostic::error(BAD_SPAN, format!("{what} is a duration"))
                .at(node.span, "not a duration")
                .help(hints::duration(node)),
        );
    }
    parsed
}

pub(crate) fn text<'a>(node: &'a Node, rule: &str, found: &mut Found) -> Option<&'a str> {
    let text = node.as_text();
    if text.is_none() {
        found.push(wrong_shape(node, rule).maybe_help(hints::quoted(node)));
    }
    text
}

/// `rule` says what was wanted, as a sentence.
pub(crate) fn wrong_shape(node: &Node, rule: &str) -> Diagnostic {
    let found = node.describe();
    let label = match node.kind {
        NodeKind::Null => "nothing stands here".to_owned(),
        _ => format!("this is {found}"),
    };
    Diagnostic::error(WRONG_SHAPE, format!("{rule}, not {found}")).at(node.span, label)
}
