//! What people see of the outbox, and what they order: try again, drop, acknowledge.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use windlass_core::id::RunId;
use windlass_core::operator::Operator;
use windlass_journal::{OutboxEntry, OutboxProgress, WriteError};

use super::letter::{Course, Letter, Next, Stage};
use super::{is_call, unsent};
use crate::engine::Engine;
use crate::error::CommandError;
use crate::limits::STORE_BUSY_OFFERS_MAX;
use crate::prune::blocking;
use crate::replay::{run_key, storage_failed};
use crate::shared::Shared;

/// How often a drain looks whether it is done.
const DRAIN_LOOK: Duration = Duration::from_millis(20);

/// A message that is not delivered, or not done with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsent {
    /// Its number in the outbox.
    pub id: u64,
    /// What receivers tell repeats by.
    pub key: String,
    pub run: String,
    /// `gate_opened`, `needs_operator`, `debt`, `ended` or `step`.
    pub topic: String,
    /// The action that sends it, and to whom; empty where the row cannot be read.
    pub uses: String,
    pub to: String,
    pub at_ms: Option<i64>,
    pub state: UnsentState,
    /// Failed tries since the last that was taken.
    pub tries: u32,
    /// How often it was taken.
    pub taken: u32,
    /// When it is tried again; absent when it waits for something else.
    pub next_at_ms: Option<i64>,
    /// Why the last try failed, or why it is kept; empty before the first try.
    pub reason: String,
}

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnsentState {
    /// It is to be sent.
    Waiting,
    /// It was taken and is repeated: nobody has acknowledged it.
    Calling,
    /// Somebody has seen to it; its cause is not over.
    Acknowledged,
    /// It is not tried any more.
    Undelivered,
}

impl UnsentState {
    /// The word that every view shows.
    pub fn as_str(self) -> &'static str {
        match self {
            UnsentState::Waiting => "waiting",
            UnsentState::Calling => "calling",
            UnsentState::Acknowledged => "acknowledged",
            UnsentState::Undelivered => "undelivered",
        }
    }
}

impl Unsent {
    pub(super) fn of(entry: OutboxEntry) -> Self {
        let letter = Letter::decode(&entry.row.body).ok();
        let course = Course::decode(&entry.progress.note);
        let state = match (entry.progress.kept, course.stage) {
            (true, _) => UnsentState::Undelivered,
            (false, Stage::Acknowledged) => UnsentState::Acknowledged,
            (false, Stage::Calling) if course.taken > 0 => UnsentState::Calling,
            (false, Stage::Calling) => UnsentState::Waiting,
        };
        let is_timed = !entry.progress.kept
            && entry.progress.next_at_ms != i64::MAX
            && course.lacks.is_empty();
        Self {
            id: entry.id,
            key: entry.row.key,
            run: entry.run.as_str().to_owned(),
            topic: entry.row.topic,
            uses: letter
                .as_ref()
                .map_or_else(String::new, |it| it.uses.to_string()),
            to: letter.as_ref().map_or_else(String::new, |it| it.to.clone()),
            at_ms: letter.as_ref().map(|it| it.at_ms),
            state,
            tries: course.tries,
            taken: course.taken,
            next_at_ms: is_timed.then_some(entry.progress.next_at_ms),
            reason: course.reason,
        }
    }

    /// Whether it is one that nobody has taken yet.
    pub fn is_undelivered(&self) -> bool {
        match self.state {
            UnsentState::Waiting | UnsentState::Undelivered => true,
            UnsentState::Calling | UnsentState::Acknowledged => false,
        }
    }
}

impl Engine {
    /// What is not delivered, of one run or of all; see [`unsent`].
    ///
    /// # Errors
    /// The outbox cannot be read.
    pub async fn unsent(&self, run: Option<&RunId>) -> Result<Vec<Unsent>, CommandError> {
        let (store, run) = (Arc::clone(&self.shared.store), run.cloned());
        let rows = blocking(&self.shared, move || unsent(&*store, run.as_ref())).await?;
        rows.map_err(|error| storage_failed(&self.shared, &error))
    }

    /// Lets the sender work for at most `within`, and no longer than something is to be
    /// tried in that time. Answers what nobody has taken then.
    ///
    /// # Errors
    /// The outbox cannot be read.
    pub async fn drain(&self, within: Duration) -> Result<Vec<Unsent>, CommandError> {
        let until = Instant::now() + within;
        loop {
            let is_at_work = {
                let registry = self.shared.registry();
                registry.is_sending || !registry.called_anew.is_empty()
            };
            let mut left = self.unsent(None).await?;
            let now = self.shared.clock.now();
            // Somebody who was called is to be told that it is over.
            let is_due = |unsent: &Unsent| unsent.next_at_ms.is_some_and(|at| at <= now.0);
            let is_answering = left
                .iter()
                .any(|it| it.state == UnsentState::Calling && is_due(it));
            left.retain(Unsent::is_undelivered);
            let remaining = until.saturating_duration_since(Instant::now());
            let soon = |unsent: &Unsent| {
                unsent.state == UnsentState::Waiting
                    && unsent
                        .next_at_ms
                        .is_some_and(|at| at <= now.0.saturating_add(remaining.as_millis() as i64))
            };
            let nobody_sends = self.shared.messenger.is_none();
            let is_done = !is_at_work && !is_answering && !left.iter().any(soon);
            if nobody_sends || remaining.is_zero() || is_done {
                return Ok(left);
            }
            tokio::time::sleep(DRAIN_LOOK.min(remaining)).await;
        }
    }

