//! Calendars: that a local time means the moments that a clock on the wall shows, where
//! clocks are turned too; and the sets of moments, against sets of minutes.

use proptest::prelude::*;
use windlass_core::span::{Span, Spans};
use windlass_core::time::Timestamp;
use windlass_runbook::calendar::{Calendar, Day, InMonth, LocalSpan, Reading, Rule, Weekday, Zone};

use jiff::civil::{DateTime, Time, date, time};
use jiff::tz::TimeZone;

const MINUTE: i64 = 60_000;

/// Zones and days about which their clocks are turned: by an hour, by half an hour, by a
/// whole day that never was, at midnight; and quiet ones.
const TURNS: [(&str, Day); 9] = [
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("America/Asuncion", date(2023, 10, 1)),
    ("Asia/Kathmandu", date(2026, 6, 1)),
    ("UTC", date(2028, 2, 29)),
];

fn zone(name: &str) -> Zone {
    Zone::named(name).expect("the zone exists")
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a point in time")
}

fn span(from: &str, to: &str) -> Span {
    Span {
        from: at(from),
        to: at(to),
    }
}

fn weekly(name: &str, days: &[Weekday], from: Time, to: Time) -> Calendar {
    Calendar {
        zone: zone(name),
        rules: vec![Rule::Weekly {
            days: days.to_vec(),
            from,
            to,
        }],
        except: Vec::new(),
    }
}

#[test]
fn a_night_of_the_week_is_open_from_evening_to_morning() {
    let nights = weekly(
        "Europe/Berlin",
        &[Weekday::Saturday],
        time(22, 0, 0, 0),
        time(4, 0, 0, 0),
    );
    let open = nights.spans(
        span("2026-11-02T00:00Z", "2026-11-16T00:00Z"),
        Reading::Every,
    );
    assert_eq!(
        open.as_slice(),
        [
            span("2026-11-07T21:00Z", "2026-11-08T03:00Z"),
            span("2026-11-14T21:00Z", "2026-11-15T03:00Z"),
        ]
    );
    // What began on the day before is seen from its middle.
    let rest = nights.spans(
        span("2026-11-08T01:00Z", "2026-11-09T00:00Z"),
        Reading::Every,
    );
    assert_eq!(
        rest.as_slice(),
        [span("2026-11-08T01:00Z", "2026-11-08T03:00Z")]
    );
}

#[test]
fn a_time_that_comes_twice_counts_once_for_a_window_and_twice_for_a_freeze() {
    let early = weekly(
        "Europe/Berlin",
        &[Weekday::Sunday],
        time(2, 30, 0, 0),
        time(6, 0, 0, 0),
    );
    let asked = span("2026-10-25T00:00Z", "2026-10-26T00:00Z");
    let window = early.spans(asked, Reading::Every);
    assert_eq!(
        window.as_slice(),
        [span("2026-10-25T01:30Z", "2026-10-25T05:00Z")]
    );
    let freeze = early.spans(asked, Reading::Any);
    assert_eq!(
        freeze.as_slice(),
        [span("2026-10-25T00:30Z", "2026-10-25T05:00Z")]
    );
}

#[test]
fn a_time_that_is_skipped_is_the_moment_of_the_turn() {
    let early = weekly(
        "Europe/Berlin",
        &[Weekday::Sunday],
        time(2, 30, 0, 0),
        time(6, 0, 0, 0),
    );
    let asked = span("2026-03-29T00:00Z", "2026-03-30T00:00Z");
    for reading in [Reading::Every, Reading::Any] {
        let open = early.spans(asked, reading);
        assert_eq!(
            open.as_slice(),
            [span("2026-03-29T01:00Z", "2026-03-29T04:00Z")]
        );
    }
    let within = weekly(
        "Europe/Berlin",
        &[Weekday::Sunday],
        time(2, 0, 0, 0),
        time(3, 0, 0, 0),
    );
    assert!(within.spans(asked, Reading::Every).as_slice().is_empty());
}

#[test]
fn days_of_months_are_counted_as_people_count() {
    let monthly = |on: InMonth| Calendar {
        zone: zone("UTC"),
        rules: vec![Rule::Monthly {
            on: vec![on],
            from: time(0, 0, 0, 0),
            to: time(1, 0, 0, 0),
        }],
        except: Vec::new(),
    };
    let days = |on: InMonth| -> Vec<i8> {
        let year = span("2028-01-01T00:00Z", "2028-07-01T00:00Z");
        let open = monthly(on).spans(year, Reading::Every);
        let day = |span: &Span| {
            let at = jiff::Timestamp::from_millisecond(span.from.0).expect("in range");
            TimeZone::UTC.to_datetime(at).day()
        };
        open.as_slice().iter().map(day).collect()
    };
    assert_eq!(days(InMonth::Day(31)), [31, 31, 31]);
    assert_eq!(days(InMonth::LastDay), [31, 29, 31, 30, 31, 30]);
    assert_eq!(days(InMonth::Nth(1, Weekday::Sunday)), [2, 6, 5, 2, 7, 4]);
    assert_eq!(days(InMonth::Nth(5, Weekday::Saturday)), [29, 29]);
    assert_eq!(
        days(InMonth::Nth(-1, Weekday::Friday)),
        [28, 25, 31, 28, 26, 30]
    );
}

