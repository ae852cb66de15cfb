//! A clock that moves only when a test says so. Its time is counted by the same code as
//! the system's, from a wall clock and a passing of time that the test moves.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use windlass_core::time::{Millis, Timestamp};

use crate::clock::Steady;
use crate::ports::{Clock, Work};

/// A clock for tests; clones show the same time.
#[derive(Clone, Debug)]
pub struct SimClock(Arc<watch::Sender<Time>>);

#[derive(Debug)]
struct Time {
    wall_ns: i128,
    elapsed: Duration,
    steady: Steady,
    now: Timestamp,
}

const NANOS_PER_MS: i128 = 1_000_000;

impl SimClock {
    /// A clock that stands at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(watch::Sender::new(standing(now))))
    }

    /// Lets time pass, and wakes whoever sleeps until then.
    pub fn advance(&self, span: Millis) {
        self.0.send_modify(|time| {
            time.wall_ns += i128::from(span.0) * NANOS_PER_MS;
            time.elapsed += Duration::from_millis(span.0);
            time.read();
        });
    }

    /// Another time altogether, backwards too, as for another machine.
    pub fn set(&self, now: Timestamp) {
        self.0.send_replace(standing(now));
    }

    /// Somebody sets the wall clock, and no time passes.
    pub fn set_wall(&self, by_ms: i64) {
        self.0.send_modify(|time| {
            time.wall_ns += i128::from(by_ms) * NANOS_PER_MS;
            time.read();
        });
    }
}

fn standing(now: Timestamp) -> Time {
    let wall_ns = i128::from(now.0) * NANOS_PER_MS;
    Time {
        wall_ns,
        elapsed: Duration::ZERO,
        steady: Steady::new(wall_ns, Duration::ZERO),
        now,
    }
}

impl Time {
    fn read(&mut self) {
        (self.now, _) = self.steady.read(self.wall_ns, self.elapsed);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        self.0.borrow().now
    }

    fn sleep_until(&self, at: Timestamp) -> Work<()> {
        let mut time = self.0.subscribe();
        Box::pin(async move {
            if time.wait_for(|time| time.now >= at).await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }

    fn wall_ahead_ms(&self) -> i64 {
        self.0.borrow().steady.ahead_ms()
    }

    fn set_forward_since(&self, since: Timestamp) -> Millis {
        self.0.borrow().steady.set_forward_since(since)
    }

    fn not_before(&self, at: Timestamp) {
        self.0.send_modify(|time| {
            time.steady.not_before(at);
            time.read();
        });
    }
}