    /// Tries a message again from the beginning, also one that is kept. Answers whether
    /// there is one of this number.
    ///
    /// # Errors
    /// The person may not, or the outbox cannot be written.
    pub async fn retry_message(&self, by: &Operator, id: u64) -> Result<bool, CommandError> {
        self.keeps_house(by)?;
        let Some(entry) = entry(&self.shared, id).await? else {
            return Ok(false);
        };
        let mut course = Course::decode(&entry.progress.note);
        course.tries = 0;
        course.first_try_ms = None;
        course.lacks.clear();
        if entry.progress.kept {
            course.taken = 0;
        }
        let progress = course.progress(Next::At(self.shared.clock.now()));
        write(&self.shared, id, &progress).await?;
        self.shared.outbox_changed.notify_one();
        Ok(true)
    }

    /// Forgets a message for good. Answers whether there was one of this number.
    ///
    /// # Errors
    /// The person may not, or the outbox cannot be written.
    pub async fn drop_message(&self, by: &Operator, id: u64) -> Result<bool, CommandError> {
        self.keeps_house(by)?;
        if entry(&self.shared, id).await?.is_none() {
            return Ok(false);
        }
        tracing::info!(%by, id, "a message is dropped");
        forget(&self.shared, id).await?;
        self.shared.outbox_changed.notify_one();
        Ok(true)
    }

    /// Ends the calling of a run's messages in a person's name. Answers how many there were.
    ///
    /// # Errors
    /// The person may not, or the outbox cannot be written.
    pub async fn acknowledge_calls(&self, by: &Operator, run: &RunId) -> Result<u32, CommandError> {
        self.keeps_house(by)?;
        let mut count = 0;
        for entry in rows_of(&self.shared, run).await? {
            let Ok(letter) = Letter::decode(&entry.row.body) else {
                continue;
            };
            let mut course = Course::decode(&entry.progress.note);
            let is_open = !entry.progress.kept && course.stage == Stage::Calling;
            if !is_open || course.acknowledged_by.is_some() || !is_call(&self.shared, &letter) {
                continue;
            }
            course.acknowledged_by = Some(by.name.clone());
            let progress = course.progress(Next::At(self.shared.clock.now()));
            write(&self.shared, entry.id, &progress).await?;
            count += 1;
        }
        self.shared.outbox_changed.notify_one();
        Ok(count)
    }
}

/// A row as the store has it now; `None` when it is done or was dropped.
pub(super) async fn entry(shared: &Shared, id: u64) -> Result<Option<OutboxEntry>, CommandError> {
    let store = Arc::clone(&shared.store);
    let read = move || store.outbox(None, id.saturating_sub(1), 1);
    let rows = blocking(shared, read).await?;
    let rows = rows.map_err(|error| storage_failed(shared, &error))?;
    Ok(rows.into_iter().find(|entry| entry.id == id))
}

pub(super) async fn rows_of(
    shared: &Shared,
    run: &RunId,
) -> Result<Vec<OutboxEntry>, CommandError> {
    let (store, key) = (Arc::clone(&shared.store), run_key(run));
    let read = move || store.outbox(Some(&key), 0, super::UNSENT_LISTED_MAX);
    let rows = blocking(shared, read).await?;
    rows.map_err(|error| storage_failed(shared, &error))
}

/// Writes down how far a message has come. A busy store is asked again, like for a result.
pub(super) async fn write(
    shared: &Shared,
    id: u64,
    progress: &OutboxProgress,
) -> Result<(), CommandError> {
    for _ in 0..STORE_BUSY_OFFERS_MAX {
        match shared.store.outbox_progress(id, progress.clone()).await {
            Err(WriteError::Busy(_)) => {}
            written => return written.map_err(|error| failed(shared, error)),
        }
    }
    Err(CommandError::Busy)
}

pub(super) async fn forget(shared: &Shared, id: u64) -> Result<(), CommandError> {
    for _ in 0..STORE_BUSY_OFFERS_MAX {
        match shared.store.outbox_done(&[id]).await {
            Err(WriteError::Busy(_)) => {}
            written => return written.map_err(|error| failed(shared, error)),
        }
    }
    Err(CommandError::Busy)
}

/// A failed store ends the engine here as everywhere.
fn failed(shared: &Shared, error: WriteError) -> CommandError {
    match error {
        WriteError::Busy(_) => CommandError::Busy,
        WriteError::Storage(error) => storage_failed(shared, &error),
        WriteError::ReadOnly => CommandError::Stopping,
    }
}
