//! Builds the program under test, once for each test process. A package cannot depend on
//! another's binary, so cargo is asked for it; the build directory is that of the tests,
//! and what they have built is not built again.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The program as people get it.
pub fn windlass() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("windlass", &[]))
}

/// The same program with the points of `windlass-engine`'s module `failpoints`. Only the
/// crates of this workspace that lie above the engine are built a second time.
pub fn windlass_failpoints() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("windlass-failpoints", &["--features", "failpoints"]))
}

fn build(name: &str, features: &[&str]) -> PathBuf {
    // A test lies in `PROFILE/deps`, the programs in `PROFILE`.
    let test = std::env::current_exe().expect("a test knows where it lies");
    let profile = test
        .ancestors()
        .nth(2)
        .expect("a test lies in target/PROFILE/deps");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .args(["build", "--quiet", "--package", "windlass-cli", "--bin"])
        .arg(name)
        .args(features)
        // What cargo set for the test would make the build scripts of some crates run again.
        .env_remove("CARGO_MANIFEST_DIR")
        .env_remove("CARGO_MANIFEST_PATH");
    if profile.ends_with("release") {
        command.arg("--release");
    }
    let status = command.status().expect("cargo can be started");
    assert!(status.success(), "cannot build {name}");
    profile.join(name)
}
