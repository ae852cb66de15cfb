//! The system's clock behind the port: the wall clock when the process started, and the
//! time that has passed since, suspended or not. Whoever sets the wall clock meanwhile is
//! noticed, and moves no timer.

mod steady;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};
use windlass_core::time::{Millis, Timestamp};

pub(crate) use steady::{NotBefore, Steady};

use crate::limits::{SLEEP_PIECE_MAX, SLEEP_PIECE_MIN};
use crate::ports::{Clock, Work};

/// The host's clocks. Clones show the same time.
#[derive(Clone, Debug)]
pub struct SystemClock(Arc<Mutex<Steady>>);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Steady::new(wall_ns(), elapsed()))))
    }
}

/// Since 1970, by the wall clock.
fn wall_ns() -> i128 {
    let signed = |span: Duration| i128::try_from(span.as_nanos()).unwrap_or(i128::MAX);
    match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => signed(after),
        Err(before) => -signed(before.duration()),
    }
}

/// Since the machine booted, the time in which it was suspended included.
fn elapsed() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::try_from(time).unwrap_or_default()
}

impl SystemClock {
    fn steady(&self) -> MutexGuard<'_, Steady> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let (now, set) = self.steady().read(wall_ns(), elapsed());
        if let Some(set) = set {
            tracing::warn!(
                by_ms = set.by_ms,
                "the wall clock was set; runs go on by the time that really passes"
            );
        }
        now
    }

    /// Sleeps in pieces on a clock that stands still while the host is suspended, and looks
    /// at the one that does not after each.
    fn sleep_until(&self, at: Timestamp) -> Work<()> {
        let clock = self.clone();
        Box::pin(async move {
            loop {
                let left = at.since(clock.now());
                if left.0 == 0 {
                    return;
                }
                let piece = Duration::from_millis(left.0);
                tokio::time::sleep(piece.clamp(SLEEP_PIECE_MIN, SLEEP_PIECE_MAX)).await;
            }
        })
    }

    fn wall_ahead_ms(&self) -> i64 {
        let mut steady = self.steady();
        steady.read(wall_ns(), elapsed());
        steady.ahead_ms()
    }

    fn set_forward_since(&self, since: Timestamp) -> Millis {
        self.steady().set_forward_since(since)
    }

    fn not_before(&self, at: Timestamp) {
        let moved = self.steady().not_before(at);
        match moved {
            NotBefore::Fine => {}
            NotBefore::Moved(by) => {
                tracing::warn!(%by, "the wall clock is behind what is recorded; time goes on from there");
            }
            NotBefore::TooFar(by) => {
                tracing::error!(%by, "the wall clock is behind what is recorded, by so much that it is followed");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sleeping_ends_at_the_time_and_not_before() {
        let clock = SystemClock::default();
        let at = clock.now() + Millis(20);
        clock.sleep_until(at).await;
        assert!(clock.now() >= at);
        clock.sleep_until(Timestamp(0)).await;
        assert_eq!(clock.wall_ahead_ms() / 1_000, 0);
    }
}
