//! A file in which every change step says, before it acts, that it is about
//! to: what really happened, counted apart from the engine and its journal.
//!
//! Each line is `TIME STEP ATTEMPT PID`, four words with one space between and
//! a newline at the end:
//!
//! - `TIME`: seconds since 1970, with a fraction or without (`date +%s.%N`);
//! - `STEP`: the step's name; `ATTEMPT`: its number or any word that tells two
//!   attempts apart;
//! - `PID`: the process that is about to act.
//!
//! The writer appends the line with one write and syncs the file before it
//! acts ([`append`] does both). The file lies outside the lab's directory, so
//! that `restore` and `destroy` do not take it along. A last line without its
//! newline is torn: its writer died before it could act, so it counts as
//! nothing but is reported.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{Error, Result};

/// What a witness file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Witness {
    /// All complete lines, as they were written.
    pub lines: Vec<Line>,
    /// The rest after the last newline, if any.
    pub torn: Option<String>,
}

/// One action that was about to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Time since 1970.
    pub at: Duration,
    /// The step's name.
    pub step: String,
    /// The attempt's number or name.
    pub attempt: String,
    /// The process.
    pub pid: u32,
}

impl Witness {
    /// Reads a file; a missing one is empty, as nothing has acted yet.
    pub fn read(path: &Path) -> Result<Self> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text)
                .map_err(|reason| Error::format(path.display().to_string(), reason)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Error::io("read", path)(error)),
        }
    }

    /// How often each step acted.
    pub fn steps(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for line in &self.lines {
            *counts.entry(line.step.as_str()).or_default() += 1;
        }
        counts
    }

    /// How often each attempt of each step acted; more than once breaks the
    /// promise of "at most once".
    pub fn attempts(&self) -> BTreeMap<(&str, &str), usize> {
        let mut counts = BTreeMap::new();
        for line in &self.lines {
            *counts
                .entry((line.step.as_str(), line.attempt.as_str()))
                .or_default() += 1;
        }
        counts
    }

    fn parse(text: &str) -> std::result::Result<Self, String> {
        let (complete, torn) = match text.rfind('\n') {
            Some(end) => text.split_at(end + 1),
            None => ("", text),
        };
        let lines = complete
            .lines()
            .enumerate()
            .map(|(index, line)| {
                parse_line(line).ok_or_else(|| format!("line {} is `{line}`", index + 1))
            })
            .collect::<std::result::Result<_, _>>()?;
        Ok(Self {
            lines,
            torn: (!torn.is_empty()).then(|| torn.to_owned()),
        })
    }
}

/// Says that this process is about to act: appends one line and syncs it, and
/// a new file's directory too.
pub fn append(path: &Path, step: &str, attempt: &str) -> Result<()> {
    for word in [step, attempt] {
        if word.is_empty() || word.contains(char::is_whitespace) {
            return Err(Error::Refused(format!(
                "witness `{word}`: it is not one word"
            )));
        }
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let line = format!(
        "{}.{:09} {step} {attempt} {}\n",
        now.as_secs(),
        now.subsec_nanos(),
        std::process::id()
    );
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .map_err(Error::io("open", path))?;
    file.write_all(line.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(Error::io("append to", path))?;
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(Error::io("sync", directory))
}

fn parse_line(line: &str) -> Option<Line> {
    let mut words = line.split(' ');
    let at = parse_time(words.next()?)?;
    let step = words.next().filter(|word| !word.is_empty())?.to_owned();
    let attempt = words.next().filter(|word| !word.is_empty())?.to_owned();
    let pid = words.next()?.parse().ok()?;
    words.next().is_none().then_some(Line {
        at,
        step,
        attempt,
        pid,
    })
}

fn parse_time(word: &str) -> Option<Duration> {
    let (seconds, fraction) = word.split_once('.').unwrap_or((word, "0"));
    if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanos = format!("{fraction:0<9}").parse().ok()?;
    Some(Duration::new(seconds.parse().ok()?, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_acted_and_reports_a_torn_end() {
        let text = "1700000000 swap 1 10\n1700000001.5 swap 2 11\n1700000002.25 swap 2 12\n17000";
        let witness = Witness::parse(text).unwrap();
        assert_eq!(witness.steps(), BTreeMap::from([("swap", 3)]));
        let attempts = BTreeMap::from([(("swap", "1"), 1), (("swap", "2"), 2)]);
        assert_eq!(witness.attempts(), attempts);
        assert_eq!(
            witness.lines[1].at,
            Duration::new(1_700_000_001, 500_000_000)
        );
        assert_eq!(witness.torn.as_deref(), Some("17000"));
    }

    #[test]
    fn a_line_of_another_form_is_named() {
        for bad in [
            "1 swap 1\n",
            "1 swap 1 2 3\n",
            "x swap 1 2\n",
            "1  1 2\n",
            "\n",
        ] {
            let error = Witness::parse(bad).unwrap_err();
            assert!(error.starts_with("line 1 is"), "{bad}: {error}");
        }
    }

    #[test]
    fn reads_what_it_appends() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("witness");
        assert_eq!(Witness::read(&path).unwrap(), Witness::default());
        append(&path, "swap", "1").unwrap();
        append(&path, "swap", "2").unwrap();
        let witness = Witness::read(&path).unwrap();
        assert_eq!(witness.attempts().len(), 2);
        assert_eq!(witness.lines[0].pid, std::process::id());
        assert!(append(&path, "two words", "1").is_err());
    }
}
