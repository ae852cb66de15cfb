//! One run as a file that anybody can keep and check: JSON lines with every header, every
//! body that was not erased, and the heads. The form is law (`docs/journal-format.md`).

mod line;
mod report;
mod verify;

use std::io::{self, Write};

pub use self::report::{ExportBad, ExportReport, RunHeadCheck};
pub use self::verify::{VerifyExportError, verify_export};

use self::line::{EndLine, FirstLine, RecordLine};
use crate::error::{ReadError, StorageError};
use crate::hash::Hash;
use crate::key::RunKey;
use crate::store::{Head, Store};

/// The version of the form that is written; the only one that is read.
pub const EXPORT_VERSION: u32 = 1;
/// What the first line of an export names.
pub const EXPORT_FORMAT: &str = "windlass-run-export";
/// How many records are read at once.
const PAGE_RECORDS: usize = 256;

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    pub records: u64,
    /// Bodies that retention had erased.
    pub erased: u64,
    /// Hash of the last header of the run.
    pub run_head: Hash,
    /// Head of the journal just before.
    pub head: Head,
    /// The kind of the last record.
    pub last_kind: String,
}

/// Why a run was not exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("export run {0}: there are no records of it")]
    NoRecords(RunKey),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("write the export: {0}")]
    Write(#[from] io::Error),
}

/// Writes all records of a run that the journal has now. What is appended meanwhile may
/// be among them; each record is checked against the chain of its run as it is read.
pub fn export(
    store: &dyn Store,
    run: &RunKey,
    out: &mut dyn Write,
) -> Result<Exported, ExportError> {
    let head = store.head()?;
    let mut exported = Exported {
        records: 0,
        erased: 0,
        run_head: Hash::ZERO,
        head,
        last_kind: String::new(),
    };
    loop {
        let page = store.read(run, exported.records, PAGE_RECORDS)?;
        if page.is_empty() {
            break;
        }
        if exported.records == 0 {
            write(out, &FirstLine::of(run))?;
        }
        for record in page {
            exported.records += 1;
            exported.erased += u64::from(record.body.is_none());
            exported.run_head = record.hash;
            let line = RecordLine::of(record);
            write(out, &line)?;
            exported.last_kind = line.kind;
        }
    }
    if exported.records == 0 {
        return Err(ExportError::NoRecords(run.clone()));
    }
    write(out, &EndLine::of(&exported))?;
    out.flush()?;
    Ok(exported)
}

fn write(out: &mut dyn Write, line: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line).map_err(io::Error::from)?;
    out.write_all(b"\n")
}
