//! Rules over the text of the sources: headers, what the core may name, and nothing
//! that belongs to one machine.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All files of one ending below a folder, without build output.
fn files(below: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![below.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder is in the checkout") {
            let path = entry.expect("the folder can be listed").path();
            let name = path
                .file_name()
                .expect("a listed path has a name")
                .to_string_lossy()
                .into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == ending)
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn rust_files() -> Vec<PathBuf> {
    let mut found = files(&root().join("crates"), "rs");
    found.extend(files(&root().join("tests"), "rs"));
    assert!(found.len() > 50, "the sources were not found");
    found
}

#[test]
fn every_source_says_what_it_is_responsible_for() {
    let silent: Vec<PathBuf> = rust_files()
        .into_iter()
        .filter(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            // A fuzz target begins with the attribute that makes it one.
            !text.trim_start_matches("#![no_main]\n").starts_with("//!")
        })
        .collect();
    assert!(silent.is_empty(), "no `//!` header: {silent:#?}");
}

#[test]
fn the_core_names_nothing_of_the_outer_world() {
    const OUTSIDE: &[&str] = &[
        "std::fs",
        "std::env",
        "std::net",
        "std::process",
        "std::thread",
        "tokio",
        "async fn",
    ];
    let mut found = Vec::new();
    for path in files(&root().join("crates/windlass-core/src"), "rs") {
        let text = std::fs::read_to_string(&path).unwrap();
        for name in OUTSIDE {
            if text.contains(name) {
                found.push(format!("{}: {name}", path.display()));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn no_test_is_left_out() {
    // Spelled in two halves, so that this file does not find itself.
    let marks = [
        concat!("#[ig", "nore"),
        concat!("#[should_", "panic"),
        concat!("to", "do!("),
    ];
    let mut found = Vec::new();
    for path in rust_files() {
        let text = std::fs::read_to_string(&path).unwrap();
        found.extend(
            marks
                .iter()
                .filter(|mark| text.contains(**mark))
                .map(|mark| format!("{}: {mark}", path.display())),
        );
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// Never fails: it shows where a second look may be due.
#[test]
fn the_longest_sources() {
    let mut lengths: Vec<(usize, PathBuf)> = rust_files()
        .into_iter()
        .map(|path| {
            (
                std::fs::read_to_string(&path).unwrap().lines().count(),
                path,
            )
        })
        .collect();
    lengths.sort();
    for (lines, path) in lengths.iter().rev().take(10) {
        println!("{lines:>6} {}", path.display());
    }
}
