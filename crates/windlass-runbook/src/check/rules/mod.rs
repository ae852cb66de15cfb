//! Rules beyond the shape of things. `keys` belongs to the errors that are found step by
//! step. The others look at a runbook that has none: with a part of it unread, "nothing
//! reads this input" would be said of what only could not be parsed.

mod book;
mod conditions;
mod keys;
mod lists;
mod order;
mod requests;
mod secrecy;
mod times;
mod unused;

pub(super) use book::Book;
pub(super) use keys::check;

use super::fields::Found;

/// What deserves a second look in a runbook without errors.
pub(super) fn advise(book: &Book<'_>, found: &mut Found) {
    for index in 0..book.steps.len() {
        conditions::check(book, index, found);
        lists::check(book, index, found);
        times::check(book, index, found);
        secrecy::step(book, index, found);
    }
    order::check(book, found);
    secrecy::inputs(book, found);
    unused::check(book, found);
}
