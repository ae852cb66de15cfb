//! An open gate, and anything else that only a person can settle, with what to type.

use std::collections::BTreeMap;

use windlass_core::plan::{Unit, shown};
use windlass_core::time::{Millis, Timestamp};
use windlass_core::value::Value;
use windlass_server::wire::{AskedValue, ByHand, Fact, Gate, Need};

use super::Paint;
use crate::time;

/// What an approver must see before he decides, and the commands to decide with.
pub(crate) fn gate(gate: &Gate, now: Timestamp, paint: &Paint) -> Vec<String> {
    let title = match &gate.title {
        Some(title) => format!(": {title}"),
        None => String::new(),
    };
    let head = format!("{} gate {}", paint.glyph("open"), gate.step);
    let again = match gate.attempt {
        0 | 1 => String::new(),
        attempt => format!(" (opened for the {attempt}. time)"),
    };
    let mut lines = paint.hanging("", "    ", &format!("{head} is open{again}{title}"));
    if paint.colours {
        // `hanging` takes escapes out of what it wraps: colour the head afterwards.
        lines = lines.into_iter().map(|line| paint.alarm(&line)).collect();
    }
    if let Some(target) = &gate.target {
        lines.extend(indented(paint, "target", target));
    }
    lines.extend(told(&gate.shown, &gate.shown_units, paint));
    lines.extend(indented(
        paint,
        "plan",
        &gate.statement.plan_digest.to_string(),
    ));
    lines.extend(indented(paint, "rule", &rule(gate)));
    if gate.signed {
        lines.extend(indented(
            paint,
            "signed",
            "by the approver's key: --sign KEY",
        ));
    }
    for fact in &gate.facts {
        lines.extend(indented(paint, &fact.name, &fact_words(fact, now)));
    }
    for place in &gate.places {
        let filled_by = place.filled_by.as_deref().unwrap_or("nobody yet");
        lines.extend(indented(paint, place.group.as_str(), filled_by));
    }
    if let Some(at) = gate.expires_at_ms.map(Timestamp) {
        let left = match time::age(now, at).0 {
            0 => "now".to_owned(),
            _ => format!("in {}", time::age(now, at)),
        };
        lines.extend(indented(
            paint,
            "expires",
            &format!("{} UTC ({left})", time::since(at, now)),
        ));
    }
    lines
}

/// What a person must know who was asked to do something by hand.
pub(crate) fn by_hand(asked: &ByHand, now: Timestamp, paint: &Paint) -> Vec<String> {
    let title = match &asked.title {
        Some(title) => format!(": {title}"),
        None => String::new(),
    };
    let again = match asked.attempt {
        0 | 1 => String::new(),
        attempt => format!(" (asked for the {attempt}. time)"),
    };
    let head = format!("{} {}", paint.glyph("by_hand"), asked.node);
    let head = format!("{head} is to be done by hand{again}{title}");
    let mut lines = paint.hanging("", "    ", &head);
    if paint.colours {
        lines = lines.into_iter().map(|line| paint.alarm(&line)).collect();
    }
    for line in asked.instructions.lines() {
        lines.extend(paint.hanging("    ", "    ", line));
    }
    lines.extend(told(&asked.shown, &asked.shown_units, paint));
    lines.extend(indented(paint, "effect", &asked.effect));
    lines.extend(indented(paint, "rule", &asked.rule));
    for value in &asked.values {
        lines.extend(indented(paint, "states", &in_words(value)));
    }
    if let Some(at) = asked.expires_at_ms.map(Timestamp) {
        let left = match time::age(now, at).0 {
            0 => "now".to_owned(),
            _ => format!("in {}", time::age(now, at)),
        };
        let at = format!("{} UTC ({left})", time::since(at, now));
        lines.extend(indented(paint, "expires", &at));
    }
    lines
}

/// The captioned values, with the units of what they count.
fn told(
    values: &BTreeMap<String, Value>,
    units: &BTreeMap<String, Unit>,
    paint: &Paint,
) -> Vec<String> {
    let line = |(caption, value): (&String, &Value)| {
        let value = match value.as_text() {
            Some(text) => text.to_owned(),
            None => shown(value, units.get(caption)),
        };
        indented(paint, caption, &value)
    };
    values.iter().flat_map(line).collect()
}

/// `value <= 10: holds for {...}, read 3s ago`.
fn fact_words(fact: &Fact, now: Timestamp) -> String {
    let read = match fact.asked_at_ms.map(Timestamp) {
        Some(at) => format!("read {} ago", time::age(at, now)),
        None => "not read yet".to_owned(),
    };
    let what = match (&fact.fault, &fact.outputs) {
        (Some(fault), _) => fault.clone(),
        (None, Some(outputs)) => format!("`{}` holds for {outputs}", fact.rule),
        (None, None) => format!("`{}`", fact.rule),
    };
    let again = if fact.is_asked { ", being read" } else { "" };
    format!(
        "{what} ({read}{again}; at most {} old)",
        Millis(fact.max_age_ms)
    )
}

fn in_words(value: &AskedValue) -> String {
    let mut words = format!("{}, {}", value.name, value.ty);
    if !value.allowed.is_empty() {
        let allowed: Vec<String> = value
            .allowed
            .iter()
            .map(|value| {
                value
                    .as_text()
                    .map_or_else(|| value.to_string(), str::to_owned)
            })
            .collect();
        words = format!("{words}, one of {}", allowed.join(", "));
    }
    match &value.title {
        Some(title) => format!("{words}: {title}"),
        None => words,
    }
}

fn rule(gate: &Gate) -> String {
    if gate.not_requester {
        format!("{}; not by who started the run", gate.rule)
    } else {
        gate.rule.clone()
    }
}

fn indented(paint: &Paint, label: &str, value: &str) -> Vec<String> {
    let head = format!("    {label}: ");
    paint.hanging(&head, "      ", value)
}

/// Whether a need has not been shown with more than it says itself: open gates and work
/// by hand have.
pub(crate) fn told_by_need(need: &Need) -> bool {
    need.code != "gate" && need.code != "by_hand"
}

/// A need with its commands. Commands are never wrapped: they are to be copied.
pub(crate) fn need(need: &Need, paint: &Paint) -> Vec<String> {
    let head = format!("{} ", paint.glyph("needs_operator"));
    let mut lines = Vec::new();
    for (at, line) in paint
        .hanging("  ", "  ", &need.text)
        .into_iter()
        .enumerate()
    {
        match at {
            0 => lines.push(format!("{head}{}", line.trim_start())),
            _ => lines.push(line),
        }
    }
    // Where the values are only this reader knows.
    let secrets = match need.code.as_str() {
        "secrets" => " --secret NAME=env:VARIABLE",
        _ => "",
    };
    lines.extend(commands(&need.next).map(|command| format!("{command}{secrets}")));
    lines
}

/// Commands to type, one a line.
pub(crate) fn commands(next: &[String]) -> impl Iterator<Item = String> {
    next.iter()
        .map(|command| format!("    {}", crate::text::line(command)))
}
