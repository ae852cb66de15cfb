//! JSON text into a value. An integer that does not fit 64 bits becomes a text:
//! rounding it, as plain JSON readers do, would change what the target said.

use windlass_core::value::Value;

/// Reads one JSON document.
pub(crate) fn parse(text: &str) -> Result<Value, serde_json::Error> {
    match quote_large_integers(text) {
        Some(quoted) => serde_json::from_str(&quoted),
        None => serde_json::from_str(text),
    }
}

/// The text with large integers in quotes, or `None` when there are none.
fn quote_large_integers(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut quoted: Option<String> = None;
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = end_of_string(bytes, at),
            b'-' | b'0'..=b'9' => {
                let start = at;
                while at < bytes.len()
                    && matches!(bytes[at], b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
                {
                    at += 1;
                }
                let number = &text[start..at];
                if is_integer(number) && number.parse::<i64>().is_err() {
                    let quoted = quoted.get_or_insert_default();
                    quoted.push_str(&text[copied..start]);
                    quoted.push('"');
                    quoted.push_str(number);
                    quoted.push('"');
                    copied = at;
                }
            }
            _ => at += 1,
        }
    }
    quoted.map(|mut quoted| {
        quoted.push_str(&text[copied..]);
        quoted
    })
}

/// Digits as JSON writes them; what is not a number is left for the reader to refuse.
fn is_integer(number: &str) -> bool {
    let digits = number.strip_prefix('-').unwrap_or(number);
    !digits.is_empty() && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit())
}

fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_integers_become_texts_and_nothing_else_changes() {
        let table = [
            (
                r#"{"a":[1,-2.5,1e3],"b":"12345678901234567890"}"#,
                r#"{"a":[1,-2.5,1000.0],"b":"12345678901234567890"}"#,
            ),
            ("9223372036854775807", "9223372036854775807"),
            ("9223372036854775808", "\"9223372036854775808\""),
            (
                "[-123456789012345678901234567890, 7]",
                "[\"-123456789012345678901234567890\",7]",
            ),
            (
                r#"["\"18446744073709551615", "\\"]"#,
                r#"["\"18446744073709551615","\\"]"#,
            ),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text).unwrap().to_string(), expected);
        }
        for bad in [
            "",
            "{",
            "01",
            "\"a",
            "\"a\\",
            "1 2",
            "-",
            "{\"a\":1,\"a\":2}",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
