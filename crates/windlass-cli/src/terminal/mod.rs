//! Where a followed run is shown: as JSON lines, as plain lines, or as a live view.

mod announce;
mod answer;
pub(crate) mod keys;
mod live;

use windlass_core::time::Timestamp;
use windlass_server::wire::{EventLine, RunView, StreamEnd, StreamLine};

use self::announce::Announced;
use self::live::Live;
use crate::ask::Ask;
use crate::error::Error;
use crate::output;
use crate::render::{Loops, Paint, note};
use crate::{text, time};

/// Where a followed run is shown.
#[derive(Debug)]
pub(crate) enum Screen {
    /// Each record as one JSON object on standard output, and nothing else there.
    Json,
    /// One line for each thing that happens; never a question.
    Plain(Announced),
    /// A terminal: what happened scrolls away above what is in flight.
    Live(Box<Live>),
}

impl Screen {
    /// The screen that fits standard output.
    pub(crate) fn new(json: bool) -> Self {
        if json {
            return Self::Json;
        }
        match Live::start() {
            Some(live) => Self::Live(Box::new(live)),
            None => Self::Plain(Announced::default()),
        }
    }

    /// Plain lines, wherever they go: for what shows no single run.
    pub(crate) fn plain() -> Self {
        Self::Plain(Announced::default())
    }

    /// A screen without the live view: for what does not go on.
    pub(crate) fn unattended(json: bool) -> Self {
        if json { Self::Json } else { Self::plain() }
    }

    /// Whether what is shown grows old by itself.
    pub(crate) fn is_live(&self) -> bool {
        match self {
            Screen::Json | Screen::Plain(_) => false,
            Screen::Live(_) => true,
        }
    }

    /// A record has come.
    pub(crate) fn event(&mut self, line: &EventLine) {
        match self {
            Screen::Json => json(&StreamLine::Event(line.clone())),
            Screen::Plain(announced) => {
                if let Some(note) = note_of(line, &mut announced.loops) {
                    let at = time::clock(Timestamp(line.at_ms));
                    output::out(&format!("{at} {note}"));
                }
            }
            Screen::Live(live) => live.event(line),
        }
    }

    /// The run as it is now.
    pub(crate) fn show(&mut self, run: &RunView) {
        match self {
            Screen::Json => {}
            Screen::Plain(announced) => {
                let lines = announced.news(run, time::now(), &Paint::plain(), true);
                lines.iter().for_each(|line| output::out(line));
            }
            Screen::Live(live) => live.show(run),
        }
    }

    /// The stream has ended; the live view goes away and leaves what lasts.
    pub(crate) fn end(&mut self, end: &StreamEnd) {
        match self {
            Screen::Json => json(&StreamLine::End(end.clone())),
            Screen::Plain(_) => {}
            Screen::Live(live) => live.clear(),
        }
    }

    /// The run as it was before a command: only what is new since is told.
    pub(crate) fn know(&mut self, before: &RunView) {
        match self {
            Screen::Json => {}
            Screen::Plain(announced) => announced.know(before),
            Screen::Live(live) => live.know(before),
        }
    }

    /// Takes the live view away, before the last lines.
    pub(crate) fn clear(&mut self) {
        match self {
            Screen::Json | Screen::Plain(_) => {}
            Screen::Live(live) => live.clear(),
        }
    }

    /// How the run ended. The records have said it already where they are shown as JSON.
    pub(crate) fn say_end(&mut self, lines: &[String]) {
        match self {
            Screen::Json => {}
            Screen::Plain(_) | Screen::Live(_) => self.say(lines),
        }
    }

    /// Lines of windlass's own, after which the live view goes on. Not for JSON.
    pub(crate) fn say(&mut self, lines: &[String]) {
        match self {
            Screen::Json => lines.iter().for_each(|line| output::err(line)),
            Screen::Plain(_) => lines.iter().for_each(|line| output::out(line)),
            Screen::Live(live) => live.say(lines),
        }
    }

    /// What this screen can show.
    pub(crate) fn paint(&self) -> Paint {
        match self {
            Screen::Json | Screen::Plain(_) => Paint::plain(),
            Screen::Live(_) => Paint::of_stdout(),
        }
    }

    /// What was typed: a whole line, or nothing yet after a single key.
    pub(crate) async fn typed(&mut self) -> Option<String> {
        match self {
            Screen::Json | Screen::Plain(_) => std::future::pending().await,
            Screen::Live(live) => live.typed().await,
        }
    }

    /// What a typed line asks for; says so when it cannot be understood.
    pub(crate) fn answer(&mut self, typed: &str) -> Option<Ask> {
        match self {
            Screen::Json | Screen::Plain(_) => None,
            Screen::Live(live) => live.answer(typed),
        }
    }

    /// Draws what is known anew.
    pub(crate) fn redraw(&mut self) {
        match self {
            Screen::Json | Screen::Plain(_) => {}
            Screen::Live(live) => live.redraw(),
        }
    }

    /// What came of an answer; a granted one shows by its event.
    pub(crate) fn answered(&mut self, refused: Option<&Error>) {
        if let Some(error) = refused {
            let refused = text::line(&error.to_string());
            self.say(&[format!("not accepted: {refused}")]);
        }
    }
}

/// The text of a record; of one that only a newer windlass knows, its kind.
fn note_of(line: &EventLine, loops: &mut Loops) -> Option<String> {
    match line.event() {
        Ok(event) => {
            loops.learn(&event);
            Some(note(&event, Timestamp(line.at_ms), loops)?.text)
        }
        Err(_) => Some(text::line(&line.kind)),
    }
}

fn json(line: &StreamLine) {
    let encoded = line.encode();
    output::data(String::from_utf8_lossy(&encoded).trim_end());
}
