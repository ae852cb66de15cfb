//! What authors of plugins call: every plugin of the repository passes its own test, and what
//! `inspect`, `test` and `lock` print is what it was.

use std::path::{Path, PathBuf};

use windlass_tests::cache;
use windlass_tests::golden::Test;
use windlass_tests::skip::skip;

use crate::desk::Desk;

/// Those that mean no harm.
const PLUGINS: [&str; 5] = [
    "alertmanager",
    "hello",
    "hello-js",
    "hello-python",
    "otc-rds",
];

/// How many checks every plugin is held against.
const CONFORMANCE: usize = 5;

fn plugins() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins")
}

#[test]
fn every_plugin_passes_its_own_test() {
    for name in PLUGINS {
        let Some(desk) = Desk::with(name) else { return };
        desk.about(name);
        let checks = desk.fixtures(name) + CONFORMANCE;
        let all = format!("{checks}: {checks} as expected, 0 not");
        desk.call(&["plugin", "test", name]).with(0, &[&all]);
    }
}

#[test]
fn a_plugin_is_inspected_tested_and_locked() {
    let built = plugins().join("hello/build/plugin.wasm");
    let Ok(bytes) = std::fs::read(&built) else {
        skip("no plugins/hello/build/plugin.wasm: `cargo xtask plugins` builds it");
        return;
    };
    let mut test = Test::new("plugin_authors");
    test.set("XDG_CACHE_HOME", &cache::dir().to_string_lossy());
    let digest = windlass_core::plan::Digest::of(&bytes).to_string();
    test.hide(&format!("{} now", &digest[..12]), "[DIGEST] now");
    test.hide(&format!("{} bytes", bytes.len()), "[BYTES]");
    std::fs::create_dir_all(test.dir().join("hello/build")).unwrap();
    std::fs::create_dir(test.dir().join("hello/fixtures")).unwrap();
    test.file("hello/plugin.toml", &text("hello/plugin.toml"));
    test.file(
        "hello/fixtures/greet.json",
        &text("hello/fixtures/greet.json"),
    );
    std::fs::write(test.dir().join("hello/build/plugin.wasm"), &bytes).unwrap();
    std::fs::write(test.dir().join("other.wasm"), &bytes).unwrap();
    test.call(&["plugin", "inspect", "hello"]);
    test.call(&["plugin", "inspect", "other.wasm"]);
    test.call(&["plugin", "test", "hello"]);
    let wrong = text("hello/fixtures/greet.json").replace("Hello", "Good day");
    test.file("hello/fixtures/wrong.json", &wrong);
    test.file("hello/fixtures/no_fixture.json", "{}");
    test.call(&["plugin", "test", "hello"]);
    std::fs::remove_file(test.dir().join("hello/fixtures/no_fixture.json")).unwrap();
    test.call(&["plugin", "test", "hello"]);
    test.file("greet.yaml", GREET);
    test.call(&["check", "greet.yaml"]);
    test.call(&["plugin", "lock", "greet.yaml"]);
    test.call(&["check", "greet.yaml"]);
    test.call(&["plugin", "inspect", "missing"]);
    test.check();
}

const GREET: &str = "windlass: 1
name: greet
plugins:
  here: {source: ./hello, grants: manifest}
  other: {source: ./other.wasm, grants: manifest}
steps:
  greet: {uses: here/greet, with: {name: Ada}}
  again: {uses: other/greet, needs: greet, with: {name: Ada}}
";

fn text(file: &str) -> String {
    std::fs::read_to_string(plugins().join(file)).expect("a plugin has its file")
}

/// Where a program of this name is.
fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// What `plugin new` writes builds, passes its test, and does its step in the runbook that is
/// written with it.
fn a_new_plugin_works(language: &str, needs: &[&str]) {
    if let Some(missing) = needs.iter().find(|program| !has(program)) {
        skip(&format!("a new plugin in {language} needs {missing}"));
        return;
    }
    let desk = Desk::empty();
    desk.call(&["plugin", "new", "mine", "--lang", language])
        .with(0, &["windlass plugin build mine"]);
    desk.call(&["plugin", "build", "mine"])
        .with(0, &["mine/build/plugin.wasm"]);
    desk.call(&["plugin", "test", "mine"])
        .with(0, &["✓ greet", "6: 6 as expected, 0 not"]);
    desk.call(&["run", "mine/greet.yaml", "--input", "whom=Ada"])
        .with(0, &["greet succeeded"]);
}

#[test]
fn a_new_plugin_in_rust_works() {
    let targets = std::process::Command::new("rustup")
        .args(["target", "list", "--installed"])
        .output();
    let targets = targets.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    if !targets.is_ok_and(|targets| targets.contains("wasm32-wasip2")) {
        skip("a new plugin in Rust needs the target wasm32-wasip2");
        return;
    }
    a_new_plugin_works("rust", &["cargo"]);
}

#[test]
fn a_new_plugin_in_javascript_works() {
    a_new_plugin_works("js", &["node", "npm"]);
}

/// In the full set: its component has 19 MB and compiles for long where nothing is optimised.
#[test]
fn a_new_plugin_in_python_works() {
    if std::env::var_os("WINDLASS_FULL").is_some_and(|set| set != "0") {
        a_new_plugin_works("python", &["python3"]);
    }
}
