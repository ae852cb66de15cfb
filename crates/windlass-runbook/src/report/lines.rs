//! Bytes of a text as lines and columns, both counted from 1.

use crate::diagnostic::Span;

/// Where each line of a text begins.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

/// A place as people and programs count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    /// In Unicode characters.
    pub(super) column: usize,
    /// In code units of UTF-16, which SARIF counts by default.
    pub(super) column_utf16: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(ends).collect(),
        }
    }

    /// The place of a byte; of one inside a character, that character's.
    pub(super) fn place(&self, byte: usize) -> Place {
        let mut byte = byte.min(self.text.len());
        while !self.text.is_char_boundary(byte) {
            byte -= 1;
        }
        let line = self.starts.partition_point(|start| *start <= byte);
        let before = &self.text[self.starts[line - 1]..byte];
        Place {
            line,
            column: before.chars().count() + 1,
            column_utf16: before.chars().map(char::len_utf16).sum::<usize>() + 1,
        }
    }

    /// Where a span begins and ends, the end excluded.
    pub(super) fn places(&self, span: Span) -> (Place, Place) {
        (self.place(span.start), self.place(span.end.max(span.start)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_characters_and_in_utf16() {
        let lines = Lines::new("a\nü𝄞x\n");
        let place = |line, column, column_utf16| Place {
            line,
            column,
            column_utf16,
        };
        assert_eq!(lines.place(0), place(1, 1, 1));
        // The line end belongs to its line.
        assert_eq!(lines.place(1), place(1, 2, 2));
        assert_eq!(lines.place(2), place(2, 1, 1));
        assert_eq!(lines.place(4), place(2, 2, 2));
        // Inside of a character.
        assert_eq!(lines.place(6), place(2, 2, 2));
        assert_eq!(lines.place(8), place(2, 3, 4));
        assert_eq!(lines.place(99), place(3, 1, 1));
    }
}
