//! The forms in which a secret may stand in a text: as it is, and as the usual encoders
//! write it. What is not here is not found; `docs/secrets.md` says so.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use secrecy::zeroize::{Zeroize as _, Zeroizing};
use secrecy::{ExposeSecret as _, SecretString};

/// Secrets and lines of secrets shorter than this are not looked for: they would hide
/// everything.
pub const REDACTED_BYTES_MIN: usize = 4;
/// Longer forms are looked for in pieces of this size, so that a stream holds little back.
const PIECE_BYTES_MAX: usize = 256;
/// The most bytes of all encoded forms together. The plain ones are always looked for.
const ENCODED_BYTES_MAX: usize = 2 * 1024 * 1024;
/// A line of a longer secret is also looked for in its encoded forms from this size.
const ENCODED_LINE_BYTES_MIN: usize = 8;
/// How much of a form may stand before the end of a line without being seen there; what is
/// on the next line is found nevertheless.
pub(super) const BROKEN_BYTES_MAX: usize = 3;
/// What remains of a form after such a break is looked for from this size.
const BROKEN_REST_BYTES_MIN: usize = 8;

/// Texts to look for, each once.
pub(super) type Patterns = BTreeSet<Pattern>;

/// A text to look for; overwritten when it goes.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pattern(Vec<u8>);

impl std::ops::Deref for Pattern {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Pattern {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// All that is looked for.
#[derive(Default)]
pub(super) struct Forms {
    /// Found where they stand in one piece.
    pub(super) exact: Patterns,
    /// Found also where line ends and indentation break them: base64 and hex.
    pub(super) spread: Patterns,
    /// Whether encoded forms were left out for want of room.
    pub(super) is_cut: bool,
    bytes: usize,
}

impl Forms {
    /// The forms of some secrets.
    pub(super) fn of<'a>(secrets: impl Iterator<Item = &'a SecretString>) -> Self {
        let mut forms = Self::default();
        let mut secrets: Vec<&str> = secrets
            .map(|secret| secret.expose_secret())
            .filter(|secret| secret.len() >= REDACTED_BYTES_MIN)
            .collect();
        for secret in &secrets {
            pieces(secret, &mut forms.exact);
            for line in lines(secret) {
                pieces(line, &mut forms.exact);
            }
        }
        // When there is no room for all, as many secrets as possible are complete.
        secrets.sort_by_key(|secret| secret.len());
        for secret in secrets {
            forms.add_encoded(secret);
        }
        forms
    }

