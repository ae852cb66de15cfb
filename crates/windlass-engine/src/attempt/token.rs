//! The right to act once, and the span of time in which it may be used.
//!
//! No attempt comes before its predecessor's send deadline plus the settle time; that
//! holds only when nothing is sent after the deadline. Between a runner's start and
//! its sending may be seconds of connecting, so the runner asks at the moment of sending.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use windlass_core::outcome::{Effected, Failure, Outcome};
use windlass_core::time::Timestamp;

use crate::ports::Clock;

/// Proof that the attempt's intent is durable. It cannot be cloned, and only the
/// engine makes one, after the journal has answered the append of the intent.
#[derive(Debug)]
#[must_use = "a token is the right to act once: use it or refuse the attempt"]
pub struct DispatchToken {
    /// `None` for a read: a late one harms nobody.
    window: Option<SendWindow>,
}

/// Proof that the attempt was in time at the moment of sending. What sends takes it.
#[derive(Debug)]
#[must_use = "the attempt counts as sent: send now"]
pub struct HandedOver {
    _private: (),
}

/// The send deadline has passed: nothing may be sent any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the send deadline passed before it could be handed over")]
pub struct TooLate;

impl DispatchToken {
    /// For the engine, and only after the append of the intent was answered.
    pub(crate) fn after_durable_intent(window: Option<SendWindow>) -> Self {
        Self { window }
    }

    /// For the engine's reads of a durable doubt, which have no intent of their own.
    pub(crate) fn for_look() -> Self {
        Self { window: None }
    }

    /// Uses the token up at the very moment of sending: before a process is started,
    /// before a statement goes out, with nothing awaited in between.
    ///
    /// # Errors
    /// The send deadline has passed; the attempt ends as [`TooLate::into_outcome`] says.
    pub fn hand_over(self) -> Result<HandedOver, TooLate> {
        match self.window {
            Some(window) if !window.is_open() => Err(TooLate),
            Some(_) | None => Ok(HandedOver { _private: () }),
        }
    }

    /// Gives the token up: the outcome of an attempt that was never sent.
    pub fn refuse(self, message: impl Into<String>) -> Outcome {
        not_sent(message.into())
    }

    /// For tests of runners outside this crate: never too late.
    #[cfg(feature = "test-support")]
    pub fn for_test() -> Self {
        Self { window: None }
    }

    /// The same with an intent that was decided now, by this clock.
    #[cfg(feature = "test-support")]
    pub fn for_test_until(clock: Arc<dyn Clock>, send_by: Timestamp) -> Self {
        let now = clock.now();
        let window = SendWindow::new(clock, now, Instant::now(), send_by);
        Self::after_durable_intent(Some(window))
    }
}

impl TooLate {
    /// Nothing was sent.
    pub fn into_outcome(self) -> Outcome {
        not_sent(self.to_string())
    }
}

fn not_sent(message: String) -> Outcome {
    Outcome::Failed(Failure {
        effect: Effected::None,
        code: "not_sent".to_owned(),
        message,
        evidence: None,
        log: None,
    })
}

/// The span in which an attempt may be handed over, on two clocks, of which the
/// stricter counts: the wall clock may be set back, and the monotonic one may stand
/// still while the host is suspended.
pub(crate) struct SendWindow {
    clock: Arc<dyn Clock>,
    send_by: Timestamp,
    send_by_monotonic: Instant,
}

impl SendWindow {
    /// The window of an intent that was decided at this moment, told by both clocks.
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        decided_at: Timestamp,
        decided: Instant,
        send_by: Timestamp,
    ) -> Self {
        let span = Duration::from_millis(send_by.since(decided_at).0);
        Self {
            clock,
            send_by,
            send_by_monotonic: later(decided, span),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.clock.now() < self.send_by && Instant::now() < self.send_by_monotonic
    }
}

impl fmt::Debug for SendWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendWindow")
            .field("send_by", &self.send_by)
            .finish_non_exhaustive()
    }
}

/// Saturates far in the future instead of overflowing.
pub(crate) fn later(instant: Instant, span: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(365 * 24 * 3600);
    instant.checked_add(span).unwrap_or_else(|| instant + FAR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim_clock::SimClock;
    use windlass_core::time::Millis;

    fn token(clock: &SimClock, decided_ms_ago: u64) -> DispatchToken {
        let decided = Instant::now() - Duration::from_millis(decided_ms_ago);
        let window = SendWindow::new(
            Arc::new(clock.clone()),
            Timestamp(1_000),
            decided,
            Timestamp(6_000),
        );
        DispatchToken::after_durable_intent(Some(window))
    }

    #[tokio::test]
    async fn either_clock_closes_the_window_of_a_token() {
        let clock = SimClock::at(Timestamp(1_000));
        assert!(token(&clock, 0).hand_over().is_ok());
        assert!(
            token(&clock, 5_000).hand_over().is_err(),
            "the process stood still"
        );
        clock.set(Timestamp(0));
        assert!(
            token(&clock, 5_000).hand_over().is_err(),
            "a clock set back opens nothing"
        );
        clock.set(Timestamp(1_000));
        let waiting = token(&clock, 0);
        clock.advance(Millis(4_999));
        assert!(token(&clock, 0).hand_over().is_ok());
        clock.advance(Millis(1));
        assert!(waiting.hand_over().is_err(), "the host was suspended");
        assert!(DispatchToken::for_look().hand_over().is_ok());
    }

    #[test]
    fn too_late_is_not_sent() {
        let Outcome::Failed(failure) = TooLate.into_outcome() else {
            panic!("a failure")
        };
        assert_eq!(
            (failure.effect, failure.code.as_str()),
            (Effected::None, "not_sent")
        );
    }
}
