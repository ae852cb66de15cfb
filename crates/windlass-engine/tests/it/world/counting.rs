//! A store that counts appends.

use super::*;

/// A store that counts appends, and can be so slow that time passes meanwhile.
#[derive(Debug)]
pub(crate) struct Counting<S> {
    pub(crate) inner: S,
    pub(crate) appends: AtomicU64,
    /// The next append takes this long.
    pub(crate) delay: Mutex<Option<(SimClock, Millis)>>,
}

impl<S> Counting<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self {
            inner,
            appends: AtomicU64::new(0),
            delay: Mutex::new(None),
        }
    }
}

impl<S: Store> Store for Counting<S> {
    fn append(&self, append: Append) -> Pending<Appended, AppendError> {
        self.appends.fetch_add(1, Ordering::SeqCst);
        if let Some((clock, span)) = self.delay.lock().unwrap().take() {
            clock.advance(span);
        }
        self.inner.append(append)
    }
    fn take_epoch(&self) -> Result<u64, WriteError> {
        self.inner.take_epoch()
    }
    fn epoch(&self) -> Result<u64, StorageError> {
        self.inner.epoch()
    }
    fn head(&self) -> Result<Head, StorageError> {
        self.inner.head()
    }
    fn read(&self, run: &RunKey, from_seq: u64, limit: usize) -> Result<Vec<Record>, ReadError> {
        self.inner.read(run, from_seq, limit)
    }
    fn tips(&self, after: Option<&RunKey>, limit: usize) -> Result<Vec<Tip>, StorageError> {
        self.inner.tips(after, limit)
    }
    fn run(&self, run: &RunKey) -> Result<Option<RunIndexRow>, StorageError> {
        self.inner.run(run)
    }
    fn runs(&self, query: &RunQuery) -> Result<Vec<RunIndexRow>, StorageError> {
        self.inner.runs(query)
    }
    fn find_idempotent(&self, key: &IdempotencyKey) -> Result<Option<Remembered>, StorageError> {
        self.inner.find_idempotent(key)
    }
    fn outbox(
        &self,
        run: Option<&RunKey>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<OutboxEntry>, StorageError> {
        self.inner.outbox(run, after, limit)
    }
    fn outbox_heads(&self, limit: usize) -> Result<Vec<OutboxEntry>, StorageError> {
        self.inner.outbox_heads(limit)
    }
    fn outbox_progress(&self, id: u64, progress: OutboxProgress) -> Pending<(), WriteError> {
        self.inner.outbox_progress(id, progress)
    }
    fn outbox_done(&self, ids: &[u64]) -> Pending<(), WriteError> {
        self.inner.outbox_done(ids)
    }
    fn compact(&self) -> Pending<windlass_journal::Compacted, WriteError> {
        self.inner.compact()
    }
    fn quarantine(&self, run: &RunKey, reason: &str) {
        self.inner.quarantine(run, reason);
    }
    fn quarantined(&self) -> Vec<Quarantined> {
        self.inner.quarantined()
    }
    fn poisoned(&self) -> Option<StorageError> {
        self.inner.poisoned()
    }
}
