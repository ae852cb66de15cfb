//! A store in memory, for tests and simulations: the same rules, no durability.
//! It can be told to fail like a disk, and to come back as after a crash.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::append::{Append, Appended, Remembered};
use crate::chain::{Decided, Facts, RunEnd, check_body, decide};
use crate::compact::Compacted;
use crate::error::{AppendError, ReadError, StorageError, WriteError};
use crate::index::{RunIndexRow, RunOrder, RunQuery, RunState};
use crate::key::{IdempotencyKey, RunKey};
use crate::limits::{LIST_ROWS_MAX, READ_BYTES_MAX, READ_RECORDS_MAX};
use crate::outbox::{OutboxEntry, OutboxProgress};
use crate::pending::Pending;
use crate::quarantine::{Quarantine, Quarantined};
use crate::store::{Head, Record, Store, Tip};

/// A storage error to come: the journal of a real disk would be poisoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// How many more appends succeed before it.
    pub after_appends: u64,
    /// Whether the failing append is in the journal after a restart. Both
    /// happen on a real disk; only the answer is the same.
    pub written: bool,
}

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    data: Mutex<Data>,
    quarantine: Quarantine,
}

#[derive(Debug, Default, Clone)]
struct Data {
    epoch: u64,
    records: Vec<Record>,
    /// Positions of each run's records, by `seq`.
    runs: BTreeMap<RunKey, Vec<usize>>,
    index: BTreeMap<RunKey, RunIndexRow>,
    remembered: BTreeMap<IdempotencyKey, Remembered>,
    outbox: Vec<OutboxEntry>,
    outbox_ids: u64,
    fault: Option<Fault>,
    poison: Option<StorageError>,
}

impl MemoryStore {
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a later append fail as storage does; it poisons the store.
    pub fn inject(&self, fault: Fault) {
        self.data().fault = Some(fault);
    }

    /// What a new process finds: the same journal without poison, fault or marks.
    pub fn restarted(&self) -> Self {
        let data = Data {
            fault: None,
            poison: None,
            ..self.data().clone()
        };
        Self {
            data: Mutex::new(data),
            quarantine: Quarantine::default(),
        }
    }

    /// Damages the stored body of a record, as a flipped bit would. Answers
    /// whether there was such a body.
    pub fn damage_body(&self, run: &RunKey, seq: u64) -> bool {
        let mut data = self.data();
        let Some(position) = data.position_of(run, seq) else {
            return false;
        };
        match &mut data.records[position].body {
            Some(body) => {
                body.push(b'!');
                true
            }
            None => false,
        }
    }

    fn data(&self) -> MutexGuard<'_, Data> {
        // Nothing below panics between two changes that belong together.
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Data {
    fn head(&self) -> Head {
        self.records.last().map_or(Head::EMPTY, |last| Head {
            next_position: last.header.position + 1,
            link: last.link,
        })
    }

    fn position_of(&self, run: &RunKey, seq: u64) -> Option<usize> {
        let positions = self.runs.get(run)?;
        positions.get(usize::try_from(seq).ok()?).copied()
    }

    fn run_end(&self, run: &RunKey) -> RunEnd {
        let last = self.runs.get(run).and_then(|positions| positions.last());
        last.map_or(RunEnd::EMPTY, |&position| {
            let last = &self.records[position];
            RunEnd {
                next_seq: last.header.seq + 1,
                hash: last.hash,
            }
        })
    }

    fn append(
        &mut self,
        mut append: Append,
        quarantine: &Quarantine,
    ) -> Result<Appended, AppendError> {
        append.validate()?;
        if let Some(poison) = &self.poison {
            return Err(poison.clone().into());
        }
        let key = append.idempotency.as_ref().map(|(key, _)| key);
        let facts = Facts {
            epoch: self.epoch,
            head: self.head(),
            run: self.run_end(&append.run),
            remembered: key.and_then(|key| self.remembered.get(key).cloned()),
            quarantine: quarantine.reason(&append.run),
        };
        let (records, appended) = match decide(&mut append, facts)? {
            Decided::Duplicate(appended) => return Ok(appended),
            Decided::Write {
                records, appended, ..
            } => (records, appended),
        };
        let failed = self.take_fault();
        if failed.is_none_or(|fault| fault.written) {
            self.write(append, records, &appended);
        }
        if failed.is_some() {
            let error =
                StorageError::stated("commit appends", Path::new(":memory:"), "injected fault");
            self.poison = Some(error.clone());
            return Err(error.into());
        }
        Ok(appended)
    }

    /// Counts down to the injected fault, and returns it when it fires.
    fn take_fault(&mut self) -> Option<Fault> {
        let fault = self.fault.as_mut()?;
        match fault.after_appends.checked_sub(1) {
            Some(left) => {
                fault.after_appends = left;
                None
            }
            None => self.fault.take(),
        }
    }

    fn write(&mut self, append: Append, records: Vec<Record>, appended: &Appended) {
        for record in records {
            self.runs
                .entry(record.header.run.clone())
                .or_default()
                .push(self.records.len());
            self.records.push(record);
        }
        for run in &append.erase_bodies_of {
            for &position in self.runs.get(run).into_iter().flatten() {
                self.records[position].body = None;
            }
            self.outbox.retain(|entry| entry.run != *run);
        }
        if let Some((key, answer)) = append.idempotency {
            self.remembered.insert(
                key,
                Remembered {
                    run: appended.run.clone(),
                    first_seq: appended.first_seq,
                    next_seq: appended.next_seq,
                    first_position: appended.first_position,
                    head: appended.head,
                    answer,
                },
            );
        }
        for row in append.outbox {
            self.outbox_ids += 1;
            self.outbox.push(OutboxEntry {
                id: self.outbox_ids,
                run: append.run.clone(),
                row,
                progress: OutboxProgress::default(),
            });
        }
        match append.index {
            Some(row) => drop(self.index.insert(row.run.clone(), row)),
            None => {
                if let Some(row) = self.index.get_mut(&append.run) {
                    row.next_seq = appended.next_seq;
                }
            }
        }
    }
}

impl Store for MemoryStore {
    fn append(&self, append: Append) -> Pending<Appended, AppendError> {
        Pending::ready(self.data().append(append, &self.quarantine))
    }

