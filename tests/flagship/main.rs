//! The flagship on real servers, beside the crash suite: its steps in the states that a
//! good run never shows, each of its prechecks with the fault that it is for, each end that
//! its page tells, and a network that fails in the middle.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod bench;
mod ends;
mod network;
mod prechecks;
mod steps;
