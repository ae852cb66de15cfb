//! Where the comments behind lines begin: two spaces behind the line, and in one
//! column where neighbours stood in one column before.

use super::print::{Line, width};

/// Spaces before a comment.
const GAP: usize = 2;

/// The lines with their comments, as one text.
pub(super) fn align(lines: &[Line]) -> String {
    let mut text = String::new();
    let mut place = 0;
    while place < lines.len() {
        let group = group_len(&lines[place..]);
        let group = &lines[place..place + group];
        place += group.len();
        let column = group.iter().map(|line| width(&line.text)).max();
        let column = column.unwrap_or_default() + GAP;
        for line in group {
            text += &line.text;
            if let Some(comment) = &line.comment {
                let fill = column.saturating_sub(width(&line.text));
                text += &" ".repeat(fill);
                text += &comment.text;
            }
            text.push('\n');
        }
    }
    text
}

/// How many lines from the first on have their comments in one column; at least one.
fn group_len(lines: &[Line]) -> usize {
    let column = |line: &Line| line.comment.as_ref().map(|comment| comment.column);
    let Some(first) = lines.first().and_then(column) else {
        return 1;
    };
    lines
        .iter()
        .take_while(|line| column(line) == Some(first))
        .count()
}
