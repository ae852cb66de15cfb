//! Text from targets, runbooks and people, made safe and fitting for a terminal.
//! Nothing that windlass did not write itself is printed without passing here.

use std::iter::Peekable;
use std::str::Chars;

use windlass_runbook::text::{char_width, misleads};
pub(crate) use windlass_runbook::text::{cut, width};

/// One line: control and escape sequences are gone, line ends are spaces.
pub(crate) fn line(text: &str) -> String {
    let text = lines(text);
    let parts: Vec<&str> = text.split('\n').map(str::trim).collect();
    parts.join(" ").trim().to_owned()
}

/// The same with line ends kept.
pub(crate) fn lines(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\n' => safe.push('\n'),
            '\t' => safe.push(' '),
            '\u{1b}' => skip_escape(&mut chars),
            // The 8-bit spellings of the same introducers.
            '\u{9b}' => skip_control_sequence(&mut chars),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => skip_string(&mut chars),
            _ if char.is_control() => {}
            _ if misleads(char) => safe.push(char::REPLACEMENT_CHARACTER),
            _ => safe.push(char),
        }
    }
    safe
}

fn skip_escape(chars: &mut Peekable<Chars<'_>>) {
    match chars.next_if(|next| !next.is_control()) {
        Some('[') => skip_control_sequence(chars),
        Some(']' | 'P' | 'X' | '^' | '_') => skip_string(chars),
        Some(' '..='/') => {
            while chars.next_if(|next| matches!(next, ' '..='/')).is_some() {}
            chars.next_if(|next| matches!(next, '0'..='~'));
        }
        Some(_) | None => {}
    }
}

fn skip_control_sequence(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|next| matches!(next, ' '..='?')).is_some() {}
    chars.next_if(|next| matches!(next, '@'..='~'));
}

/// Up to the string's end, or the line's: a text without an end hides one line only.
fn skip_string(chars: &mut Peekable<Chars<'_>>) {
    while let Some(next) = chars.next_if(|next| *next != '\n') {
        match next {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                chars.next_if_eq(&'\\');
                return;
            }
            _ => {}
        }
    }
}

/// The text for a terminal that shows ASCII only: what it cannot show is `?`, as wide as
/// it would have been, so that what stands below still points at the right place.
pub(crate) fn ascii(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_ascii() {
            shown.push(char);
        } else {
            shown.extend(std::iter::repeat_n('?', char_width(char)));
        }
    }
    shown
}

/// The text for a terminal that shows ASCII only: what it cannot show is written as its
/// code, such as `\u{fc}`, so that a name stays one that can be told from others.
pub(crate) fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_ascii() {
            shown.push(char);
        } else {
            shown.extend(char.escape_unicode());
        }
    }
    shown
}

/// `1 step`, `3 steps`.
pub(crate) fn count(count: usize, one: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {one}{s}")
}

/// The text in lines of at most `columns`, broken at spaces where there are some;
/// every line after the first begins with `indent`.
pub(crate) fn wrap(text: &str, columns: usize, indent: &str) -> Vec<String> {
    let mut wrapped = Vec::new();
    let mut current = String::new();
    for word in text.split(' ') {
        let mut word = word.to_owned();
        let room = columns.saturating_sub(width(&current) + 1);
        if !current.trim().is_empty() && width(&word) > room {
            wrapped.push(std::mem::replace(&mut current, indent.to_owned()));
        }
        // A word longer than a line is broken where the line ends.
        while width(&word) > columns.saturating_sub(width(&current)).max(1) {
            let room = columns.saturating_sub(width(&current)).max(1);
            let (head, tail) = word.split_at(split_point(&word, room));
            current.push_str(head);
            wrapped.push(std::mem::replace(&mut current, indent.to_owned()));
            word = tail.to_owned();
        }
        if !current.is_empty() && !current.ends_with(' ') {
            current.push(' ');
        }
        current.push_str(&word);
    }
    wrapped.push(current);
    wrapped
}

fn split_point(word: &str, columns: usize) -> usize {
    let mut left = columns;
    for (at, char) in word.char_indices() {
        match left.checked_sub(char_width(char)) {
            Some(after) => left = after,
            // Something has to go into the line, however narrow it is.
            None if at == 0 => return char.len_utf8(),
            None => return at,
        }
    }
    word.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_target_reaches_the_terminal_as_a_command() {
        let table = [
            ("plain", "plain"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}Pq\u{1b}\\x", "x"),
            ("\u{9b}2Jx", "x"),
            ("\u{1b}(Bx", "x"),
            ("\u{1b}", ""),
            ("a\r\nb\tc\u{8}", "a b c"),
            ("approve \u{202e}evil", "approve \u{fffd}evil"),
            ("\u{1b}]0;no end\nnext", "next"),
            ("grün 数", "grün 数"),
        ];
        for (given, expected) in table {
            assert_eq!(line(given), expected, "{given:?}");
        }
    }

    #[test]
    fn wrapping_keeps_within_the_columns() {
        assert_eq!(escaped("grün 数"), "gr\\u{fc}n \\u{6570}");
        assert_eq!(ascii("grün 数 e\u{301}\n^"), "gr?n ?? e\n^");
        assert_eq!(wrap("one two three", 8, "  "), ["one two", "  three"]);
        assert_eq!(wrap("aaaaaaaaaa b", 4, ""), ["aaaa", "aaaa", "aa b"]);
        for columns in 1..30 {
            for line in wrap("a bb ccc 数数数数 dddddddddd eeee", columns, "") {
                assert!(width(&line) <= columns.max(2), "{columns}: {line:?}");
            }
        }
    }
}
