//! The redactors that are in use in this process, for sinks that belong to no run: its own
//! log, what a panic says, what is printed.

use std::sync::{Mutex, PoisonError, Weak};

use super::{Redactor, Set};

/// Redactors live as long as their runs; this list keeps none of them alive.
static IN_USE: Mutex<Vec<Weak<Set>>> = Mutex::new(Vec::new());

/// Puts a redactor before all sinks of the process, for as long as a clone of it lives.
pub fn stand_before_all(redactor: &Redactor) {
    if redactor.finds_nothing() {
        return;
    }
    let mut in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
    in_use.retain(|set| set.strong_count() > 0);
    in_use.push(std::sync::Arc::downgrade(&redactor.0));
}

/// The text with every secret replaced that this process knows.
pub fn everywhere(text: &str) -> String {
    let in_use: Vec<Redactor> = {
        let in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
        in_use
            .iter()
            .filter_map(Weak::upgrade)
            .map(Redactor)
            .collect()
    };
    let redact = |text: String, redactor: &Redactor| redactor.text(&text);
    in_use.iter().fold(text.to_owned(), redact)
}
