//! Diagnostics as text, with carets under the runbook's lines.
//! `annotate-snippets` is known to this module alone.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::codes::SECRET_IN_TEXT;
use crate::diagnostic::{Diagnostic, Severity, Source, Span};
use crate::text::width;

/// Of lines longer than this only the place is told: nobody reads them, and
/// laying them out is slow.
const LINE_BYTES_MAX: usize = 4096;

/// How wide a terminal is taken to be where nobody knows.
pub const COLUMNS: usize = 140;
/// Narrower than this nothing useful of a line can be shown beside its number.
const COLUMNS_MIN: usize = 40;

/// Whether the text may hold colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    Coloured,
}

/// One diagnostic as it is printed, without a newline at the end; lines of the runbook
/// are cut to `columns` around what is said about them.
/// `sources` are those of the check: a diagnostic may point into several of them.
pub fn render(sources: &[Source], diagnostic: &Diagnostic, style: Style, columns: usize) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level
        .primary_title(&diagnostic.message)
        .id(diagnostic.code.id());
    let mut group = Group::with_title(title);
    for (source, labels) in by_source(sources, diagnostic) {
        let Some(shown) = Shown::of(&source.text, &labels) else {
            continue;
        };
        let part = &source.text[shown.start..shown.end];
        let too_long = part.lines().any(|line| line.len() > LINE_BYTES_MAX);
        // A line with a password in it must not get into the log of a check as well.
        if too_long || diagnostic.code == SECRET_IN_TEXT {
            let origin = Origin::path(&source.name)
                .line(shown.line)
                .char_column(shown.column);
            group = group.element(origin);
            let said = labels.iter().map(|(_, _, label)| *label);
            for label in said.filter(|label| !label.is_empty()) {
                group = group.element(Level::NOTE.message(label));
            }
        } else {
            let snippet = Snippet::source(part)
                .path(&source.name)
                .line_start(shown.line);
            group = group.element(snippet.annotations(shown.annotations(&source.text, &labels)));
        }
    }
    let help = diagnostic.help.as_ref().map(|help| wrapped(help, columns));
    if let Some(help) = &help {
        group = group.element(Level::HELP.message(help));
    }
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    };
    renderer
        .decor_style(DecorStyle::Ascii)
        .term_width(columns.max(COLUMNS_MIN))
        .render(&[group])
}

/// The columns beside a help text: the gutter and the word `help`.
const HELP_MARGIN: usize = 12;

/// A help text broken at its blanks, so that a narrow terminal need not break words.
fn wrapped(help: &str, columns: usize) -> String {
    if columns >= COLUMNS {
        return help.to_owned();
    }
    let room = columns.max(COLUMNS_MIN) - HELP_MARGIN;
    let mut lines: Vec<String> = Vec::new();
    for line in help.lines() {
        let mut current = String::new();
        for word in line.split(' ') {
            if !current.trim().is_empty() && width(&current) + 1 + width(word) > room {
                lines.push(std::mem::take(&mut current).trim_end().to_owned());
            }
            if !current.is_empty() {
                current.push(' ');
            }
            current.push_str(word);
        }
        lines.push(current);
    }
    lines.join("\n")
}

/// One label: whether it is the main one of its diagnostic, its place and its words.
type Label<'a> = (bool, Span, &'a str);

/// The labels of a diagnostic, text by text, the main one's text first.
fn by_source<'a>(
    sources: &'a [Source],
    diagnostic: &'a Diagnostic,
) -> Vec<(&'a Source, Vec<Label<'a>>)> {
    let mut grouped: Vec<(u16, Vec<Label<'a>>)> = Vec::new();
    for (place, (span, label)) in diagnostic.labels.iter().enumerate() {
        let label = (place == 0, *span, label.as_str());
        match grouped.iter_mut().find(|(file, _)| *file == span.file) {
            Some((_, labels)) => labels.push(label),
            None => grouped.push((span.file, vec![label])),
        }
    }
    grouped
        .into_iter()
        .filter_map(|(file, labels)| Some((sources.get(usize::from(file))?, labels)))
        .collect()
}

/// The lines that a diagnostic shows of one text: only these are handed on, because the
/// renderer's work grows with the text that it gets.
struct Shown {
    start: usize,
    end: usize,
    /// Of the main label, counted from 1.
    line: usize,
    column: usize,
}

impl Shown {
    fn of(text: &str, labels: &[Label<'_>]) -> Option<Self> {
        let (_, main, _) = labels.first()?;
        let spans = || labels.iter().map(|(_, span, _)| span);
        let first = spans().map(|span| floor(text, span.start)).min()?;
        let last = spans().map(|span| floor(text, span.end)).max()?.max(first);
        let start = text[..first].rfind('\n').map_or(0, |at| at + 1);
        let end = text[last..].find('\n').map_or(text.len(), |at| last + at);
        let before = &text[..floor(text, main.start)];
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        Some(Self {
            start,
            end,
            line: text[..start].matches('\n').count() + 1,
            column,
        })
    }

    fn annotations<'a>(
        &self,
        text: &str,
        labels: &[Label<'a>],
    ) -> Vec<annotate_snippets::Annotation<'a>> {
        let annotation = |(is_main, span, label): &Label<'a>| {
            let kind = if *is_main {
                AnnotationKind::Primary
            } else {
                AnnotationKind::Context
            };
            let start = floor(text, span.start) - self.start;
            let end = (floor(text, span.end) - self.start).max(start);
            kind.span(start..end).label(*label)
        };
        labels.iter().map(annotation).collect()
    }
}

/// All diagnostics, an empty line between each two.
pub fn render_all(
    sources: &[Source],
    diagnostics: &[Diagnostic],
    style: Style,
    columns: usize,
) -> String {
    let rendered: Vec<String> = diagnostics
        .iter()
        .map(|found| render(sources, found, style, columns))
        .collect();
    rendered.join("\n\n")
}

/// The nearest place not after `at` where the text may be cut.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
