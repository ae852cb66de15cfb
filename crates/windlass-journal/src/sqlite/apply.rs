//! One append inside the writer's transaction: read what it depends on, let
//! `chain` decide, write what it decided.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, Params, Row, Statement};

use super::rows;
use crate::append::{Append, Appended, Remembered};
use crate::chain::{Decided, Facts, RunEnd, decide};
use crate::error::{AppendError, StorageError};
use crate::key::IdempotencyKey;
use crate::outbox::OutboxProgress;
use crate::quarantine::Quarantine;
use crate::store::{Head, Record};

/// The writer's statements, prepared once.
pub(super) struct Statements<'c> {
    path: &'c Path,
    begin: Statement<'c>,
    commit: Statement<'c>,
    begin_one: Statement<'c>,
    take_one_back: Statement<'c>,
    end_one: Statement<'c>,
    epoch: Statement<'c>,
    raise_epoch: Statement<'c>,
    head: Statement<'c>,
    run_end: Statement<'c>,
    remembered: Statement<'c>,
    insert_record: Statement<'c>,
    insert_body: Statement<'c>,
    insert_remembered: Statement<'c>,
    insert_outbox: Statement<'c>,
    delete_outbox: Statement<'c>,
    advance_outbox: Statement<'c>,
    forget_outbox: Statement<'c>,
    replace_index: Statement<'c>,
    advance_index: Statement<'c>,
    erase: Statement<'c>,
}

/// What the transaction has come to so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    pub(super) epoch: u64,
    pub(super) head: Head,
}

