//! The tree of a layout to lines: two spaces a level, one space behind `:` and `-`,
//! braces and brackets on one line or not at all.

use super::scalar::joined;
use super::tree::{Comment, Document, Item, Many, Piece, Value, has_comment};

/// The longest line that braces or brackets may make, in characters.
pub(super) const WIDTH_MAX: usize = 100;
/// Spaces a level.
const STEP: usize = 2;

/// A line without its comment, and the comment behind it.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) comment: Option<Comment>,
}

pub(super) fn print(document: &Document) -> Vec<Line> {
    let mut printer = Printer {
        lines: Vec::new(),
        is_opened: true,
    };
    printer.document(document);
    printer.lines
}

struct Printer {
    lines: Vec<Line>,
    /// Whether the last line begins something: no empty line follows then.
    is_opened: bool,
}

impl Printer {
    fn document(&mut self, document: &Document) {
        for opening in &document.openings {
            self.pieces(&opening.lead, 0);
            self.line(opening.text.clone(), opening.tail.as_ref());
        }
        self.is_opened = true;
        let lead = match document.value {
            Value::Absent => without_last_blank(&document.lead),
            Value::Scalar(_) | Value::Block(_) | Value::Many(_) => &document.lead,
        };
        self.pieces(lead, 0);
        let tail = document.tail.as_ref();
        match &document.value {
            Value::Absent => {
                if let Some(tail) = tail {
                    self.line(tail.text.clone(), None);
                }
            }
            Value::Scalar(lines) => {
                // At the margin these would end the document.
                let first = lines.first().map(String::as_str).unwrap_or_default();
                let is_marker = first.starts_with("---") || first.starts_with("...");
                let start = margin(if is_marker { STEP } else { 0 });
                self.scalar(&start, lines, 0, tail);
            }
            Value::Block(block) => {
                self.line(block.header.clone(), block.comment.as_ref());
                self.body(&block.lines, 0);
            }
            Value::Many(many) => match one_line(many).filter(|line| width(line) <= WIDTH_MAX) {
                Some(line) => self.line(line, tail),
                None => {
                    self.comment_line(many.open.as_ref(), 0);
                    self.items(many, 0, None);
                    self.comment_line(tail, 0);
                }
            },
        }
        self.pieces(without_last_blank(&document.end), 0);
    }

    fn line(&mut self, text: String, comment: Option<&Comment>) {
        self.is_opened = false;
        self.lines.push(Line {
            text,
            comment: comment.cloned(),
        });
    }

    fn comment_line(&mut self, comment: Option<&Comment>, indent: usize) {
        if let Some(comment) = comment {
            self.line(format!("{}{}", margin(indent), comment.text), None);
        }
    }

    fn pieces(&mut self, pieces: &[Piece], indent: usize) {
        for piece in pieces {
            match piece {
                Piece::Comment(comment) => self.comment_line(Some(comment), indent),
                Piece::Blank => {
                    let is_blank = self.lines.last().is_some_and(|line| line.text.is_empty());
                    if !self.is_opened && !is_blank {
                        self.line(String::new(), None);
                    }
                }
            }
        }
    }

    /// The items of a map or a list that is not on one line. The first one continues
    /// the line of the `-` that they belong to, when it is given.
    fn items(&mut self, many: &Many, indent: usize, mut prefix: Option<String>) {
        for item in &many.items {
            if prefix.is_none() {
                self.pieces(&item.lead, indent);
            }
            let start = prefix.take().unwrap_or_else(|| margin(indent));
            self.item(item, indent, &start);
        }
        self.pieces(without_last_blank(&many.end), indent);
    }

    fn item(&mut self, item: &Item, indent: usize, start: &str) {
        let head = match &item.key {
            Some(key) => format!("{start}{key}:"),
            None => format!("{start}-"),
        };
        let inside = indent + STEP;
        let tail = item.tail.as_ref();
        match &item.value {
            Value::Absent => {
                self.line(head, tail);
                self.pieces(&item.inner, inside);
            }
            Value::Scalar(lines) => {
                if self.breaks_before_scalar(item, &head, lines) {
                    self.head(head, item, inside);
                    self.scalar(&margin(inside), lines, inside, tail);
                } else {
                    self.scalar(&(head + " "), lines, inside, tail);
                }
            }
            Value::Block(block) => {
                let comment = block.comment.as_ref();
                if item.mark.is_some() || has_comment(&item.inner) {
                    self.head(head, item, inside);
                    self.line(margin(inside) + &block.header, comment);
                } else {
                    self.line(format!("{head} {}", block.header), comment);
                }
                self.body(&block.lines, inside);
            }
            Value::Many(many) => self.many(item, many, head, inside),
        }
    }

