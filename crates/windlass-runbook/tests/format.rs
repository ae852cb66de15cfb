//! The layout: tables of texts and what becomes of them, and what holds for every text:
//! formatting again changes nothing, and what the text means and its comments stay.

mod messy;

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use windlass_runbook::TEXT_BYTES_MAX;
use windlass_runbook::format::{Refusal, format};

fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(folder).expect("the folder exists");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("readable").path())
        .collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "yaml")
    });
    paths.sort();
    paths
}

/// What the reader makes of a text, without our own tree between.
fn meaning(text: &str) -> serde_json::Value {
    let options = serde_yaml::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
    };
    serde_yaml::from_str_with_options(text, options).expect("it was read before")
}

/// The formatted text, after everything that must hold was seen to hold.
fn formatted(text: &str) -> Result<String, Refusal> {
    let once = format(text)?;
    assert_eq!(format(&once).as_ref(), Ok(&once), "of:\n{text}");
    assert_eq!(meaning(&once), meaning(text), "of:\n{text}");
    assert!(!once.contains('\r'), "{once}");
    assert!(once.is_empty() || once.ends_with('\n'), "{once}");
    let comments = |text: &str| text.matches("#c").count();
    assert_eq!(comments(&once), comments(text), "of:\n{text}");
    Ok(once)
}

#[test]
fn texts_become_what_stands_beside_them() {
    let mut different = Vec::new();
    for path in yaml_files("tests/format") {
        let text = fs::read_to_string(&path).expect("a text");
        let found = formatted(&text).unwrap_or_else(|refusal| panic!("{path:?}: {refusal}"));
        let beside = path.with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&beside, &found).expect("the file can be written");
        }
        let wanted = fs::read_to_string(&beside).unwrap_or_default();
        if wanted != found {
            different.push(format!("{}:\n{found}", path.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn every_runbook_of_the_project_can_be_formatted_or_not_be_read() {
    let mut read = 0;
    for folder in [
        "tests/right",
        "tests/wrong",
        "../../runbooks",
        "../../tests/crash",
        "../../tests/faults",
    ] {
        for path in yaml_files(folder) {
            let text = fs::read_to_string(&path).expect("a text");
            match formatted(&text) {
                Ok(_) => read += 1,
                Err(Refusal::Unreadable(found)) => assert!(
                    folder.ends_with("wrong") && !found.is_empty(),
                    "{}",
                    path.display()
                ),
                Err(refusal) => panic!("{}: {refusal}", path.display()),
            }
        }
    }
    assert!(read > 40, "{read}");
}

#[test]
fn a_text_that_cannot_be_read_is_left_to_its_diagnostics() {
    let Err(Refusal::Unreadable(found)) = format("a: 1\na: 2\n") else {
        panic!("a key that stands twice was accepted");
    };
    assert_eq!(found[0].code.id(), "WL0106");
    assert_eq!(found[0].labels[0].0.start, 5);
}

#[test]
fn a_text_that_would_grow_too_large_is_refused() {
    let lines = "- a\n".repeat(29_000);
    let wide = format!("k: '{}'\nl:\n{lines}", "x".repeat(TEXT_BYTES_MAX - 130_000));
    assert_eq!(format(&wide), Err(Refusal::TooLarge));
}

#[test]
fn what_the_messy_texts_are_made_of_is_met() {
    let mut text = String::new();
    for start in 0..100_u32 {
        let tape: Vec<u8> = (0..300 + start)
            .map(|n| (((n + 1) * (start * 31 + 7)) >> 3) as u8)
            .collect();
        text += &messy::text(&tape);
    }
    for wanted in ["#c", "|", ">", "{", "[", "\r\n", "\"", "'", "? "] {
        assert!(text.contains(wanted), "no {wanted:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn messy_texts_keep_their_meaning_and_format_once(
        tape in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let text = messy::text(&tape);
        if let Err(refusal) = formatted(&text) {
            panic!("{refusal:?} of:\n{text}");
        }
    }
}
