//! Diagnostics as text, with carets under the runbook's lines.
//! `annotate-snippets` is known to this module alone.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::diagnostic::{Diagnostic, Severity};

/// Whether the text may hold colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    Coloured,
}

/// One diagnostic as it is printed, without a newline at the end.
pub fn render(source_name: &str, text: &str, diagnostic: &Diagnostic, style: Style) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level
        .primary_title(&diagnostic.message)
        .id(diagnostic.code.id());
    let mut group = Group::with_title(title);
    if !diagnostic.labels.is_empty() {
        let mut snippet = Snippet::source(text).path(source_name);
        for (place, (span, label)) in diagnostic.labels.iter().enumerate() {
            let kind = if place == 0 {
                AnnotationKind::Primary
            } else {
                AnnotationKind::Context
            };
            let start = floor(text, span.start);
            let end = floor(text, span.end).max(start);
            snippet = snippet.annotation(kind.span(start..end).label(label));
        }
        group = group.element(snippet);
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help));
    }
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    };
    renderer.decor_style(DecorStyle::Ascii).render(&[group])
}

/// All diagnostics, an empty line between each two.
pub fn render_all(
    source_name: &str,
    text: &str,
    diagnostics: &[Diagnostic],
    style: Style,
) -> String {
    let rendered: Vec<String> = diagnostics
        .iter()
        .map(|found| render(source_name, text, found, style))
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
