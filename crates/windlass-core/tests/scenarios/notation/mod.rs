//! The one-line notations of the scenarios: plans, commands, expressions, and how
//! events, effects and states are shown. Only tests read them.

pub(crate) mod command;
pub(crate) mod expr;
pub(crate) mod plan;
pub(crate) mod policy;
pub(crate) mod show;

use windlass_core::time::Timestamp;

/// A time of the notation, in seconds since the scenario began.
pub(crate) fn seconds(text: &str) -> Timestamp {
    let secs: f64 = text.parse().unwrap_or_else(|_| panic!("a time: {text:?}"));
    Timestamp((secs * 1000.0).round() as i64)
}

/// Splits on blanks, but not inside backticks or brackets of any kind.
pub(crate) fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut depth, mut quoted) = (Vec::new(), String::new(), 0, false);
    for c in text.chars() {
        match c {
            '`' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth -= 1,
            _ => {}
        }
        if c.is_whitespace() && depth == 0 && !quoted {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
        } else {
            word.push(c);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}
