//! A plan as a Mermaid flowchart, for pages and pull requests that draw it themselves.

use std::fmt::Write as _;

use super::text::{mermaid as escape, wrap};
use super::{Card, Class, Drawing};
use crate::outline::Outline;
use crate::text::cut;

/// The longest line of a box, in columns.
const COLUMNS_MAX: usize = 40;
/// The most lines of a note.
const NOTE_LINES_MAX: usize = 4;
/// The most edges that Mermaid draws unless its page says otherwise (`maxEdges`).
const EDGES_MAX: usize = 500;
/// The most characters that Mermaid reads unless its page says otherwise (`maxTextSize`).
const CHARS_MAX: usize = 50_000;

/// The plan as a `flowchart TD`. One that Mermaid would refuse is drawn by its waves.
pub fn mermaid(outline: &Outline) -> String {
    let drawing = Drawing::of(outline);
    if drawing.edges.len() <= EDGES_MAX {
        let text = flowchart(&drawing);
        if text.chars().count() <= CHARS_MAX {
            return text;
        }
    }
    flowchart(&Drawing::by_waves(outline))
}

fn flowchart(drawing: &Drawing) -> String {
    let mut text = String::from("flowchart TD\n");
    // `writeln!` into a text does not fail.
    let _ = writeln!(text, "  accTitle: {}", plain(&drawing.name));
    let _ = writeln!(text, "  accDescr: {}", plain(&drawing.summary));
    if let Some(note) = &drawing.note {
        let _ = writeln!(text, "  %% {}", plain(note));
    }
    // A comment alone is not seen on the page.
    if let Some(note) = &drawing.note {
        let lines = wrap(note, COLUMNS_MAX, NOTE_LINES_MAX);
        let lines: Vec<String> = lines.iter().map(|line| escape(line)).collect();
        let _ = writeln!(text, "  wlNote[\"{}\"]", lines.join("<br/>"));
        let _ = writeln!(
            text,
            "  style wlNote fill:#ffffff,stroke:#8a8a8a,color:#333333"
        );
    }
    for (at, card) in drawing.cards.iter().enumerate() {
        if !drawing.bands[card.wave].finally {
            let _ = writeln!(text, "  {}", node(at, card));
        }
    }
    for (from, to) in &drawing.edges {
        let _ = writeln!(text, "  s{from} --> s{to}");
    }
    let last: Vec<String> = drawing
        .cards
        .iter()
        .enumerate()
        .filter(|(_, card)| drawing.bands[card.wave].finally)
        .map(|(at, card)| format!("    {}\n", node(at, card)))
        .collect();
    if !last.is_empty() {
        let _ = write!(
            text,
            "  subgraph finally [\"finally: however the run ends\"]\n{}  end\n",
            last.concat()
        );
    }
    for class in Class::ALL {
        if drawing.cards.iter().any(|card| card.class == class) {
            let _ = writeln!(text, "  classDef {} {}", class_name(class), style(class));
        }
    }
    text
}

/// Ids are made here, so that no name of a step can be a word of Mermaid, such as `end`.
fn node(at: usize, card: &Card) -> String {
    let mut lines = vec![cut(&card.head, COLUMNS_MAX)];
    lines.extend(card.lines.iter().map(|line| cut(line, COLUMNS_MAX)));
    if card.no_return {
        lines.push("point of no return".to_owned());
    }
    let label: Vec<String> = lines.iter().map(|line| escape(line)).collect();
    let label = label.join("<br/>");
    let (open, close) = match card.class {
        Class::Gate => ("{{", "}}"),
        Class::Wait => ("([", "])"),
        Class::Irreversible => ("[[", "]]"),
        Class::Read | Class::Idempotent | Class::Reversible | Class::Group => ("[", "]"),
    };
    format!("s{at}{open}\"{label}\"{close}:::{}", class_name(card.class))
}

/// A line of free text, which ends at the line's end and begins no directive.
fn plain(text: &str) -> String {
    text.replace(['{', '}', '%', ';', '#'], " ")
}

/// No class is called as a word of Mermaid.
fn class_name(class: Class) -> &'static str {
    match class {
        Class::Read => "wlRead",
        Class::Idempotent => "wlIdempotent",
        Class::Reversible => "wlReversible",
        Class::Irreversible => "wlIrreversible",
        Class::Gate => "wlGate",
        Class::Wait => "wlWait",
        Class::Group => "wlGroup",
    }
}

/// Colours that can be read on a light and on a dark page.
fn style(class: Class) -> &'static str {
    match class {
        Class::Read => "fill:#eef4fb,stroke:#5b7fa6,color:#1d2b3a",
        Class::Idempotent => "fill:#e6f5f0,stroke:#2f8f76,color:#12382e",
        Class::Reversible => "fill:#fff4da,stroke:#b98300,color:#4a3500",
        Class::Irreversible => "fill:#fde6e6,stroke:#c62828,stroke-width:3px,color:#5a1010",
        Class::Gate => "fill:#efe7fb,stroke:#6a3fb5,stroke-width:2px,color:#2f1760",
        Class::Wait => "fill:#f1f1f1,stroke:#8a8a8a,color:#333333",
        Class::Group => "fill:#f6f6f6,stroke:#777777,stroke-dasharray:4 2,color:#222222",
    }
}