    fn add_encoded(&mut self, secret: &str) {
        let mut exact = Patterns::new();
        let long_lines = lines(secret).filter(|line| line.len() >= ENCODED_LINE_BYTES_MIN);
        for text in std::iter::once(secret).chain(long_lines) {
            for form in written(text) {
                pieces(&form, &mut exact);
            }
        }
        let mut spread = Patterns::new();
        for form in base64(secret.as_bytes())
            .into_iter()
            .chain(hex(secret.as_bytes()))
        {
            for skipped in 0..=BROKEN_BYTES_MAX {
                if skipped == 0 || form.len() >= skipped + BROKEN_REST_BYTES_MIN {
                    pieces(&form[skipped..], &mut spread);
                }
            }
        }
        let bytes: usize = exact.iter().chain(&spread).map(|form| form.len()).sum();
        if self.bytes + bytes > ENCODED_BYTES_MAX {
            self.is_cut = true;
            return;
        }
        self.bytes += bytes;
        self.exact.append(&mut exact);
        self.spread.append(&mut spread);
    }
}

/// The own lines of a secret that has several, as a private key has.
fn lines(secret: &str) -> impl Iterator<Item = &str> {
    let has_several = secret.contains(['\n', '\r']);
    secret
        .split(['\n', '\r'])
        .filter(move |line| has_several && line.len() >= REDACTED_BYTES_MIN)
}

/// Adds a form, in pieces that together cover it.
fn pieces(form: &str, patterns: &mut Patterns) {
    let mut rest = form;
    while rest.len() > PIECE_BYTES_MAX {
        let cut = rest.floor_char_boundary(PIECE_BYTES_MAX);
        patterns.insert(Pattern(rest.as_bytes()[..cut].to_vec()));
        rest = &rest[cut..];
    }
    // The last piece is as long as the others, so that it is nothing common.
    let start = form.ceil_char_boundary(form.len().saturating_sub(PIECE_BYTES_MAX));
    patterns.insert(Pattern(form.as_bytes()[start..].to_vec()));
}

/// The texts that encoders of texts make of one: those that write most characters as they
/// are.
fn written(text: &str) -> Vec<Zeroizing<String>> {
    let mut forms = json(text);
    let minimal = escaped(text, json_short);
    forms.push(escaped(&minimal, json_short));
    forms.extend(percent(text));
    forms.extend(markup(text));
    forms.extend(quoted(text));
    forms.retain(|form| form.as_str() != text);
    forms
}

/// The text with each character replaced that the function knows a replacement of.
fn escaped(text: &str, escape: impl Fn(char) -> Option<String>) -> Zeroizing<String> {
    let mut form = Zeroizing::new(String::with_capacity(text.len() * 2));
    for c in text.chars() {
        match escape(c) {
            Some(replacement) => form.push_str(&replacement),
            None => form.push(c),
        }
    }
    form
}

/// The escapes that JSON demands, in their shortest form.
fn json_short(c: char) -> Option<String> {
    Some(match c {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        '\u{8}' => "\\b".to_owned(),
        '\u{c}' => "\\f".to_owned(),
        c if c.is_ascii_control() => format!("\\u{:04x}", u32::from(c)),
        _ => return None,
    })
}

fn json_units(c: char, upper: bool) -> String {
    let mut units = [0; 2];
    let mut form = String::new();
    for unit in c.encode_utf16(&mut units) {
        let _infallible = if upper {
            write!(form, "\\u{unit:04X}")
        } else {
            write!(form, "\\u{unit:04x}")
        };
    }
    form
}

/// A JSON string's inside, as common encoders write it.
fn json(text: &str) -> Vec<Zeroizing<String>> {
    let mut forms = Vec::new();
    for upper in [false, true] {
        // Every character, as obfuscators do.
        forms.push(escaped(text, |c| Some(json_units(c, upper))));
        for (ascii_only, html, slash) in [
            (false, false, false),
            (false, false, true),
            (true, false, false),
            (true, false, true),
            (false, true, false),
            (true, true, false),
        ] {
            forms.push(escaped(text, |c| match c {
                '/' if slash => Some("\\/".to_owned()),
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' if html => Some(json_units(c, upper)),
                c if ascii_only && !c.is_ascii() => Some(json_units(c, upper)),
                c => json_short(c),
            }));
        }
        // .NET's default: also quotes and plus by their numbers.
        forms.push(escaped(text, |c| match c {
            '"' | '\'' | '+' | '`' | '<' | '>' | '&' => Some(json_units(c, upper)),
            c if !c.is_ascii() => Some(json_units(c, upper)),
            c => json_short(c),
        }));
    }
    forms
}

/// Percent-encoding, by the sets of characters that common encoders leave alone.
fn percent(text: &str) -> Vec<Zeroizing<String>> {
    let mut forms = Vec::new();
    let sets: [(&str, bool); 5] = [
        // RFC 3986's unreserved characters.
        ("-._~", false),
        // JavaScript's encodeURIComponent.
        ("-._~!*'()", false),
        // A path, or JavaScript's encodeURI.
        ("-._~!*'();/?:@&=+$,#", false),
        // A path's segments.
        ("-._~/", false),
        // A form: space is `+`.
        ("*-._", true),
    ];
    for upper in [false, true] {
        let byte = |byte: u8| {
            if upper {
                format!("%{byte:02X}")
            } else {
                format!("%{byte:02x}")
            }
        };
        let all = |c: char| {
            let mut bytes = [0; 4];
            let bytes = c.encode_utf8(&mut bytes).bytes();
            Some(bytes.map(byte).collect::<String>())
        };
        forms.push(escaped(text, all));
        for (kept, is_form) in sets {
            let once = escaped(text, |c| match c {
                ' ' if is_form => Some("+".to_owned()),
                c if c.is_ascii_alphanumeric() || kept.contains(c) => None,
                c => all(c),
            });
            // An address inside of an address.
            forms.push(escaped(&once, |c| (c == '%').then(|| "%25".to_owned())));
            forms.push(once);
        }
    }
    forms
}

/// HTML and XML.
fn markup(text: &str) -> Vec<Zeroizing<String>> {
    let quotes: [(Option<&str>, Option<&str>); 5] = [
        (None, None),
        (Some("&quot;"), None),
        (Some("&quot;"), Some("&#39;")),
        (Some("&#34;"), Some("&#39;")),
        (Some("&quot;"), Some("&#x27;")),
    ];
    let mut forms: Vec<_> = quotes
        .into_iter()
        .chain([(Some("&quot;"), Some("&apos;"))])
        .map(|(double, single)| {
            escaped(text, |c| {
                let entity = match c {
                    '&' => Some("&amp;"),
                    '<' => Some("&lt;"),
                    '>' => Some("&gt;"),
                    '"' => double,
                    '\'' => single,
                    _ => None,
                };
                entity.map(str::to_owned)
            })
        })
        .collect();
    forms.dedup();
    forms
}

/// Quotes of SQL, YAML, shells and programming languages.
fn quoted(text: &str) -> Vec<Zeroizing<String>> {
    let with = |from: char, to: &str| {
        let to = to.to_owned();
        escaped(text, move |c| (c == from).then(|| to.clone()))
    };
    let mut forms = vec![
        with('\'', "''"),
        with('"', "\"\""),
        with('\'', "'\\''"),
        with('\'', "'\"'\"'"),
        with('\'', "\\'"),
        with('\\', "\\\\"),
        // SQL's E'' and PHP: backslashes and single quotes.
        escaped(text, |c| match c {
            '\'' | '\\' => Some(format!("\\{c}")),
            _ => None,
        }),
        // PostgreSQL's E'' with doubled quotes.
        escaped(text, |c| match c {
            '\'' => Some("''".to_owned()),
            '\\' => Some("\\\\".to_owned()),
            _ => None,
        }),
        // A shell's double quotes.
        escaped(text, |c| match c {
            '"' | '\\' | '$' | '`' => Some(format!("\\{c}")),
            _ => None,
        }),
        // `printf %q` of a text without control characters.
        escaped(text, |c| {
            let plain = c.is_alphanumeric() || "_-./:=@%+".contains(c);
            (!plain).then(|| format!("\\{c}"))
        }),
        // Rust's and similar debug texts.
        Zeroizing::new(text.escape_debug().to_string()),
    ];
    // Python's repr, of texts and of bytes; also $'' of shells.
    for bytes_too in [false, true] {
        for quote in [Some('\''), None] {
            forms.push(escaped(text, |c| match c {
                '\\' => Some("\\\\".to_owned()),
                c if Some(c) == quote => Some(format!("\\{c}")),
                '\n' => Some("\\n".to_owned()),
                '\r' => Some("\\r".to_owned()),
                '\t' => Some("\\t".to_owned()),
                c if c.is_ascii_control() || bytes_too && !c.is_ascii() => {
                    let mut bytes = [0; 4];
                    let bytes = c.encode_utf8(&mut bytes).bytes();
                    Some(bytes.map(|byte| format!("\\x{byte:02x}")).collect())
                }
                _ => None,
            }));
        }
    }
    forms
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Base64 of the bytes at each of the three places that they can have in a longer text:
/// what is surely there whatever stands around them, and what is there when the text ends
/// with them, with and without padding.
fn base64(bytes: &[u8]) -> Vec<Zeroizing<String>> {
    let mut forms = Vec::new();
    for alphabet in [STANDARD, URL_SAFE] {
        for before in 0..3 {
            let mut padded = Zeroizing::new(vec![0; before]);
            padded.extend_from_slice(bytes);
            let bits = padded.len() * 8;
            let mut text = Zeroizing::new(String::with_capacity(bits / 6 + 4));
            for group in padded.chunks(3) {
                let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
                let word = at(0) << 16 | at(1) << 8 | at(2);
                for place in 0..=group.len() {
                    let index = word >> (18 - 6 * place) & 63;
                    text.push(char::from(alphabet[index as usize]));
                }
            }
            // The first characters that hold bits of what stands before.
            let start = [0, 2, 3][before];
            let surely = &text[start..bits / 6];
            if surely.len() >= REDACTED_BYTES_MIN {
                forms.push(Zeroizing::new(surely.to_owned()));
            }
            let at_end = &text[start..];
            if at_end.len() > surely.len() && at_end.len() >= REDACTED_BYTES_MIN {
                let padding = "=".repeat((3 - padded.len() % 3) % 3);
                forms.push(Zeroizing::new(format!("{at_end}{padding}")));
                forms.push(Zeroizing::new(at_end.to_owned()));
            }
        }
    }
    forms
}

fn hex(bytes: &[u8]) -> [Zeroizing<String>; 2] {
    let of = |upper: bool| {
        let mut form = Zeroizing::new(String::with_capacity(bytes.len() * 2));
        for byte in bytes {
            let _infallible = if upper {
                write!(form, "{byte:02X}")
            } else {
                write!(form, "{byte:02x}")
            };
        }
        form
    };
    [of(false), of(true)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoders_agree_with_known_texts() {
        let json = json("a\"/é\n<");
        for known in [
            "a\\\"/é\\n<",
            "a\\\"\\/é\\n<",
            "a\\\"/\\u00e9\\n<",
            "a\\\"/\\u00E9\\n\\u003C",
            "\\u0061\\u0022\\u002f\\u00e9\\u000a\\u003c",
        ] {
            assert!(json.iter().any(|form| form.as_str() == known), "{known}");
        }
        let percent = percent("a b/ü!");
        for known in ["a%20b%2F%C3%BC%21", "a+b%2f%c3%bc%21", "a%20b/%C3%BC!"] {
            assert!(percent.iter().any(|form| form.as_str() == known), "{known}");
        }
        let base64 = base64(b"hunter2?>");
        // As it is, behind "a" and behind "ab".
        for known in [
            "aHVudGVyMj8+",
            "aHVudGVyMj8-",
            "h1bnRlcjI/Pg==",
            "odW50ZXIyPz4",
        ] {
            let found = base64.iter().any(|form| form.as_str() == known);
            assert!(found, "{known}");
        }
    }

    #[test]
    fn pieces_cover_a_long_form() {
        let form: String = (0..400).map(|n| format!("{n:03}ü")).collect();
        let mut patterns = Patterns::new();
        pieces(&form, &mut patterns);
        let mut covered = 0;
        while covered < form.len() {
            let longest = patterns
                .iter()
                .filter_map(|piece| {
                    let text = std::str::from_utf8(piece).unwrap();
                    let from = covered.saturating_sub(PIECE_BYTES_MAX);
                    let from = form.ceil_char_boundary(from);
                    let at = form[from..].find(text)? + from;
                    (at <= covered).then_some(at + text.len())
                })
                .max();
            assert!(longest > Some(covered));
            covered = longest.unwrap();
        }
        assert!(patterns.iter().all(|piece| piece.len() <= PIECE_BYTES_MAX));
    }

    #[test]
    fn there_is_a_bound_and_the_plain_values_are_within_it() {
        let long: Vec<SecretString> = (4..8)
            .map(|n| {
                (0..6_000)
                    .map(|at| format!("{n}x{at}\"/é"))
                    .collect::<String>()
            })
            .map(SecretString::from)
            .collect();
        let forms = Forms::of(long.iter());
        assert!(forms.is_cut && forms.bytes <= ENCODED_BYTES_MAX);
        assert!(forms.exact.iter().any(|form| form.starts_with(b"7x0\"")));
    }
}