#[test]
fn days_that_are_excepted_are_taken_whole() {
    let mut nights = weekly(
        "Europe/Berlin",
        &[Weekday::Thursday],
        time(22, 0, 0, 0),
        time(4, 0, 0, 0),
    );
    nights.except = vec![(date(2026, 12, 25), date(2026, 12, 26))];
    let asked = span("2026-12-23T00:00Z", "2026-12-30T00:00Z");
    let open = nights.spans(asked, Reading::Every);
    // The night of the 24th ends at midnight.
    assert_eq!(
        open.as_slice(),
        [span("2026-12-24T21:00Z", "2026-12-24T23:00Z")]
    );
}

#[test]
fn a_zone_that_does_not_exist_is_refused_with_what_one_looks_like() {
    let error = Zone::named("Europe/Bern").expect_err("no such zone");
    assert_eq!(
        error.to_string(),
        "there is no time zone `Europe/Bern`; zones have names such as `Europe/Berlin` or `UTC`"
    );
    assert!(windlass_runbook::calendar::zone_rules_version().starts_with("20"));
}

/// The moments that a local span means, found by looking at the clock each minute.
fn looked_up(name: &str, local: LocalSpan, reading: Reading) -> Option<Span> {
    let zone = TimeZone::get(name).expect("the zone exists");
    let shows = |minute: i64| -> DateTime {
        zone.to_datetime(jiff::Timestamp::from_millisecond(minute * MINUTE).expect("in range"))
    };
    let moments = |local: DateTime| -> (i64, i64) {
        let about = local.to_zoned(TimeZone::UTC).expect("in range").timestamp();
        let about = about.as_millisecond() / MINUTE;
        let minutes = about - 16 * 60..about + 16 * 60;
        let shown: Vec<i64> = minutes.clone().filter(|at| shows(*at) == local).collect();
        match (shown.first(), shown.last()) {
            (Some(first), Some(last)) => (*first, *last),
            _ => {
                let mut skipping = minutes.filter(|at| shows(at - 1) < local && local < shows(*at));
                let turn = skipping
                    .next()
                    .expect("a time that is not shown is skipped");
                (turn, turn)
            }
        }
    };
    let (from, to) = (moments(local.from), moments(local.to));
    let (from, to) = match reading {
        Reading::Every => (from.1, to.0),
        Reading::Any => (from.0, to.1),
    };
    let at = |minute: i64| Timestamp(minute * MINUTE);
    (from < to).then_some(Span {
        from: at(from),
        to: at(to),
    })
}

fn spans() -> impl Strategy<Value = Vec<(i64, i64)>> {
    prop::collection::vec((0_i64..60, 0_i64..12), 0..8)
}

fn set(spans: &[(i64, i64)]) -> Spans {
    Spans::of(spans.iter().map(|(from, length)| Span {
        from: Timestamp(*from),
        to: Timestamp(from + length),
    }))
}

fn has(spans: &[(i64, i64)], at: i64) -> bool {
    spans
        .iter()
        .any(|(from, length)| (*from..from + length).contains(&at))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn local_times_mean_what_a_clock_shows(
        turn in 0..TURNS.len(),
        begins in -1_i64..=1,
        from in 0_i64..24 * 60,
        length in 1_i64..30 * 60,
    ) {
        let (name, day) = TURNS[turn];
        let minute = |offset: i64| {
            let start = day.to_datetime(Time::midnight());
            start.saturating_add(jiff::SignedDuration::from_mins(offset))
        };
        let from = begins * 24 * 60 + from;
        let local = LocalSpan { from: minute(from), to: minute(from + length) };
        let calendar = Calendar {
            zone: zone(name),
            rules: vec![Rule::Once(local)],
            except: Vec::new(),
        };
        let about = day.to_zoned(TimeZone::UTC).expect("in range").timestamp().as_millisecond();
        let asked = Span {
            from: Timestamp(about - 5 * 24 * 60 * MINUTE),
            to: Timestamp(about + 5 * 24 * 60 * MINUTE),
        };
        for reading in [Reading::Every, Reading::Any] {
            let open = calendar.spans(asked, reading);
            let expected: Vec<Span> = looked_up(name, local, reading).into_iter().collect();
            prop_assert_eq!(open.as_slice(), expected.as_slice(), "{:?} {:?}", name, reading);
        }
    }

    #[test]
    fn sets_of_moments_are_sets(one in spans(), other in spans(), from in 0_i64..70, to in 0_i64..70) {
        let cut = Span { from: Timestamp(from), to: Timestamp(to) };
        let (a, b) = (set(&one), set(&other));
        let (without, within) = (a.without(&b), a.within(cut));
        for at in 0..80 {
            let moment = Timestamp(at);
            prop_assert_eq!(a.contains(moment), has(&one, at));
            prop_assert_eq!(without.contains(moment), has(&one, at) && !has(&other, at));
            prop_assert_eq!(within.contains(moment), has(&one, at) && cut.contains(moment));
        }
        for spans in [&a, &without, &within] {
            prop_assert!(spans.as_slice().windows(2).all(|pair| pair[0].to < pair[1].from));
            prop_assert!(spans.as_slice().iter().all(|span| span.from < span.to));
        }
    }
}
