//! Between rows of SQLite and the types of this crate.
//! What cannot be decoded is a reason in words: it damages a run, not the store.

use rusqlite::{Row, ToSql};

use crate::append::Remembered;
use crate::hash::Hash;
use crate::header::Header;
use crate::index::RunIndexRow;
use crate::key::{RunKey, is_kind};
use crate::store::Record;

/// The columns that [`record`] decodes, in its order.
pub(crate) const RECORD_COLUMNS: &str = "r.position, r.run, r.seq, r.epoch, r.at_ms, r.kind, \
     r.version, r.body_hash, r.prev_in_run, r.link, b.body, b.erased";

/// The columns that [`header`] decodes, in its order.
pub(crate) const HEADER_COLUMNS: &str = "r.position, r.run, r.seq, r.epoch, r.at_ms, r.kind, r.version, r.body_hash, r.prev_in_run, r.link";

/// A header and its stored link.
pub(crate) fn header(row: &Row<'_>) -> Result<(Header, Hash), String> {
    let header = Header {
        position: number(row, 0)?,
        run: run(row, 1)?,
        seq: number(row, 2)?,
        epoch: number(row, 3)?,
        at_ms: get(row, 4)?,
        kind: get(row, 5)?,
        version: get(row, 6)?,
        body_hash: hash(row, 7)?,
        prev_in_run: hash(row, 8)?,
    };
    if !is_kind(header.kind.as_bytes()) {
        return Err("has a kind outside its alphabet".to_owned());
    }
    Ok((header, hash(row, 9)?))
}

/// A whole record; its body is not compared with its hash here.
pub(crate) fn record(row: &Row<'_>) -> Result<Record, String> {
    let (header, link) = header(row)?;
    let body: Option<Vec<u8>> = get(row, 10)?;
    let erased: Option<bool> = get(row, 11)?;
    // Without a mark of its own, a removed body would pass for an erased one.
    if !matches!((&body, erased), (Some(_), Some(false)) | (None, Some(true))) {
        return Err("has neither a body nor a mark of its erasure".to_owned());
    }
    let hash = header.hash();
    Ok(Record {
        header,
        hash,
        link,
        body,
    })
}

/// Columns: run, first_seq, next_seq, first_position, head, answer.
pub(crate) fn remembered(row: &Row<'_>) -> Result<Remembered, String> {
    Ok(Remembered {
        run: run(row, 0)?,
        first_seq: number(row, 1)?,
        next_seq: number(row, 2)?,
        first_position: number(row, 3)?,
        head: hash(row, 4)?,
        answer: get(row, 5)?,
    })
}

/// The columns of the index in the order of [`index`] and [`index_values`].
pub(crate) const INDEX_COLUMNS: &str = "run, runbook, title, state, waiting_for, target, requester, \
     plan_digest, started_at_ms, updated_at_ms, ended_at_ms, next_wake_at_ms, next_seq, owes";

pub(crate) fn index(row: &Row<'_>) -> Result<RunIndexRow, String> {
    Ok(RunIndexRow {
        run: run(row, 0)?,
        runbook: get(row, 1)?,
        title: get(row, 2)?,
        state: get(row, 3)?,
        waiting_for: get(row, 4)?,
        target: get(row, 5)?,
        requester: get(row, 6)?,
        plan_digest: get(row, 7)?,
        started_at_ms: get(row, 8)?,
        updated_at_ms: get(row, 9)?,
        ended_at_ms: get(row, 10)?,
        next_wake_at_ms: get(row, 11)?,
        next_seq: number(row, 12)?,
        owes: get(row, 13)?,
    })
}

/// The values of an index row, `next_seq` as SQLite keeps it.
pub(crate) fn index_values<'a>(
    row: &'a RunIndexRow,
    next_seq: &'a i64,
    run: &'a &'a str,
) -> [&'a dyn ToSql; 14] {
    [
        run,
        &row.runbook,
        &row.title,
        &row.state,
        &row.waiting_for,
        &row.target,
        &row.requester,
        &row.plan_digest,
        &row.started_at_ms,
        &row.updated_at_ms,
        &row.ended_at_ms,
        &row.next_wake_at_ms,
        next_seq,
        &row.owes,
    ]
}

pub(crate) fn get<T: rusqlite::types::FromSql>(row: &Row<'_>, column: usize) -> Result<T, String> {
    row.get(column)
        .map_err(|error| format!("cannot be decoded: {error}"))
}

pub(crate) fn number(row: &Row<'_>, column: usize) -> Result<u64, String> {
    let number: i64 = get(row, column)?;
    u64::try_from(number).map_err(|_| format!("cannot be decoded: {number} in column {column}"))
}

pub(crate) fn hash(row: &Row<'_>, column: usize) -> Result<Hash, String> {
    get(row, column).map(Hash::from_bytes)
}

pub(crate) fn run(row: &Row<'_>, column: usize) -> Result<RunKey, String> {
    let name: String = get(row, column)?;
    RunKey::new(&name).map_err(|_| "has a run name outside its alphabet".to_owned())
}

/// Numbers grow by one from 0; none of them can reach the end of `i64`.
pub(crate) fn sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