    /// The key or the `-` alone, with what stands before the value.
    fn head(&mut self, head: String, item: &Item, inside: usize) {
        self.line(head, item.mark.as_ref());
        self.is_opened = true;
        self.pieces(&item.inner, inside);
    }

    /// A scalar stays below its key when a comment keeps it there, or its length.
    fn breaks_before_scalar(&self, item: &Item, head: &str, lines: &[String]) -> bool {
        let is_kept = lines.len() > 1
            || lines
                .first()
                .is_some_and(|line| width(head) + 1 + width(line) > WIDTH_MAX);
        item.mark.is_some() || has_comment(&item.inner) || item.below && is_kept
    }

    fn scalar(&mut self, start: &str, lines: &[String], inside: usize, tail: Option<&Comment>) {
        let last = lines.len().saturating_sub(1);
        for (place, line) in lines.iter().enumerate() {
            let text = match place {
                0 => format!("{start}{line}"),
                _ if line.is_empty() => String::new(),
                _ => margin(inside.max(STEP)) + line,
            };
            self.line(text, tail.filter(|_| place == last));
        }
    }

    fn body(&mut self, lines: &[String], inside: usize) {
        for line in lines {
            let text = if line.is_empty() {
                String::new()
            } else {
                margin(inside.max(STEP)) + line
            };
            self.line(text, None);
        }
    }

    fn many(&mut self, item: &Item, many: &Many, head: String, inside: usize) {
        let tail = item.tail.as_ref();
        let is_below = item.mark.is_some() || has_comment(&item.inner);
        let start = if is_below { inside } else { width(&head) + 1 };
        let line =
            one_line(many).filter(|line| many.items.is_empty() || start + width(line) <= WIDTH_MAX);
        if let Some(line) = line {
            if is_below {
                self.head(head, item, inside);
                self.line(margin(inside) + &line, tail);
            } else {
                self.line(format!("{head} {line}"), tail);
            }
            return;
        }
        // What stood behind the brackets goes behind the key, where it can.
        let is_bare = !is_below && !many.holds_comments();
        let behind = if is_bare { tail } else { None };
        let opens_bare = !is_below && item.key.is_none() && many.open.is_none();
        let first_is_bare = many
            .items
            .first()
            .is_none_or(|first| !has_comment(&first.lead));
        if opens_bare && behind.is_none() && first_is_bare {
            self.items(many, inside, Some(head + " "));
        } else {
            let mark = item.mark.as_ref().or(behind);
            let open = many.open.as_ref();
            if mark.is_none() && !has_comment(&item.inner) {
                self.line(head, open);
                self.is_opened = true;
            } else {
                self.line(head, mark);
                self.is_opened = true;
                self.pieces(&item.inner, inside);
                self.comment_line(open, inside);
            }
            self.items(many, inside, None);
        }
        self.comment_line(tail.filter(|_| behind.is_none()), inside);
    }
}

/// A map or a list with its braces or brackets, when it can be written on one line.
fn one_line(many: &Many) -> Option<String> {
    if !many.is_flow || many.holds_comments() {
        return None;
    }
    let mut parts = Vec::with_capacity(many.items.len());
    for item in &many.items {
        let value = match &item.value {
            Value::Absent => None,
            Value::Scalar(lines) => Some(joined(lines)?),
            Value::Block(_) => return None,
            Value::Many(many) => Some(one_line(many)?),
        };
        parts.push(match (&item.key, value) {
            (Some(key), Some(value)) => format!("{key}: {value}"),
            // A second `:` would be the one that ends the key.
            (Some(key), None) if key.ends_with(':') => format!("{key}: null"),
            (Some(key), None) => key.clone(),
            (None, value) => value?,
        });
    }
    let parts = parts.join(", ");
    Some(if many.is_list {
        format!("[{parts}]")
    } else {
        format!("{{{parts}}}")
    })
}

fn without_last_blank(pieces: &[Piece]) -> &[Piece] {
    match pieces {
        [rest @ .., Piece::Blank] => rest,
        _ => pieces,
    }
}

pub(super) fn width(text: &str) -> usize {
    text.chars().count()
}

fn margin(indent: usize) -> String {
    " ".repeat(indent)
}
