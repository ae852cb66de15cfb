//! Patterns of strings: a regular expression that a whole value must match, an input or
//! what a person states of work by hand. The engine takes time that is linear in the value,
//! and what it may build is bounded.

use regex_lite::{Regex, RegexBuilder};

/// The longest pattern.
pub const PATTERN_BYTES_MAX: usize = 1024;
/// The most that a compiled pattern may take.
const PROGRAM_BYTES_MAX: usize = 64 * 1024;
/// The longest string that a pattern judges; a longer one does not match.
pub const PATTERN_TEXT_BYTES_MAX: usize = 4096;

/// A pattern, ready to judge.
#[derive(Debug)]
pub struct Pattern {
    written: String,
    whole: Regex,
}

impl Pattern {
    /// # Errors
    /// What is wrong with it, in the words of the engine.
    pub fn new(written: &str) -> Result<Self, String> {
        if written.len() > PATTERN_BYTES_MAX {
            return Err(format!("it is longer than {PATTERN_BYTES_MAX} bytes"));
        }
        let build = |pattern: &str| {
            RegexBuilder::new(pattern)
                .size_limit(PROGRAM_BYTES_MAX)
                .build()
                .map_err(|error| error.to_string())
        };
        // Alone first: `a)(b` must not become right by the brackets around it.
        build(written)?;
        Ok(Self {
            written: written.to_owned(),
            whole: build(&format!(r"\A(?:{written})\z"))?,
        })
    }

    /// As its author wrote it.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Whether the whole of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        text.len() <= PATTERN_TEXT_BYTES_MAX && self.whole.is_match(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_text_matches_or_nothing() {
        let pattern = Pattern::new("a|ab").unwrap();
        assert!(pattern.matches("ab") && pattern.matches("a"));
        assert!(!pattern.matches("abc") && !pattern.matches("a\n"));
        for bad in ["a)(b", "(", "[z-a]", &"a".repeat(PATTERN_BYTES_MAX + 1)] {
            assert!(Pattern::new(bad).is_err(), "{bad}");
        }
        // What would take much memory is refused, not built.
        assert!(Pattern::new("((a{100}){100}){100}").is_err());
    }
}
