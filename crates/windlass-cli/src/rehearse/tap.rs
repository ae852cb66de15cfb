//! A report as TAP version 14: one test point a case. A file that cannot be used is a
//! failed point, and so is a share that was not reached.

use super::{CaseReport, Report, human};
use crate::text;

pub(crate) fn document(report: &Report) -> String {
    let mut points = Points::default();
    for file in &report.files {
        if let Some(wrong) = &file.wrong {
            let said: Vec<String> = wrong.lines().map(str::to_owned).collect();
            points.add(false, &file.name, &[("message", Yaml::Lines(said))]);
        }
        for case in &file.cases {
            let name = format!("{}: {}", file.name, case.name);
            if case.differences.is_empty() {
                points.add(true, &name, &[]);
            } else {
                points.add(false, &name, &details(&file.name, case));
            }
        }
    }
    for reached in &report.coverage {
        for line in human::coverage_lines(reached) {
            points.body += &format!("# {}\n", text::line(&line));
        }
        if let Some(least) = reached.least {
            let name = format!("at least {least} % of {} is reached", reached.runbook);
            let said = vec![human::too_little(reached)];
            match reached.is_enough() {
                true => points.add(true, &name, &[]),
                false => points.add(false, &name, &[("message", Yaml::Lines(said))]),
            }
        }
    }
    format!("TAP version 14\n1..{}\n{}", points.count, points.body)
}

fn details(file: &str, case: &CaseReport) -> Vec<(&'static str, Yaml)> {
    let differences = case.differences.iter().map(|found| found.line());
    let story = case.story.iter().map(|line| line.trim_start().to_owned());
    vec![
        ("file", Yaml::Text(file.to_owned())),
        ("line", Yaml::Count(case.line)),
        ("differences", Yaml::Lines(differences.collect())),
        ("story", Yaml::Lines(story.collect())),
    ]
}

/// A value of the YAML block that explains a failed point. One text is written as a JSON
/// string, which YAML reads as it is; lines are a literal block, which older readers of TAP
/// understand too.
enum Yaml {
    Text(String),
    Count(usize),
    Lines(Vec<String>),
}

#[derive(Default)]
struct Points {
    count: usize,
    body: String,
}

impl Points {
    fn add(&mut self, ok: bool, name: &str, details: &[(&str, Yaml)]) {
        self.count += 1;
        let word = if ok { "ok" } else { "not ok" };
        self.body += &format!("{word} {} - {}\n", self.count, description(name));
        if details.is_empty() {
            return;
        }
        self.body += "  ---\n";
        for (key, value) in details {
            match value {
                Yaml::Text(text) => self.body += &format!("  {key}: {}\n", quoted(text)),
                Yaml::Count(count) => self.body += &format!("  {key}: {count}\n"),
                Yaml::Lines(lines) => {
                    self.body += &format!("  {key}: |\n");
                    for (place, line) in lines.iter().enumerate() {
                        let line = one_line(line);
                        // The first line says how far the block is indented.
                        let line = if place == 0 { line.trim_start() } else { &line };
                        self.body += &format!("    {line}\n");
                    }
                }
            }
        }
        self.body += "  ...\n";
    }
}

/// A description in which nothing is a directive: `#` and `\` are escaped.
fn description(name: &str) -> String {
    text::line(name).replace('\\', "\\\\").replace('#', "\\#")
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text::line(text)).to_string()
}

/// Blanks at the beginning are kept: carets stand under what they point at.
fn one_line(text: &str) -> String {
    let line = text::lines(text).replace('\n', " ");
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearse::{Difference, FileReport};

    #[test]
    fn nothing_in_a_name_is_a_directive_or_a_line_of_its_own() {
        let case = CaseReport {
            name: "a # SKIP \\ b\nBail out!".to_owned(),
            line: 3,
            differences: vec![Difference::Fault("it \"said\"\n...\nok 2".to_owned())],
            story: vec!["  ---".to_owned(), "  +0s  ...".to_owned()],
        };
        let report = Report {
            files: vec![FileReport {
                name: "x.test.yaml".to_owned(),
                wrong: None,
                cases: vec![case],
            }],
            coverage: Vec::new(),
        };
        assert_eq!(
            document(&report),
            "TAP version 14\n1..1\n\
             not ok 1 - x.test.yaml: a \\# SKIP \\\\ b Bail out!\n  ---\n  \
             file: \"x.test.yaml\"\n  line: 3\n  differences: |\n    \
             it \"said\" ... ok 2\n  story: |\n    ---\n    +0s  ...\n  ...\n"
        );
    }
}
