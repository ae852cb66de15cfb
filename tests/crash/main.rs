//! The real program, killed with SIGKILL and resumed: at every record, between intent and
//! outcome of every change, at random times, and again while it recovers. A witness outside
//! of the tested disk counts what really happened.
//!
//! `cargo test -p windlass-tests --test crash` is the set for every change; with
//! `WINDLASS_FULL=1` the same parts are swept further. A failure prints its seed, and
//! `WINDLASS_SEED` replays it.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

mod audit;
mod bench;
mod flagship;
mod guests;
mod lock;
mod messages;
mod rds;
mod report;
mod small;
mod sweeps;
mod upgrade;
mod wrapped;

use std::path::{Path, PathBuf};

use windlass_tests::skip::skip;

/// Whether the full set is asked for.
fn is_full() -> bool {
    std::env::var_os("WINDLASS_FULL").is_some_and(|set| set != "0")
}

/// A directory in memory, where there is one: for SIGKILL it is as strict as a disk.
fn volatile() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        memory.to_owned()
    } else {
        skip("crash: no /dev/shm, so witness and state share a file system");
        std::env::temp_dir()
    }
}
