//! The live view's frame: what is in flight now, what is wanted of a person, and the
//! prompt. What is done scrolls away above it.

use windlass_core::time::Timestamp;
use windlass_server::wire::{Item, RunView, Step};

use super::Paint;
use super::run_page::{owes, state_of};
use crate::{text, time};

/// The most lines for what is in flight; the rest is counted.
const FLIGHT_LINES_MAX: usize = 12;

/// The lines of the frame. `typed` is what stands at the prompt, when there is one.
/// Gates and needs have been shown in full when they came up; here is the reminder.
pub(crate) fn frame(
    run: &RunView,
    typed: Option<&str>,
    now: Timestamp,
    paint: &Paint,
) -> Vec<String> {
    let mut lines = vec![headline(run, now, paint)];
    lines.extend(in_flight(run, now, paint));
    lines.extend(
        owes(run, now)
            .iter()
            .map(|line| paint.alarm(&paint.cut(line, paint.columns))),
    );
    for wanted in run
        .needs
        .iter()
        .filter(|wanted| super::told_by_need(wanted))
    {
        let wanted = paint.cut(&text::line(&wanted.text), paint.columns.saturating_sub(2));
        lines.push(format!(
            "{} {}",
            paint.glyph("needs_operator"),
            paint.alarm(&wanted)
        ));
    }
    if let Some(waits) = super::lock_awaited(run) {
        let waits = paint.cut(&waits, paint.columns.saturating_sub(2));
        lines.push(format!("{} {waits}", paint.glyph("waiting")));
    }
    for open in &run.gates {
        let left = match open.expires_at_ms.map(Timestamp) {
            Some(at) => format!(", expires in {}", time::age(now, at)),
            None => String::new(),
        };
        let waits = format!("gate {} waits{left}", open.step);
        let waits = paint.cut(&waits, paint.columns.saturating_sub(2));
        lines.push(format!("{} {}", paint.glyph("open"), paint.alarm(&waits)));
    }
    for asked in &run.by_hand {
        let left = match asked.expires_at_ms.map(Timestamp) {
            Some(at) => format!(", expires in {}", time::age(now, at)),
            None => String::new(),
        };
        let waits = format!("{} is to be done by hand{left}", asked.node);
        let waits = paint.cut(&waits, paint.columns.saturating_sub(2));
        lines.push(format!(
            "{} {}",
            paint.glyph("by_hand"),
            paint.alarm(&waits)
        ));
    }
    let Some(typed) = typed.filter(|_| !run.gates.is_empty() || !run.by_hand.is_empty()) else {
        return lines;
    };
    for help in [approving(run), attesting(run)].into_iter().flatten() {
        lines.extend(paint.hanging("  ", "  ", &help));
    }
    lines.push(prompt(typed, paint));
    lines
}

/// What is typed at an open gate.
fn approving(run: &RunView) -> Option<String> {
    let first = run.gates.first()?;
    let (approve, reject) = match run.gates.len() {
        1 => (format!("`{}`", first.step), "reject REASON"),
        _ => ("a gate's name".to_owned(), "reject GATE REASON"),
    };
    Some(format!("type {approve} to approve, or `{reject}`"))
}

/// What is typed about work by hand.
fn attesting(run: &RunView) -> Option<String> {
    let first = run.by_hand.first()?;
    let required = first.values.iter().filter(|value| !value.optional);
    let values: String = required
        .map(|value| format!("{}=... ", value.name))
        .collect();
    let node = &first.node;
    Some(format!(
        "type `attest {node} {values}REASON` when it is done, or `decline {node} REASON`"
    ))
}

/// The end of what is typed stays in sight.
fn prompt(typed: &str, paint: &Paint) -> String {
    let room = paint.columns.saturating_sub(3);
    let mut shown = typed;
    while text::width(shown) > room {
        let mut chars = shown.chars();
        chars.next();
        shown = chars.as_str();
    }
    format!("> {shown}")
}

fn headline(run: &RunView, now: Timestamp, paint: &Paint) -> String {
    let done = run.steps.iter().filter(|step| is_over(step)).count();
    let age = run.started_at_ms.map(|at| time::age(Timestamp(at), now));
    let age = age.map(|age| age.to_string()).unwrap_or_default();
    let tail = format!(" {done}/{} {age}", run.steps.len());
    let state = run.state.replace('_', " ");
    let taken = 2 + text::width(&state) + text::width(&tail) + 1;
    let room = paint.columns.saturating_sub(taken);
    let name = paint.cut(&format!("{} {}", run.run, text::line(&run.title)), room);
    format!(
        "{} {name} {}{tail}",
        paint.glyph(&run.state),
        paint.word(&run.state)
    )
}

fn is_over(step: &Step) -> bool {
    matches!(
        step.state.as_str(),
        "succeeded" | "approved" | "skipped" | "failed" | "stopped"
    )
}

fn in_flight(run: &RunView, now: Timestamp, paint: &Paint) -> Vec<String> {
    let mut lines = Vec::new();
    let mut more = 0;
    for step in run
        .steps
        .iter()
        .filter(|step| !is_over(step) && step.state != "open")
    {
        for line in step_in_flight(step, now, paint) {
            if lines.len() < FLIGHT_LINES_MAX {
                lines.push(line);
            } else {
                more += 1;
            }
        }
    }
    if more > 0 {
        lines.push(format!("  and {more} more"));
    }
    lines
}

fn step_in_flight(step: &Step, now: Timestamp, paint: &Paint) -> Vec<String> {
    if step.items.is_empty() {
        let waits = matches!(step.state.as_str(), "waiting" | "running" | "withdrawn");
        return waits
            .then(|| {
                one_line(
                    step.id.as_str(),
                    &step.state,
                    step.started_at_ms,
                    "",
                    now,
                    paint,
                )
            })
            .into_iter()
            .collect();
    }
    let active = |item: &&Item| {
        !matches!(
            item.state.as_str(),
            "succeeded" | "attested" | "failed" | "stopped" | "ready"
        )
    };
    let line = |item: &Item| {
        let name = item.node.to_string();
        let state = if step.for_each {
            &item.state
        } else {
            state_of(step)
        };
        let mut said = item.last_line.clone().unwrap_or_default();
        if said.is_empty() {
            said = item.message.clone().unwrap_or_default();
        }
        if item.attempt > 1 {
            said = format!("attempt {} {said}", item.attempt);
        }
        one_line(
            &name,
            state,
            item.started_at_ms.or(step.started_at_ms),
            &said,
            now,
            paint,
        )
    };
    step.items.iter().filter(active).map(line).collect()
}

fn one_line(
    name: &str,
    state: &str,
    since_ms: Option<i64>,
    said: &str,
    now: Timestamp,
    paint: &Paint,
) -> String {
    let age = since_ms
        .map(|at| time::age(Timestamp(at), now).to_string())
        .unwrap_or_default();
    let word = state.replace('_', " ");
    let room = paint
        .columns
        .saturating_sub(2 + text::width(&word) + 1 + text::width(&age) + 1);
    let name = paint.cut(name, room.min(28));
    let head_columns = 2 + text::width(&name) + 1 + text::width(&word) + 1 + text::width(&age);
    let room = paint.columns.saturating_sub(head_columns + 2);
    let said = if room < 6 {
        String::new()
    } else {
        paint.cut(&text::line(said), room)
    };
    let said = paint.faint(&said);
    format!(
        "{} {name} {} {age}  {said}",
        paint.glyph(state),
        paint.word(state)
    )
    .trim_end()
    .to_owned()
}
