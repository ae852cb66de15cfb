//! Scalars as they are written: their lines without indentation, quotes where they
//! can be the same everywhere, and the text of block scalars.

use super::Stuck;
use super::cursor::Cursor;

/// A plain or quoted scalar line by line. Folding ignores the blanks around line
/// breaks, so they are dropped; quotes become double where nothing needs an escape.
pub(super) fn lines(source: &str) -> Vec<String> {
    let lines: Vec<&str> = source.split('\n').collect();
    let last = lines.len() - 1;
    let is_double = source.starts_with('"');
    let mut trimmed: Vec<String> = lines
        .iter()
        .enumerate()
        .map(|(place, line)| {
            let line = if place == 0 {
                line
            } else {
                line.trim_start_matches([' ', '\t'])
            };
            if place == last {
                line.to_owned()
            } else {
                trim_end(line, is_double).to_owned()
            }
        })
        .collect();
    if let [line] = trimmed.as_mut_slice() {
        *line = with_double_quotes(line);
    }
    trimmed
}

/// A scalar on one line, with double quotes where nothing in it needs an escape.
fn with_double_quotes(line: &str) -> String {
    let inside = line
        .strip_prefix('\'')
        .and_then(|line| line.strip_suffix('\''));
    match inside.filter(|inside| !inside.contains(['"', '\\'])) {
        Some(inside) => format!("\"{}\"", inside.replace("''", "'")),
        None => line.to_owned(),
    }
}

/// Without the blanks at the end, unless a backslash makes the first of them count.
fn trim_end(line: &str, is_double: bool) -> &str {
    let trimmed = line.trim_end_matches([' ', '\t']);
    let escapes = trimmed.len() - trimmed.trim_end_matches('\\').len();
    if is_double && escapes % 2 == 1 && trimmed.len() < line.len() {
        &line[..=trimmed.len()]
    } else {
        trimmed
    }
}

/// The scalar on one line, when its folded line breaks are spaces and nothing else.
pub(super) fn joined(lines: &[String]) -> Option<String> {
    let (_, all_but_first) = lines.split_first()?;
    let is_folded = all_but_first.iter().all(|line| !line.is_empty())
        && lines[..lines.len() - 1]
            .iter()
            .all(|line| !line.is_empty() && !line.ends_with('\\'));
    (lines.len() == 1 || is_folded).then(|| with_double_quotes(&lines.join(" ")))
}

/// The text in double quotes, on one line.
pub(super) fn double_quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            char if char.is_control() => quoted += &format!("\\U{:08X}", u32::from(char)),
            char => quoted.push(char),
        }
    }
    quoted + "\""
}

/// The header and the lines of a block scalar whose text is `text`, read from the
/// line behind its header on.
pub(super) fn block(
    cursor: &mut Cursor<'_>,
    header: &str,
    text: &str,
) -> Result<(String, Vec<String>), Stuck> {
    let keeps = header.contains('+');
    let has_text = text.contains(|char| char != ' ' && char != '\n');
    let mut lines: Vec<String> = Vec::new();
    let mut empty = 0;
    if has_text {
        let indent = indent_of_body(cursor.rest(), text).ok_or(cursor.stuck())?;
        while let Some(line) = cursor.line() {
            if !is_blank(line) && (spaces(line) < indent || is_marker(line)) {
                break;
            }
            cursor.pass_line(line);
            let line = line.get(indent..).unwrap_or_default();
            if line.is_empty() {
                empty += 1;
            } else {
                lines.extend(std::iter::repeat_n(String::new(), empty));
                empty = 0;
                lines.push(line.to_owned());
            }
        }
        if keeps {
            lines.extend(std::iter::repeat_n(String::new(), empty));
        }
    } else {
        while let Some(line) = cursor.line().filter(|line| is_blank(line)) {
            cursor.pass_line(line);
            empty += 1;
        }
        lines.extend(text.split_terminator('\n').map(str::to_owned));
    }
    if empty > 0 && !keeps {
        cursor.blank();
    }
    Ok((new_header(header, text, &lines), lines))
}

/// How far the lines of the scalar are indented in the source.
fn indent_of_body(source: &str, text: &str) -> Option<usize> {
    let written = source.split('\n').find(|line| !is_blank(line))?;
    let read = text.split('\n').find(|line| !is_blank(line))?;
    spaces(written).checked_sub(spaces(read))
}

/// The style and the chomping of the author, with the indentation that windlass
/// prints where it could not be seen from the first line.
fn new_header(header: &str, text: &str, lines: &[String]) -> String {
    let has_text = text.contains(|char| char != ' ' && char != '\n');
    let mut new = String::from(if header.starts_with('>') && has_text {
        '>'
    } else {
        '|'
    });
    let first = lines.iter().find(|line| !line.is_empty());
    // Without any text, a comment below could be taken for it at the margin.
    let is_told = !has_text && header.contains(|char: char| char.is_ascii_digit());
    if is_told || first.is_some_and(|line| line.starts_with(' ')) {
        new.push('2');
    }
    if header.contains('-') || !text.is_empty() && !text.ends_with('\n') {
        // The last line of a file without a line break has none to keep.
        new.push('-');
    } else if header.contains('+') {
        new.push('+');
    }
    new
}

fn is_blank(line: &str) -> bool {
    line.bytes().all(|byte| byte == b' ')
}

fn is_marker(line: &str) -> bool {
    let marked = line.strip_prefix("---").or(line.strip_prefix("..."));
    marked.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

fn spaces(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_double_where_nothing_needs_an_escape() {
        let cases = [
            ("'plain'", "\"plain\""),
            ("'it''s'", "\"it's\""),
            ("''", "\"\""),
            (r#"'say "hi"'"#, r#"'say "hi"'"#),
            (r"'back\slash'", r"'back\slash'"),
            (r#""as \" is""#, r#""as \" is""#),
            ("plain", "plain"),
        ];
        for (source, wanted) in cases {
            assert_eq!(lines(source), [wanted]);
        }
    }

    #[test]
    fn blanks_around_line_breaks_go_unless_they_count() {
        let cases: [(&str, &[&str]); 4] = [
            ("one  \n\t two", &["one", "two"]),
            ("\"one \\\n  two\"", &["\"one \\", "two\""]),
            ("\"one\\   \n two\"", &["\"one\\ ", "two\""]),
            ("\"one\\\\  \n two\"", &["\"one\\\\", "two\""]),
        ];
        for (source, wanted) in cases {
            assert_eq!(lines(source), wanted);
        }
    }
}
