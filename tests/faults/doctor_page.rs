//! `docs/doctor.md` beside what `windlass doctor` really says: each word has a section, and
//! the block in it is what was printed when the condition was there. `UPDATE_GOLDEN=1`
//! writes the blocks anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// What stands before and after a block.
const OPEN: &str = "```text doctor\n";
const CLOSE: &str = "```\n";

static WRITING: Mutex<()> = Mutex::new(());

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/doctor.md")
}

/// The words that the program knows, from its source.
pub(crate) fn words() -> BTreeSet<String> {
    let source = "../crates/windlass-cli/src/command/doctor/word.rs";
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(source)).unwrap();
    let words = source.split("=> \"").skip(1);
    words
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

/// Each section's block, by its word; `None` where a section has none.
pub(crate) fn sections() -> BTreeMap<String, Option<String>> {
    let text = fs::read_to_string(page()).unwrap();
    let sections = text.split("\n### `").skip(1);
    sections
        .map(|section| {
            let (word, rest) = section.split_once("`\n").expect("a heading is one word");
            let block = rest
                .split_once(OPEN)
                .map(|(_, block)| block.split_once(CLOSE).expect("a block ends").0.to_owned());
            (word.to_owned(), block)
        })
        .collect()
}

/// Holds what was printed about a word against its section.
pub(crate) fn hold(word: &str, printed: &str) {
    let _one_at_a_time = WRITING
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let sections = sections();
    let block = sections
        .get(word)
        .unwrap_or_else(|| panic!("docs/doctor.md has no section for {word}"));
    if block.as_deref() == Some(printed) {
        return;
    }
    assert!(
        std::env::var_os("UPDATE_GOLDEN").is_some_and(|set| set == "1"),
        "docs/doctor.md says of {word}:\n{}\nand it is:\n{printed}\nUPDATE_GOLDEN=1 writes it anew",
        block.as_deref().unwrap_or("nothing")
    );
    let text = fs::read_to_string(page()).unwrap();
    let heading = format!("\n### `{word}`\n");
    let (before, rest) = text.split_once(&heading).unwrap();
    let section = match block {
        Some(block) => rest.replacen(
            &format!("{OPEN}{block}{CLOSE}"),
            &format!("{OPEN}{printed}{CLOSE}"),
            1,
        ),
        None => format!("\n{OPEN}{printed}{CLOSE}{rest}"),
    };
    fs::write(page(), format!("{before}{heading}{section}")).unwrap();
}

#[test]
fn every_word_has_a_section_and_every_section_a_word() {
    let sections: BTreeSet<String> = sections().into_keys().collect();
    assert_eq!(sections, words());
}
