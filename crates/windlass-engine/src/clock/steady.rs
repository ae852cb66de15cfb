//! The engine's time, of two readings: the wall clock as it stood when counting began, and
//! from then on the time that has really passed. Somebody may set the wall clock; nothing
//! fires early by that, nothing that expired is valid again, and what was set is remembered.
//! No clock is read here.

use std::collections::VecDeque;
use std::time::Duration;

use windlass_core::time::{Millis, Timestamp};

use crate::limits::{CLOCK_BEHIND_RECORDS_MAX, CLOCK_SET_MIN, CLOCK_SETS_KEPT_MAX};

/// The engine's time moves towards the wall clock by this share of the time that passes,
/// more than any discipline of a clock by NTP needs.
const SLEW_SHARE: i128 = 1_000;

const NANOS_PER_MS: i128 = 1_000_000;

/// Somebody has set the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClockSet {
    /// The engine's time when it was noticed.
    pub(crate) at: Timestamp,
    /// By how much; less than 0 when it was set back.
    pub(crate) by_ms: i64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Steady {
    ours_ns: i128,
    elapsed: Duration,
    /// How far the wall clock is ahead, and how much of that is known as set.
    ahead_ns: i128,
    known_ns: i128,
    sets: VecDeque<ClockSet>,
}

impl Steady {
    /// Begins to count. `wall_ns` is since 1970, `elapsed` since any moment.
    pub(crate) fn new(wall_ns: i128, elapsed: Duration) -> Self {
        Self {
            ours_ns: wall_ns,
            elapsed,
            ahead_ns: 0,
            known_ns: 0,
            sets: VecDeque::new(),
        }
    }

    /// The engine's time, and what was noticed on the way.
    pub(crate) fn read(
        &mut self,
        wall_ns: i128,
        elapsed: Duration,
    ) -> (Timestamp, Option<ClockSet>) {
        let passed = elapsed.saturating_sub(self.elapsed);
        self.elapsed = self.elapsed.max(elapsed);
        let passed = i128::try_from(passed.as_nanos()).unwrap_or(0);
        let ahead = wall_ns - (self.ours_ns + passed);
        let most = passed / SLEW_SHARE;
        let slewed = ahead.clamp(-most, most);
        self.ours_ns += passed + slewed;
        self.known_ns -= slewed.clamp(-self.known_ns.abs(), self.known_ns.abs());
        self.ahead_ns = ahead - slewed;
        (self.now(), self.notice())
    }

    fn now(&self) -> Timestamp {
        Timestamp(to_ms(self.ours_ns))
    }

    fn notice(&mut self) -> Option<ClockSet> {
        let set = self.ahead_ns - self.known_ns;
        let least = i128::try_from(CLOCK_SET_MIN.as_nanos()).unwrap_or(i128::MAX);
        if set.abs() < least {
            return None;
        }
        self.known_ns = self.ahead_ns;
        let set = ClockSet {
            at: self.now(),
            by_ms: to_ms(set),
        };
        if self.sets.len() == CLOCK_SETS_KEPT_MAX {
            self.sets.pop_front();
        }
        self.sets.push_back(set);
        Some(set)
    }

    /// How far the wall clock is ahead of the engine's time.
    pub(crate) fn ahead_ms(&self) -> i64 {
        to_ms(self.ahead_ns)
    }

    /// How far the wall clock was set forward since then, all in all.
    pub(crate) fn set_forward_since(&self, since: Timestamp) -> Millis {
        let sets = self.sets.iter().filter(|set| set.at > since);
        let forward = sets.filter_map(|set| u64::try_from(set.by_ms).ok());
        Millis(forward.fold(0, u64::saturating_add))
    }

