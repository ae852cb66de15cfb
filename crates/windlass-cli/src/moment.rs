//! Points in time and spans as operators type them, always UTC. What is printed is
//! `time`'s subject.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use windlass_core::time::{Millis, Timestamp};

/// The units of a span, the longest name of those with one beginning first.
const UNITS: [(&str, u64); 6] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 7 * 86_400_000),
];

/// A span such as `90s`, `30m`, `4h`, `2d` or `3w`; several may follow one another: `1d12h`.
pub(crate) fn span(text: &str) -> Result<Millis, String> {
    let wrong = || format!("`{text}` is no span of time: write 90s, 30m, 4h, 2d or 3w");
    let mut total = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (count, after) = rest.split_at(digits);
        let letters = after
            .bytes()
            .take_while(|byte| !byte.is_ascii_digit())
            .count();
        let (name, after) = after.split_at_checked(letters).ok_or_else(wrong)?;
        let (_, unit) = UNITS
            .iter()
            .find(|(unit, _)| *unit == name)
            .ok_or_else(wrong)?;
        let count: u64 = count.parse().map_err(|_| wrong())?;
        let more = count.checked_mul(*unit);
        total = more
            .and_then(|more| total.checked_add(more))
            .ok_or_else(wrong)?;
        rest = after;
    }
    // Longer than time itself is no span that anybody means.
    match i64::try_from(total) {
        Ok(_) if !text.is_empty() => Ok(Millis(total)),
        Ok(_) | Err(_) => Err(wrong()),
    }
}

/// A span ago, a day, or a time of a day.
pub(crate) fn moment(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(span) = span(text) {
        return Ok(before(now, span));
    }
    if let Ok(exact) = text.parse::<jiff::Timestamp>() {
        return Ok(Timestamp(exact.as_millisecond()));
    }
    let civil = text.parse::<DateTime>().ok();
    let exact = civil.and_then(|civil| Offset::UTC.to_timestamp(civil).ok());
    match exact {
        Some(exact) => Ok(Timestamp(exact.as_millisecond())),
        None => Err(format!(
            "`{text}` is no time: write a span ago such as 4h or 2d, a day such as \
             2026-11-20, or 2026-11-20T14:30 (UTC)"
        )),
    }
}

/// The time a span before `now`; the beginning of time at the earliest.
pub(crate) fn before(now: Timestamp, span: Millis) -> Timestamp {
    Timestamp(now.0.saturating_sub_unsigned(span.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        let table = [
            ("90s", Some(90_000)),
            ("1d12h", Some(129_600_000)),
            ("3w", Some(1_814_400_000)),
            ("5ms", Some(5)),
            ("", None),
            ("5", None),
            ("h", None),
            ("1.5h", None),
            ("-1h", None),
            ("1 h", None),
            ("9999999999999999999w", None),
            ("18446744073709551615ms", None),
        ];
        for (text, expected) in table {
            assert_eq!(span(text).ok().map(|span| span.0), expected, "{text:?}");
        }
    }

    #[test]
    fn moments() {
        let now = Timestamp(1_795_309_923_000);
        let shown = |text| moment(text, now).ok().map(|at| at.to_string());
        let table = [
            ("2h", Some("2026-11-21T23:12:03Z")),
            ("2026-11-20", Some("2026-11-20T00:00:00Z")),
            ("2026-11-20T14:30", Some("2026-11-20T14:30:00Z")),
            ("2026-11-20 14:30:05", Some("2026-11-20T14:30:05Z")),
            ("2026-11-20T14:30:00+02:00", Some("2026-11-20T12:30:00Z")),
            ("yesterday", None),
            ("2026-13-01", None),
            ("14:30", None),
        ];
        for (text, expected) in table {
            assert_eq!(shown(text).as_deref(), expected, "{text}");
        }
    }
}
