//! What a preflight found, for reading.

use super::Paint;
use crate::findings::{Found, Outcome, Report};
use crate::text;

/// The widest column of step names.
const NAME_COLUMNS_MAX: usize = 28;
/// The steps that are shown of those that were left out; the others are counted.
const LEFT_OUT_MAX: usize = 40;

/// The page after the looks.
pub(crate) fn preflight_page(report: &Report, paint: &Paint) -> Vec<String> {
    let names = report.steps.iter().map(|step| step.id.as_str().len());
    let names = names.max().unwrap_or(0).min(NAME_COLUMNS_MAX);
    let mut lines = vec![String::new()];
    let is_left_out = |step: &&Found| step.result == Outcome::LeftOut;
    for step in report.steps.iter().filter(|step| !is_left_out(step)) {
        lines.extend(step_lines(step, names, paint));
    }
    let left_out: Vec<&Found> = report.steps.iter().filter(is_left_out).collect();
    for step in left_out.iter().take(LEFT_OUT_MAX) {
        lines.extend(step_lines(step, names, paint));
    }
    if let Some(more) = left_out
        .len()
        .checked_sub(LEFT_OUT_MAX)
        .filter(|more| *more > 0)
    {
        lines.push(format!("  and {more} more left out; --json tells them all"));
    }
    lines.push(String::new());
    if let Some(step) = &report.nothing_to_do {
        let text = format!("nothing to do, says {step}: a run would end here");
        lines.extend(paint.hanging("", "", &text));
    }
    if !report.trusted.is_empty() {
        let trusted: Vec<&str> = report.trusted.iter().map(|id| id.as_str()).collect();
        let text = format!(
            "trusted to read only, as their author says: {}",
            trusted.join(", ")
        );
        lines.extend(paint.hanging("", "  ", &text));
    }
    let (looked, all) = (report.looked, report.steps.len());
    let failed = match report.failed {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    };
    let stopped = if report.interrupted {
        ", then a signal stopped them"
    } else {
        ""
    };
    let all = text::count(all, "step");
    let said = format!("changed nothing; {looked} of {all} looked{failed}{stopped}");
    lines.extend(paint.hanging("", "  ", &said));
    lines
}

fn step_lines(step: &Found, names: usize, paint: &Paint) -> Vec<String> {
    let (word, state) = match step.result {
        Outcome::Ok => ("ok", "succeeded"),
        Outcome::Failed => ("failed", "failed"),
        Outcome::Skipped => ("skipped", "skipped"),
        Outcome::NotRun => ("not run", "stopped"),
        Outcome::LeftOut => ("left out", "pending"),
    };
    let said = match (&step.why, &step.title) {
        (Some(why), _) => why.as_str(),
        (None, Some(title)) => title.as_str(),
        (None, None) => "",
    };
    // Colours are no columns: the line is laid out without them.
    let plain = Paint {
        colours: false,
        ..*paint
    };
    let name = step.id.as_str();
    let head = format!("  {word:<9} {name:<names$}  ");
    let mut lines = plain.hanging(&head, &" ".repeat(4), said);
    if let Some(tail) = lines
        .first()
        .and_then(|line| line.strip_prefix(&format!("  {word}")))
    {
        lines[0] = format!("  {}{tail}", paint.as_state(word, state));
    }
    lines.extend(step.log.iter().map(|line| {
        let line = format!("    | {}", text::line(line));
        paint.cut(&line, paint.columns)
    }));
    lines
}
