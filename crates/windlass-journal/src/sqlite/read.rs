//! Reading: connections for readers and the queries they run.
//! Storage errors met here poison the store as those of the writer do.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params_from_iter};

use super::connection::open_reader;
use super::rows;
use crate::append::Remembered;
use crate::chain::{RunEnd, check_body};
use crate::error::{OpenError, ReadError, StorageError};
use crate::index::{RunIndexRow, RunOrder, RunQuery, RunState};
use crate::key::{IdempotencyKey, RunKey};
use crate::limits::{LIST_ROWS_MAX, READ_BYTES_MAX, READ_RECORDS_MAX};
use crate::outbox::{OutboxEntry, OutboxProgress, OutboxRow};
use crate::store::{Head, Record, Tip};

/// How many idle connections are kept; more are opened when more are needed.
const IDLE_READERS_MAX: usize = 4;

/// Idle reading connections.
#[derive(Debug, Default)]
pub(super) struct Readers(Mutex<Vec<Connection>>);

impl Readers {
    /// Runs `read` on an idle connection, or on a new one.
    pub(super) fn with<T, E: From<StorageError>>(
        &self,
        path: &Path,
        read: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let idle = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open_reader(path).map_err(|error| match error {
                OpenError::Storage(error) => error,
                other => StorageError::stated("open a reader", path, &other.to_string()),
            })?,
        };
        let result = read(&connection)?;
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_READERS_MAX {
            idle.push(connection);
        }
        Ok(result)
    }

    pub(super) fn clear(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

pub(crate) fn head(connection: &Connection, path: &Path) -> Result<Head, StorageError> {
    let sql = "SELECT position, link FROM records ORDER BY position DESC LIMIT 1";
    let head = one(
        connection,
        path,
        "read the journal's head",
        sql,
        vec![],
        |row| {
            Ok(Head {
                next_position: rows::number(row, 0)? + 1,
                link: rows::hash(row, 1)?,
            })
        },
    )?;
    Ok(head.unwrap_or(Head::EMPTY))
}

pub(crate) fn epoch(connection: &Connection, path: &Path) -> Result<u64, StorageError> {
    let operation = "read the epoch";
    one(
        connection,
        path,
        operation,
        "SELECT epoch FROM meta",
        vec![],
        |row| rows::number(row, 0),
    )?
    .ok_or_else(|| StorageError::stated(operation, path, "the epoch is missing"))
}

/// Records of a run from `from_seq` on, with chain and bodies checked.
pub(super) fn records(
    connection: &Connection,
    path: &Path,
    run: &RunKey,
    from_seq: u64,
    limit: usize,
) -> Result<Vec<Record>, ReadError> {
    let failed = |e| ReadError::Storage(StorageError::new("read records", path, e));
    let damaged = |seq, reason| ReadError::Quarantined {
        run: run.clone(),
        seq,
        reason,
    };
    // The record before the first wanted one is read as well, to check the chain.
    let first_read = from_seq.saturating_sub(1);
    let sql = format!(
        "SELECT {} FROM records r LEFT JOIN bodies b ON b.position = r.position \
         WHERE r.run = ?1 AND r.seq >= ?2 ORDER BY r.seq",
        rows::RECORD_COLUMNS
    );
    let mut statement = connection.prepare(&sql).map_err(failed)?;
    let mut found = statement
        .query((run.as_str(), rows::sql(first_read)))
        .map_err(failed)?;
    let mut end = (from_seq == 0).then_some(RunEnd::EMPTY);
    let mut records = Vec::new();
    let mut bytes = 0;
    while records.len() < limit.min(READ_RECORDS_MAX) && bytes < READ_BYTES_MAX {
        let Some(row) = found.next().map_err(failed)? else {
            break;
        };
        let due = end.map_or(first_read, |end| end.next_seq);
        let record = rows::record(row).map_err(|reason| damaged(due, reason))?;
        let Some(known) = end else {
            if record.header.seq != due {
                return Err(damaged(due, "is missing".to_owned()));
            }
            end = Some(RunEnd {
                next_seq: due + 1,
                hash: record.hash,
            });
            continue;
        };
        end = Some(
            known
                .follow(&record.header, record.hash)
                .map_err(|reason| damaged(due, reason))?,
        );
        check_body(&record.header, record.body.as_deref())
            .map_err(|reason| damaged(due, reason))?;
        bytes += record.body.as_ref().map_or(0, Vec::len);
        records.push(record);
    }
    Ok(records)
}

pub(super) fn tips(
    connection: &Connection,
    path: &Path,
    after: Option<&RunKey>,
    limit: usize,
) -> Result<Vec<Tip>, StorageError> {
    let sql =
        "SELECT run, max(seq) + 1 FROM records WHERE run > ?1 GROUP BY run ORDER BY run LIMIT ?2";
    let values = vec![text(after.map_or("", RunKey::as_str)), limited(limit)];
    many(
        connection,
        path,
        "list the runs' ends",
        sql,
        values,
        |row| {
            Ok(Tip {
                run: rows::run(row, 0)?,
                next_seq: rows::number(row, 1)?,
            })
        },
    )
}

pub(super) fn run(
    connection: &Connection,
    path: &Path,
    run: &RunKey,
) -> Result<Option<RunIndexRow>, StorageError> {
    let sql = format!("SELECT {} FROM runs WHERE run = ?1", rows::INDEX_COLUMNS);
    one(
        connection,
        path,
        "read the runs index",
        &sql,
        vec![text(run.as_str())],
        rows::index,
    )
}

pub(super) fn runs(
    connection: &Connection,
    path: &Path,
    query: &RunQuery,
) -> Result<Vec<RunIndexRow>, StorageError> {
    let (sql, values) = select_runs(query);
    many(
        connection,
        path,
        "list the runs index",
        &sql,
        values,
        rows::index,
    )
}

/// Only fixed text becomes SQL; everything from the query is bound.
fn select_runs(query: &RunQuery) -> (String, Vec<Value>) {
    let (key, behind, direction) = match query.order {
        RunOrder::NewestFirst => ("started_at_ms", "<", "DESC"),
        RunOrder::SoonestWake => ("next_wake_at_ms", ">", "ASC"),
    };
    let mut sql = format!(
        "SELECT {} FROM runs WHERE {key} IS NOT NULL",
        rows::INDEX_COLUMNS
    );
    let mut values = Vec::new();
    let mut and = |condition: &str, bound: Vec<Value>| {
        sql.push_str(" AND ");
        sql.push_str(condition);
        values.extend(bound);
    };
    match query.ended {
        RunState::Any => {}
        RunState::Live => and("ended_at_ms IS NULL", vec![]),
        RunState::Ended => and("ended_at_ms IS NOT NULL", vec![]),
    }
    let equals = [
        ("state = ?", &query.state),
        ("runbook = ?", &query.runbook),
        ("target = ?", &query.target),
    ];
    for (condition, wanted) in equals {
        if let Some(wanted) = wanted {
            and(condition, vec![text(wanted)]);
        }
    }
    if let Some(owes) = query.owes {
        and("owes = ?", vec![Value::Integer(owes.into())]);
    }
    let bounds = [
        ("started_at_ms >= ?", query.started_at_or_after_ms),
        ("started_at_ms < ?", query.started_before_ms),
        ("ended_at_ms <= ?", query.ended_at_or_before_ms),
    ];
    for (condition, bound) in bounds {
        if let Some(bound) = bound {
            and(condition, vec![Value::Integer(bound)]);
        }
    }
    if let Some(requester) = &query.requester {
        // No LIKE: a name may hold its wildcards.
        let begins = format!("{requester} (");
        and(
            "(requester = ? OR substr(requester, 1, length(?)) = ?)",
            vec![text(requester), text(&begins), text(&begins)],
        );
    }
    if let Some(attention) = &query.attention {
        let mut any = vec!["FALSE"];
        any.extend(attention.states.iter().map(|_| "state = ?"));
        any.extend(
            attention
                .waits_for
                .iter()
                .map(|_| "instr('; ' || waiting_for, ?) > 0"),
        );
        let states = attention.states.iter().map(|it| text(it));
        let beginnings = attention.beginnings().map(|it| text(&it));
        and(
            &format!("ended_at_ms IS NULL AND ({})", any.join(" OR ")),
            states.chain(beginnings).collect(),
        );
    }
    if let Some(limit) = query.wake_at_or_before_ms {
        and("next_wake_at_ms <= ?", vec![Value::Integer(limit)]);
    }
    if let Some((at, run)) = &query.after {
        and(
            &format!("({key}, run) {behind} (?, ?)"),
            vec![Value::Integer(*at), text(run.as_str())],
        );
    }
    sql.push_str(&format!(
        " ORDER BY {key} {direction}, run {direction} LIMIT ?"
    ));
    values.push(limited(query.limit));
    (sql, values)
}

pub(super) fn idempotent(
    connection: &Connection,
    path: &Path,
    key: &IdempotencyKey,
) -> Result<Option<Remembered>, StorageError> {
    let sql = "SELECT run, first_seq, next_seq, first_position, head, answer \
               FROM idempotency WHERE key = ?1";
    let operation = "look up an idempotency key";
    one(
        connection,
        path,
        operation,
        sql,
        vec![text(key.as_str())],
        rows::remembered,
    )
}

/// The first format whose outbox knows lanes and progress. Before it no version sent
/// anything, nor wrote a row.
const OUTBOX_FORMAT: i64 = 2;

/// The columns of an outbox row, as [`outbox_entry`] reads them.
const OUTBOX_COLUMNS: &str =
    "o.id, o.run, o.topic, o.key, o.lane, o.body, o.next_at_ms, o.kept, o.progress";

pub(super) fn outbox(
    connection: &Connection,
    path: &Path,
    run: Option<&RunKey>,
    after: u64,
    limit: usize,
) -> Result<Vec<OutboxEntry>, StorageError> {
    let of_run = run.map_or("", |_| "AND o.run = ?3 ");
    let sql = format!(
        "SELECT {OUTBOX_COLUMNS} FROM outbox o WHERE o.id > ?1 {of_run}ORDER BY o.id LIMIT ?2"
    );
    let mut values = vec![Value::Integer(rows::sql(after)), limited(limit)];
    values.extend(run.map(|run| text(run.as_str())));
    outbox_entries(connection, path, &sql, values)
}

pub(super) fn outbox_heads(
    connection: &Connection,
    path: &Path,
    limit: usize,
) -> Result<Vec<OutboxEntry>, StorageError> {
    let sql = format!(
        "SELECT {OUTBOX_COLUMNS} FROM outbox o \
         JOIN (SELECT min(id) AS id FROM outbox WHERE kept = 0 GROUP BY lane) h ON h.id = o.id \
         ORDER BY o.next_at_ms, o.id LIMIT ?1"
    );
    outbox_entries(connection, path, &sql, vec![limited(limit)])
}

fn outbox_entries(
    connection: &Connection,
    path: &Path,
    sql: &str,
    values: Vec<Value>,
) -> Result<Vec<OutboxEntry>, StorageError> {
    let operation = "read the outbox";
    let format: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|error| StorageError::new(operation, path, error))?;
    if format < OUTBOX_FORMAT {
        return Ok(Vec::new());
    }
    many(connection, path, operation, sql, values, outbox_entry)
}

