//! Rules over the text of the sources: headers, what the core may name, and nothing
//! that belongs to one machine.

use std::path::{Path, PathBuf};

use windlass_tests::skip::skip;

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
    found.extend(files(&root().join("plugins"), "rs"));
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

/// Texts that may name a place of one machine: a file, and what its line holds.
const EXAMPLES_OF_PLACES: &[(&str, &str)] = &[];

/// The files that git tracks, or `None` where git does not list them.
fn tracked_files() -> Option<Vec<String>> {
    let listed = std::process::Command::new("git")
        .args(["-c", "safe.directory=*", "ls-files", "-z"])
        .current_dir(root())
        .output()
        .ok()?;
    let names = String::from_utf8_lossy(&listed.stdout).into_owned();
    let names = names.split_terminator('\0').map(str::to_owned);
    listed.status.success().then(|| names.collect())
}

/// What is compiled is built from source by whoever uses it.
#[test]
fn nothing_compiled_is_committed() {
    let Some(names) = tracked_files() else {
        return;
    };
    let begins: [&[u8]; 4] = [b"\0asm", b"\x7fELF", b"!<arch>", b"MZ\x90"];
    for name in names {
        let bytes = std::fs::read(root().join(&name)).unwrap_or_default();
        let compiled = begins.iter().any(|begin| bytes.starts_with(begin));
        assert!(!compiled, "{name} is compiled");
    }
}

/// Whether a line names a place of one machine. `/etc/home/x` is none: a place begins
/// where no path goes on.
fn names_a_place(line: &str) -> bool {
    // Spelled in two halves, so that this file does not find itself.
    let homes = [
        concat!("/ro", "ot/"),
        concat!("/wo", "rk/"),
        concat!("/ho", "me/"),
    ];
    let begins = |at: usize| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|before| !(before.is_alphanumeric() || "/._-~}])$".contains(before)))
            // `file:///…` names one too.
            || line[..at].ends_with("//")
    };
    line.contains(concat!(".lib", "rary"))
        || homes
            .iter()
            .any(|home| line.match_indices(home).any(|(at, _)| begins(at)))
}

#[test]
fn a_place_of_one_machine_is_told_from_others() {
    let place = |name: &str| format!("{name}{}", "project/x");
    let (work, home) = (concat!("/wo", "rk/"), concat!("/ho", "me/"));
    assert!(names_a_place(&place(work)));
    assert!(names_a_place(&format!("cd \"{}\"", place(home))));
    assert!(names_a_place(&format!("file://{}", place(home))));
    assert!(names_a_place(concat!("see .lib", "rary for it")));
    assert!(!names_a_place(&format!("tests{}", place(work))));
    assert!(!names_a_place(&format!("$DIR{}", place(home))));
    assert!(!names_a_place("the library is at /usr/lib"));
}

#[test]
fn nothing_belongs_to_one_machine() {
    if !root().join(".git").exists() {
        println!("tidy: this is no checkout, so nothing is tracked that could name a place");
        return;
    }
    let Some(names) = tracked_files() else {
        skip("tidy: git cannot list the files; they were not searched for places");
        return;
    };
    assert!(names.len() > 100, "git does not track the sources");
    let mut found = Vec::new();
    let mut used = vec![false; EXAMPLES_OF_PLACES.len()];
    for name in &names {
        // Binary files have no places, and one may just have been removed.
        let Ok(text) = std::fs::read_to_string(root().join(name)) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            if !names_a_place(line) {
                continue;
            }
            let allowed = EXAMPLES_OF_PLACES
                .iter()
                .position(|(file, example)| file == name && line.contains(example));
            match allowed {
                Some(at) => used[at] = true,
                None => found.push(format!("{name}:{}: {}", number + 1, line.trim())),
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
    assert!(
        used.iter().all(|used| *used),
        "not every example is still there"
    );
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

/// A suite that CI does not name is never run.
#[test]
fn every_suite_is_run() {
    let suites = std::fs::read_to_string(root().join("crates/xtask/src/suites.rs")).unwrap();
    let manifest = std::fs::read_to_string(root().join("tests/Cargo.toml")).unwrap();
    let (_, targets) = manifest.split_once("[[test]]").expect("there are suites");
    for line in targets.lines() {
        if let Some(name) = line.strip_prefix("name = ") {
            assert!(suites.contains(name), "xtask does not run the suite {name}");
        }
    }
}
