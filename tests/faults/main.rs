//! Storage that fails under the real program: forged errors of the journal's system calls,
//! one after another until a run meets none, and a file system that is full. Each must end
//! the process at once, with a clear message and the documented exit code, and the run must
//! be resumed cleanly. Every fault is counted only if it fired.
//!
//! Without strace, or without the right to mount, a part prints SKIP, and fails under
//! `WINDLASS_NO_SKIP=1`.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

mod calls;
mod clock;
mod doctor;
mod doctor_page;
mod full;
mod run;
mod stopped;

use std::io::Write as _;

/// Prints a line, also when the test passes.
fn say(line: &str) {
    let _closed = writeln!(std::io::stderr(), "{line}");
}
