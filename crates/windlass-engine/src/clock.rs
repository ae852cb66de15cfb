//! The system's clock behind the port, and sleeping that notices a wall clock
//! that somebody has set.

use std::time::{Duration, SystemTime};

use windlass_core::time::Timestamp;

use crate::limits::{WALL_CLOCK_LOOK_MAX, WALL_CLOCK_LOOK_MIN};
use crate::ports::{Clock, Work};

/// The host's wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Timestamp(
            match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
                Ok(after) => since(after),
                Err(before) => -since(before.duration()),
            },
        )
    }

    /// Sleeps on the monotonic clock in pieces and looks at the wall clock after
    /// each, so that a clock set forward is noticed within one piece.
    fn sleep_until(&self, at: Timestamp) -> Work<()> {
        let clock = *self;
        Box::pin(async move {
            loop {
                let left = at.since(clock.now());
                if left.0 == 0 {
                    return;
                }
                let piece = Duration::from_millis(left.0);
                tokio::time::sleep(piece.clamp(WALL_CLOCK_LOOK_MIN, WALL_CLOCK_LOOK_MAX)).await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_core::time::Millis;

    #[tokio::test]
    async fn sleeping_ends_at_the_time_and_not_before() {
        let clock = SystemClock;
        let at = clock.now() + Millis(20);
        clock.sleep_until(at).await;
        assert!(clock.now() >= at);
        clock.sleep_until(Timestamp(0)).await;
    }
}
