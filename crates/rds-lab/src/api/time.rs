//! The time of the API: one clock that everything asks, the forms in which the API writes
//! it, and the one form that it reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(u64);

impl Time {
    /// The time so many milliseconds after 1970.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    pub(crate) fn plus(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// How far two times are apart, whichever is the earlier one.
    pub(crate) fn distance(self, other: Self) -> Duration {
        Duration::from_millis(self.0.abs_diff(other.0))
    }

    /// `2018-08-20T02:33:49+0000`: an offset without a colon, as RDS writes it.
    pub(crate) fn rds(self) -> String {
        self.written("%Y-%m-%dT%H:%M:%S+0000")
    }

    /// `2018-08-20T02:33:49.000000Z`, as IAM writes it.
    pub(crate) fn iam(self) -> String {
        self.written("%Y-%m-%dT%H:%M:%S.000000Z")
    }

    /// `20180820T023349Z`, as requests are signed.
    pub fn signing(self) -> String {
        self.written("%Y%m%dT%H%M%SZ")
    }

    /// The date of a signed request; nothing when it is not one.
    pub(crate) fn of_signing(text: &str) -> Option<Self> {
        let date = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
        let millis = date
            .to_zoned(TimeZone::UTC)
            .ok()?
            .timestamp()
            .as_millisecond();
        u64::try_from(millis).ok().map(Self)
    }

    fn written(self, form: &str) -> String {
        let millis = i64::try_from(self.0).unwrap_or(i64::MAX);
        // Beyond the year 9999, which no clock shows.
        Timestamp::from_millisecond(millis)
            .unwrap_or(Timestamp::MAX)
            .strftime(form)
            .to_string()
    }
}

/// The machine's clock, moved on by what was asked. Its clones move together.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    ahead_ms: Arc<AtomicU64>,
}

impl Clock {
    /// The time that everything of the API takes for now.
    pub fn now(&self) -> Time {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Time(0)
            .plus(since)
            .plus(Duration::from_millis(self.ahead_ms.load(Ordering::SeqCst)))
    }

    /// Lets time pass at once: tokens expire, operations come to their end.
    pub fn advance(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.ahead_ms.fetch_add(millis, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_in_the_three_forms_and_read_in_one() {
        let time = Time::from_millis(1_534_732_429_123);
        assert_eq!(time.rds(), "2018-08-20T02:33:49+0000");
        assert_eq!(time.iam(), "2018-08-20T02:33:49.000000Z");
        assert_eq!(time.signing(), "20180820T023349Z");
        let read = Time::of_signing("20180820T023349Z");
        assert_eq!(read, Some(Time::from_millis(1_534_732_429_000)));
        for bad in ["", "2018-08-20", "20180820T023349", "20181320T023349Z"] {
            assert_eq!(Time::of_signing(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_clock_is_moved_for_all_its_clones() {
        let clock = Clock::default();
        let before = clock.clone().now();
        clock.clone().advance(Duration::from_secs(3600));
        assert!(before.distance(clock.now()) >= Duration::from_secs(3600));
    }
}
