//! Replaces in a transcript what differs from run to run: ids, times, spans, digests,
//! process ids, paths and the user. One redactor for all golden tests.

/// A transcript's redactor; names given to run ids stay the same within it.
#[derive(Debug)]
pub struct Redactor {
    /// Texts of this test and machine, the longer first, and what stands for each.
    fixed: Vec<(String, &'static str)>,
    runs: Vec<String>,
}

/// Finds something at the start of a text: how long it is and what stands for it.
type Finder = fn(&str) -> Option<(usize, &'static str)>;

/// The order matters: what contains another comes first.
const FINDERS: [Finder; 8] = [digest, key, date, clock, span, size, milliseconds, process];

impl Redactor {
    /// Replaces these fixed texts too.
    pub fn new(mut fixed: Vec<(String, &'static str)>) -> Self {
        fixed.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        Self {
            fixed,
            runs: Vec::new(),
        }
    }

    /// Replaces one more fixed text.
    pub fn hide(&mut self, text: &str, name: &'static str) {
        self.fixed.push((text.to_owned(), name));
        self.fixed
            .sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
    }

    /// The run ids that were seen, in their order.
    pub fn runs(&self) -> &[String] {
        &self.runs
    }

    /// The text with everything replaced.
    pub fn redact(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for (fixed, name) in &self.fixed {
            text = text.replace(fixed, name);
        }
        let mut redacted = String::new();
        let mut rest = text.as_str();
        let mut within_word = false;
        while let Some(char) = rest.chars().next() {
            if !within_word {
                if let Some(length) = run_id(rest) {
                    redacted.push_str(&self.name(&rest[..length]));
                    rest = &rest[length..];
                    continue;
                }
                // `file.yaml:10:11` is a place, and no time of day.
                let place = redacted.ends_with(".yaml:");
                let found = FINDERS.iter().find_map(|find| find(rest));
                if let Some((length, name)) = found.filter(|_| !place) {
                    redacted.push_str(name);
                    rest = &rest[length..];
                    continue;
                }
            }
            within_word = char.is_ascii_alphanumeric();
            redacted.push(char);
            rest = &rest[char.len_utf8()..];
        }
        redacted
    }

    fn name(&mut self, run: &str) -> String {
        let known = self.runs.iter().position(|known| known == run);
        let at = known.unwrap_or_else(|| {
            self.runs.push(run.to_owned());
            self.runs.len() - 1
        });
        match at {
            0 => "[RUN]".to_owned(),
            _ => format!("[RUN{}]", at + 1),
        }
    }
}

/// Whether the text begins as the pattern says: `9` is a digit, `a` a letter or digit.
fn begins(text: &str, pattern: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let fits = bytes.len() >= pattern.len()
        && pattern
            .bytes()
            .zip(bytes)
            .all(|(wanted, found)| match wanted {
                b'9' => found.is_ascii_digit(),
                b'a' => found.is_ascii_lowercase() || found.is_ascii_digit(),
                _ => wanted == *found,
            });
    let ends = bytes
        .get(pattern.len())
        .is_none_or(|next| !next.is_ascii_alphanumeric());
    (fits && ends).then_some(pattern.len())
}

fn run_id(text: &str) -> Option<usize> {
    begins(text, "99999999-9999-aaaaaa")
}

fn digest(text: &str) -> Option<(usize, &'static str)> {
    let length = text
        .bytes()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    (length == 64).then_some((64, "[DIGEST]"))
}

/// An idempotency key.
fn key(text: &str) -> Option<(usize, &'static str)> {
    Some((begins(text, &"a".repeat(32))?, "[KEY]"))
}

fn date(text: &str) -> Option<(usize, &'static str)> {
    if let Some(length) = begins(text, "9999-99-99T99:99:99.999999Z") {
        return Some((length, "[DATE]"));
    }
    if let Some(length) = begins(text, "9999-99-99T99:99:99Z") {
        return Some((length, "[DATE]"));
    }
    if let Some(length) = begins(text, "9999-99-99 99:99:99") {
        return Some((length, "[DATE]"));
    }
    // What is near is told by its clock alone, unless midnight lies between.
    Some((begins(text, "9999-99-99 99:99")?, "[TIME]"))
}

fn clock(text: &str) -> Option<(usize, &'static str)> {
    let length = begins(text, "99:99:99").or_else(|| begins(text, "99:99"));
    Some((length?, "[TIME]"))
}

/// `15ms`, `4.2s`, `3m 20s`, `1h 05m`.
fn span(text: &str) -> Option<(usize, &'static str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = text.get(digits..).filter(|_| digits > 0)?;
    let unit = ["ms", ".9s", "m 99s", "h 99m"]
        .iter()
        .find_map(|unit| begins(rest, unit))?;
    Some((digits + unit, "[SPAN]"))
}

/// `76.1 KiB`.
fn size(text: &str) -> Option<(usize, &'static str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = text.get(digits..).filter(|_| digits > 0)?;
    let unit = [".9 KiB", ".9 MiB", ".9 GiB"]
        .iter()
        .find_map(|unit| begins_as(rest, unit))?;
    Some((digits + unit, "[SIZE]"))
}

/// As [`begins`], with letters that stand for themselves.
fn begins_as(text: &str, pattern: &str) -> Option<usize> {
    let (number, unit) = pattern.split_once(' ')?;
    let at = begins(text, number)?;
    let rest = text.get(at..)?.strip_prefix(' ')?;
    rest.starts_with(unit).then_some(at + 1 + unit.len())
}

/// Milliseconds since 1970, as JSON has them.
fn milliseconds(text: &str) -> Option<(usize, &'static str)> {
    Some((begins(text, "9999999999999")?, "[MS]"))
}

fn process(text: &str) -> Option<(usize, &'static str)> {
    let word = ["process ", "\"pid\":"]
        .into_iter()
        .find(|word| text.starts_with(word))?;
    let digits = text[word.len()..]
        .bytes()
        .take_while(u8::is_ascii_digit)
        .count();
    let name = if word == "process " {
        "process [PID]"
    } else {
        "\"pid\":[PID]"
    };
    (digits > 0).then_some((word.len() + digits, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_replaced_and_nothing_else() {
        let mut redactor = Redactor::new(vec![("/tmp/x".to_owned(), "[DIR]")]);
        let table = [
            ("run 20261122-0142-k3f9q2 at", "run [RUN] at"),
            ("20261122-0142-aaaaaa 20261122-0142-k3f9q2", "[RUN2] [RUN]"),
            (
                "2026-11-22 01:12:03 UTC, since 01:12",
                "[DATE] UTC, since [TIME]",
            ),
            (
                "took 3m 20s, 4.2s, 15ms, 1h 05m",
                "took [SPAN], [SPAN], [SPAN], [SPAN]",
            ),
            ("10s to end; attempt 2", "10s to end; attempt 2"),
            ("had 76.1 KiB and has 4.0 MiB", "had [SIZE] and has [SIZE]"),
            ("on 2026-11-22T01:12:03Z by", "on [DATE] by"),
            (
                "/tmp/x/state owned by process 123 (",
                "[DIR]/state owned by process [PID] (",
            ),
            (" --> wrong.yaml:10:11", " --> wrong.yaml:10:11"),
            ("2026-11-22T07:59:48.811838Z ERROR", "[DATE] ERROR"),
            ("\"at_ms\":1795312323000}", "\"at_ms\":[MS]}"),
        ];
        for (given, expected) in table {
            assert_eq!(redactor.redact(given), expected);
        }
    }
}
