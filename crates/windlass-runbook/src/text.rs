//! Characters as people see them: which mislead, how many columns they take, and a text cut
//! to some columns. One list for messages, pictures and terminals.

/// Whether a character turns the direction of writing, or has no width and no use in a
/// word: a text with one does not say what it shows, and is refused.
pub fn turns(char: char) -> bool {
    matches!(char,
        '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character changes how its neighbours are read without being seen: it is never
/// shown as it is. Joiners, which some scripts and signs need, are among these alone.
pub fn misleads(char: char) -> bool {
    turns(char)
        || matches!(char,
            '\u{200c}' | '\u{200d}' | '\u{2028}' | '\u{2029}' | '\u{2061}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
            | '\u{e0000}'..='\u{e007f}')
}

/// How many columns of a fixed-width font a text takes: most characters of Chinese,
/// Japanese and Korean take two.
pub fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

/// How many columns a character takes.
pub fn char_width(char: char) -> usize {
    match char {
        // Combining marks stand on the character before them.
        '\u{300}'..='\u{36f}'
        | '\u{1ab0}'..='\u{1aff}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}' => 0,
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

/// The text, cut to `columns` with an ellipsis at the cut.
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut left = columns.saturating_sub(1);
    for char in text.chars() {
        let Some(after) = left.checked_sub(char_width(char)) else {
            break;
        };
        left = after;
        short.push(char);
    }
    if columns > 0 {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_never_shown() {
        let all = || (0..=0x0010_ffff).filter_map(char::from_u32);
        assert!(all().filter(|char| turns(*char)).all(misleads));
        assert_eq!(all().filter(|char| turns(*char)).count(), 14);
        assert!(!all().any(|char| misleads(char) && char.is_alphanumeric()));
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(width("数据库 a"), 8);
        assert_eq!(cut("hello", 5), "hello");
        assert_eq!(cut("hello!", 5), "hell…");
        assert_eq!(cut("数数数", 5), "数数…");
        assert_eq!(cut("x", 0), "");
    }
}
