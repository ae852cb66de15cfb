//! The flagship on real servers, beside the crash suite: its steps in the states that a
//! good run never shows, each of its prechecks with the fault that it is for, and each end
//! that its page tells.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod bench;
mod ends;
mod prechecks;
mod steps;
