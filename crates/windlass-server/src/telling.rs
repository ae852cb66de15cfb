//! A run told in plain sentences: why it stands where it stands, and what the next person
//! on duty must know. Pure functions over a run's view, so that the owner and a terminal
//! that reads the journal itself say the same. Where lines are broken is the caller's.

mod handover;
mod stopping;
mod waits;
mod why;

pub use handover::{DECISIONS_MAX, Decision, Handover, decision, handover};
pub use waits::{Waits, WaitsFor};
pub use why::{Why, why};

use crate::wire::RunView;

/// Most bytes of one text of a runbook, a target or a person in a sentence.
const QUOTED_BYTES_MAX: usize = 240;

/// What is told, and what the view does not know.
#[derive(Clone, Copy)]
pub struct Telling<'a> {
    pub run: &'a RunView,
    /// Whether a process owns the state directory: without one nothing goes on.
    pub owned: bool,
    /// A time as its readers write it, such as `01:42 UTC`; from milliseconds since 1970.
    pub at: &'a dyn Fn(i64) -> String,
}

impl std::fmt::Debug for Telling<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Telling({}, owned: {})", self.run.run, self.owned)
    }
}

/// Somebody else's text within a sentence: one line, bounded, without a stop of its own.
fn quoted(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    let end = text.floor_char_boundary(QUOTED_BYTES_MAX);
    if end < text.len() {
        return format!("{}…", text[..end].trim_end());
    }
    text.trim_end_matches(['.', '!', '?']).to_owned()
}

/// `a`, `a and b`, `a, b and c`, `a, b, c and 4 more`: at most `shown` by name, of `count`.
fn list<T: std::fmt::Display>(names: &[T], shown: usize, count: usize) -> String {
    let shown = names.len().min(shown);
    let mut parts: Vec<String> = names[..shown].iter().map(T::to_string).collect();
    if count > shown {
        parts.push(format!("{} more", count - shown));
    }
    match parts.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

/// `1 step`, `3 steps`.
fn steps(count: usize) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} step{s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_as_people_write_them() {
        let names = ["a", "b", "c", "d"];
        assert_eq!(list::<&str>(&[], 3, 0), "");
        assert_eq!(list(&names[..1], 3, 1), "a");
        assert_eq!(list(&names[..2], 3, 2), "a and b");
        assert_eq!(list(&names[..3], 3, 3), "a, b and c");
        assert_eq!(list(&names, 3, 4), "a, b, c and 1 more");
    }

    #[test]
    fn a_quoted_text_does_not_end_the_sentence() {
        assert_eq!(quoted("it broke.\nBadly!"), "it broke. Badly");
        let long = quoted(&"ä".repeat(400));
        assert!(long.len() <= QUOTED_BYTES_MAX + '…'.len_utf8() && long.ends_with('…'));
    }
}
