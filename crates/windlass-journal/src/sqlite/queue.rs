//! The bounded queue in front of the writer thread.
//! Room is counted in bytes by a semaphore, so tasks and threads wait alike.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::append::{Append, Appended};
use crate::compact::Compacted;
use crate::error::{AppendError, WriteError};
use crate::limits::{GROUP_APPENDS_MAX, QUEUE_BYTES_MAX};
use crate::outbox::OutboxProgress;

/// Room is given in units of this size.
const UNIT_BYTES: usize = 1 << 10;

/// Work for the writer, with the place its answer goes to.
#[derive(Debug)]
pub(super) enum Job {
    Append(Box<Append>, oneshot::Sender<Result<Appended, AppendError>>),
    TakeEpoch(oneshot::Sender<Result<u64, WriteError>>),
    OutboxProgress(u64, OutboxProgress, oneshot::Sender<Result<(), WriteError>>),
    OutboxDone(Vec<u64>, oneshot::Sender<Result<(), WriteError>>),
    /// No write: done alone, between two commits.
    Compact(oneshot::Sender<Result<Compacted, WriteError>>),
}

#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    room: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<(Job, OwnedSemaphorePermit)>,
    closed: bool,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            waiting: Mutex::default(),
            arrived: Condvar::new(),
            room: Arc::new(Semaphore::new(QUEUE_BYTES_MAX / UNIT_BYTES)),
        }
    }

    /// Queues the job when there is room now, else hands it back.
    pub(super) fn try_push(&self, job: Job, bytes: usize) -> Result<(), Job> {
        match Arc::clone(&self.room).try_acquire_many_owned(units(bytes)) {
            Ok(room) => {
                self.push_with(job, room);
                Ok(())
            }
            Err(_) => Err(job),
        }
    }

    /// Queues the job as soon as there is room. First come, first served.
    pub(super) async fn push(&self, job: Job, bytes: usize) {
        let room = Arc::clone(&self.room)
            .acquire_many_owned(units(bytes))
            .await;
        self.push_with(job, room.expect("the semaphore is never closed"));
    }

    /// After [`Queue::close`] the job is dropped, and with it its answer's sender.
    fn push_with(&self, job: Job, room: OwnedSemaphorePermit) {
        let mut waiting = self.waiting();
        if !waiting.closed {
            waiting.jobs.push_back((job, room));
            self.arrived.notify_one();
        }
    }

    /// Takes what waits, at most one group. `None` once closed and empty.
    pub(super) fn take_group(&self) -> Option<Vec<Job>> {
        let mut waiting = self.waiting();
        while waiting.jobs.is_empty() {
            if waiting.closed {
                return None;
            }
            waiting = self
                .arrived
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let is_alone = |(job, _): &(Job, _)| matches!(job, Job::Compact(_));
        let count = match waiting.jobs.iter().position(is_alone) {
            Some(0) => 1,
            Some(before) => before.min(GROUP_APPENDS_MAX),
            None => waiting.jobs.len().min(GROUP_APPENDS_MAX),
        };
        Some(waiting.jobs.drain(..count).map(|(job, _)| job).collect())
    }

    /// Lets the writer finish what waits and then end.
    pub(super) fn close(&self) {
        self.waiting().closed = true;
        self.arrived.notify_all();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // No code that can panic runs while it is held.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.min(QUEUE_BYTES_MAX).div_ceil(UNIT_BYTES)).expect("the queue is bounded")
}
