//! Text in pictures: cleaned of what misleads a reader, wrapped and escaped.

use crate::text::{cut, misleads, width as columns};

/// One line without control characters and without those that change how their
/// neighbours are read; a picture is read by people who approve.
pub(crate) fn clean(text: &str) -> String {
    let safe = text.chars().map(|char| match char {
        '\n' | '\r' | '\t' => ' ',
        _ if char.is_control() || misleads(char) => char::REPLACEMENT_CHARACTER,
        _ => char,
    });
    safe.collect::<String>().trim().to_owned()
}

/// The text in at most `lines_max` lines, broken at spaces; what is left over is cut.
pub(crate) fn wrap(text: &str, columns_max: usize, lines_max: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let full = lines.len() == lines_max;
        let line = lines.last_mut().expect("there is always a line");
        let fits = columns(line) + 1 + columns(word) <= columns_max;
        if line.is_empty() {
            line.push_str(word);
        } else if fits || full {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.iter().map(|line| cut(line, columns_max)).collect()
}

/// Text for XML, between tags and in attributes.
pub(crate) fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(char),
        }
    }
    escaped
}

/// Text for a quoted label of Mermaid: its entity codes stand for all that it would read.
pub(crate) fn mermaid(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '#' | '&' | '<' | '>' | '"' | '\'' | '`' | '\\' | ';' | '*' | '_' | '%' | '{' | '}'
            | '[' | ']' | '(' | ')' | '|' | '~' => {
                escaped.push_str(&format!("#{};", u32::from(char)));
            }
            _ => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_runbook_is_markup() {
        assert_eq!(xml("<a b=\"c\">&'"), "&lt;a b=&quot;c&quot;&gt;&amp;&#39;");
        assert_eq!(mermaid("a\"] --> b"), "a#34;#93; --#62; b");
        assert_eq!(clean("a\n\u{202e}b\u{7}"), "a \u{fffd}b\u{fffd}");
    }

    #[test]
    fn what_is_left_over_is_cut() {
        assert_eq!(wrap("one two three four", 9, 2), ["one two", "three fo…"]);
    }
}
