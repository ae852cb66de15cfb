//! Points in time and spans of it, as data. Nothing here reads a clock.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// A span of time in milliseconds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// A span of whole seconds; saturates.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// A span of whole minutes; saturates.
    pub const fn from_mins(mins: u64) -> Self {
        Self::from_secs(mins.saturating_mul(60))
    }
}

/// Saturates at the end of time rather than wrapping into the past.
impl Add<Millis> for Timestamp {
    type Output = Timestamp;

    fn add(self, span: Millis) -> Timestamp {
        Timestamp(self.0.saturating_add_unsigned(span.0))
    }
}

/// Saturates at the beginning of time.
impl Sub<Millis> for Timestamp {
    type Output = Timestamp;

    fn sub(self, span: Millis) -> Timestamp {
        Timestamp(self.0.saturating_sub_unsigned(span.0))
    }
}

impl Timestamp {
    /// The span since `earlier`; zero when the clock went backwards.
    pub fn since(self, earlier: Timestamp) -> Millis {
        Millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Timestamp {
    /// The point in time of a text after RFC 3339 (ISO 8601 with an offset), such as
    /// `2026-11-22T02:00:00+01:00`. Seconds may be left out, and so may their fraction.
    pub fn parse(text: &str) -> Option<Self> {
        let (date, time) = text.split_once(['T', ' '])?;
        let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
        let (clock, offset_minutes) = match time.strip_suffix('Z') {
            Some(clock) => (clock, 0),
            None => {
                let at = time.rfind(['+', '-'])?;
                let [hours, minutes] = numbers(&time[at + 1..], ':', [2, 2])?;
                let minutes = (hours <= 23 && minutes <= 59).then_some(hours * 60 + minutes)?;
                let sign = if time[at..].starts_with('-') { -1 } else { 1 };
                (&time[..at], sign * minutes)
            }
        };
        let (clock, millis) = match clock.split_once('.') {
            None => (clock, 0),
            Some((clock, fraction)) => (clock, thousandths(fraction)?),
        };
        let [hour, minute, second] = match clock.len() {
            5 if millis == 0 => {
                let [hour, minute] = numbers(clock, ':', [2, 2])?;
                [hour, minute, 0]
            }
            _ => numbers(clock, ':', [2, 2, 2])?,
        };
        let days = days_of(year, month, day);
        // A date that does not exist is another one when it is written back.
        let exists = (1..=12).contains(&month) && civil_date(days) == (year, month, day);
        let in_clock = hour <= 23 && minute <= 59 && second <= 59;
        let seconds = days * 86_400 + hour * 3_600 + (minute - offset_minutes) * 60 + second;
        (exists && in_clock).then_some(Self(seconds * 1_000 + millis))
    }
}

/// Numbers of exactly so many digits, between separators.
fn numbers<const N: usize>(text: &str, separator: char, digits: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut found = [0; N];
    for (number, digits) in found.iter_mut().zip(digits) {
        let part = parts.next()?;
        let plain = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        *number = plain.then(|| part.parse().ok()).flatten()?;
    }
    parts.next().is_none().then_some(found)
}

/// The fraction of a second in milliseconds; what is smaller is cut.
fn thousandths(fraction: &str) -> Option<i64> {
    let plain = (1..=9).contains(&fraction.len()) && fraction.bytes().all(|b| b.is_ascii_digit());
    let padded = format!("{fraction}00");
    plain.then(|| padded[..3].parse().ok()).flatten()
}

/// `2026-11-22T01:12:03Z`, after RFC 3339, in whole seconds.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.div_euclid(1000);
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil_date(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

/// The date of the proleptic Gregorian calendar, from days since 1970-01-01.
/// Eras of 400 years have equal lengths, and years that begin in March leap at their end.
fn civil_date(days: i64) -> (i64, i64, i64) {
    const DAYS_OF_ERA: i64 = 146_097;
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(DAYS_OF_ERA), days.rem_euclid(DAYS_OF_ERA));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let march_month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    (
        era * 400 + year + i64::from(month <= 2),
        month,
        day_of_month,
    )
}

/// Days since 1970-01-01 of a date; the inverse of [`civil_date`].
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let march_month = (month + 9) % 12;
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// `1h 05m`, `3m 20s`, `4.2s`, `15ms`: short enough for a status line.
impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0 / 1000;
        match secs {
            0 if self.0 < 1000 => write!(f, "{}ms", self.0),
            0..60 => write!(f, "{}.{}s", secs, self.0 % 1000 / 100),
            60..3600 => write!(f, "{}m {:02}s", secs / 60, secs % 60),
            _ => write!(f, "{}h {:02}m", secs / 3600, secs % 3600 / 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let table = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399_999, "2000-02-28T23:59:59Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_795_311_123_000, "2026-11-22T01:32:03Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"),
        ];
        for (ms, text) in table {
            assert_eq!(Timestamp(ms).to_string(), text);
        }
    }

    #[test]
    fn points_in_time_are_read_with_their_offset() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T00:00:00Z", 951_782_400_000),
            ("2000-02-29T01:30:00+01:30", 951_782_400_000),
            ("2000-02-28T19:00-05:00", 951_782_400_000),
            ("2026-11-22 01:32:03.25Z", 1_795_311_123_250),
            ("1969-12-31T23:59:59Z", -1_000),
            ("2100-03-01T00:00:00Z", 4_107_542_400_000),
        ] {
            assert_eq!(Timestamp::parse(text), Some(Timestamp(ms)), "{text}");
        }
        for text in [
            "",
            "2026-11-22",
            "2026-11-22T01:32:03",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-31T00:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T01:60:00Z",
            "2026-11-22T01:32:03+1:00",
            "2026-11-22T01:32:03+25:00",
            "26-11-22T01:32:03Z",
            "2026-11-22T01:32:03.Z",
            "2026-11-22T+1:32:03Z",
            "10m",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn spans_read_well_and_saturate() {
        let shown: Vec<String> = [15, 4_200, 200_000, 3_900_000]
            .iter()
            .map(|ms| Millis(*ms).to_string())
            .collect();
        assert_eq!(shown, ["15ms", "4.2s", "3m 20s", "1h 05m"]);
        assert_eq!(Timestamp(i64::MAX) + Millis(5), Timestamp(i64::MAX));
        assert_eq!(Timestamp(5).since(Timestamp(9)), Millis(0));
    }
}
