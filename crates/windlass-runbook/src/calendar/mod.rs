//! Calendars as people write them, to intervals of UTC: windows in which something may be
//! done, and freezes in which it may not. All is data: the zone's rules come with the
//! program, so that two machines answer alike. Not responsible for what a window bears on
//! (`windlass-core`), nor for reading policy files.
//!
//! Two readings differ where a clock is turned back and a local time comes twice: a window
//! is open only when every reading says so, a freeze lasts as long as any reading says so.
//! A local time that is skipped stands for the moment at which the clock is turned.

mod local;
mod rule;

use windlass_core::span::{Span, Spans};
use windlass_core::time::Timestamp;

pub use local::{Reading, UnknownZone, Zone, zone_rules_version};
pub use rule::{Day, InMonth, LocalSpan, Rule, Weekday};

use rule::Dates;

/// The longest stretch of time that a calendar is asked about.
pub const ASKED_DAYS_MAX: i64 = 800;

/// When something is open, or frozen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    pub zone: Zone,
    /// It is on when one of them says so.
    pub rules: Vec<Rule>,
    /// And when none of these days is it, each from its first moment to its last; the days
    /// are those of `zone`, the last one included.
    pub except: Vec<(Day, Day)>,
}

impl Calendar {
    /// When it is on within a span of time, which is cut to [`ASKED_DAYS_MAX`] days.
    pub fn spans(&self, asked: Span, reading: Reading) -> Spans {
        let asked = Span {
            from: asked.from,
            to: asked.to.min(Timestamp(
                asked.from.0.saturating_add(ASKED_DAYS_MAX * DAY_MS),
            )),
        };
        if asked.from >= asked.to {
            return Spans::default();
        }
        let dates = Dates::around(&self.zone, asked);
        let on = self.rules.iter().flat_map(|rule| rule.spans(dates));
        let on = on.filter_map(|local| self.zone.span(local, reading));
        let off = self
            .except
            .iter()
            .map(|(first, last)| LocalSpan::days(*first, *last));
        let off = off.filter_map(|local| self.zone.span(local, reading.opposite()));
        Spans::of(on).without(&Spans::of(off)).within(asked)
    }
}

pub(super) const DAY_MS: i64 = 24 * 60 * 60 * 1000;
