//! What is checked before an existing journal is used at all.
//! The whole history is checked by `verify`, not here: opening must stay quick.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};

use super::rows;
use crate::error::{OpenError, StorageError};
use crate::hash::Hash;
use crate::limits::OPEN_CHECK_RECORDS;
use crate::store::Head;

/// SQLite's own check, for a journal that was not closed cleanly.
pub(super) fn integrity(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let problem: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|e| StorageError::new("check the journal", path, e))?;
    if problem != "ok" {
        return Err(OpenError::Damaged {
            path: path.to_owned(),
            problem,
        });
    }
    Ok(())
}

/// Follows the store's chain over the last headers. Bodies are left to reading:
/// a bad one ends its run and not the store.
pub(super) fn last_headers(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |e| OpenError::Storage(StorageError::new("check the journal's head", path, e));
    let bad = |position: u64, problem: String| OpenError::BadHead {
        path: path.to_owned(),
        position,
        problem,
    };
    let last: Option<i64> = connection
        .query_row("SELECT max(position) FROM records", [], |row| row.get(0))
        .map_err(failed)?;
    let first = sub(last.unwrap_or(-1), OPEN_CHECK_RECORDS);
    let mut head = match before(connection, first).map_err(failed)? {
        Some(head) => head,
        None => return Err(bad(first.saturating_sub(1), "is missing".to_owned())),
    };
    let sql = format!(
        "SELECT {} FROM records r WHERE position >= ?1 ORDER BY position",
        rows::HEADER_COLUMNS
    );
    let mut statement = connection.prepare(&sql).map_err(failed)?;
    let mut found = statement.query([rows::sql(first)]).map_err(failed)?;
    while let Some(row) = found.next().map_err(failed)? {
        let due = head.next_position;
        let (header, link) = rows::header(row).map_err(|problem| bad(due, problem))?;
        if header.position != due {
            return Err(bad(due, "is missing".to_owned()));
        }
        head = head
            .follow(header.hash(), link)
            .map_err(|problem| bad(due, problem.to_string()))?;
    }
    Ok(())
}

fn sub(last: i64, count: u64) -> u64 {
    u64::try_from(last).unwrap_or(0).saturating_sub(count)
}

/// The head just before `position`, or `None` when its record is missing.
fn before(connection: &Connection, position: u64) -> rusqlite::Result<Option<Head>> {
    let Some(last) = position.checked_sub(1) else {
        return Ok(Some(Head::EMPTY));
    };
    let sql = "SELECT link FROM records WHERE position = ?1";
    let link = connection
        .query_row(sql, [rows::sql(last)], |row| row.get(0))
        .optional()?;
    Ok(link.map(|link| Head {
        next_position: position,
        link: Hash::from_bytes(link),
    }))
}
