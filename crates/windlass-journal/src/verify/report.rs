//! What a verification found, and in words what it can and cannot find.

use std::fmt;

use crate::hash::Hash;
use crate::key::RunKey;
use crate::store::Head;

/// The first record that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    pub position: u64,
    /// What the record says of itself; absent when it is missing or unreadable.
    pub run: Option<RunKey>,
    pub seq: Option<u64>,
    /// Reads after "the record at position N".
    pub problem: String,
}

/// What became of the head that the caller knew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadCheck {
    NotGiven,
    /// The journal still holds everything up to that head.
    Found {
        /// How many records that head stands for.
        next_position: u64,
    },
    /// No intact prefix of the journal has this head: it was cut or rewritten.
    Missing {
        expected: Hash,
    },
}

/// A row of the `runs` index that disagrees with the records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexProblem {
    pub run: String,
    pub indexed: i64,
    /// What the records say; 0 when the run has none.
    pub records: u64,
}

/// The result of [`crate::verify`]; its `Display` is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    /// Head of the intact part; of the whole journal when nothing is bad.
    pub head: Head,
    pub epoch: u64,
    pub runs: u64,
    pub bodies: u64,
    /// Bodies that are marked as erased, each by a record that orders it.
    pub erased_bodies: u64,
    pub first_bad: Option<Bad>,
    pub head_check: HeadCheck,
    pub index_rows: u64,
    /// Runs that lists do not show. The stream of the store is not counted.
    pub runs_without_row: u64,
    /// Not compared when a record is bad. At most 100 are listed.
    pub index_problems: Vec<IndexProblem>,
    pub index_problems_count: u64,
    /// What SQLite's own integrity check says, when it is not "ok".
    pub sqlite_problem: Option<String>,
}

impl VerifyReport {
    /// Whether nothing at all was found.
    pub fn is_ok(&self) -> bool {
        self.first_bad.is_none()
            && self.index_problems_count == 0
            && self.sqlite_problem.is_none()
            && !matches!(self.head_check, HeadCheck::Missing { .. })
    }
}

impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Head {
            next_position,
            link,
        } = self.head;
        match &self.first_bad {
            None => writeln!(
                f,
                "{next_position} records of {} runs hold together",
                self.runs
            )?,
            Some(Bad {
                position,
                run,
                seq,
                problem,
            }) => {
                write!(f, "BAD: the record at position {position}")?;
                if let (Some(run), Some(seq)) = (run, seq) {
                    write!(f, " (run {run}, seq {seq})")?;
                }
                writeln!(f, " {problem}")?;
                writeln!(f, "the {next_position} records before it hold together")?;
            }
        }
        writeln!(
            f,
            "bodies: {} intact, {} erased",
            self.bodies, self.erased_bodies
        )?;
        writeln!(f, "epoch: {}", self.epoch)?;
        writeln!(f, "head: {link}")?;
        self.fmt_head_check(f)?;
        self.fmt_index(f)?;
        if let Some(problem) = &self.sqlite_problem {
            writeln!(f, "BAD: SQLite says: {problem}")?;
        }
        f.write_str(LIMITS)
    }
}

impl VerifyReport {
    fn fmt_head_check(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.head_check {
            HeadCheck::NotGiven => writeln!(
                f,
                "no head was given, so records cut off the end cannot be noticed (--head HASH)"
            ),
            HeadCheck::Found { next_position } => {
                writeln!(
                    f,
                    "the given head is the head after {next_position} records: nothing before it was changed or cut"
                )
            }
            HeadCheck::Missing { expected } => {
                writeln!(
                    f,
                    "BAD: the given head {expected} is not in this journal: it was cut or rewritten"
                )
            }
        }
    }

    fn fmt_index(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first_bad.is_some() {
            return writeln!(f, "runs index: not compared, because a record is bad");
        }
        writeln!(
            f,
            "runs index: {} rows, {} differ, {} runs have none",
            self.index_rows, self.index_problems_count, self.runs_without_row
        )?;
        for IndexProblem {
            run,
            indexed,
            records,
        } in &self.index_problems
        {
            writeln!(
                f,
                "BAD: run {run:?} ends at {records}, its index row says {indexed}"
            )?;
        }
        Ok(())
    }
}

/// Stated with every result, good or bad.
const LIMITS: &str = "\
what this shows: no record before the head was edited, removed, inserted, moved or swapped alone
what it cannot show without help: records cut off the end (needs a head noted elsewhere);
  a rewrite of the whole journal with new hashes (needs a head or signed checkpoints kept outside this host);
  changes to idempotency answers, outbox rows and index texts, which no chain covers;
  whether what was recorded was true
";
