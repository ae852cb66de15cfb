//! A report for people: what is as expected in one line, what is not with what was
//! expected, what was found, and the story of the run.

use super::{CaseReport, Difference, Reached, Report};
use crate::render::Paint;
use crate::text;

pub(crate) fn lines(report: &Report, paint: &Paint) -> Vec<String> {
    let mut lines = Vec::new();
    for file in &report.files {
        lines.push(text::line(&file.name));
        if file.wrong.is_some() {
            let glyph = paint.glyph("failed");
            lines.push(format!("  {glyph} the file cannot be used: see above"));
        }
        for case in &file.cases {
            lines.extend(case_lines(case, paint));
        }
        lines.push(String::new());
    }
    for reached in &report.coverage {
        let mut about = coverage_lines(reached);
        if !reached.is_enough() {
            about.push(paint.alarm(&too_little(reached)));
        }
        if !about.is_empty() {
            lines.extend(about);
            lines.push(String::new());
        }
    }
    lines.push(summary(report));
    lines
}

fn case_lines(case: &CaseReport, paint: &Paint) -> Vec<String> {
    if case.differences.is_empty() {
        return vec![format!("  {} {}", paint.glyph("succeeded"), case.name)];
    }
    let glyph = paint.glyph("failed");
    let mut lines = vec![format!("  {glyph} {} (line {})", case.name, case.line)];
    for difference in &case.differences {
        match difference {
            Difference::Fault(fault) => {
                lines.extend(paint.hanging("      ", "      ", fault));
            }
            Difference::Miss(miss) => {
                lines.push(format!("      {}", miss.key));
                lines.extend(paint.hanging(
                    "        expected  ",
                    "                  ",
                    &miss.expected,
                ));
                lines.extend(paint.hanging(
                    "        found     ",
                    "                  ",
                    &miss.found,
                ));
            }
        }
    }
    lines.push("      what happened:".to_owned());
    for line in &case.story {
        lines.push(paint.faint(&paint.cut(&format!("      {line}"), paint.columns)));
    }
    lines
}

/// What was reached, and what was not.
pub(super) fn coverage_lines(reached: &Reached) -> Vec<String> {
    if !reached.told {
        return Vec::new();
    }
    let coverage = &reached.coverage;
    let ((begun, steps), (taken, sides)) = (coverage.steps(), coverage.sides());
    let whens = match sides {
        0 => String::new(),
        sides => format!(", {taken} of {sides} sides of `when`"),
    };
    let steps = text::count(steps, "step");
    let mut lines = vec![format!(
        "coverage of {}: {} % ({begun} of {steps}{whens})",
        text::line(&reached.runbook),
        coverage.percent(),
    )];
    lines.extend(
        coverage
            .missing()
            .iter()
            .map(|missing| format!("  {missing}")),
    );
    lines
}

/// That a share was not reached.
pub(super) fn too_little(reached: &Reached) -> String {
    let (percent, least) = (reached.coverage.percent(), reached.least.unwrap_or(0));
    let runbook = text::line(&reached.runbook);
    format!("{percent} % of {runbook} was reached, at least {least} % was asked for")
}

fn summary(report: &Report) -> String {
    let cases = || report.files.iter().flat_map(|file| &file.cases);
    let failed = cases().filter(|case| !case.differences.is_empty()).count();
    let wrong = report
        .files
        .iter()
        .filter(|file| file.wrong.is_some())
        .count();
    let all = cases().count();
    let mut text = format!("{}: {} as expected", count(all, "case"), all - failed);
    if failed > 0 {
        text += &format!(", {failed} not");
    }
    if wrong > 0 {
        text += &format!("; {} cannot be used", count(wrong, "file"));
    }
    text
}

fn count(count: usize, of: &str) -> String {
    format!("{count} {of}{}", if count == 1 { "" } else { "s" })
}
