//! The live view: lines that last above, the frame below, and the prompt in its last
//! line. Drawing is indicatif's; the process's own log goes around it.

use std::io::IsTerminal as _;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::signal::unix::{Signal, SignalKind, signal};
use windlass_core::time::Timestamp;
use windlass_server::wire::{EventLine, RunView};

use super::announce::Announced;
use super::answer::Asked;
use super::keys::{self, Keys};
use crate::ask::Ask;
use crate::logging;
use crate::render::{Paint, frame, note};
use crate::{text, time};

/// How often the frame is drawn at most.
const DRAWS_PER_SECOND: u8 = 20;

/// The live view of one run.
#[derive(Debug)]
pub(crate) struct Live {
    multi: MultiProgress,
    bar: ProgressBar,
    keys: Option<Keys>,
    /// Tells that the process goes on after it was stopped.
    continued: Option<Signal>,
    announced: Announced,
    run: Option<Box<RunView>>,
    /// The gates and the work by hand that the prompt asks for, with their attempts.
    asked: Vec<(String, u32)>,
}

impl Live {
    /// Takes the terminal; `None` when standard output is none that can be drawn on.
    pub(crate) fn start() -> Option<Self> {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        if dumb || !std::io::stdout().is_terminal() {
            return None;
        }
        let target = ProgressDrawTarget::stdout_with_hz(DRAWS_PER_SECOND);
        let multi = MultiProgress::with_draw_target(target);
        let style = ProgressStyle::with_template("{msg}").ok()?;
        let bar = multi.add(ProgressBar::new_spinner().with_style(style));
        let keys = keys::is_attended().then(keys::take).flatten();
        let cont = SignalKind::from_raw(rustix::process::Signal::CONT.as_raw());
        logging::step_around(Some(multi.clone()));
        Some(Self {
            multi,
            bar,
            keys,
            continued: signal(cont).ok(),
            announced: Announced::default(),
            run: None,
            asked: Vec::new(),
        })
    }

    pub(super) fn event(&mut self, line: &EventLine) {
        let paint = Paint::of_stdout();
        let told = match line.event() {
            Ok(event) => {
                self.announced.loops.learn(&event);
                note(&event, Timestamp(line.at_ms), &self.announced.loops)
            }
            Err(_) => None,
        };
        if let Some(told) = told.filter(|told| told.lasting) {
            // The glyph is put in front afterwards: wrapping takes escapes out.
            let mut lines = paint.hanging("  ", "    ", &told.text);
            if let Some(first) = lines.first_mut() {
                *first = format!("{} {}", paint.glyph(told.state), first.trim_start());
            }
            self.say(&lines);
        }
    }

    pub(super) fn know(&mut self, before: &RunView) {
        self.announced.know(before);
    }

    pub(super) fn show(&mut self, run: &RunView) {
        let paint = Paint::of_stdout();
        let lines = self
            .announced
            .news(run, time::now(), &paint, self.keys.is_none());
        self.say(&lines);
        let gates = run.gates.iter();
        let gates = gates.map(|gate| (gate.step.to_string(), gate.attempt));
        let by_hand = run.by_hand.iter();
        let by_hand = by_hand.map(|asked| (asked.node.to_string(), asked.attempt));
        let asked: Vec<(String, u32)> = gates.chain(by_hand).collect();
        if asked != self.asked {
            // What was typed was an answer to something else, or to nothing.
            if let Some(keys) = &mut self.keys {
                keys.forget();
            }
            self.asked = asked;
        }
        self.run = Some(Box::new(run.clone()));
        self.redraw();
    }

    pub(super) fn redraw(&mut self) {
        let Some(run) = &self.run else { return };
        let paint = Paint::of_stdout();
        let typed = self.keys.as_ref().map(Keys::typed);
        let mut lines = frame(run, typed, time::now(), &paint);
        let rows = rustix::termios::tcgetwinsize(std::io::stdout())
            .map_or(24, |size| usize::from(size.ws_row.max(4)));
        // The headline and the prompt stay, whatever is between them.
        if lines.len() > rows - 1 {
            lines.drain(1..=lines.len() - (rows - 1));
        }
        self.bar.set_message(lines.join("\n"));
        self.bar.tick();
    }

    pub(super) fn say(&mut self, lines: &[String]) {
        if !lines.is_empty() {
            let paint = Paint::of_stdout();
            let lines: Vec<String> = lines.iter().flat_map(|line| fitted(line, &paint)).collect();
            let _gone = self.multi.println(lines.join("\n"));
        }
    }

    pub(super) fn clear(&mut self) {
        self.run = None;
        self.bar.set_message("");
        let _gone = self.multi.clear();
    }

    pub(super) async fn typed(&mut self) -> Option<String> {
        let Some(keys) = &mut self.keys else {
            return std::future::pending().await;
        };
        let continued = async {
            match &mut self.continued {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            line = keys.next() => line,
            _ = continued => {
                // The shell set its own modes meanwhile.
                let _gone = keys::apply();
                None
            }
        }
    }

    pub(super) fn answer(&mut self, typed: &str) -> Option<Ask> {
        let run = self.run.as_ref()?;
        let asked = Asked {
            gates: &run.gates,
            by_hand: &run.by_hand,
        };
        match asked.answer(typed) {
            Ok(ask) => ask,
            Err(what) => {
                self.say(&[format!("  {what}")]);
                None
            }
        }
    }
}

/// A line in the width of the terminal. Commands stay whole, as they are to be copied;
/// coloured lines have been fitted before.
fn fitted(line: &str, paint: &Paint) -> Vec<String> {
    let body = line.trim_start_matches(' ');
    if text::width(line) <= paint.columns
        || body.starts_with("windlass ")
        || line.contains('\u{1b}')
    {
        return vec![line.to_owned()];
    }
    let indent = " ".repeat(line.len() - body.len());
    paint.hanging(&indent, &format!("{indent}  "), body)
}

impl Drop for Live {
    fn drop(&mut self) {
        self.clear();
        logging::step_around(None);
    }
}
