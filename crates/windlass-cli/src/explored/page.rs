//! What an exploration found, for people: how runs can end, what holds, and of what does not
//! the shortest way there.

use windlass_core::time::Millis;
use windlass_engine::explore::Line;

use super::{Report, Rule};
use crate::render::Paint;
use crate::text;

pub(crate) fn lines(report: &Report, paint: &Paint) -> Vec<String> {
    let found = &report.explored;
    let mut lines = vec![text::line(&report.runbook)];
    let states = text::count(found.states, "state");
    lines.push(match found.is_complete {
        true => format!("  {states}: all that there are"),
        false => paint.alarm(&format!(
            "  {states} looked at, and not all that there are: --states N looks at more"
        )),
    });
    lines.push(String::new());
    lines.push("how a run can end".to_owned());
    for ((end, reason), count) in &found.ends {
        let count = text::count(*count, "state");
        let head = format!("  {} {end:<10} {count:>12}  ", paint.glyph(end));
        lines.extend(paint.hanging(&head, &" ".repeat(text::width(&head)), &text::line(reason)));
    }
    if found.ends.is_empty() {
        lines.push("  in no state that was looked at".to_owned());
    }
    if !found.needs.is_empty() {
        lines.push(String::new());
        lines.push("when a person is needed".to_owned());
        for (need, count) in &found.needs {
            let count = text::count(*count, "state");
            lines.push(format!("  {count:>12}  {need}"));
        }
    }
    lines.push(String::new());
    lines.push("what holds in every run".to_owned());
    for rule in &report.rules {
        lines.extend(rule_lines(report, rule, paint));
    }
    lines.push(String::new());
    lines.extend(longest(report, paint));
    lines
}

fn rule_lines(report: &Report, rule: &Rule, paint: &Paint) -> Vec<String> {
    let mut broken = report.explored.broken.iter();
    let broken = broken.find(|broken| broken.what == rule.what);
    let state = match (broken, report.explored.is_complete) {
        (Some(_), _) => "failed",
        (None, true) => "succeeded",
        (None, false) => "waiting",
    };
    let place = rule
        .place
        .as_ref()
        .map_or(String::new(), |place| format!(" ({place})"));
    let said = format!("{}{place}", rule.text);
    let head = format!("  {} ", paint.glyph(state));
    let mut lines = paint.hanging(&head, "    ", &text::line(&said));
    if let Some(broken) = broken {
        let count = broken.story.len();
        for (number, line) in (1..).zip(&broken.story) {
            lines.extend(story_line(report, number, count, line, paint));
        }
    }
    lines
}

fn story_line(
    report: &Report,
    number: usize,
    count: usize,
    line: &Line,
    paint: &Paint,
) -> Vec<String> {
    let digits = count.to_string().len();
    let head = format!("      {number:>digits$}. {}  ", clock(line.at));
    let place = line
        .step
        .as_ref()
        .and_then(|step| report.line_of(step.as_str()));
    let place = place.map_or(String::new(), |at| format!(" (line {at})"));
    let indent = " ".repeat(text::width(&head));
    paint.hanging(
        &head,
        &indent,
        &format!("{}{place}", text::line(&line.text)),
    )
}

/// Since the start of the run: `01:05:00`, days in front when there are any.
fn clock(at: Millis) -> String {
    let seconds = at.0 / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours / 24 {
        0 => format!("{hours:02}:{minutes:02}:{seconds:02}"),
        days => format!("{days}d {:02}:{minutes:02}:{seconds:02}", hours % 24),
    }
}

fn longest(report: &Report, paint: &Paint) -> Vec<String> {
    let longest = &report.longest;
    let mut said = format!(
        "{} when nothing fails, by the bounds of its steps",
        longest.bounded_ms
    );
    if longest.people_ms > Millis(0) {
        said += &format!("; {} of it are for people", longest.people_ms);
    }
    for unbounded in &longest.unbounded {
        said += &format!("; `{}` has no bound: {}", unbounded.step, unbounded.why);
    }
    paint.hanging("longest: ", "         ", &text::line(&said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_since_the_start() {
        assert_eq!(clock(Millis::from_secs(3_905)), "01:05:05");
        assert_eq!(clock(Millis::from_mins(3 * 24 * 60 + 61)), "3d 01:01:00");
    }
}
