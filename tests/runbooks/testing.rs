//! The tests of the shipped runbooks, and the examples of `docs/testing.md`, as people
//! run them.

use std::path::Path;
use std::process::Output;

use windlass_tests::binary::windlass;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// `windlass test` in a folder: what it printed, and its exit code.
fn test_in(folder: &Path, arguments: &[&str]) -> (String, Option<i32>) {
    let Output {
        stdout,
        stderr,
        status,
    } = std::process::Command::new(windlass())
        .arg("test")
        .args(arguments)
        .current_dir(folder)
        .env("XDG_CACHE_HOME", windlass_tests::cache::dir())
        .env("LANG", "C.UTF-8")
        .env_remove("LC_ALL")
        .output()
        .expect("the program can be started");
    let printed = [stdout, stderr].concat();
    (
        String::from_utf8_lossy(&printed).into_owned(),
        status.code(),
    )
}

const ALL: [&str; 3] = ["--coverage", "--min-coverage", "100"];

#[test]
fn tests_of_shipped_runbooks_reach_all_of_them() {
    if !crate::are_built() {
        return;
    }
    let (printed, code) = test_in(root(), &[&["runbooks/"], ALL.as_slice()].concat());
    assert_eq!(code, Some(0), "{printed}");
    for runbook in crate::runbooks() {
        let name = runbook.file_name().unwrap().to_string_lossy().into_owned();
        let line = format!("coverage of runbooks/{name}: 100 %");
        assert!(printed.contains(&line), "{name} has no tests:\n{printed}");
    }
}

/// The blocks of a page that begin with this info string, without the fences.
fn blocks<'a>(page: &'a str, info: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    page.split("\n```")
        .skip(1)
        .step_by(2)
        .filter_map(move |block| {
            let (head, text) = block.split_once('\n')?;
            Some((head.strip_prefix(info)?, text))
        })
}

#[test]
fn the_examples_of_the_page_are_true() {
    let page = std::fs::read_to_string(root().join("docs/testing.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut files = 0;
    for (name, text) in blocks(&page, "yaml file=") {
        std::fs::write(folder.path().join(name), format!("{text}\n")).unwrap();
        files += 1;
    }
    assert!(files >= 4, "the examples were not found");
    let (printed, code) = test_in(folder.path(), &ALL);
    assert_eq!(code, Some(0), "{printed}");

    let (_, shown) = blocks(&page, "text")
        .next()
        .expect("what it prints is shown");
    let shown = shown.strip_prefix("$ windlass test --coverage\n").unwrap();
    let (printed, _) = test_in(folder.path(), &["greet.test.yaml", "--coverage"]);
    assert_eq!(printed.trim_end(), shown);
}
