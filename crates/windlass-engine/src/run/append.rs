//! Making a decision durable: one append for all its events, with the run's index row
//! and its announcements. A decision too large for one append is written as several;
//! each prefix is a valid history.

use std::ops::Range;
use std::time::Duration;

use windlass_core::event::{EVENT_VERSION, Event};
use windlass_core::time::Timestamp;
use windlass_journal::{
    APPEND_BYTES_MAX, APPEND_RECORDS_MAX, Append, AppendError, Appended, Fence, IdempotencyKey,
    NewRecord, Remembered, WriteError,
};

use super::step::{Decision, Refused};
use super::task::Task;
use crate::announce::announced;
use crate::error::{CommandError, Fatal};
use crate::index;
use crate::limits::STORE_BUSY_OFFERS_MAX;
use crate::outbox::{Letter, is_call};
use crate::registry::Contained;
use crate::replay::run_key;
use crate::shared::Phase;
use crate::snapshot::Snapshot;

/// What an append leaves free for announcements and the answer.
const APPEND_BYTES_RESERVED: usize = 256 * 1024;
/// How long a busy store is left alone before it is asked again.
const BUSY_PAUSE: Duration = Duration::from_millis(100);

impl Task {
    /// Writes a decision's events and swaps the state in. `next` is the state after all of
    /// them. Answers the first request when the key was known; nothing was written then.
    ///
    /// An impatient caller is told when the store is busy; nothing was written then.
    pub(super) async fn append(
        &mut self,
        decision: &Decision,
        next: Snapshot,
        mut key: Option<IdempotencyKey>,
        patient: bool,
    ) -> Result<Option<Remembered>, Refused> {
        let (events, now) = (&decision.events, decision.now);
        let records: Vec<NewRecord> = events.iter().map(|event| record(event, now)).collect();
        let parts = parts(&records);
        #[cfg(feature = "failpoints")]
        let parts = crate::failpoints::cut(parts, events, self.snapshot.next_seq);
        let last = parts.len() - 1;
        let mut next = Some(next);
        for (number, part) in parts.into_iter().enumerate() {
            let is_last = number == last;
            let part_events = &events[part.clone()];
            let after = match next.take_if(|_| is_last) {
                Some(next) => next,
                None => self.prefix(part_events, now)?,
            };
            let mut append = self.build(&records[part], &after);
            let announced = announced(&self.shared, &self.snapshot, part_events, &after, now);
            append.outbox = announced.rows;
            if let Some(row) = append.index.as_mut()
                && (!is_last || decision.held_back.is_some())
            {
                // Should this process end, the run must be looked at again at once.
                row.next_wake_at_ms = Some(row.updated_at_ms);
            }
            append.idempotency = key.take().map(|key| (key, self.run.as_str().into()));
            let patient = patient || number > 0;
            let appended = self.offer(append, patient).await?;
            if appended.duplicate_of.is_some() {
                return Ok(Some(remembered(appended)));
            }
            #[cfg(feature = "failpoints")]
            crate::failpoints::appended(part_events.last(), appended.next_seq);
            self.announced(&announced.letters);
            self.swap(after);
        }
        Ok(None)
    }

    /// The state after a part of a decision.
    fn prefix(&self, events: &[Event], now: Timestamp) -> Result<Snapshot, Refused> {
        let mut after = self.snapshot.clone();
        for event in events {
            let applied = after.apply(event, now);
            applied.map_err(|error| self.fault(&error.to_string()))?;
        }
        Ok(after)
    }

    fn build(&self, records: &[NewRecord], after: &Snapshot) -> Append {
        let fence = Fence {
            epoch: self.shared.epoch,
            expected_seq: self.snapshot.next_seq,
        };
        let mut append = Append::new(run_key(&self.run), fence, records.to_vec());
        append.index = index::row(after);
        append
    }

    /// Keeps what the sender needs for the messages of an append, before the run ends and
    /// its secrets are forgotten.
    fn announced(&self, letters: &[Letter]) {
        if letters.is_empty() {
            return;
        }
        let mut registry = self.shared.registry();
        let names_secrets = letters
            .iter()
            .any(|letter| !letter.input.secrets().is_empty());
        let held = registry.secrets.get(&self.run).cloned();
        if let Some(held) = held.filter(|_| names_secrets) {
            registry.message_secrets.insert(self.run.clone(), held);
        }
        for letter in letters {
            if is_call(&self.shared, letter) {
                registry.calling.insert(self.run.clone());
            }
        }
        drop(registry);
        self.shared.outbox_changed.notify_one();
    }

