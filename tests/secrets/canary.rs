//! Canaries: secrets that are made when the test runs, the forms in which steps print them,
//! and the search for them. The encoders here are written apart from those of the program.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use windlass_tests::random::Random;

/// How many bytes of a form in a row are found. A shorter form is looked for as a whole.
const WINDOW_BYTES: usize = 12;

/// A value that must be found nowhere.
pub(crate) struct Canary {
    pub(crate) name: &'static str,
    pub(crate) value: String,
}

/// Values of all kinds.
pub(crate) fn canaries(random: &mut Random) -> Vec<Canary> {
    let mut text = |count: usize| -> String {
        const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        (0..count)
            .map(|_| char::from(*random.pick(LETTERS)))
            .collect()
    };
    let values = [
        ("short", text(8)),
        ("token", text(40)),
        (
            "special",
            format!(
                "{}'{}\"{}\\{}/+{}&<{}>%{} $`!",
                text(3),
                text(3),
                text(3),
                text(3),
                text(3),
                text(3),
                text(3)
            ),
        ),
        (
            "key",
            format!(
                "--{}--\n{}\n{}\n--{}--\n",
                text(16),
                text(64),
                text(40),
                text(16)
            ),
        ),
        (
            "unicode",
            format!("{}pä{}ß€{}😀{}", text(4), text(4), text(4), text(4)),
        ),
        ("like_base64", format!("{}==", text(46))),
        ("long", text(300)),
        (
            "number",
            format!(
                "7{}",
                text(17)
                    .bytes()
                    .map(|byte| char::from(b'0' + byte % 10))
                    .collect::<String>()
            ),
        ),
    ];
    values
        .into_iter()
        .map(|(name, value)| Canary { name, value })
        .collect()
}

/// What is printed of a value: a name for the report, and the text.
pub(crate) fn printed(value: &str) -> Vec<(&'static str, String)> {
    let json = serde_json::to_string(value).expect("a text is JSON");
    let json = json[1..json.len() - 1].to_owned();
    let units = |upper: bool| -> String {
        let unit = |unit: u16| match upper {
            true => format!("\\u{unit:04X}"),
            false => format!("\\u{unit:04x}"),
        };
        value.encode_utf16().map(unit).collect()
    };
    let ascii: String = json
        .chars()
        .map(|c| {
            let mut units = [0; 2];
            match c.is_ascii() {
                true => c.to_string(),
                false => c
                    .encode_utf16(&mut units)
                    .iter()
                    .map(|unit| format!("\\u{unit:04x}"))
                    .collect(),
            }
        })
        .collect();
    let percent = |kept: &str, upper: bool| -> String {
        let byte = |byte: u8| match byte {
            byte if byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) => {
                char::from(byte).to_string()
            }
            byte if upper => format!("%{byte:02X}"),
            byte => format!("%{byte:02x}"),
        };
        value.bytes().map(byte).collect()
    };
    let html = value
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    vec![
        ("plain", value.to_owned()),
        ("JSON", json.clone()),
        ("JSON with escaped slashes", json.replace('/', "\\/")),
        (
            "JSON in JSON",
            json.replace('\\', "\\\\").replace('"', "\\\""),
        ),
        ("JSON in ASCII", ascii),
        ("JSON units", units(false)),
        ("JSON units, upper case", units(true)),
        ("base64", base64(value.as_bytes(), false)),
        ("base64 for URLs", base64(value.as_bytes(), true)),
        (
            "base64 without padding",
            base64(value.as_bytes(), false).replace('=', ""),
        ),
        (
            "hex",
            value.bytes().map(|byte| format!("{byte:02x}")).collect(),
        ),
        (
            "hex, upper case",
            value.bytes().map(|byte| format!("{byte:02X}")).collect(),
        ),
        ("percent", percent("-._~", true)),
        ("percent, lower case", percent("-._~", false)),
        ("form", percent("-._* ", true).replace(' ', "+")),
        ("component", percent("-._~!*'()", true)),
        ("HTML", html.clone()),
        (
            "HTML with quotes",
            html.replace('"', "&quot;").replace('\'', "&#39;"),
        ),
        ("SQL", value.replace('\'', "''")),
        ("shell", value.replace('\'', "'\\''")),
        ("shlex", value.replace('\'', "'\"'\"'")),
    ]
}

