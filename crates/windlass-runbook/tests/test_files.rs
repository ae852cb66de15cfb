//! Test files with mistakes, and what is said about them, compared with files beside
//! them. All belong to `wrong_tests/book.yaml`. `UPDATE_GOLDEN=1` rewrites the files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use windlass_core::catalog::Catalog;
use windlass_core::rehearsal::{Ending, Moment, Said, Series};
use windlass_core::time::Millis;
use windlass_runbook::NoFiles;
use windlass_runbook::codes::CODES;
use windlass_runbook::render::Style;
use windlass_runbook::testing::{CheckedTests, Lack, RunbookText, TEST_FILE_ENDING, TestFile};

fn catalog() -> Catalog {
    serde_json::from_str(include_str!("catalog.json")).expect("the catalog is valid")
}

const BOOK: &str = include_str!("wrong_tests/book.yaml");

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong_tests")
}

fn checked(text: &str) -> CheckedTests {
    let book = RunbookText {
        name: "book.yaml",
        text: BOOK,
        files: &NoFiles,
    };
    TestFile::read("book.test.yaml", text).check(book, &catalog())
}

fn files() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).expect("the folder exists");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.to_string_lossy().ends_with(TEST_FILE_ENDING))
        .collect();
    paths.sort();
    paths
}

#[test]
fn mistakes_are_told_with_reasons() {
    let mut different = Vec::new();
    let mut seen = BTreeSet::new();
    let files = files();
    for path in &files {
        let checked = checked(&fs::read_to_string(path).expect("a test file is text"));
        assert!(checked.has_errors(), "{} was accepted", path.display());
        seen.extend(checked.diagnostics.iter().map(|found| found.code.id()));
        let found = checked.render(Style::Plain) + "\n";
        let golden = path.with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &found).expect("the file can be written");
        }
        if fs::read_to_string(&golden).unwrap_or_default() != found {
            different.push(format!("{}:\n{found}", golden.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n\n"));
    assert!(files.len() > 10);
    let of_tests = CODES.iter().map(|code| code.id());
    let unseen: Vec<&str> = of_tests
        .filter(|id| id.starts_with("WL080") && !seen.contains(id))
        .collect();
    // That one is about the file that `check` is given.
    assert_eq!(unseen, ["WL0801"]);
}

#[test]
fn a_missing_runbook_is_told_where_it_is_named() {
    let text = "windlass_test: 1\nrunbook: other.yaml\ncases: {}\n";
    let tests = TestFile::read("a.test.yaml", text);
    assert_eq!(tests.runbook(), Some("other.yaml"));
    let checked = tests.without_runbook("other.yaml", Lack::Missing);
    let text = checked.render(Style::Plain);
    assert!(
        text.contains("WL0801") && text.contains("a.test.yaml:2:10"),
        "{text}"
    );
    // Of a text that cannot be read only that is told.
    let checked = TestFile::read("a.test.yaml", "a: [").without_runbook("a.yaml", Lack::Wrong);
    let codes: Vec<&str> = checked.diagnostics.iter().map(|d| d.code.id()).collect();
    assert_eq!(codes, ["WL0101"]);
}

/// What each spelling means.
#[test]
fn a_right_file_becomes_a_script() {
    let text = "\
windlass_test: 1
inputs: {instance: a}
mocks: {look: ok, each: ok, \"each[1]\": timeout}
gates: {go: approve}
cases:
  one:
    mocks:
      change: [{fails: x, effect: none}, {ends: crash, down: 5m, looks: {outputs: {version_ok: true}}}]
      upgrade: {ends: timeout, looks: [in_progress, {happened: {version: \"15\"}, takes: 2s}]}
    operator:
      - {at: 5m, do: pause}
      - {after: \"attempt_started undo:each[1] 2\", later: 1h, do: resume, by: Ada, refused: not_paused}
    expect: {end: needs_operator, calls: {look: {instance: a, password: \"${{ secrets.token }}\"}}}
";
    let checked = checked(text);
    assert!(!checked.has_errors(), "{}", checked.render(Style::Plain));
    let case = &checked.cases[0].case;
    assert_eq!((case.name.as_str(), case.line), ("one", 6));
    // The case stands before the file, and an item before its step.
    let of: Vec<(String, bool)> = case
        .script
        .mocks
        .iter()
        .map(|mock| (mock.of.to_string(), mock.own))
        .collect();
    let expected = [
        ("change", true),
        ("upgrade", true),
        ("each[1]", false),
        ("look", false),
        ("each", false),
    ];
    assert_eq!(of, expected.map(|(of, own)| (of.to_owned(), own)));
    let Series::Each(replies) = &case.script.mocks[0].replies else {
        panic!("a list is one answer an attempt");
    };
    let crash = Ending::Crash {
        down: Millis::from_mins(5),
        process_lives: Millis(0),
    };
    assert_eq!(replies[1].ending, crash);
    assert!(matches!(
        replies[1].looks.as_ref().and_then(|looks| looks.nth(9)),
        Some(look) if matches!(look.said, Said::Outcome(_))
    ));
    // What is not said of outputs is blank.
    let look = &case.script.mocks[3].replies;
    let blank =
        r#"Succeeded { outputs: Map({"streaming": Bool(false), "version_ok": Bool(false)})"#;
    assert!(format!("{look:?}").contains(blank), "{look:?}");
    assert_eq!(case.script.cues[0].moment, Moment::At(Millis::from_mins(5)));
    assert_eq!(case.script.cues[1].by, "Ada");
    assert!(format!("{:?}", case.expected.calls).contains("Secret(SecretName(\"token\"))"));
}

/// Numbers that a seed repeats (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) % sides as u64) as usize
    }
}

/// Whatever is written there, it is read or refused, and every refusal can be shown.
#[test]
fn no_text_makes_it_panic() {
    let mut texts: Vec<Vec<char>> = Vec::new();
    for path in files() {
        let text = fs::read_to_string(path).expect("a test file is text");
        texts.push(text.chars().collect());
    }
    let mut dice = Dice(7);
    let mut refused = 0;
    for _ in 0..1_500 {
        let other = dice.below(texts.len());
        let mut text = texts[dice.below(texts.len())].clone();
        for _ in 0..=dice.below(3) {
            let from = dice.below(text.len().max(1));
            let to = (from + dice.below(12)).min(text.len());
            let start = dice
                .below(texts[other].len().max(1))
                .min(texts[other].len());
            let end = (start + dice.below(20)).min(texts[other].len());
            let piece = texts[other][start..end].to_vec();
            text.splice(from.min(to)..to, piece);
        }
        let text: String = text.into_iter().collect();
        let checked = checked(&text);
        drop(checked.render(Style::Plain));
        refused += usize::from(checked.has_errors());
    }
    assert!(refused > 1_000, "the mutations do not reach the mistakes");
}
