//! The report on one runbook as `windlass check --format json` prints it. Scripts rely
//! on it: members are added, never renamed or removed.

use serde::Serialize;

use super::lines::Lines;
use crate::check::Checked;
use crate::diagnostic::{Diagnostic, Severity, Source, Span};

/// What was found in one runbook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// The runbook's name as given.
    pub file: String,
    /// Whether it has no errors; warnings do not count.
    pub ok: bool,
    pub diagnostics: Vec<MistakeReport>,
    /// How many more were found at least, beyond those that are listed.
    pub omitted: usize,
    /// The digest of the plan, when every input has a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
}

/// One diagnostic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MistakeReport {
    /// Such as `WL0406`.
    pub code: String,
    pub severity: Severity,
    pub message: String,
    /// Places and what is said at each; the first is the main one.
    pub labels: Vec<LabelReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// A place in the runbook and what is said at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LabelReport {
    /// The text that it is in, when that is another one than the runbook's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The first byte, and the one after the last.
    pub start: usize,
    pub end: usize,
    /// Lines from 1, columns in Unicode characters from 1.
    pub line: usize,
    pub column: usize,
    pub end_line: usize,
    /// The column after the last character.
    pub end_column: usize,
    pub text: String,
}

impl Checked {
    /// What was found, for other programs.
    pub fn report(&self) -> FileReport {
        let texts: Vec<Text<'_>> = self.sources.iter().map(Text::new).collect();
        FileReport {
            file: self.source_name().to_owned(),
            ok: !self.has_errors(),
            diagnostics: self
                .diagnostics
                .iter()
                .map(|found| mistake(&texts, found))
                .collect(),
            omitted: self.omitted,
            plan: self.plan.as_ref().map(|plan| plan.digest().to_string()),
        }
    }
}

/// A text and where its lines begin.
struct Text<'a> {
    name: &'a str,
    lines: Lines<'a>,
}

impl<'a> Text<'a> {
    fn new(source: &'a Source) -> Self {
        Self {
            name: &source.name,
            lines: Lines::new(&source.text),
        }
    }
}

fn mistake(texts: &[Text<'_>], found: &Diagnostic) -> MistakeReport {
    let label = |(span, text): &(Span, String)| {
        let of = texts.get(usize::from(span.file))?;
        let (start, end) = of.lines.places(*span);
        Some(LabelReport {
            file: (span.file > 0).then(|| of.name.to_owned()),
            start: span.start,
            end: span.end,
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
            text: text.clone(),
        })
    };
    MistakeReport {
        code: found.code.to_string(),
        severity: found.severity,
        message: found.message.clone(),
        labels: found.labels.iter().filter_map(label).collect(),
        help: found.help.clone(),
    }
}
