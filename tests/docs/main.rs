//! What the documents say is done: their runbooks are checked, their tests are run, their
//! sessions are typed, and what they show is what comes out.

#![expect(
    clippy::unwrap_used,
    reason = "a step of a session that cannot be taken ends the test, which is all it can do"
)]

mod blocks;
mod language;
mod over_ssh;
mod pages;
mod policies;
mod session;
mod sessions;
#[path = "../../crates/windlass-steps/tests/it/sshd.rs"]
mod sshd;
mod steps;
mod stories;
