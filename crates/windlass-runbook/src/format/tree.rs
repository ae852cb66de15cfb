//! A document as it is laid out: values with the comments and empty lines around
//! them, and scalars as their author wrote them. Built by `parse`, printed by `print`.

/// What stands between two values and means nothing to a machine.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    /// One empty line or more.
    Blank,
    Comment(Comment),
}

/// A comment, from its `#` to the end of its line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Comment {
    pub(super) text: String,
    /// Where it began, in characters from 0: what it belongs to can depend on it.
    pub(super) column: usize,
    /// Whether nothing stood before it on its line.
    pub(super) own_line: bool,
}

/// One entry of a map or element of a list.
#[derive(Debug)]
pub(super) struct Item {
    /// Before it.
    pub(super) lead: Vec<Piece>,
    /// As it is printed; `None` in a list.
    pub(super) key: Option<String>,
    /// Behind the `:` or the `-`, when the value begins on a later line.
    pub(super) mark: Option<Comment>,
    /// Between the `:` or the `-` and the value, on lines of their own.
    pub(super) inner: Vec<Piece>,
    /// Whether the value began on a later line than the `:` or the `-`.
    pub(super) below: bool,
    pub(super) value: Value,
    /// Behind the value, on its last line.
    pub(super) tail: Option<Comment>,
}

#[derive(Debug)]
pub(super) enum Value {
    /// Nothing is written, which means null.
    Absent,
    /// A plain or a quoted scalar, line by line, without indentation.
    Scalar(Vec<String>),
    Block(Block),
    Many(Many),
}

/// A block scalar: `|` or `>`.
#[derive(Debug)]
pub(super) struct Block {
    /// Such as `>-`.
    pub(super) header: String,
    /// Behind the header.
    pub(super) comment: Option<Comment>,
    /// Without the indentation that all of them have.
    pub(super) lines: Vec<String>,
}

/// A map or a list.
#[derive(Debug)]
pub(super) struct Many {
    pub(super) is_list: bool,
    /// Whether it is written with braces or brackets.
    pub(super) is_flow: bool,
    /// Behind the opening brace or bracket.
    pub(super) open: Option<Comment>,
    pub(super) items: Vec<Item>,
    /// After the last item.
    pub(super) end: Vec<Piece>,
}

/// A directive or the line `---`.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) lead: Vec<Piece>,
    pub(super) text: String,
    pub(super) tail: Option<Comment>,
}

/// The whole text.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) openings: Vec<Opening>,
    pub(super) lead: Vec<Piece>,
    pub(super) value: Value,
    pub(super) tail: Option<Comment>,
    pub(super) end: Vec<Piece>,
    /// Every comment, in the order of the text: formatting must not lose one.
    pub(super) comments: Vec<String>,
}

impl Many {
    /// Whether a comment stands anywhere between its first and its last character.
    pub(super) fn holds_comments(&self) -> bool {
        self.open.is_some()
            || has_comment(&self.end)
            || self.items.iter().any(|item| {
                has_comment(&item.lead)
                    || item.mark.is_some()
                    || has_comment(&item.inner)
                    || item.tail.is_some()
                    || match &item.value {
                        Value::Absent | Value::Scalar(_) => false,
                        Value::Block(block) => block.comment.is_some(),
                        Value::Many(many) => many.holds_comments(),
                    }
            })
    }
}

pub(super) fn has_comment(pieces: &[Piece]) -> bool {
    pieces
        .iter()
        .any(|piece| matches!(piece, Piece::Comment(_)))
}
