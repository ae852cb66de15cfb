//! Times as people read them, always UTC: the same text for everybody who looks at
//! one run, wherever he sits.

use std::time::{SystemTime, UNIX_EPOCH};

use windlass_core::time::{Millis, Timestamp};

/// Now, for ages and time that is left; nothing is decided by it.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// `2026-11-22 01:12:03 UTC`.
pub(crate) fn full(at: Timestamp) -> String {
    format!("{} UTC", format(at, "%Y-%m-%d %H:%M:%S"))
}

/// `2026-11-22 01:12`.
pub(crate) fn minute(at: Timestamp) -> String {
    format(at, "%Y-%m-%d %H:%M")
}

/// `01:12:03`, for lines as they come.
pub(crate) fn clock(at: Timestamp) -> String {
    format(at, "%H:%M:%S")
}

/// `01:12` when that was today, else with its day.
pub(crate) fn since(at: Timestamp, now: Timestamp) -> String {
    if format(at, "%Y-%m-%d") == format(now, "%Y-%m-%d") {
        format(at, "%H:%M")
    } else {
        minute(at)
    }
}

/// As [`since`], with seconds when it is so near that they matter.
pub(crate) fn near(at: Timestamp, now: Timestamp) -> String {
    const SECONDS_MATTER: Millis = Millis::from_mins(10);
    let apart = at.since(now).max(now.since(at));
    let minutes = since(at, now);
    if apart < SECONDS_MATTER && minutes == format(at, "%H:%M") {
        clock(at)
    } else {
        minutes
    }
}

/// How long something has been going on.
pub(crate) fn age(from: Timestamp, to: Timestamp) -> Millis {
    to.since(from)
}

fn format(at: Timestamp, pattern: &str) -> String {
    match jiff::Timestamp::from_millisecond(at.0) {
        Ok(time) => time.strftime(pattern).to_string(),
        // Nothing that windlass writes is out of jiff's range; a damaged record may be.
        Err(_) => format!("{}ms", at.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_another_day_names_the_day() {
        let at = Timestamp(1_795_309_923_000);
        assert_eq!(full(at), "2026-11-22 01:12:03 UTC");
        assert_eq!(clock(at), "01:12:03");
        assert_eq!(since(at, at + Millis::from_mins(60)), "01:12");
        assert_eq!(
            since(at, at + Millis::from_mins(60 * 24)),
            "2026-11-22 01:12"
        );
        assert_eq!(near(at, at + Millis::from_mins(9)), "01:12:03");
        assert_eq!(near(at + Millis::from_mins(9), at), "01:21:03");
        assert_eq!(near(at, at + Millis::from_mins(60)), "01:12");
        assert_eq!(minute(Timestamp(i64::MAX)), format!("{}ms", i64::MAX));
    }
}
