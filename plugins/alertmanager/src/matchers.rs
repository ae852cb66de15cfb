//! Matchers of labels as people write them (`severity="page"`, `instance=~"db.*"`) and as
//! the API takes them.

use serde::{Deserialize, Serialize};

/// A matcher of the API.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Matcher {
    name: String,
    value: String,
    is_regex: bool,
    is_equal: bool,
}

/// Reads one matcher; the error names what is wrong with it.
pub(crate) fn matcher(text: &str) -> Result<Matcher, String> {
    let wrong = || format!("`{text}` is no matcher such as severity=\"page\"");
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = text.find(|c: char| !plain(c)).ok_or_else(wrong)?;
    let (name, rest) = text.split_at(end);
    let kinds = [
        ("=~", true, true),
        ("!~", true, false),
        ("!=", false, false),
        ("=", false, true),
    ];
    let found = kinds.iter().find_map(|(sign, is_regex, is_equal)| {
        let value = rest.strip_prefix(sign)?;
        Some((value, *is_regex, *is_equal))
    });
    let (value, is_regex, is_equal) = found.ok_or_else(wrong)?;
    let quoted = value.strip_prefix('"').map(|value| value.strip_suffix('"'));
    let value = match quoted {
        Some(Some(inner)) => inner,
        Some(None) => return Err(wrong()),
        None => value,
    };
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(wrong());
    }
    Ok(Matcher {
        name: name.to_owned(),
        value: value.to_owned(),
        is_regex,
        is_equal,
    })
}

/// A matcher as a query of the API has it.
pub(crate) fn query(text: &str) -> Result<String, String> {
    matcher(text)?;
    let mut coded = String::from("filter=");
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => coded.push(byte.into()),
            _ => coded.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(coded)
}
