//! Text in pictures: cleaned of what misleads a reader, measured, cut and escaped.

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

fn misleads(char: char) -> bool {
    matches!(char,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

/// How many columns of a fixed-width font a text takes: most characters of Chinese,
/// Japanese and Korean take two.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(char_columns).sum()
}

fn char_columns(char: char) -> usize {
    match char {
        '\u{300}'..='\u{36f}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{303e}'
        | '\u{3041}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// The text, cut to so many columns with an ellipsis at the cut.
pub(crate) fn cut(text: &str, columns_max: usize) -> String {
    if columns(text) <= columns_max {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut left = columns_max.saturating_sub(1);
    for char in text.chars() {
        let Some(after) = left.checked_sub(char_columns(char)) else {
            break;
        };
        left = after;
        short.push(char);
    }
    short.push('…');
    short
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
    fn wide_characters_take_two_columns() {
        assert_eq!(columns("数据库 a"), 8);
        assert_eq!(cut("数据库", 5), "数据…");
        assert_eq!(wrap("one two three four", 9, 2), ["one two", "three fo…"]);
    }
}