    /// Offers an append to the store until it is taken or refused for good.
    async fn offer(&self, append: Append, patient: bool) -> Result<Appended, Refused> {
        let offers = if patient { STORE_BUSY_OFFERS_MAX } else { 1 };
        let mut phase = self.shared.phase.subscribe();
        let stopped = |phase: &Phase| match phase {
            Phase::Running | Phase::Parking { .. } => false,
            Phase::Closed | Phase::Failed(_) => true,
        };
        for offer in 1..=offers {
            let answered = tokio::select! {
                biased;
                answered = self.shared.store.append(append.clone()) => answered,
                // Whether it was written is known after a restart: nothing is dispatched.
                _ = phase.wait_for(stopped) => {
                    let refusal = self.shared.refusal(&self.run);
                    return Err(Refused::Halted(refusal.unwrap_or(CommandError::Stopping)));
                }
            };
            match answered {
                Ok(appended) => return Ok(appended),
                Err(AppendError::Write(WriteError::Busy(_))) if offer < offers => {
                    tracing::warn!(run = %self.run, offer, "the journal is busy");
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
                Err(AppendError::Write(WriteError::Busy(_))) if !patient => {
                    return Err(Refused::NotNow(CommandError::Busy));
                }
                Err(error) => return Err(self.append_failed(error)),
            }
        }
        unreachable!("the last offer returns")
    }

    fn append_failed(&self, error: AppendError) -> Refused {
        let reason = error.to_string();
        let stop = |fenced| {
            let reason = reason.as_str().into();
            self.shared.fail(Fatal { reason, fenced });
            let refusal = self.shared.refusal(&self.run);
            Refused::Halted(refusal.unwrap_or(CommandError::Stopping))
        };
        match error {
            AppendError::Fenced { .. } => stop(true),
            AppendError::Write(
                WriteError::Storage(_) | WriteError::Busy(_) | WriteError::ReadOnly,
            ) => stop(false),
            AppendError::Quarantined { reason, .. } => {
                let mut registry = self.shared.registry();
                let contained = Contained::Quarantined(reason.into());
                registry.contain(&self.run, contained);
                let refusal = registry.refusal(&self.run);
                Refused::Halted(refusal.unwrap_or(CommandError::Stopping))
            }
            AppendError::TooLarge { .. } if self.snapshot.next_seq == 0 => {
                Refused::NotNow(CommandError::TooLarge(reason.into()))
            }
            AppendError::TooLarge { .. }
            | AppendError::Conflict { .. }
            | AppendError::Invalid { .. } => self.fault(&reason),
        }
    }
}

fn record(event: &Event, now: Timestamp) -> NewRecord {
    NewRecord {
        kind: event.kind().to_owned(),
        version: EVENT_VERSION,
        at_ms: now.0,
        body: event.encode(),
    }
}

/// Ranges of records that fit one append each; one empty range when there are none.
fn parts(records: &[NewRecord]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let (mut from, mut bytes) = (0, 0);
    for (at, record) in records.iter().enumerate() {
        let size = record.body.len();
        let is_full = at - from >= APPEND_RECORDS_MAX
            || bytes + size > APPEND_BYTES_MAX - APPEND_BYTES_RESERVED;
        if is_full && at > from {
            parts.push(from..at);
            (from, bytes) = (at, 0);
        }
        bytes += size;
    }
    parts.push(from..records.len());
    parts
}

fn remembered(appended: Appended) -> Remembered {
    Remembered {
        run: appended.run,
        first_seq: appended.first_seq,
        next_seq: appended.next_seq,
        first_position: appended.first_position,
        head: appended.head,
        answer: appended.duplicate_of.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fit_and_leave_nothing_out() {
        let record = |bytes| NewRecord {
            kind: "a".to_owned(),
            version: 1,
            at_ms: 0,
            body: vec![0; bytes],
        };
        let ends = |records: &[NewRecord]| -> Vec<(usize, usize)> {
            let parts = parts(records).into_iter();
            parts.map(|part| (part.start, part.end)).collect()
        };
        assert_eq!(ends(&[]), [(0, 0)]);
        assert_eq!(ends(&[record(1), record(1)]), [(0, 2)]);
        let many: Vec<NewRecord> = (0..APPEND_RECORDS_MAX + 1).map(|_| record(1)).collect();
        let (full, all) = (APPEND_RECORDS_MAX, many.len());
        assert_eq!(ends(&many), [(0, full), (full, all)]);
        let half = APPEND_BYTES_MAX / 2;
        let large = [record(half), record(half), record(1)];
        assert_eq!(ends(&large), [(0, 1), (1, 3)]);
    }
}
