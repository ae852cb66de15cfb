//! The fenced blocks of a Markdown page.

use std::path::{Path, PathBuf};

/// One fenced block.
#[derive(Debug)]
pub(crate) struct Block {
    /// The words after the fence: the language first.
    pub(crate) info: Vec<String>,
    pub(crate) text: String,
    /// Where it begins, from 1.
    pub(crate) line: usize,
}

impl Block {
    pub(crate) fn is(&self, words: &[&str]) -> bool {
        self.info
            .iter()
            .map(String::as_str)
            .eq(words.iter().copied())
    }

    /// The value of `NAME=value` behind the language.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let mut pairs = self.info.iter().filter_map(|word| word.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

/// The path of a document.
pub(crate) fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

/// All blocks of a document, in order.
pub(crate) fn blocks(name: &str) -> Vec<Block> {
    let text = std::fs::read_to_string(page(name)).expect("the page is in the checkout");
    let mut found: Vec<Block> = Vec::new();
    let mut open = false;
    for (number, line) in text.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(info) => {
                open = true;
                found.push(Block {
                    info: info.split_whitespace().map(str::to_owned).collect(),
                    text: String::new(),
                    line: number + 1,
                });
            }
            None => {
                if let Some(block) = found.last_mut().filter(|_| open) {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
            }
        }
    }
    assert!(!open, "{name}: a block is not closed");
    found
}
