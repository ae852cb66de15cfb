//! Text that came from outside, as a terminal would show it: without what only moves the
//! cursor or colours. Responsible for no secret; `redact` looks at both spellings.

/// The text without control characters and escape sequences, so that a target
/// cannot draw on the reader's terminal. Tabs and line ends stay.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            // The 8-bit forms of `ESC [` and of the string sequences.
            '\u{9b}' => skip_csi(&mut chars),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => skip_string(&mut chars),
            '\t' | '\n' => shown.push(c),
            // Marks that reorder what is read, as in "Trojan Source".
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c if c.is_control() => {}
            c => shown.push(c),
        }
    }
    shown
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn skip_escape(chars: &mut Chars<'_>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_csi(chars);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            chars.next();
            skip_string(chars);
        }
        // Two-character sequences, possibly with intermediate characters.
        Some(_) => {
            while chars.next_if(|c| matches!(c, ' '..='/')).is_some() {}
            chars.next_if(|c| matches!(c, '0'..='~'));
        }
        None => {}
    }
}

fn skip_csi(chars: &mut Chars<'_>) {
    while chars.next_if(|c| matches!(c, ' '..='?')).is_some() {}
    chars.next_if(|c| matches!(c, '@'..='~'));
}

/// Up to BEL or the string terminator; to the end of the line when there is none,
/// so that a forgotten terminator hides one line and not all.
fn skip_string(chars: &mut Chars<'_>) {
    while let Some(c) = chars.next_if(|c| *c != '\n') {
        match c {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' if chars.next_if_eq(&'\\').is_some() => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_controls_do_not_show() {
        let table = [
            ("plain\tü", "plain\tü"),
            ("\x1b[31mred\x1b[0m", "red"),
            ("\x1b]0;title\x07after", "after"),
            ("\x1b]8;;http://x\x1b\\link", "link"),
            ("\u{9b}2Jgone", "gone"),
            ("bell\x07 back\x08 nul\0 cr\r", "bell back nul cr"),
            ("\x1b(Bcharset", "charset"),
            ("\x1b]never ended\nnext", "\nnext"),
            ("a\u{202e}b", "ab"),
            ("\x1b", ""),
        ];
        for (raw, shown) in table {
            assert_eq!(printable(raw), shown, "{raw:?}");
        }
    }
}
