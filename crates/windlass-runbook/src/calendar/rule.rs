//! What a calendar says in local time: days of the week, of the month, and dates.

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Time};

use windlass_core::span::Span;

use super::local::Zone;

pub use jiff::civil::Date as Day;
pub use jiff::civil::Weekday;

/// Local times from and to, on a clock on the wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalSpan {
    pub from: DateTime,
    pub to: DateTime,
}

impl LocalSpan {
    /// Whole days, the last one included.
    pub fn days(first: Date, last: Date) -> Self {
        Self {
            from: first.to_datetime(Time::midnight()),
            to: after(last).to_datetime(Time::midnight()),
        }
    }

    /// From one time of a day to another, which is of the next day when it is no later.
    fn of(day: Date, from: Time, to: Time) -> Self {
        let last = if to <= from { after(day) } else { day };
        Self {
            from: day.to_datetime(from),
            to: last.to_datetime(to),
        }
    }
}

/// Which day of a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InMonth {
    /// The day of this number, from 1; a month that does not have it has none.
    Day(i8),
    LastDay,
    /// The weekday for this time in the month, from 1 to 5; the last one when -1.
    Nth(i8, Weekday),
}

/// When, in local time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    Weekly {
        days: Vec<Weekday>,
        from: Time,
        to: Time,
    },
    Monthly {
        on: Vec<InMonth>,
        from: Time,
        to: Time,
    },
    Once(LocalSpan),
}

impl Rule {
    /// The local spans that begin on one of the days, and one that is given by its dates.
    pub(super) fn spans(&self, dates: Dates) -> Vec<LocalSpan> {
        match self {
            Rule::Weekly { days, from, to } => dates
                .days()
                .filter(|day| days.contains(&day.weekday()))
                .map(|day| LocalSpan::of(day, *from, *to))
                .collect(),
            Rule::Monthly { on, from, to } => dates
                .days()
                .filter(|day| on.iter().any(|which| which.is(*day)))
                .map(|day| LocalSpan::of(day, *from, *to))
                .collect(),
            Rule::Once(span) => vec![*span],
        }
    }
}

impl InMonth {
    fn is(self, day: Date) -> bool {
        match self {
            InMonth::Day(number) => day.day() == number,
            InMonth::LastDay => day == day.last_of_month(),
            InMonth::Nth(nth, weekday) => day
                .nth_weekday_of_month(nth, weekday)
                .is_ok_and(|nth| nth == day),
        }
    }
}

/// The local days that a span of time touches, and one more on each side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dates {
    first: Date,
    last: Date,
}

impl Dates {
    pub(super) fn around(zone: &Zone, span: Span) -> Self {
        Self {
            // What began the day before may reach into the span.
            first: before(zone.date(span.from)),
            last: after(zone.date(span.to)),
        }
    }

    fn days(self) -> impl Iterator<Item = Date> {
        let last = self.last;
        std::iter::successors(Some(self.first), |day| day.tomorrow().ok())
            .take_while(move |day| *day <= last)
    }
}

/// The next day; the last that there is stays.
fn after(day: Date) -> Date {
    day.saturating_add(1.day())
}

fn before(day: Date) -> Date {
    day.saturating_sub(1.day())
}
