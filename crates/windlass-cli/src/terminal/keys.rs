//! What is typed while the live view is shown. The view draws it itself, so the
//! terminal neither echoes nor collects lines; signals stay with the terminal.

use std::io::{self, Read as _};
use std::sync::{Mutex, PoisonError};

use rustix::termios::{
    self, LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios,
};
use tokio::sync::mpsc;

/// The longest line that can be typed; a reason is bounded by the engine.
const LINE_CHARS_MAX: usize = 2_000;

/// The modes to go back to, while they are changed.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Whether somebody sits at the terminal: it is one, and this process is in its foreground.
pub(crate) fn is_attended() -> bool {
    use io::IsTerminal as _;
    let stdin = io::stdin();
    let in_foreground = termios::tcgetpgrp(&stdin)
        .is_ok_and(|group| Some(group.as_raw_nonzero().get()) == own_process_group());
    stdin.is_terminal() && io::stdout().is_terminal() && in_foreground
}

/// Read from proc(5): `getpgrp` of rustix states that it is never 0, which is not so for a
/// group that was made outside of this process's PID namespace.
fn own_process_group() -> Option<i32> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(2)?.parse().ok()
}

/// Takes the keyboard; `None` when the terminal does not let us.
pub(crate) fn take() -> Option<Keys> {
    let stdin = io::stdin();
    let before = termios::tcgetattr(&stdin).ok()?;
    *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
    apply()?;
    let (sender, bytes) = mpsc::channel(256);
    // A thread of its own: a read from a terminal cannot be cancelled.
    std::thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        let mut byte = [0];
        while stdin.read_exact(&mut byte).is_ok() && sender.blocking_send(byte[0]).is_ok() {}
    });
    Some(Keys {
        bytes,
        line: Line::default(),
    })
}

/// Sets the modes, also again after the process was stopped and went on.
pub(crate) fn apply() -> Option<()> {
    let before = BEFORE
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()?;
    let mut modes = before;
    modes
        .local_modes
        .remove(LocalModes::ICANON | LocalModes::ECHO);
    modes.special_codes[SpecialCodeIndex::VMIN] = 1;
    modes.special_codes[SpecialCodeIndex::VTIME] = 0;
    termios::tcsetattr(io::stdin(), OptionalActions::Now, &modes).ok()
}

/// Gives the terminal back as it was. Does nothing when it was not taken.
pub(crate) fn restore() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(before) = before {
        let _gone = termios::tcsetattr(io::stdin(), OptionalActions::Now, &before);
    }
}

/// The keyboard; dropping it gives the terminal back.
#[derive(Debug)]
pub(crate) struct Keys {
    bytes: mpsc::Receiver<u8>,
    line: Line,
}

impl Drop for Keys {
    fn drop(&mut self) {
        restore();
    }
}

impl Keys {
    /// The next key's effect; `Some` when a line was ended. Cancelling loses nothing.
    pub(crate) async fn next(&mut self) -> Option<String> {
        match self.bytes.recv().await {
            Some(byte) => self.line.push(byte),
            None => std::future::pending().await,
        }
    }

    /// What has been typed so far.
    pub(crate) fn typed(&self) -> &str {
        &self.line.text
    }

    /// Forgets what was typed before anybody asked, so that it answers nothing.
    pub(crate) fn forget(&mut self) {
        let _gone = termios::tcflush(io::stdin(), QueueSelector::IFlush);
        while self.bytes.try_recv().is_ok() {}
        self.line = Line::default();
    }
}

/// A line being typed.
#[derive(Debug, Default)]
struct Line {
    text: String,
    /// Bytes of a character that is not complete.
    partial: Vec<u8>,
    escape: Escape,
}

/// Where in an escape sequence (such as an arrow key's) the input is.
#[derive(Clone, Copy, Debug, Default)]
enum Escape {
    #[default]
    Outside,
    Began,
    Inside,
}

impl Line {
    fn push(&mut self, byte: u8) -> Option<String> {
        match (self.escape, byte) {
            (Escape::Began, b'[' | b'O') => self.escape = Escape::Inside,
            (Escape::Began, _) => self.escape = Escape::Outside,
            (Escape::Inside, 0x40..=0x7e) => self.escape = Escape::Outside,
            (Escape::Inside, _) => {}
            (Escape::Outside, 0x1b) => self.escape = Escape::Began,
            (Escape::Outside, b'\n' | b'\r') => return Some(std::mem::take(&mut self.text)),
            (Escape::Outside, 0x7f | 0x08) => {
                self.text.pop();
            }
            // Ctrl-U and Ctrl-W, as in the terminal's own line mode.
            (Escape::Outside, 0x15) => self.text.clear(),
            (Escape::Outside, 0x17) => {
                let kept = self.text.trim_end().rfind(' ').map_or(0, |at| at + 1);
                self.text.truncate(kept);
            }
            (Escape::Outside, 0x00..0x20) => {}
            (Escape::Outside, _) => self.add(byte),
        }
        None
    }

    fn add(&mut self, byte: u8) {
        self.partial.push(byte);
        match std::str::from_utf8(&self.partial) {
            Ok(char) => {
                if self.text.chars().count() < LINE_CHARS_MAX {
                    self.text.push_str(&crate::text::lines(char));
                }
                self.partial.clear();
            }
            Err(error) if error.error_len().is_some() => self.partial.clear(),
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_edited_and_ended() {
        let typed = |bytes: &[u8]| {
            let mut line = Line::default();
            bytes.iter().find_map(|byte| line.push(*byte))
        };
        assert_eq!(typed(b"go\r").unwrap(), "go");
        assert_eq!(typed(b"gp\x7fo\n").unwrap(), "go");
        assert_eq!(typed(b"reject not now\n").unwrap(), "reject not now");
        assert_eq!(typed(b"one two\x17three\n").unwrap(), "one three");
        assert_eq!(typed(b"x\x15go\n").unwrap(), "go");
        assert_eq!(typed(b"g\x1b[Ao\x1bOP\n").unwrap(), "go");
        assert_eq!(typed("grün\n".as_bytes()).unwrap(), "grün");
        assert_eq!(typed(b"a\xff\xffb\n").unwrap(), "ab");
        assert_eq!(typed(b"go"), None);
    }
}