    fn take_epoch(&self) -> Result<u64, WriteError> {
        let mut data = self.data();
        if let Some(poison) = &data.poison {
            return Err(poison.clone().into());
        }
        data.epoch += 1;
        Ok(data.epoch)
    }

    fn epoch(&self) -> Result<u64, StorageError> {
        Ok(self.data().epoch)
    }

    fn head(&self) -> Result<Head, StorageError> {
        Ok(self.data().head())
    }

    fn read(&self, run: &RunKey, from_seq: u64, limit: usize) -> Result<Vec<Record>, ReadError> {
        let data = self.data();
        let mut records = Vec::new();
        let mut bytes = 0;
        for seq in (from_seq..).take(limit.min(READ_RECORDS_MAX)) {
            let Some(position) = data.position_of(run, seq) else {
                break;
            };
            let record = &data.records[position];
            if let Err(reason) = check_body(&record.header, record.body.as_deref()) {
                self.quarantine
                    .mark(run, &format!("the record at seq {seq} {reason}"));
                return Err(ReadError::Quarantined {
                    run: run.clone(),
                    seq,
                    reason,
                });
            }
            bytes += record.body.as_ref().map_or(0, Vec::len);
            records.push(record.clone());
            if bytes >= READ_BYTES_MAX {
                break;
            }
        }
        Ok(records)
    }

    fn tips(&self, after: Option<&RunKey>, limit: usize) -> Result<Vec<Tip>, StorageError> {
        let data = self.data();
        let later = data
            .runs
            .iter()
            .filter(|(run, _)| after.is_none_or(|after| *run > after));
        let tip = |(run, positions): (&RunKey, &Vec<usize>)| Tip {
            run: run.clone(),
            next_seq: positions.len() as u64,
        };
        Ok(later.map(tip).take(limit.min(LIST_ROWS_MAX)).collect())
    }

    fn run(&self, run: &RunKey) -> Result<Option<RunIndexRow>, StorageError> {
        Ok(self.data().index.get(run).cloned())
    }

    fn runs(&self, query: &RunQuery) -> Result<Vec<RunIndexRow>, StorageError> {
        let data = self.data();
        let mut rows: Vec<(i64, &RunIndexRow)> = data
            .index
            .values()
            .filter(|row| fits(query, row))
            .filter_map(|row| Some((query.order_key(row)?, row)))
            .collect();
        rows.sort_by(|a, b| (a.0, &a.1.run).cmp(&(b.0, &b.1.run)));
        if query.order == RunOrder::NewestFirst {
            rows.reverse();
        }
        let behind = |(key, row): &(i64, &RunIndexRow)| match (&query.after, query.order) {
            (None, _) => true,
            (Some((at, run)), RunOrder::NewestFirst) => (*key, &row.run) < (*at, run),
            (Some((at, run)), RunOrder::SoonestWake) => (*key, &row.run) > (*at, run),
        };
        let rows = rows.into_iter().filter(behind).map(|(_, row)| row.clone());
        Ok(rows.take(query.limit.min(LIST_ROWS_MAX)).collect())
    }