fn outbox_entry(row: &Row<'_>) -> Result<OutboxEntry, String> {
    Ok(OutboxEntry {
        id: rows::number(row, 0)?,
        run: rows::run(row, 1)?,
        row: OutboxRow {
            topic: rows::get(row, 2)?,
            key: rows::get(row, 3)?,
            lane: rows::get(row, 4)?,
            body: rows::get(row, 5)?,
        },
        progress: OutboxProgress {
            next_at_ms: rows::get(row, 6)?,
            kept: rows::get(row, 7)?,
            note: rows::get(row, 8)?,
        },
    })
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn limited(limit: usize) -> Value {
    Value::Integer(rows::sql(limit.min(LIST_ROWS_MAX) as u64))
}

fn one<T>(
    connection: &Connection,
    path: &Path,
    operation: &'static str,
    sql: &str,
    values: Vec<Value>,
    decode: impl FnOnce(&Row<'_>) -> Result<T, String>,
) -> Result<Option<T>, StorageError> {
    let row = connection
        .query_row(sql, params_from_iter(values), |row| Ok(decode(row)))
        .optional()
        .map_err(|e| StorageError::new(operation, path, e))?;
    row.transpose()
        .map_err(|reason| StorageError::stated(operation, path, &reason))
}

fn many<T>(
    connection: &Connection,
    path: &Path,
    operation: &'static str,
    sql: &str,
    values: Vec<Value>,
    decode: impl Fn(&Row<'_>) -> Result<T, String>,
) -> Result<Vec<T>, StorageError> {
    let failed = |e| StorageError::new(operation, path, e);
    let mut statement = connection.prepare(sql).map_err(failed)?;
    let mut found = statement.query(params_from_iter(values)).map_err(failed)?;
    let mut rows = Vec::new();
    while let Some(row) = found.next().map_err(failed)? {
        rows.push(decode(row).map_err(|reason| StorageError::stated(operation, path, &reason))?);
    }
    Ok(rows)
}