    /// The time of a record: the engine's time goes on from there, when the wall clock was
    /// set back since. A record that lies too far ahead was itself made by a wrong clock.
    pub(crate) fn not_before(&mut self, at: Timestamp) -> NotBefore {
        let behind = at.since(self.now());
        if behind.0 == 0 {
            return NotBefore::Fine;
        }
        if behind > CLOCK_BEHIND_RECORDS_MAX {
            return NotBefore::TooFar(behind);
        }
        let behind_ns = i128::from(behind.0) * NANOS_PER_MS;
        self.ours_ns += behind_ns;
        self.ahead_ns -= behind_ns;
        // It was set before this process could notice.
        self.known_ns = self.ahead_ns;
        NotBefore::Moved(behind)
    }
}

/// What came of [`Steady::not_before`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotBefore {
    Fine,
    Moved(Millis),
    TooFar(Millis),
}

fn to_ms(ns: i128) -> i64 {
    let ms = ns.div_euclid(NANOS_PER_MS);
    i64::try_from(ms).unwrap_or(if ms < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i128 = 1_000_000_000;
    const HOUR: i128 = 3_600 * SECOND;

    fn at(second: u64) -> Duration {
        Duration::from_secs(second)
    }

    #[test]
    fn time_goes_on_by_what_passed_whatever_the_wall_clock_says() {
        for by in [-HOUR, 24 * HOUR, 2 * SECOND, -2 * SECOND] {
            let mut steady = Steady::new(0, at(0));
            assert_eq!(steady.read(10 * SECOND, at(10)), (Timestamp(10_000), None));
            let (now, set) = steady.read(20 * SECOND + by, at(20));
            assert!((now.0 - 20_000).abs() <= 10, "{now:?} after {by}");
            let set = set.expect("it is noticed");
            assert!((i128::from(set.by_ms) * NANOS_PER_MS - by).abs() <= 20 * NANOS_PER_MS);
            // Once, and time never goes back.
            let mut before = now;
            for second in 21..60 {
                let wall = i128::from(second) * SECOND + by;
                let (now, set) = steady.read(wall, at(second));
                assert!(now > before && set.is_none(), "{by} {second}");
                before = now;
            }
            assert!((before.0 - 59_000).abs() <= 60);
        }
    }

    #[test]
    fn a_clock_that_is_slewed_is_followed_and_not_noticed() {
        let mut steady = Steady::new(0, at(0));
        for second in 1..=100_000_u64 {
            // 500 ppm, the most that NTP slews.
            let wall = i128::from(second) * (SECOND + SECOND / 2_000);
            let (_, set) = steady.read(wall, at(second));
            assert_eq!(set, None);
        }
        assert_eq!(steady.ahead_ms(), 0);
    }

    #[test]
    fn what_was_set_forward_since_a_moment_adds_up() {
        let mut steady = Steady::new(0, at(0));
        steady.read(HOUR + 10 * SECOND, at(10));
        let (between, _) = steady.read(HOUR + 20 * SECOND, at(20));
        steady.read(30 * SECOND, at(30));
        steady.read(2 * HOUR + 40 * SECOND, at(40));
        let hours = |since| (steady.set_forward_since(since).0 + 1_800_000) / 3_600_000;
        assert_eq!((hours(Timestamp(0)), hours(between)), (3, 2));
        assert_eq!(hours(Timestamp(50_000)), 0);
    }

    #[test]
    fn a_wall_clock_behind_the_records_does_not_take_time_back() {
        let mut steady = Steady::new(0, at(0));
        let minute = Timestamp(60_000);
        assert_eq!(steady.not_before(minute), NotBefore::Moved(Millis(60_000)));
        assert_eq!(steady.not_before(minute), NotBefore::Fine);
        let (now, set) = steady.read(SECOND, at(1));
        assert!(now > minute && set.is_none());
        assert_eq!(steady.ahead_ms() / 1_000, -59);
        let years = Timestamp(10 * 365 * 24 * 3_600_000);
        assert!(matches!(steady.not_before(years), NotBefore::TooFar(_)));
        assert!(steady.read(2 * SECOND, at(2)).0 < years);
    }
}