    fn find_idempotent(&self, key: &IdempotencyKey) -> Result<Option<Remembered>, StorageError> {
        Ok(self.data().remembered.get(key).cloned())
    }

    fn outbox(
        &self,
        run: Option<&RunKey>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<OutboxEntry>, StorageError> {
        let data = self.data();
        let wanted =
            |entry: &&OutboxEntry| entry.id > after && run.is_none_or(|run| entry.run == *run);
        let rows = data.outbox.iter().filter(wanted).cloned();
        Ok(rows.take(limit.min(LIST_ROWS_MAX)).collect())
    }

    fn outbox_heads(&self, limit: usize) -> Result<Vec<OutboxEntry>, StorageError> {
        let data = self.data();
        let mut heads: BTreeMap<&str, &OutboxEntry> = BTreeMap::new();
        for entry in data.outbox.iter().filter(|entry| !entry.progress.kept) {
            heads.entry(&entry.row.lane).or_insert(entry);
        }
        let mut heads: Vec<OutboxEntry> = heads.into_values().cloned().collect();
        heads.sort_by_key(|entry| (entry.progress.next_at_ms, entry.id));
        heads.truncate(limit.min(LIST_ROWS_MAX));
        Ok(heads)
    }

    fn outbox_progress(&self, id: u64, progress: OutboxProgress) -> Pending<(), WriteError> {
        let mut data = self.data();
        if let Some(poison) = &data.poison {
            return Pending::ready(Err(poison.clone().into()));
        }
        if let Some(entry) = data.outbox.iter_mut().find(|entry| entry.id == id) {
            entry.progress = progress.bounded();
        }
        Pending::ready(Ok(()))
    }

    fn outbox_done(&self, ids: &[u64]) -> Pending<(), WriteError> {
        let mut data = self.data();
        if let Some(poison) = &data.poison {
            return Pending::ready(Err(poison.clone().into()));
        }
        data.outbox.retain(|entry| !ids.contains(&entry.id));
        Pending::ready(Ok(()))
    }

    fn compact(&self) -> Pending<Compacted, WriteError> {
        match &self.data().poison {
            Some(poison) => Pending::ready(Err(poison.clone().into())),
            None => Pending::ready(Ok(Compacted::default())),
        }
    }

    fn quarantine(&self, run: &RunKey, reason: &str) {
        self.quarantine.mark(run, reason);
    }

    fn quarantined(&self) -> Vec<Quarantined> {
        self.quarantine.list()
    }

    fn poisoned(&self) -> Option<StorageError> {
        self.data().poison.clone()
    }
}

fn fits(query: &RunQuery, row: &RunIndexRow) -> bool {
    let is = |wanted: &Option<String>, text: &str| wanted.as_deref().is_none_or(|it| it == text);
    let ended = match query.ended {
        RunState::Any => true,
        RunState::Live => row.ended_at_ms.is_none(),
        RunState::Ended => row.ended_at_ms.is_some(),
    };
    let due = query
        .wake_at_or_before_ms
        .is_none_or(|limit| row.next_wake_at_ms.is_some_and(|wake| wake <= limit));
    let requester = query.requester.as_deref().is_none_or(|wanted| {
        let rest = row.requester.strip_prefix(wanted);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" ("))
    });
    let after = query
        .started_at_or_after_ms
        .is_none_or(|least| row.started_at_ms >= least);
    let before = query
        .started_before_ms
        .is_none_or(|limit| row.started_at_ms < limit);
    let ended_by = query
        .ended_at_or_before_ms
        .is_none_or(|limit| row.ended_at_ms.is_some_and(|at| at <= limit));
    let attention = query.attention.as_ref().is_none_or(|attention| {
        let waiting_for = format!("; {}", row.waiting_for);
        let waits = attention.beginnings().any(|it| waiting_for.contains(&it));
        row.ended_at_ms.is_none() && (waits || attention.states.contains(&row.state))
    });
    ended
        && due
        && requester
        && (after && before && ended_by)
        && attention
        && is(&query.state, &row.state)
        && is(&query.runbook, &row.runbook)
        && is(&query.target, &row.target)
        && query.owes.is_none_or(|owes| owes == row.owes)
}
