//! Tests that cannot be run on this machine: they say so, and fail where that is refused.

use std::io::Write as _;

/// Says, past the test harness's capture, what is not shown, and why. Under
/// `WINDLASS_NO_SKIP=1`, which `cargo xtask test` sets, the test fails with it.
pub fn skip(reason: &str) {
    let refused = std::env::var_os("WINDLASS_NO_SKIP").is_some_and(|set| set == "1");
    assert!(!refused, "SKIP is refused here: {reason}");
    let _closed = writeln!(std::io::stderr(), "SKIP: {reason}");
}
