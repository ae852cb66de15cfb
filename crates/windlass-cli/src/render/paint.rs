//! Glyphs, colours and columns: how states look, here and on a bare terminal.

use std::borrow::Cow;

use crate::output::speaks_utf8;
use crate::text;

/// What the place that is printed to can show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    pub(crate) colours: bool,
    /// Whether only ASCII is safe.
    pub(crate) ascii: bool,
    pub(crate) columns: usize,
}

/// The colours that are used, by their ANSI codes.
#[derive(Clone, Copy, Debug)]
enum Colour {
    Red = 31,
    Green = 32,
    Yellow = 33,
    Cyan = 36,
    Dim = 2,
    Bold = 1,
}

impl Paint {
    /// For files and pipes: no colours, and lines as long as they are.
    pub(crate) fn plain() -> Self {
        Self {
            colours: false,
            ascii: !speaks_utf8(),
            columns: usize::MAX,
        }
    }

    /// For standard output as it is now.
    pub(crate) fn of_stdout() -> Self {
        match columns() {
            Some(columns) => Self {
                colours: crate::output::colours(),
                ascii: !speaks_utf8(),
                columns,
            },
            None => Self::plain(),
        }
    }

    /// For standard error as it is now.
    pub(crate) fn of_stderr() -> Self {
        match columns_of(&std::io::stderr()) {
            Some(columns) => Self {
                colours: crate::output::may_colour(),
                ascii: !speaks_utf8(),
                columns,
            },
            // A file holds the text as it is, whatever the terminal could show.
            None => Self {
                ascii: false,
                ..Self::plain()
            },
        }
    }

    /// For standard output, with so many columns where it is no terminal.
    pub(crate) fn of_stdout_or(columns: usize) -> Self {
        let columns = self::columns().unwrap_or(columns);
        Self {
            columns,
            ..Self::of_stdout()
        }
    }

    /// For a file that people will read, wherever it was written.
    pub(crate) fn of_file(columns: usize) -> Self {
        Self {
            colours: false,
            ascii: false,
            columns,
        }
    }

    /// The glyph of a state word.
    pub(crate) fn glyph(&self, state: &str) -> String {
        let (glyph, ascii, colour) = look(state);
        self.coloured(if self.ascii { ascii } else { glyph }, colour)
    }

    /// A state word in its colour.
    pub(crate) fn word(&self, state: &str) -> String {
        let (_, _, colour) = look(state);
        self.coloured(&state.replace('_', " "), colour)
    }

    /// Any word in the colour of a state.
    pub(crate) fn as_state(&self, word: &str, state: &str) -> String {
        let (_, _, colour) = look(state);
        self.coloured(word, colour)
    }

    /// Something that must not be missed.
    pub(crate) fn alarm(&self, text: &str) -> String {
        self.coloured(text, Colour::Yellow)
    }

    /// Something that may be skipped.
    pub(crate) fn faint(&self, text: &str) -> String {
        self.coloured(text, Colour::Dim)
    }

    /// A heading.
    pub(crate) fn strong(&self, text: &str) -> String {
        self.coloured(text, Colour::Bold)
    }

    fn coloured(&self, text: &str, colour: Colour) -> String {
        if self.colours {
            format!("\u{1b}[{}m{text}\u{1b}[0m", colour as u8)
        } else {
            text.to_owned()
        }
    }

    /// The text in what can be shown.
    pub(crate) fn fit<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.ascii && !text.is_ascii() {
            Cow::Owned(text::escaped(text))
        } else {
            Cow::Borrowed(text)
        }
    }

    /// The text, cut to `columns`, with a sign at the cut that can be shown.
    pub(crate) fn cut(&self, text: &str, columns: usize) -> String {
        let text = &*self.fit(text);
        let short = text::cut(text, columns);
        match short.strip_suffix('…') {
            Some(kept) if self.ascii && short.len() != text.len() => format!("{kept}~"),
            Some(_) | None => short,
        }
    }

    /// `label` in a column of its own, then the text, wrapped beside it.
    pub(crate) fn labelled(&self, label: &str, value: &str) -> Vec<String> {
        let indent = " ".repeat(LABEL_COLUMNS);
        self.hanging(&format!("{label:<LABEL_COLUMNS$}"), &indent, value)
    }

    /// `head` and the text after it; further lines begin with `indent`.
    pub(crate) fn hanging(&self, head: &str, indent: &str, value: &str) -> Vec<String> {
        let room = self
            .columns
            .saturating_sub(text::width(indent).max(text::width(head)));
        let mut lines = text::wrap(&self.fit(&text::line(value)), room.max(8), "").into_iter();
        let first = format!("{head}{}", lines.next().unwrap_or_default());
        let rest = lines.map(|line| format!("{indent}{line}"));
        std::iter::once(first)
            .chain(rest)
            .map(|line| line.trim_end().to_owned())
            .collect()
    }
}

/// The width of the column of labels.
const LABEL_COLUMNS: usize = 10;

/// A state's glyph, its ASCII stand-in, and its colour.
fn look(state: &str) -> (&'static str, &'static str, Colour) {
    match state {
        "by_hand" => ("?", "?", Colour::Yellow),
        "succeeded" | "approved" | "attested" => ("✓", "+", Colour::Green),
        "failed" | "attempt_failed" | "refused" => ("✗", "x", Colour::Red),
        "running" | "polling" | "ending" => ("●", "*", Colour::Cyan),
        "waiting" | "backoff" => ("◌", "~", Colour::Cyan),
        "open" => ("?", "?", Colour::Yellow),
        "in_doubt" | "needs_operator" | "contradicted" => ("!", "!", Colour::Yellow),
        "paused" | "withdrawn" => ("‖", "=", Colour::Yellow),
        "cancelled" | "stopped" => ("■", "#", Colour::Yellow),
        "skipped" => ("-", "-", Colour::Dim),
        // `pending`, `ready`, and what a newer owner may say.
        _ => ("·", ".", Colour::Dim),
    }
}

/// How wide standard output is, when it is a terminal.
pub(crate) fn columns() -> Option<usize> {
    columns_of(&std::io::stdout())
}

fn columns_of(stream: &impl rustix::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    Some(match size.ws_col {
        0 => 80,
        columns => usize::from(columns),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_wrapped_beside_its_label() {
        let paint = Paint {
            colours: false,
            ascii: true,
            columns: 24,
        };
        let lines = paint.labelled("reason", "a reason of some length");
        assert_eq!(lines, ["reason    a reason of", "          some length"]);
        assert_eq!(paint.glyph("failed"), "x");
        let lines = paint.labelled("title", "grün 数");
        assert_eq!(lines, ["title     gr\\u{fc}n", "          \\u{6570}"]);
        assert_eq!(paint.cut("数数数数", 9), "\\u{6570}~");
    }
}
