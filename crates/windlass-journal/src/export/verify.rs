//! Checking an export by itself: no journal, no program but this one is needed, and any
//! reader of `docs/journal-format.md` can do the same.

use std::io::{self, BufRead, Read as _};

use super::line::{EndLine, FirstLine, RecordLine};
use super::report::{ExportBad, ExportReport, RunHeadCheck};
use super::{EXPORT_FORMAT, EXPORT_VERSION};
use crate::chain::{RunEnd, check_body};
use crate::hash::Hash;
use crate::header::Header;
use crate::key::RunKey;
use crate::limits::EXPORT_LINE_BYTES_MAX;
use crate::store::Head;

/// Why a file could not be checked at all.
#[derive(Debug, thiserror::Error)]
pub enum VerifyExportError {
    #[error("read the export: {0}")]
    Read(#[from] io::Error),
    #[error("read the export: its first line is not that of a windlass export")]
    NotAnExport,
    #[error("read the export: its version is {found}, this program reads version {EXPORT_VERSION}")]
    OtherVersion { found: u32 },
    #[error(
        "read the export: line {line} is longer than {} bytes",
        EXPORT_LINE_BYTES_MAX
    )]
    LineTooLong { line: u64 },
}

/// Checks an export: the chain of its run, all bodies that are there, and its last line.
/// With `expected_head` (the hash of a header of this run that was noted elsewhere) also
/// that nothing up to it was changed or cut.
pub fn verify_export(
    mut from: impl BufRead,
    expected_head: Option<Hash>,
) -> Result<ExportReport, VerifyExportError> {
    let mut number = 0;
    let first = next_line(&mut from, &mut number)?.unwrap_or_default();
    let first: FirstLine =
        serde_json::from_slice(&first).map_err(|_| VerifyExportError::NotAnExport)?;
    if first.format != EXPORT_FORMAT {
        return Err(VerifyExportError::NotAnExport);
    }
    if first.version != EXPORT_VERSION {
        let found = first.version;
        return Err(VerifyExportError::OtherVersion { found });
    }
    let run = RunKey::new(&first.run).map_err(|_| VerifyExportError::NotAnExport)?;
    let mut walk = Walk::new(run, expected_head);
    while let Some(line) = next_line(&mut from, &mut number)? {
        if let Err(problem) = walk.step(&line) {
            walk.report.first_bad = Some(ExportBad {
                line: number,
                problem,
            });
            break;
        }
    }
    Ok(walk.finish(number))
}

/// The next line without its end; `None` at the end of the file.
fn next_line(
    from: &mut impl BufRead,
    number: &mut u64,
) -> Result<Option<Vec<u8>>, VerifyExportError> {
    let mut line = Vec::new();
    let bound = EXPORT_LINE_BYTES_MAX as u64 + 1;
    let read = from.take(bound).read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(None);
    }
    *number += 1;
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() > EXPORT_LINE_BYTES_MAX {
        return Err(VerifyExportError::LineTooLong { line: *number });
    }
    Ok(Some(line))
}

struct Walk {
    run: RunKey,
    end: RunEnd,
    last: Option<(Header, Head)>,
    expected: Option<Hash>,
    closed: bool,
    report: ExportReport,
}

impl Walk {
    fn new(run: RunKey, expected: Option<Hash>) -> Self {
        let head_check = match expected {
            None => RunHeadCheck::NotGiven,
            Some(expected) => RunHeadCheck::Missing { expected },
        };
        Self {
            report: ExportReport {
                run: run.clone(),
                records: 0,
                bodies: 0,
                erased: 0,
                run_head: Hash::ZERO,
                journal: None,
                first_bad: None,
                head_check,
            },
            run,
            end: RunEnd::EMPTY,
            last: None,
            expected,
            closed: false,
        }
    }

    fn step(&mut self, line: &[u8]) -> Result<(), String> {
        if self.closed {
            return Err("follows the line of the end".to_owned());
        }
        if let Ok(end) = serde_json::from_slice::<EndLine>(line) {
            return self.close(end);
        }
        let line: RecordLine = serde_json::from_slice(line)
            .map_err(|error| format!("is neither a record nor the end: {error}"))?;
        let record = line.record()?;
        let header = record.header;
        if header.run != self.run {
            return Err(format!("is of run {}", header.run));
        }
        self.end = self.end.follow(&header, record.hash)?;
        check_body(&header, record.body.as_deref())?;
        let mut head = Head {
            next_position: header.position.saturating_add(1),
            link: record.link,
        };
        if let Some((before, at)) = &self.last {
            if header.position <= before.position {
                return Err(format!(
                    "has position {}, which is not after {}",
                    header.position, before.position
                ));
            }
            if header.epoch < before.epoch {
                return Err(format!(
                    "has epoch {}, which is before {}",
                    header.epoch, before.epoch
                ));
            }
            // Nothing of another run between them: their links must fit, too.
            if header.position == at.next_position {
                head = at
                    .follow(record.hash, record.link)
                    .map_err(|problem| problem.to_string())?;
            }
        }
        self.report.records += 1;
        match record.body {
            Some(_) => self.report.bodies += 1,
            None => self.report.erased += 1,
        }
        self.report.run_head = record.hash;
        if self.expected == Some(record.hash) {
            self.report.head_check = RunHeadCheck::Found { seq: header.seq };
        }
        self.last = Some((header, head));
        Ok(())
    }

    fn close(&mut self, EndLine { end }: EndLine) -> Result<(), String> {
        self.closed = true;
        let report = &mut self.report;
        let counted = (report.records, report.erased);
        if (end.records, end.erased) != counted {
            return Err(format!(
                "counts {} records and {} erased bodies where there are {} and {}",
                end.records, end.erased, counted.0, counted.1
            ));
        }
        if end.run_head != report.run_head.to_string() {
            return Err(format!(
                "names the run's head {}, which is {}",
                end.run_head, report.run_head
            ));
        }
        let link = end
            .journal_head
            .parse()
            .map_err(|_| "has no hash in `journal_head`")?;
        report.journal = Some(Head {
            next_position: end.journal_records,
            link,
        });
        Ok(())
    }

    fn finish(mut self, lines: u64) -> ExportReport {
        if !self.closed && self.report.first_bad.is_none() {
            self.report.first_bad = Some(ExportBad {
                line: lines + 1,
                problem: "is missing: the file was cut".to_owned(),
            });
        }
        self.report
    }
}
