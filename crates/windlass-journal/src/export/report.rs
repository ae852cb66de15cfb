//! What the check of an export found, and in words what it can and cannot show.

use std::fmt;

use crate::hash::Hash;
use crate::key::RunKey;
use crate::store::Head;

/// The first line that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportBad {
    /// From 1.
    pub line: u64,
    /// Reads after "line N".
    pub problem: String,
}

/// What became of the run's head that the caller knew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunHeadCheck {
    NotGiven,
    /// It is the hash of the header at this `seq`.
    Found {
        seq: u64,
    },
    /// No header of the intact part has this hash.
    Missing {
        expected: Hash,
    },
}

/// The result of [`crate::verify_export`]; its `Display` is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportReport {
    pub run: RunKey,
    /// Records of the intact part.
    pub records: u64,
    pub bodies: u64,
    pub erased: u64,
    /// Hash of the last header of the intact part.
    pub run_head: Hash,
    /// Head of the journal when the export began, as the file says.
    pub journal: Option<Head>,
    pub first_bad: Option<ExportBad>,
    pub head_check: RunHeadCheck,
}

impl ExportReport {
    /// Whether nothing bad was found.
    pub fn is_ok(&self) -> bool {
        self.first_bad.is_none() && !matches!(self.head_check, RunHeadCheck::Missing { .. })
    }
}

impl fmt::Display for ExportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, records, .. } = self;
        match &self.first_bad {
            None => writeln!(f, "{records} records of run {run} hold together")?,
            Some(ExportBad { line, problem }) => {
                writeln!(f, "BAD: line {line} {problem}")?;
                writeln!(
                    f,
                    "the {records} records of run {run} before it hold together"
                )?;
            }
        }
        let (bodies, erased) = (self.bodies, self.erased);
        writeln!(f, "bodies: {bodies} intact, {erased} erased")?;
        writeln!(f, "run head: {}", self.run_head)?;
        if let Some(Head {
            next_position,
            link,
        }) = self.journal
        {
            writeln!(
                f,
                "journal head at the export: {link} ({next_position} records)"
            )?;
        }
        match self.head_check {
            RunHeadCheck::NotGiven => writeln!(
                f,
                "no head was given, so an export that was written anew cannot be told (--head HASH)"
            )?,
            RunHeadCheck::Found { seq } => writeln!(
                f,
                "the given head is that of seq {seq}: nothing up to it was changed or cut"
            )?,
            RunHeadCheck::Missing { expected } => writeln!(
                f,
                "BAD: the given head {expected} is not of this run: it was cut or rewritten"
            )?,
        }
        if self.is_ok() {
            f.write_str(SHOWS)?;
        }
        f.write_str(LIMITS)
    }
}

/// Stated when nothing bad was found.
const SHOWS: &str = "\
what this shows: no record or body of this run was edited, removed, inserted or moved alone
";

/// Stated with every result, good or bad.
const LIMITS: &str = "\
what it cannot show without help: a file written anew with new hashes (needs the run's head, noted elsewhere);
  that the journal holds these records (compare the run head with the journal's own, `windlass export` again);
  what erased bodies said, and that retention erased them; what other runs did; whether what was recorded was true
";
