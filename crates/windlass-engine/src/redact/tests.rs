//! Tables of texts and what is left of them, whatever the pieces in which they come.

use secrecy::SecretString;

use super::*;

fn redactor(secrets: &[&str]) -> Redactor {
    let secrets: Vec<SecretString> = secrets
        .iter()
        .map(|secret| SecretString::from(*secret))
        .collect();
    Redactor::new(&secrets)
}

/// What comes out when the text is cut into pieces of this size.
fn in_pieces(redactor: &Redactor, text: &str, size: usize) -> String {
    let mut stream = redactor.stream();
    let mut out = Vec::new();
    for piece in text.as_bytes().chunks(size) {
        out.extend(stream.push(piece));
    }
    out.extend(stream.finish());
    String::from_utf8(out).unwrap()
}

const TABLE: [(&[&str], &str, &str); 13] = [
    (&["hunter2"], "it is hunter2.", "it is [secret]."),
    (&["hunter2"], "nothing hunter here", "nothing hunter here"),
    // Overlapping secrets are hidden whole; one inside of another as well.
    (&["abcd", "cdef"], "xabcdefx", "x[secret]x"),
    (
        &["abcdefgh", "cdef"],
        "abcdefgx cdef",
        "ab[secret]gx [secret]",
    ),
    (&["aaaa"], "aaaaaaaaaaab", "[secret]b"),
    (
        &["one\ntwo words\n"],
        "a two words b one",
        "a [secret] b one",
    ),
    (&["päß\"w\\"], r#"{"k":"päß\"w\\"}"#, r#"{"k":"[secret]"}"#),
    (
        &["p a/s+s"],
        "?q=p%20a%2Fs%2Bs&p+a%2fs%2bs;",
        "?q=[secret]&[secret];",
    ),
    (
        &["hunter2"],
        "Basic dXNlcjpodW50ZXIy x",
        "Basic dXNlcjp[secret] x",
    ),
    (
        &["hunter2"],
        "68756e74657232 68756E74657232",
        "[secret] [secret]",
    ),
    // Broken lines of base64 and hex, at any place.
    (
        &["hunter2hunter2"],
        "aHVudGVy\n  Mmh1bnRlcjI=\n",
        "[secret]\n",
    ),
    (
        &["hunter2hunter2"],
        "aH\nVudGVyMmh1bnRlcjI=",
        "aH\n[secret]",
    ),
    (
        &["abc"],
        "abc is too short to be looked for",
        "abc is too short to be looked for",
    ),
];

#[test]
fn secrets_are_replaced_whatever_the_pieces() {
    for (secrets, text, expected) in TABLE {
        let redactor = redactor(secrets);
        assert_eq!(redactor.text(text), expected);
        for size in 1..=text.len() {
            assert_eq!(in_pieces(&redactor, text, size), expected, "{size}");
        }
    }
}

#[test]
fn ordinary_lines_are_let_go_at_once() {
    let redactor = redactor(&["hunter2", "-----BEGIN-----\nMIIB\n"]);
    let mut stream = redactor.stream();
    assert_eq!(stream.push(b"a line\n"), b"a line\n");
    assert_eq!(stream.push(b"hunt"), b"");
    assert_eq!(stream.push(b"ing\n"), b"hunting\n");
    // Long secrets do not gather in memory.
    let mut stream = super::Redactor::new(&[SecretString::from("aaaa")]).stream();
    let mut held = 0;
    for _ in 0..1000 {
        held += 4;
        held -= stream.push(b"aaaa").len().min(held);
    }
    let rest = stream.finish();
    assert!(rest.is_empty(), "{rest:?}");
}

#[test]
fn a_cut_leaves_no_half_of_a_secret() {
    let redactor = redactor(&["hunter2", "two\nlines"]);
    for (cut, expected) in [
        ("it is hunt", "it is "),
        ("it is hunter2", "it is [secret]"),
        ("it is aHVud", "it is "),
        ("all of it.", "all of it."),
    ] {
        assert_eq!(redactor.cut_text(cut), expected);
    }
}

#[test]
fn what_a_terminal_shows_as_a_secret_is_one() {
    let redactor = redactor(&["hunter2", "two\r\nlines"]);
    for (text, expected) in [
        ("it is hun\x1b[1mter2\x1b[0m!", "it is [secret]!"),
        ("h\x08unt\u{9b}31mer\u{0}2", "[secret]"),
        ("\x1b]0;title\x07hunt\x1b[Ker2", "[secret]"),
        ("\x1b[31mred\x1b[0m\r\n", "\x1b[31mred\x1b[0m\r\n"),
        ("\x1b[31mhunter2\x1b[0m", "\x1b[31m[secret]\x1b[0m"),
        ("two\r\nlines", "[secret]"),
        ("dXNl\x1b[1mcjpodW50\x1b[0mZXIy", "dXNlcjp[secret]"),
    ] {
        assert_eq!(redactor.text(text), expected, "{text:?}");
    }
    let cut = redactor.cut_text("it is hun\x1b[1mte");
    assert!(!cut.contains("hun"), "{cut:?}");
    let inside = Value::from("hun\x1b[1mter2");
    assert_eq!(redactor.value(inside), Value::from("[secret]"));
}

#[test]
fn values_are_redacted_in_names_and_numbers() {
    let redactor = redactor(&["73519842", "hunter2"]);
    let value = serde_json::json!({"hunter2": [73_519_842, 1, null, {"a": "xhunter2"}]});
    let value: Value = serde_json::from_value(value).unwrap();
    let redacted = serde_json::to_value(redactor.value(value)).unwrap();
    let expected = serde_json::json!({"[secret]": ["[secret]", 1, null, {"a": "x[secret]"}]});
    assert_eq!(redacted, expected);
}

/// Secrets of all kinds, made from a seed; each encoded by an encoder that is not ours
/// where there is one, between other text, cut everywhere.
#[test]
fn every_form_is_found_at_every_border() {
    let secrets = [
        "s3cr3t",
        "with space & <tags> \"quotes\" 'single' \\back/slash%+",
        "mehrzeilig\nzweite Zeile\r\ndritte: ü€😀\n",
        "dGhpcyBsb29rcyBsaWtlIGJhc2U2NA==",
    ];
    for secret in secrets {
        let redactor = redactor(&[secret]);
        for form in forms_of(secret) {
            for (before, after) in [("x=", ";"), ("", ""), ("ab\n", "\nend"), ("{\"", "\"}")] {
                let text = format!("{before}{form}{after}");
                let whole = redactor.text(&text);
                assert!(!whole.contains(&*form), "{form:?} in {whole:?}");
                assert!(whole.contains(MARK), "{text:?}");
                let cuts = if before == "x=" {
                    0..=text.len()
                } else {
                    0..=0
                };
                for at in cuts {
                    let mut stream = redactor.stream();
                    let (one, two) = text.as_bytes().split_at(at);
                    let mut out = stream.push(one);
                    out.extend(stream.push(two));
                    out.extend(stream.finish());
                    assert_eq!(out, whole.as_bytes(), "cut at {at}");
                }
            }
        }
    }
}

/// The encoders here are written apart from those under test.
fn forms_of(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let json = serde_json::to_string(secret).unwrap();
    let json = json[1..json.len() - 1].to_owned();
    let hex = |upper: bool| -> String {
        bytes
            .iter()
            .map(|byte| match upper {
                true => format!("{byte:02X}"),
                false => format!("{byte:02x}"),
            })
            .collect()
    };
    let percent: String = bytes
        .iter()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(*byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect();
    vec![
        secret.to_owned(),
        json.replace('/', "\\/"),
        serde_json::to_string(&json)
            .unwrap()
            .trim_matches('"')
            .to_owned(),
        json,
        hex(false),
        hex(true),
        percent.to_lowercase().replace("%20", "+"),
        percent,
        secret.replace('\'', "''"),
        secret
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;"),
    ]
    .into_iter()
    // Lower case of all letters is another text; only secrets without upper case stay.
    .filter(|form| form.chars().any(char::is_uppercase) || !secret.chars().any(char::is_uppercase))
    .collect()
}
