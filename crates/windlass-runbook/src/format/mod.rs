//! The one layout of windlass's YAML files. Text in, text out: what a document means
//! and every comment stay, and a text that cannot be read is left to its diagnostics.
//! `docs/fmt.md` has the rules.

mod align;
mod cursor;
mod parse;
mod print;
mod scalar;
mod tree;

use thiserror::Error;

use crate::diagnostic::Diagnostic;
use crate::node::{Node, NodeKind};
use crate::yaml::{self, TEXT_BYTES_MAX};

/// Why a text was not formatted. It stays as it is then.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum Refusal {
    /// The text is not the YAML that windlass reads.
    #[error("the text cannot be read")]
    Unreadable(Vec<Diagnostic>),
    /// Indentation would make the text larger than [`TEXT_BYTES_MAX`].
    #[error("the formatted text would be larger than {TEXT_BYTES_MAX} bytes")]
    TooLarge,
    /// The result would not mean the same, or would have lost a comment: a bug.
    #[error("formatting would change what the text says near line {line}")]
    Unfaithful {
        /// Counted from 1.
        line: usize,
    },
}

/// Something stands between two scalars that was not expected there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stuck {
    at: usize,
}

/// Formats one document. The result ends with a line feed unless it is empty, means
/// what `text` means, holds the same comments in the same order, and formats to itself.
pub fn format(text: &str) -> Result<String, Refusal> {
    let before = readable(text)?;
    let source = text.trim_start_matches('\u{feff}');
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    let unfaithful = |at: usize| {
        let before = source.get(..at).unwrap_or(&source);
        Refusal::Unfaithful {
            line: before.matches('\n').count() + 1,
        }
    };
    let Ok(node) = readable(&source) else {
        return Err(unfaithful(0));
    };
    let document = parse::parse(&source, &node).map_err(|stuck| unfaithful(stuck.at))?;
    let formatted = align::align(&print::print(&document));
    if formatted.len() > TEXT_BYTES_MAX {
        return Err(Refusal::TooLarge);
    }
    let Ok(after) = readable(&formatted) else {
        return Err(unfaithful(0));
    };
    if let Some(at) = first_difference(&before, &after) {
        return Err(unfaithful(at));
    }
    match parse::parse(&formatted, &after) {
        Ok(again) if again.comments == document.comments => Ok(formatted),
        _ => Err(unfaithful(0)),
    }
}

fn readable(text: &str) -> Result<Node, Refusal> {
    match yaml::read(text) {
        (Some(node), found) if found.is_empty() => Ok(node),
        (_, found) => Err(Refusal::Unreadable(found)),
    }
}

/// Where the first document stops to mean what the second one means.
fn first_difference(one: &Node, other: &Node) -> Option<usize> {
    let differs = Some(one.span.start);
    match (&one.kind, &other.kind) {
        (NodeKind::List(ones), NodeKind::List(others)) if ones.len() == others.len() => ones
            .iter()
            .zip(others)
            .find_map(|(one, other)| first_difference(one, other)),
        (NodeKind::Map(ones), NodeKind::Map(others)) if ones.len() == others.len() => {
            ones.iter().zip(others).find_map(|(one, other)| {
                if one.key != other.key {
                    return Some(one.key_span.start);
                }
                first_difference(&one.value, &other.value)
            })
        }
        (NodeKind::List(_) | NodeKind::Map(_), _) => differs,
        (
            NodeKind::Null
            | NodeKind::Bool(_)
            | NodeKind::Int(_)
            | NodeKind::Float(_)
            | NodeKind::Text(_),
            _,
        ) => differs.filter(|_| one.kind != other.kind),
    }
}
