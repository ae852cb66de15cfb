//! What an author is told about a runbook: pure data, collected rather than
//! first-fail. Rendering with carets is `render`'s; the codes stand in `codes`.

use serde::Serialize;

pub use crate::codes::Code;
use crate::text::misleads;

/// A range of bytes in one of the texts that were checked, the end excluded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Span {
    /// Which text, as an index into the sources of the check: 0 is the runbook itself,
    /// the others are the runbooks that it inlines.
    pub file: u16,
    pub start: usize,
    pub end: usize,
}

impl Span {
    /// A range of the runbook itself.
    pub fn new(start: usize, end: usize) -> Self {
        Self {
            file: 0,
            start,
            end,
        }
    }

    /// The same range of another text.
    pub fn in_file(self, file: u16) -> Self {
        Self { file, ..self }
    }
}

/// A text that was checked, and its name for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub name: String,
    pub text: String,
}

/// How much a diagnostic weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// There is no plan.
    Error,
    /// There is a plan, and something in it deserves a second look.
    Warning,
}

/// One message to the author.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    pub code: Code,
    pub severity: Severity,
    pub message: String,
    /// Places and what is to be said at each; the first is the main one.
    pub labels: Vec<(Span, String)>,
    pub help: Option<String>,
}

impl Diagnostic {
    pub(crate) fn error(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: clean(&message.into()),
            labels: Vec::new(),
            help: None,
        }
    }

    pub(crate) fn warning(code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, message)
        }
    }

    pub(crate) fn at(mut self, span: Span, label: impl Into<String>) -> Self {
        self.labels.push((span, clean(&label.into())));
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(clean(&help.into()));
        self
    }

    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.map(|help| clean(&help));
        self
    }
}

/// The longest message, label or help, in characters: names may be as long as a runbook.
const TEXT_CHARS_MAX: usize = 2_000;

/// Text of the author in a message must not steer the reader's terminal: control
/// characters and those that change the direction of writing are spelled out.
fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len().min(TEXT_CHARS_MAX));
    for (place, char) in text.chars().enumerate() {
        if place == TEXT_CHARS_MAX {
            cleaned.push('…');
            break;
        }
        let steers = char.is_control() && char != '\n' || misleads(char);
        if steers {
            cleaned.extend(char.escape_unicode());
        } else {
            cleaned.push(char);
        }
    }
    cleaned
}
