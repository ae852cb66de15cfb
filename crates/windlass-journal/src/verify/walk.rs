//! The walk over all records in store order, with both chains and all bodies.
//! It is fed one row after the other and stops at the first bad one.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::report::{Bad, HeadCheck, VerifyReport};
use crate::chain::{RunEnd, check_body};
use crate::erasure::Erasure;
use crate::hash::Hash;
use crate::key::RunKey;
use crate::store::{Head, Record};

/// What the walk has seen.
#[derive(Debug)]
pub(super) struct Walk {
    /// The owner epoch of the store: no record can have a later one.
    epoch: u64,
    last_epoch: u64,
    head: Head,
    runs: HashMap<RunKey, RunEnd>,
    bodies: u64,
    erased: u64,
    /// The first and the last erased record of each run that has one.
    erased_of: HashMap<RunKey, (ErasedAt, ErasedAt)>,
    /// Where the erasure of a run's bodies was ordered last.
    ordered: HashMap<RunKey, u64>,
    expected_head: Option<Hash>,
    head_seen_at: Option<u64>,
    bad: Option<Bad>,
}

/// The place of an erased body.
#[derive(Debug, Clone, Copy)]
struct ErasedAt {
    position: u64,
    seq: u64,
}

impl Walk {
    pub(super) fn new(epoch: u64, expected_head: Option<Hash>) -> Self {
        Self {
            epoch,
            last_epoch: 0,
            head: Head::EMPTY,
            runs: HashMap::new(),
            bodies: 0,
            erased: 0,
            erased_of: HashMap::new(),
            ordered: HashMap::new(),
            expected_head,
            // The head of an empty journal is in the history of every journal.
            head_seen_at: None,
            bad: None,
        }
    }

    /// Takes the next row; breaks when it is bad.
    pub(super) fn step(
        &mut self,
        position: Result<u64, String>,
        record: Result<Record, String>,
    ) -> ControlFlow<()> {
        let due = self.head.next_position;
        if let Ok(position) = position
            && position != due
        {
            return self.break_at(
                due,
                None,
                format!("is missing; position {position} follows"),
            );
        }
        let record = match record {
            Ok(record) => record,
            Err(problem) => return self.break_at(due, None, problem),
        };
        match self.check(&record) {
            Ok(()) => ControlFlow::Continue(()),
            Err(problem) => {
                self.break_at(due, Some((&record.header.run, record.header.seq)), problem)
            }
        }
    }

    fn check(&mut self, record: &Record) -> Result<(), String> {
        let Record {
            header,
            hash,
            link,
            body,
        } = record;
        let head = self
            .head
            .follow(*hash, *link)
            .map_err(|problem| problem.to_string())?;
        let end = self.runs.get(&header.run).copied().unwrap_or(RunEnd::EMPTY);
        let end = end.follow(header, *hash)?;
        check_body(header, body.as_deref())?;
        if header.epoch < self.last_epoch || header.epoch > self.epoch {
            return Err(format!(
                "has epoch {}, which is not between {} and {}",
                header.epoch, self.last_epoch, self.epoch
            ));
        }
        self.head = head;
        self.last_epoch = header.epoch;
        self.runs.insert(header.run.clone(), end);
        match body {
            Some(_) => self.bodies += 1,
            None => {
                self.erased += 1;
                let at = ErasedAt {
                    position: header.position,
                    seq: header.seq,
                };
                let run = self.erased_of.entry(header.run.clone());
                run.and_modify(|(_, last)| *last = at).or_insert((at, at));
            }
        }
        for run in Erasure::of(record).into_iter().flat_map(|it| it.runs) {
            self.ordered.insert(run, header.position);
        }
        if self.expected_head == Some(head.link) {
            self.head_seen_at = Some(header.position);
        }
        Ok(())
    }

    fn break_at(
        &mut self,
        position: u64,
        place: Option<(&RunKey, u64)>,
        problem: String,
    ) -> ControlFlow<()> {
        let run = place.map(|(run, _)| run.clone());
        let seq = place.map(|(_, seq)| seq);
        self.bad = Some(Bad {
            position,
            run,
            seq,
            problem,
        });
        ControlFlow::Break(())
    }

    /// Bodies that are marked as erased though no later record orders it, met after the
    /// last record. The first such record counts.
    pub(super) fn unordered_erasures(&mut self) {
        let unordered = self.erased_of.iter().filter(|(run, (_, last))| {
            let ordered = self.ordered.get(run);
            ordered.is_none_or(|ordered| *ordered < last.position)
        });
        let first = unordered.min_by_key(|(_, (first, _))| first.position);
        if let Some((run, (at, _))) = first {
            self.bad = Some(Bad {
                position: at.position,
                run: Some(run.clone()),
                seq: Some(at.seq),
                problem: "is without its body, and no record orders the erasure".to_owned(),
            });
        }
    }

    /// A body without a record, met after the last record.
    pub(super) fn stray_body(&mut self, position: u64) {
        let problem = "is missing; its body is still there".to_owned();
        self.bad = Some(Bad {
            position,
            run: None,
            seq: None,
            problem,
        });
    }

    /// Runs that the index should know.
    pub(super) fn indexable(&self) -> u64 {
        self.runs.keys().filter(|run| !run.is_store()).count() as u64
    }

    /// What the records say about a run's end; 0 when it has none.
    pub(super) fn next_seq(&self, run: &str) -> u64 {
        let run = RunKey::new(run).ok();
        run.and_then(|run| self.runs.get(&run))
            .map_or(0, |end| end.next_seq)
    }

    pub(super) fn report(&self) -> VerifyReport {
        let head_check = match (self.expected_head, self.head_seen_at) {
            (None, _) => HeadCheck::NotGiven,
            (Some(Hash::ZERO), _) => HeadCheck::Found { next_position: 0 },
            (Some(_), Some(position)) => HeadCheck::Found {
                next_position: position + 1,
            },
            (Some(expected), None) => HeadCheck::Missing { expected },
        };
        VerifyReport {
            head: self.head,
            epoch: self.epoch,
            runs: self.runs.len() as u64,
            bodies: self.bodies,
            erased_bodies: self.erased,
            first_bad: self.bad.clone(),
            head_check,
            index_rows: 0,
            runs_without_row: 0,
            index_problems: Vec::new(),
            index_problems_count: 0,
            sqlite_problem: None,
        }
    }
}
