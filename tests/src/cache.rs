//! Where what plugins need is kept between tests: their compiled forms, and the tools that
//! build them. It is the directory in which `cargo xtask plugins` keeps the tools.

use std::path::PathBuf;

/// The value of `XDG_CACHE_HOME` for programs that load or build plugins: fetching and, where
/// nothing is optimised, compiling take long.
pub fn dir() -> PathBuf {
    // A test lies in `target/PROFILE/deps`.
    let test = std::env::current_exe().expect("a test knows where it lies");
    let target = test.ancestors().nth(3);
    target
        .expect("a test lies in target/PROFILE/deps")
        .join("cache")
}
