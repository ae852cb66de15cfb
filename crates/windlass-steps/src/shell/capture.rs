//! Reads what a process prints: each line into the attempt's log, a bounded part
//! kept for the outputs. A reader goes on to the end of its pipe even when nobody
//! waits for it any more, because a closed pipe would kill whoever still writes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::task::JoinHandle;
use windlass_core::outcome::OUTPUTS_BYTES_MAX;
use windlass_engine::attempt::{AttemptLog, LOG_LINE_BYTES_MAX};
use windlass_engine::ports::Secrets;

use crate::text::{drop_cut_secret, printable, tail};

/// The most bytes of standard output that become outputs. All outputs of an attempt
/// have 256 KiB; the rest of it is for standard error's tail and the framing.
pub const STDOUT_BYTES_MAX: usize = OUTPUTS_BYTES_MAX - 8 * 1024;
/// The most bytes of standard error, from its end, in outputs and evidence.
pub const STDERR_TAIL_BYTES_MAX: usize = 4 * 1024;
/// How long, after the process ended, its output is waited for when something else
/// still holds the pipe open.
pub const DRAIN: Duration = Duration::from_secs(2);

/// The most bytes of one line that are looked at; what follows up to the line's end
/// is dropped. Longer than the log's own bound, which cuts after redaction.
const LINE_BYTES_MAX: usize = 4 * LOG_LINE_BYTES_MAX;

/// What one stream gave so far.
#[derive(Debug, Default)]
pub(super) struct Captured {
    /// The first bytes, raw, `STDOUT_BYTES_MAX` and a little more; for standard output only.
    pub(super) head: Vec<u8>,
    /// The last lines, redacted and printable, `STDERR_TAIL_BYTES_MAX` at most when joined.
    pub(super) tail: String,
    /// All bytes read.
    pub(super) bytes: u64,
    /// Whether the stream was still open when the drain was over.
    pub(super) still_open: bool,
}

/// Whether the head of a stream is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    Head,
    Tail,
}

/// A stream that is being read.
#[derive(Debug)]
pub(super) struct Reading {
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    keep: Keep,
    log: AttemptLog,
    secrets: Secrets,
    lines: Lines,
    captured: Captured,
    tail: VecDeque<String>,
    tail_bytes: usize,
    /// Set once the outcome is made: from then on bytes are read and forgotten.
    closed: bool,
}

impl Reading {
    /// Starts to read a stream to its end.
    pub(super) fn start(
        mut stream: impl AsyncRead + Unpin + Send + 'static,
        keep: Keep,
        log: AttemptLog,
        secrets: Secrets,
    ) -> Self {
        let state = Arc::new(Mutex::new(State {
            keep,
            log,
            secrets,
            lines: Lines::default(),
            captured: Captured::default(),
            tail: VecDeque::new(),
            tail_bytes: 0,
            closed: false,
        }));
        let shared = state.clone();
        let task = tokio::spawn(async move {
            let mut buffer = vec![0; 16 * 1024];
            loop {
                match stream.read(&mut buffer).await {
                    Ok(0) | Err(_) => break,
                    Ok(count) => lock(&shared).take(&buffer[..count]),
                }
            }
        });
        Self { state, task }
    }

    /// What the stream gave, once it ended or the deadline is over.
    pub(super) async fn finish(mut self, drained_by: tokio::time::Instant) -> Captured {
        let ended = tokio::time::timeout_at(drained_by, &mut self.task).await;
        let mut state = lock(&self.state);
        state.finish(ended.is_err())
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn take(&mut self, bytes: &[u8]) {
        if self.closed {
            return;
        }
        self.captured.bytes += bytes.len() as u64;
        if self.keep == Keep::Head {
            // One byte more than fits tells that there was more.
            let room = (STDOUT_BYTES_MAX + 1).saturating_sub(self.captured.head.len());
            let kept = &bytes[..bytes.len().min(room)];
            self.captured.head.extend_from_slice(kept);
        }
        for line in self.lines.push(bytes) {
            self.line(&line);
        }
    }

    fn line(&mut self, line: &Line) {
        let mut text = String::from_utf8_lossy(&line.bytes).into_owned();
        if line.cut {
            drop_cut_secret(&mut text, self.secrets.values());
            text.push('…');
        }
        // Before and after: a secret may hold what is not printable, and what is not
        // printable may stand inside a secret.
        let line = printable(&self.log.redact(&text));
        self.log.line(&line);
        if self.keep == Keep::Tail {
            let line = self.log.redact(&line);
            self.tail_bytes += line.len() + 1;
            self.tail.push_back(line);
            while self.tail.len() > 1
                && self.tail_bytes - self.tail[0].len() > STDERR_TAIL_BYTES_MAX
            {
                self.tail_bytes -= self.tail.pop_front().map_or(0, |line| line.len() + 1);
            }
        }
    }

    fn finish(&mut self, still_open: bool) -> Captured {
        if let Some(line) = self.lines.rest() {
            self.line(&line);
        }
        self.closed = true;
        let mut captured = std::mem::take(&mut self.captured);
        captured.still_open = still_open;
        let lines: Vec<String> = self.tail.drain(..).collect();
        tail(&lines.join("\n"), STDERR_TAIL_BYTES_MAX).clone_into(&mut captured.tail);
        captured
    }
}

/// Cuts a stream into lines. A carriage return ends a line too, as in progress bars.
#[derive(Debug, Default)]
struct Lines {
    pending: Vec<u8>,
    /// Whether the pending line reached its bound, and its rest is dropped.
    full: bool,
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let (text, ends) = match piece.split_last() {
                Some((b'\n' | b'\r', text)) => (text, true),
                _ => (piece, false),
            };
            let room = LINE_BYTES_MAX - self.pending.len();
            self.full |= text.len() > room;
            self.pending
                .extend_from_slice(&text[..text.len().min(room)]);
            if ends {
                // The second half of CRLF, and blank lines, say nothing.
                lines.extend(self.rest());
            }
        }
        lines
    }

    fn rest(&mut self) -> Option<Line> {
        let bytes = std::mem::take(&mut self.pending);
        let cut = std::mem::take(&mut self.full);
        (!bytes.is_empty()).then_some(Line { bytes, cut })
    }
}

/// One line, without its end.
#[derive(Debug)]
struct Line {
    bytes: Vec<u8>,
    /// Whether its rest was dropped.
    cut: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_survive_any_cut_and_stay_bounded() {
        let text = b"one\r\ntwo\n\nthree\rfour";
        for at in 0..text.len() {
            let mut lines = Lines::default();
            let mut all = lines.push(&text[..at]);
            all.extend(lines.push(&text[at..]));
            all.extend(lines.rest());
            let all: Vec<&[u8]> = all.iter().map(|line| line.bytes.as_slice()).collect();
            assert_eq!(all, [&b"one"[..], b"two", b"three", b"four"], "cut at {at}");
        }
        let mut lines = Lines::default();
        for _ in 0..20 {
            assert!(lines.push(&[b'x'; LINE_BYTES_MAX / 4]).is_empty());
        }
        let line = lines.rest().unwrap();
        assert_eq!((line.bytes.len(), line.cut), (LINE_BYTES_MAX, true));
    }
}
