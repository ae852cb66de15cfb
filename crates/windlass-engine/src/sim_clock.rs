//! A clock that moves only when a test says so.

use std::sync::Arc;

use tokio::sync::watch;
use windlass_core::time::{Millis, Timestamp};

use crate::ports::{Clock, Work};

/// A clock for tests; clones show the same time.
#[derive(Clone, Debug)]
pub struct SimClock(Arc<watch::Sender<Timestamp>>);

impl SimClock {
    /// A clock that stands at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(watch::Sender::new(now)))
    }

    /// Moves it forward, and wakes whoever sleeps until then.
    pub fn advance(&self, span: Millis) {
        self.0.send_modify(|now| *now = *now + span);
    }

    /// Sets it, backwards too.
    pub fn set(&self, now: Timestamp) {
        self.0.send_replace(now);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    fn sleep_until(&self, at: Timestamp) -> Work<()> {
        let mut now = self.0.subscribe();
        Box::pin(async move {
            if now.wait_for(|now| *now >= at).await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}
