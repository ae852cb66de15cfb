//! Verification of a whole journal by reading it, also while its owner runs.
//! It trusts nothing but the bytes: no index, no cache, no earlier check.

mod report;
mod walk;

use std::path::Path;

use rusqlite::Connection;

pub use self::report::{Bad, HeadCheck, IndexProblem, VerifyReport};
use self::walk::Walk;
use crate::error::{OpenError, StorageError};
use crate::hash::Hash;
use crate::sqlite::{connection, place, read, rows};

/// How many differences of the index are listed; the rest is counted.
pub(crate) const INDEX_PROBLEMS_MAX: usize = 100;

/// Why a journal could not be verified at all.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Reads the whole journal in `path` at one moment and names its first bad
/// record. With `expected_head` (a link that was noted elsewhere, at any time)
/// it also finds truncation, and any change before that head.
pub fn verify(path: &Path, expected_head: Option<Hash>) -> Result<VerifyReport, VerifyError> {
    let path = place::prepare(path, false)?;
    let connection = connection::open_reader(&path)?;
    let failed = |e| VerifyError::Storage(StorageError::new("verify the journal", &path, e));
    // One snapshot for records and index, whatever the owner writes meanwhile.
    connection.execute_batch("BEGIN").map_err(failed)?;
    let sqlite_problem = integrity(&connection).map_err(failed)?;
    let epoch = read::epoch(&connection, &path)?;
    let mut walk = Walk::new(epoch, expected_head);
    walk_records(&connection, &mut walk).map_err(failed)?;
    let mut report = walk.report();
    report.sqlite_problem = sqlite_problem;
    if report.first_bad.is_none() {
        compare_index(&connection, &walk, &mut report).map_err(failed)?;
    }
    Ok(report)
}

fn integrity(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let said: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    Ok((said != "ok").then_some(said))
}

fn walk_records(connection: &Connection, walk: &mut Walk) -> rusqlite::Result<()> {
    // NOT INDEXED: positions and bodies come from the tables themselves.
    let sql = format!(
        "SELECT {} FROM records r NOT INDEXED LEFT JOIN bodies b ON b.position = r.position \
         ORDER BY r.position",
        rows::RECORD_COLUMNS
    );
    let mut statement = connection.prepare(&sql)?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let position = rows::number(row, 0);
        if walk.step(position, rows::record(row)).is_break() {
            return Ok(());
        }
    }
    let sql = "SELECT position FROM bodies EXCEPT SELECT position FROM records ORDER BY 1 LIMIT 1";
    let mut statement = connection.prepare(sql)?;
    let stray = statement
        .query_map([], |row| row.get::<_, i64>(0))?
        .next()
        .transpose()?;
    walk.unordered_erasures();
    if let Some(position) = stray {
        walk.stray_body(u64::try_from(position).unwrap_or(u64::MAX));
    }
    Ok(())
}

fn compare_index(
    connection: &Connection,
    walk: &Walk,
    report: &mut VerifyReport,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT run, next_seq FROM runs ORDER BY run")?;
    let mut found = statement.query([])?;
    let mut known = 0;
    while let Some(row) = found.next()? {
        report.index_rows += 1;
        let name: String = row.get(0)?;
        let indexed: i64 = row.get(1)?;
        let records = walk.next_seq(&name);
        known += u64::from(records > 0);
        if u64::try_from(indexed) != Ok(records) {
            report.index_problems_count += 1;
            if report.index_problems.len() < INDEX_PROBLEMS_MAX {
                report.index_problems.push(IndexProblem {
                    run: name,
                    indexed,
                    records,
                });
            }
        }
    }
    report.runs_without_row = walk.indexable().saturating_sub(known);
    Ok(())
}
