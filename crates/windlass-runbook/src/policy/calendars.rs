//! Calendars of a policy: when windows are open, freezes last and somebody is on shift.

use std::collections::BTreeMap;

use jiff::civil::{Date, Time, Weekday};
use windlass_core::id::WindowName;
use windlass_core::policy::{Freeze, RULES_MAX};
use windlass_core::span::{Span as Moments, Spans};

use super::keys::{self, WEEKDAYS};
use super::names::{members, texts};
use super::rules::targets;
use crate::calendar::{Calendar, InMonth, LocalSpan, Reading, Rule, Zone};
use crate::check::fields::{Fields, Found, wrong_shape};
use crate::codes::{KEYS_CLASH, POLICY_CALENDAR, POLICY_IDLE};
use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Node, NodeKind};
use crate::suggest::did_you_mean;

type Facts = BTreeMap<String, String>;

/// The most dates of one calendar.
const DATES_MAX: usize = 400;

/// What calendars are read with.
pub(super) struct Clock {
    /// Of the whole policy.
    pub(super) zone: Option<Zone>,
    pub(super) asked: Moments,
}

/// The zone of a map, or the one around it; UTC where there is none.
pub(super) fn zone(fields: &Fields<'_>, around: Option<&Zone>, found: &mut Found) -> Option<Zone> {
    let Some(node) = fields.value("zone") else {
        return around.cloned().or_else(|| Zone::named("UTC").ok());
    };
    let name = fields.text("zone", found)?;
    match Zone::named(name) {
        Ok(zone) => Some(zone),
        Err(error) => {
            found.push(
                Diagnostic::error(POLICY_CALENDAR, error.to_string()).at(node.span, "not a zone"),
            );
            None
        }
    }
}

pub(super) fn windows(
    fields: &Fields<'_>,
    clock: &Clock,
    facts: &mut Facts,
    found: &mut Found,
) -> BTreeMap<WindowName, Spans> {
    let mut windows = BTreeMap::new();
    for (name, entry) in members::<WindowName>(fields, "windows", RULES_MAX, found) {
        facts.insert(format!("window {name}"), entry.value.to_value().to_string());
        let Some(window) = Fields::read(&entry.value, entry.key_span, &keys::WINDOW, found) else {
            continue;
        };
        let before = found.len();
        window.text("title", found);
        let zone = zone(&window, clock.zone.as_ref(), found);
        let except = except(&window, found);
        let Some(open) = window.required("open", "a window of a policy", found) else {
            continue;
        };
        let NodeKind::List(items) = &open.kind else {
            found.push(wrong_shape(open, "`open` is a list of maps"));
            continue;
        };
        let mut rules = Vec::new();
        for item in items {
            if let Some(fields) = Fields::read(item, item.span, &keys::OPENING, found) {
                rules.extend(when(&fields, "an opening", found).unwrap_or_default());
            }
        }
        let Some(zone) = zone.filter(|_| found.len() == before) else {
            continue;
        };
        let calendar = Calendar {
            zone,
            rules,
            except,
        };
        let spans = calendar.spans(clock.asked, Reading::Every);
        if spans.is_empty() {
            let message = format!("the window {name} is never open from now on");
            found.push(Diagnostic::warning(POLICY_IDLE, message).at(entry.key_span, "never open"));
        }
        windows.insert(name, spans);
    }
    windows
}

pub(super) fn freezes(
    fields: &Fields<'_>,
    clock: &Clock,
    facts: &mut Facts,
    found: &mut Found,
) -> Vec<Freeze> {
    let mut freezes = Vec::new();
    for (name, entry) in members::<WindowName>(fields, "freezes", RULES_MAX, found) {
        facts.insert(format!("freeze {name}"), entry.value.to_value().to_string());
        let Some(freeze) = Fields::read(&entry.value, entry.key_span, &keys::FREEZE, found) else {
            continue;
        };
        freeze.required("reason", "a freeze", found);
        let reason = freeze.text("reason", found).unwrap_or_default().to_owned();
        let targets = targets(&freeze, found);
        if let Some(spans) = calendar(&freeze, clock, Reading::Any, "a freeze", found) {
            freezes.push(Freeze {
                name,
                reason,
                spans,
                targets,
            });
        }
    }
    freezes
}

/// The moments of a map that says when; nothing when it says it wrongly.
pub(super) fn calendar(
    fields: &Fields<'_>,
    clock: &Clock,
    reading: Reading,
    of: &str,
    found: &mut Found,
) -> Option<Spans> {
    let zone = zone(fields, clock.zone.as_ref(), found);
    let except = except(fields, found);
    let rules = when(fields, of, found)?;
    let calendar = Calendar {
        zone: zone?,
        rules,
        except,
    };
    Some(calendar.spans(clock.asked, reading))
}

/// What the keys `weekly`, `monthly` and `dates` say, with `from` and `to` beside them.
fn when(fields: &Fields<'_>, of: &str, found: &mut Found) -> Option<Vec<Rule>> {
    let before = found.len();
    let from = time(fields, "from", found).unwrap_or(Time::midnight());
    let to = time(fields, "to", found).unwrap_or(Time::midnight());
    let says: Vec<&str> = ["weekly", "monthly", "dates"]
        .into_iter()
        .filter(|key| fields.get(key).is_some())
        .collect();
    let rules = match says.as_slice() {
        ["weekly"] => vec![Rule::Weekly {
            days: weekdays(fields, found),
            from,
            to,
        }],
        ["monthly"] => vec![Rule::Monthly {
            on: in_month(fields, found),
            from,
            to,
        }],
        ["dates"] => dates(fields, "dates", found)
            .into_iter()
            .map(|(first, last)| Rule::Once(on_dates(first, last, from, to)))
            .collect(),
        _ => {
            let message = format!("{of} says one of `weekly`, `monthly` and `dates`");
            let code = if says.is_empty() {
                POLICY_CALENDAR
            } else {
                KEYS_CLASH
            };
            found.push(Diagnostic::error(code, message).at(fields.span, "says when"));
            Vec::new()
        }
    };
    (found.len() == before).then_some(rules)
}

