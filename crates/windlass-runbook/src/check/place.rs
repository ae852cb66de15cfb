//! Places inside a scalar: from an offset in its value to one in the text.
//! Quotes, escapes, folding and indentation make the two differ.

use std::cell::OnceCell;
use std::ops::Range;

use crate::diagnostic::Span;
use crate::node::Node;

/// A scalar's value with the way back to its place, which is worked out once
/// and only when something is to be shown.
#[derive(Debug)]
pub(super) struct Located<'a> {
    text: &'a str,
    span: Span,
    pub(super) value: &'a str,
    places: OnceCell<Option<Vec<usize>>>,
}

impl<'a> Located<'a> {
    pub(super) fn new(text: &'a str, node: &Node, value: &'a str) -> Self {
        Self {
            text,
            span: node.span,
            value,
            places: OnceCell::new(),
        }
    }

    /// The place of `range` of the value. Where the two cannot be aligned,
    /// the whole scalar.
    pub(super) fn place(&self, range: Range<usize>) -> Span {
        self.aligned(range).unwrap_or(self.span)
    }

    /// Whether a comment stands behind a scalar without quotes: it may have been meant as
    /// a part of it.
    pub(super) fn is_cut_by_comment(&self) -> bool {
        let plain = self
            .text
            .get(self.span.start..self.span.end)
            .is_some_and(|raw| !raw.starts_with(['"', '\'', '|', '>']));
        let rest = self.text.get(self.span.end..).unwrap_or_default();
        let line = rest.lines().next().unwrap_or_default();
        plain && line.starts_with([' ', '\t']) && line.trim_start().starts_with('#')
    }

    fn aligned(&self, range: Range<usize>) -> Option<Span> {
        let raw = self.text.get(self.span.start..self.span.end)?;
        let places = self
            .places
            .get_or_init(|| align(raw, self.value))
            .as_ref()?;
        let start = *places.get(range.start)?;
        if range.is_empty() {
            let at = self.span.start + start;
            return Some(Span::new(at, at).in_file(self.span.file));
        }
        // The end is where the last character ends, not where the next begins:
        // there may be an indentation between the two.
        let (last, _) = self.value.get(..range.end)?.char_indices().next_back()?;
        let last = *places.get(last)?;
        let length = raw.get(last..)?.chars().next().map_or(0, char::len_utf8);
        let span = Span::new(self.span.start + start, self.span.start + last + length);
        Some(span.in_file(self.span.file))
    }
}

/// For each byte of `value`, and for its end, the byte of `raw` it comes from.
fn align(raw: &str, value: &str) -> Option<Vec<usize>> {
    let quote = raw.chars().next().filter(|char| matches!(char, '\'' | '"'));
    let mut at = match raw.chars().next() {
        Some('\'' | '"') => 1,
        Some('|' | '>') => raw.find('\n')? + 1,
        _ => 0,
    };
    let mut places = Vec::with_capacity(value.len() + 1);
    for wanted in value.chars() {
        loop {
            let mut rest = raw[at..].chars();
            // A block scalar ends with a line end that its span leaves out.
            let Some(found) = rest.next() else {
                if wanted == '\n' {
                    places.push(at);
                    break;
                }
                return None;
            };
            if found == '\\' && quote == Some('"') {
                if rest.next() != Some(wanted) {
                    return None;
                }
                places.extend(std::iter::repeat_n(at, wanted.len_utf8()));
                at += 1 + wanted.len_utf8();
                break;
            }
            if found == wanted {
                places.extend(std::iter::repeat_n(at, wanted.len_utf8()));
                at += wanted.len_utf8();
                if wanted == '\'' && quote == Some('\'') {
                    at += 1;
                }
                break;
            }
            if !found.is_whitespace() {
                return None;
            }
            let blank = raw[at..].len() - raw[at..].trim_start().len();
            if wanted.is_whitespace() {
                places.extend(std::iter::repeat_n(at, wanted.len_utf8()));
                at += blank;
                break;
            }
            at += blank;
        }
    }
    places.push(at);
    Some(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::NodeKind;

    fn found<'a>(raw: &'a str, value: &str, part: &str) -> &'a str {
        let kind = NodeKind::Text(value.to_owned());
        let node = Node {
            span: Span::new(0, raw.len()),
            kind,
            written: None,
        };
        let start = value.find(part).unwrap();
        let span = Located::new(raw, &node, value).place(start..start + part.len());
        &raw[span.start..span.end]
    }

    #[test]
    fn parts_are_found_in_every_style() {
        assert_eq!(found("a == bé", "a == bé", "bé"), "bé");
        assert_eq!(found(r#""a \" b""#, "a \" b", "b"), "b");
        assert_eq!(found("'a ''x'' b'", "a 'x' b", "b"), "b");
        assert_eq!(found("a ==\n     b", "a == b", "b"), "b");
        assert_eq!(found("a &&\n    b\n    c\n", "a &&\nb\nc\n", "c"), "c");
        // What cannot be aligned is shown as a whole.
        assert_eq!(found(r#""\x41 b""#, "A b", "b"), r#""\x41 b""#);
    }
}