/// The same inside of longer texts, which moves base64 to its other two places.
pub(crate) fn printed_inside(value: &str) -> Vec<(&'static str, String)> {
    vec![
        (
            "basic auth",
            base64(format!("user:{value}").as_bytes(), false),
        ),
        (
            "basic auth, one more",
            base64(format!("users:{value}@").as_bytes(), false),
        ),
        (
            "in URL-safe base64",
            base64(format!("u:{value}?>").as_bytes(), true),
        ),
        (
            "wrapped base64",
            wrapped(&base64(format!("some user:{value}").as_bytes(), false), 76),
        ),
        (
            "wrapped in an indented block",
            wrapped(&base64(value.as_bytes(), false), 64).replace('\n', "\n    "),
        ),
    ]
}

fn wrapped(text: &str, columns: usize) -> String {
    let lines = text.as_bytes().chunks(columns).map(String::from_utf8_lossy);
    lines.collect::<Vec<_>>().join("\n")
}

fn base64(bytes: &[u8], for_urls: bool) -> String {
    let letters = ('A'..='Z').chain('a'..='z').chain('0'..='9');
    let letters: Vec<char> = letters
        .chain(if for_urls { ['-', '_'] } else { ['+', '/'] })
        .collect();
    let mut bits = String::new();
    for byte in bytes {
        bits += &format!("{byte:08b}");
    }
    while !bits.len().is_multiple_of(6) {
        bits.push('0');
    }
    let index = |six: &[u8]| {
        six.iter()
            .fold(0, |index, bit| index << 1 | usize::from(bit - b'0'))
    };
    let mut text: String = bits
        .as_bytes()
        .chunks(6)
        .map(|six| letters[index(six)])
        .collect();
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

/// Looks for canaries in bytes.
pub(crate) struct Search {
    /// What the forms and windows begin with: most places are passed by a look at two bytes.
    begins: Vec<bool>,
    windows: HashMap<[u8; WINDOW_BYTES], String>,
    /// The shorter forms.
    whole: BTreeMap<Vec<u8>, String>,
}

impl Search {
    /// For these canaries in all their forms.
    pub(crate) fn new(canaries: &[Canary]) -> Self {
        let mut search = Self {
            begins: vec![false; 1 << 16],
            windows: HashMap::new(),
            whole: BTreeMap::new(),
        };
        for Canary { name, value } in canaries {
            for (form, text) in printed(value) {
                search.add(&format!("{name} as {form}"), text.as_bytes());
            }
            // What base64 of a longer text surely holds of the value: all but its edges.
            for (before, edge) in [("", 0), ("u", 2), ("us", 3)] {
                for for_urls in [false, true] {
                    let text = base64(format!("{before}{value}").as_bytes(), for_urls);
                    let surely = &text[edge..(before.len() + value.len()) * 8 / 6];
                    search.add(&format!("{name} inside base64"), surely.as_bytes());
                }
            }
            for line in value.lines() {
                search.add(&format!("{name}, a line"), line.as_bytes());
            }
        }
        search
    }

    fn add(&mut self, what: &str, form: &[u8]) {
        if form.len() < WINDOW_BYTES {
            self.begins[beginning(form)] = true;
            let known = self.whole.entry(form.to_owned());
            known.or_insert_with(|| what.to_owned());
        }
        for window in form.windows(WINDOW_BYTES) {
            self.begins[beginning(window)] = true;
            let key = window.try_into().expect("a window has its size");
            self.windows.entry(key).or_insert_with(|| what.to_owned());
        }
    }

    /// What is found, each once.
    pub(crate) fn found(&self, bytes: &[u8]) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        for (at, two) in bytes.windows(2).enumerate() {
            if self.begins[beginning(two)] {
                let rest = &bytes[at..];
                let window = rest.first_chunk().and_then(|key| self.windows.get(key));
                found.extend(window.map(String::as_str));
                let whole = self.whole.iter().filter(|(form, _)| rest.starts_with(form));
                found.extend(whole.map(|(_, what)| what.as_str()));
            }
        }
        found
    }
}

/// The first two bytes as a number.
fn beginning(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

/// Whether some bytes stand in others.
pub(crate) fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    let first = wanted[0];
    let mut windows = bytes.windows(wanted.len());
    windows.any(|window| window[0] == first && window == wanted)
}