/// From a time of the first date to one of the last; whole days without times.
fn on_dates(first: Date, last: Date, from: Time, to: Time) -> LocalSpan {
    let whole = LocalSpan::days(first, last);
    let ends = if to == Time::midnight() || first == last && to <= from {
        // Midnight is the end of the last day; what ends before it began, ends the next day.
        let next = whole.to.date();
        next.to_datetime(to)
    } else {
        last.to_datetime(to)
    };
    LocalSpan {
        from: first.to_datetime(from),
        to: ends,
    }
}

fn time(fields: &Fields<'_>, key: &str, found: &mut Found) -> Option<Time> {
    let node = fields.value(key)?;
    let text = fields.text(key, found)?;
    let parsed = text.split_once(':').and_then(|(hours, minutes)| {
        let number = |text: &str| (text.len() == 2).then(|| text.parse::<i8>().ok()).flatten();
        Time::new(number(hours)?, number(minutes)?, 0, 0).ok()
    });
    if parsed.is_none() {
        let message = format!("`{key}` is a time of day");
        found.push(
            Diagnostic::error(POLICY_CALENDAR, message)
                .at(node.span, "not a time of day")
                .help("write it as 22:00; the end of a day is 00:00"),
        );
    }
    parsed
}

fn weekdays(fields: &Fields<'_>, found: &mut Found) -> Vec<Weekday> {
    let mut days = Vec::new();
    for (text, span) in texts(fields, "weekly", found) {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (weekday(first), weekday(last)) {
            (Some(first), Some(last)) => {
                let mut day = first;
                days.push(day);
                while day != last {
                    day = day.next();
                    days.push(day);
                }
            }
            _ => found.push(bad_day(text, span)),
        }
    }
    days
}

fn weekday(text: &str) -> Option<Weekday> {
    let at = WEEKDAYS.iter().position(|day| *day == text)?;
    Weekday::from_monday_zero_offset(i8::try_from(at).ok()?).ok()
}

fn bad_day(text: &str, span: Span) -> Diagnostic {
    let message = format!("`{}` is no day of the week", text.escape_debug());
    let help = did_you_mean(text, WEEKDAYS)
        .unwrap_or_else(|| "write mon, tue, wed, thu, fri, sat or sun, or mon-fri".to_owned());
    Diagnostic::error(POLICY_CALENDAR, message)
        .at(span, "not a day")
        .help(help)
}

fn in_month(fields: &Fields<'_>, found: &mut Found) -> Vec<InMonth> {
    let Some(node) = fields.value("monthly") else {
        return Vec::new();
    };
    let items = match &node.kind {
        NodeKind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut days = Vec::new();
    for item in items {
        match one_in_month(item) {
            Some(day) => days.push(day),
            None => found.push(
                Diagnostic::error(POLICY_CALENDAR, "this is no day of a month")
                    .at(item.span, "not a day")
                    .help("write a number, `last`, or a weekday such as `2nd tue` or `last sun`"),
            ),
        }
    }
    days
}

fn one_in_month(node: &Node) -> Option<InMonth> {
    const COUNTS: [(&str, i8); 6] = [
        ("1st", 1),
        ("2nd", 2),
        ("3rd", 3),
        ("4th", 4),
        ("5th", 5),
        ("last", -1),
    ];
    match &node.kind {
        NodeKind::Int(number) => {
            let number = i8::try_from(*number).ok()?;
            (1..=31).contains(&number).then_some(InMonth::Day(number))
        }
        NodeKind::Text(text) if text == "last" => Some(InMonth::LastDay),
        NodeKind::Text(text) => {
            let (count, day) = text.split_once(' ')?;
            let (_, nth) = COUNTS.iter().find(|(word, _)| *word == count)?;
            Some(InMonth::Nth(*nth, weekday(day.trim())?))
        }
        _ => None,
    }
}

fn except(fields: &Fields<'_>, found: &mut Found) -> Vec<(Date, Date)> {
    dates(fields, "except", found)
}

/// Dates, and spans of them with the last one included.
fn dates(fields: &Fields<'_>, key: &str, found: &mut Found) -> Vec<(Date, Date)> {
    let mut dates = Vec::new();
    let texts = texts(fields, key, found);
    // A freeze that lost its last dates would let something begin.
    if let Some((_, span)) = texts.get(DATES_MAX) {
        found.push(
            Diagnostic::error(
                POLICY_CALENDAR,
                format!("`{key}` has more than {DATES_MAX} dates"),
            )
            .at(*span, "one too many")
            .help("write spans such as `2026-12-18..2027-01-04`"),
        );
    }
    for (text, span) in texts.into_iter().take(DATES_MAX) {
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        match (first.trim().parse::<Date>(), last.trim().parse::<Date>()) {
            (Ok(first), Ok(last)) if first <= last => dates.push((first, last)),
            _ => found.push(
                Diagnostic::error(
                    POLICY_CALENDAR,
                    format!("`{}` is no date", text.escape_debug()),
                )
                .at(span, "not a date")
                .help("write 2026-12-24, or 2026-12-24..2026-12-26 with the last one included"),
            ),
        }
    }
    dates
}
