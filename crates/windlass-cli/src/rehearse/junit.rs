//! A report as JUnit XML: a suite a file, a test case a case. A file that cannot be used
//! is an error, and a share that was not reached a failure. There are no times: those of
//! a rehearsal are not those of this machine.

use super::{CaseReport, FileReport, Report, human};
use crate::text;

pub(crate) fn document(report: &Report) -> String {
    let mut suites: Vec<Suite> = report.files.iter().map(suite).collect();
    let limits: Vec<Point> = report
        .coverage
        .iter()
        .filter_map(|reached| {
            let least = reached.least?;
            let name = format!("at least {least} % of {} is reached", reached.runbook);
            let mut said = human::coverage_lines(reached);
            said.insert(0, human::too_little(reached));
            let problem = (!reached.is_enough()).then_some(("failure", "coverage", said));
            Some(Point { name, problem })
        })
        .collect();
    if !limits.is_empty() {
        suites.push(Suite {
            name: "coverage".to_owned(),
            points: limits,
        });
    }
    let all = |kind| suites.iter().map(|suite| suite.count(kind)).sum::<usize>();
    let tests: usize = suites.iter().map(|suite| suite.points.len()).sum();
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    xml += &format!(
        "<testsuites name=\"windlass test\" tests=\"{tests}\" failures=\"{}\" errors=\"{}\">\n",
        all("failure"),
        all("error")
    );
    suites.iter().for_each(|suite| xml += &suite.xml());
    xml + "</testsuites>\n"
}

struct Suite {
    name: String,
    points: Vec<Point>,
}

struct Point {
    name: String,
    /// The element, its type, and what is said, the first line as the message.
    problem: Option<(&'static str, &'static str, Vec<String>)>,
}

fn suite(file: &FileReport) -> Suite {
    let mut points: Vec<Point> = file.cases.iter().map(point).collect();
    if let Some(wrong) = &file.wrong {
        let said = wrong.lines().map(str::to_owned).collect();
        points.push(Point {
            name: "the test file can be used".to_owned(),
            problem: Some(("error", "file", said)),
        });
    }
    Suite {
        name: file.name.clone(),
        points,
    }
}

fn point(case: &CaseReport) -> Point {
    let mut said: Vec<String> = case.differences.iter().map(|found| found.line()).collect();
    let problem = (!said.is_empty()).then(|| {
        said.push("what happened:".to_owned());
        said.extend(case.story.iter().cloned());
        ("failure", "expectation", said)
    });
    Point {
        name: case.name.clone(),
        problem,
    }
}

impl Suite {
    fn count(&self, kind: &str) -> usize {
        let of_kind = |point: &&Point| point.problem.as_ref().is_some_and(|(k, _, _)| *k == kind);
        self.points.iter().filter(of_kind).count()
    }

    fn xml(&self) -> String {
        let name = escaped(&self.name);
        let mut xml = format!(
            "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"0\">\n",
            self.points.len(),
            self.count("failure"),
            self.count("error")
        );
        for point in &self.points {
            let head = format!(
                "    <testcase classname=\"{name}\" name=\"{}\"",
                escaped(&point.name)
            );
            let Some((element, kind, said)) = &point.problem else {
                xml += &format!("{head}/>\n");
                continue;
            };
            let message = said.first().map(|line| escaped(line)).unwrap_or_default();
            let body: Vec<String> = said.iter().map(|line| escaped(line)).collect();
            xml += &format!(
                "{head}>\n      <{element} type=\"{kind}\" message=\"{message}\">{}</{element}>\n    </testcase>\n",
                body.join("\n")
            );
        }
        xml + "  </testsuite>\n"
    }
}

/// Text for XML, as an attribute or between tags. Control characters are gone already;
/// the two code points that XML forbids besides them are replaced.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in text::lines(text).chars() {
        match char {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            '\n' => safe.push_str("&#10;"),
            '\u{fffe}' | '\u{ffff}' => safe.push(char::REPLACEMENT_CHARACTER),
            char => safe.push(char),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(
            escaped("a <b> & \"c\" 'd'\n\u{0}\u{1b}[1m\u{fffe}]]>"),
            "a &lt;b&gt; &amp; &quot;c&quot; &apos;d&apos;&#10;\u{fffd}]]&gt;"
        );
    }
}