impl<'c> Statements<'c> {
    pub(super) fn prepare(
        connection: &'c Connection,
        path: &'c Path,
    ) -> Result<Self, StorageError> {
        let prepare = |sql: &str| {
            connection
                .prepare(sql)
                .map_err(|e| StorageError::new("prepare the journal's statements", path, e))
        };
        Ok(Self {
            path,
            begin: prepare("BEGIN IMMEDIATE")?,
            commit: prepare("COMMIT")?,
            begin_one: prepare("SAVEPOINT one")?,
            take_one_back: prepare("ROLLBACK TO one")?,
            end_one: prepare("RELEASE one")?,
            epoch: prepare("SELECT epoch FROM meta")?,
            raise_epoch: prepare("UPDATE meta SET epoch = epoch + 1")?,
            head: prepare("SELECT position, link FROM records ORDER BY position DESC LIMIT 1")?,
            run_end: prepare(&format!(
                "SELECT {} FROM records r WHERE run = ?1 ORDER BY seq DESC LIMIT 1",
                rows::HEADER_COLUMNS
            ))?,
            remembered: prepare(
                "SELECT run, first_seq, next_seq, first_position, head, answer \
                 FROM idempotency WHERE key = ?1",
            )?,
            insert_record: prepare(
                "INSERT INTO records (position, run, seq, epoch, at_ms, kind, version, body_hash, \
                 prev_in_run, link) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?,
            insert_body: prepare("INSERT INTO bodies (position, body, erased) VALUES (?1, ?2, 0)")?,
            insert_remembered: prepare(
                "INSERT INTO idempotency (key, run, first_seq, next_seq, first_position, head, \
                 answer) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?,
            insert_outbox: prepare(
                "INSERT INTO outbox (run, topic, key, lane, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?,
            delete_outbox: prepare("DELETE FROM outbox WHERE id = ?1")?,
            advance_outbox: prepare(
                "UPDATE outbox SET next_at_ms = ?2, kept = ?3, progress = ?4 WHERE id = ?1",
            )?,
            forget_outbox: prepare("DELETE FROM outbox WHERE run = ?1")?,
            replace_index: prepare(&format!(
                "REPLACE INTO runs ({}) VALUES \
                 (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
                rows::INDEX_COLUMNS
            ))?,
            advance_index: prepare("UPDATE runs SET next_seq = ?2 WHERE run = ?1")?,
            erase: prepare(
                "UPDATE bodies SET body = NULL, erased = 1 \
                 WHERE position IN (SELECT position FROM records WHERE run = ?1)",
            )?,
        })
    }

    pub(super) fn begin(&mut self) -> Result<(), StorageError> {
        run(self.path, "begin a commit", &mut self.begin, []).map(drop)
    }

    pub(super) fn commit(&mut self) -> Result<(), StorageError> {
        run(self.path, "commit appends", &mut self.commit, []).map(drop)
    }

    /// Where the store stands. Read anew in each transaction, because another
    /// process may have taken the store over since.
    pub(super) fn progress(&mut self) -> Result<Progress, StorageError> {
        let (path, operation) = (self.path, "read the journal's head");
        let epoch = one(path, operation, &mut self.epoch, [], |row| {
            rows::number(row, 0)
        })?
        .ok_or_else(|| StorageError::stated(operation, path, "the epoch is missing"))?;
        let head = one(path, operation, &mut self.head, [], |row| {
            Ok(Head {
                next_position: rows::number(row, 0)? + 1,
                link: rows::hash(row, 1)?,
            })
        })?;
        Ok(Progress {
            epoch,
            head: head.unwrap_or(Head::EMPTY),
        })
    }

    pub(super) fn raise_epoch(&mut self, progress: &mut Progress) -> Result<u64, StorageError> {
        run(self.path, "raise the epoch", &mut self.raise_epoch, [])?;
        progress.epoch += 1;
        Ok(progress.epoch)
    }

    pub(super) fn outbox_done(&mut self, ids: &[u64]) -> Result<(), StorageError> {
        let mut delete = |id: &u64| {
            run(
                self.path,
                "forget outbox rows",
                &mut self.delete_outbox,
                [rows::sql(*id)],
            )
        };
        ids.iter().try_for_each(|id| delete(id).map(drop))
    }

    pub(super) fn outbox_progress(
        &mut self,
        id: u64,
        progress: &OutboxProgress,
    ) -> Result<(), StorageError> {
        let values = (
            rows::sql(id),
            progress.next_at_ms,
            progress.kept,
            &progress.note,
        );
        let operation = "write how far an outbox row has come";
        run(self.path, operation, &mut self.advance_outbox, values).map(drop)
    }

    /// Writes one append, or says why it may not be written. After a refusal
    /// nothing of it has been written.
    ///
    /// Refusals come before any write today. The savepoint keeps a later one from
    /// leaving half an append to its neighbours.
    pub(super) fn append(
        &mut self,
        append: &mut Append,
        progress: &mut Progress,
        quarantine: &Quarantine,
    ) -> Result<Result<Appended, AppendError>, StorageError> {
        run(self.path, "begin an append", &mut self.begin_one, [])?;
        let result = self.write(append, progress, quarantine)?;
        if result.is_err() {
            let take_back = &mut self.take_one_back;
            run(self.path, "take an append back", take_back, [])?;
        }
        run(self.path, "end an append", &mut self.end_one, [])?;
        Ok(result)
    }

    fn write(
        &mut self,
        append: &mut Append,
        progress: &mut Progress,
        quarantine: &Quarantine,
    ) -> Result<Result<Appended, AppendError>, StorageError> {
        let facts = self.facts(append, *progress, quarantine)?;
        let (records, head, appended) = match decide(append, facts) {
            Err(refused) => return Ok(Err(refused)),
            Ok(Decided::Duplicate(first)) => return Ok(Ok(first)),
            Ok(Decided::Write {
                records,
                head,
                appended,
            }) => (records, head, appended),
        };
        for record in &records {
            self.insert(record)?;
        }
        self.insert_rest(append, &appended)?;
        progress.head = head;
        Ok(Ok(appended))
    }

    fn facts(
        &mut self,
        append: &Append,
        progress: Progress,
        quarantine: &Quarantine,
    ) -> Result<Facts, StorageError> {
        let remembered = match &append.idempotency {
            Some((key, _)) => self.remembered(key)?,
            None => None,
        };
        let found = self
            .run_end
            .query_row([append.run.as_str()], |row| Ok(rows::header(row)))
            .optional()
            .map_err(|e| StorageError::new("read the end of a run", self.path, e))?;
        let run = match found {
            None => RunEnd::EMPTY,
            Some(Ok((header, _))) => RunEnd {
                next_seq: header.seq + 1,
                hash: header.hash(),
            },
            Some(Err(reason)) => {
                quarantine.mark(&append.run, &format!("its last record {reason}"));
                RunEnd::EMPTY
            }
        };
        Ok(Facts {
            epoch: progress.epoch,
            head: progress.head,
            run,
            remembered,
            quarantine: quarantine.reason(&append.run),
        })
    }

    fn remembered(&mut self, key: &IdempotencyKey) -> Result<Option<Remembered>, StorageError> {
        let operation = "look up an idempotency key";
        one(
            self.path,
            operation,
            &mut self.remembered,
            [key.as_str()],
            rows::remembered,
        )
    }

    fn insert(&mut self, record: &Record) -> Result<(), StorageError> {
        let Record {
            header, link, body, ..
        } = record;
        let position = rows::sql(header.position);
        let values = (
            position,
            header.run.as_str(),
            rows::sql(header.seq),
            rows::sql(header.epoch),
            header.at_ms,
            &header.kind,
            header.version,
            header.body_hash.as_bytes(),
            header.prev_in_run.as_bytes(),
            link.as_bytes(),
        );
        run(self.path, "write a record", &mut self.insert_record, values)?;
        run(
            self.path,
            "write a body",
            &mut self.insert_body,
            (position, body),
        )
        .map(drop)
    }

    fn insert_rest(&mut self, append: &Append, appended: &Appended) -> Result<(), StorageError> {
        let (path, name) = (self.path, append.run.as_str());
        for erased in &append.erase_bodies_of {
            run(path, "erase bodies", &mut self.erase, [erased.as_str()])?;
            let forget = &mut self.forget_outbox;
            run(path, "forget outbox rows", forget, [erased.as_str()])?;
        }
        if let Some((key, answer)) = &append.idempotency {
            let values = (
                key.as_str(),
                name,
                rows::sql(appended.first_seq),
                rows::sql(appended.next_seq),
                rows::sql(appended.first_position),
                appended.head.as_bytes(),
                answer,
            );
            run(
                path,
                "remember an idempotency key",
                &mut self.insert_remembered,
                values,
            )?;
        }
        for row in &append.outbox {
            let values = (name, &row.topic, &row.key, &row.lane, &row.body);
            run(path, "write an outbox row", &mut self.insert_outbox, values)?;
        }
        let next_seq = rows::sql(appended.next_seq);
        match &append.index {
            Some(row) => {
                let values = rows::index_values(row, &next_seq, &name);
                run(
                    path,
                    "write an index row",
                    &mut self.replace_index,
                    &values[..],
                )?
            }
            None => run(
                path,
                "write an index row",
                &mut self.advance_index,
                (name, next_seq),
            )?,
        };
        Ok(())
    }
}

fn run(
    path: &Path,
    operation: &'static str,
    statement: &mut Statement<'_>,
    values: impl Params,
) -> Result<usize, StorageError> {
    statement
        .execute(values)
        .map_err(|e| StorageError::new(operation, path, e))
}

/// One row or none; a row that cannot be decoded is damage to the store itself.
fn one<T>(
    path: &Path,
    operation: &'static str,
    statement: &mut Statement<'_>,
    values: impl Params,
    decode: impl FnOnce(&Row<'_>) -> Result<T, String>,
) -> Result<Option<T>, StorageError> {
    let row = statement
        .query_row(values, |row| Ok(decode(row)))
        .optional()
        .map_err(|e| StorageError::new(operation, path, e))?;
    row.transpose()
        .map_err(|reason| StorageError::stated(operation, path, &reason))
}
