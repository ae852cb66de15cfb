//! Reads what a process prints: each line into the attempt's log, a bounded part
//! kept for the outputs. A reader goes on to the end of its stream even when nobody
//! waits for it any more: a closed pipe would kill whoever still writes, and a file
//! that nobody empties would fill the disk.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use windlass_core::outcome::OUTPUTS_BYTES_MAX;
use windlass_engine::attempt::AttemptLog;
use windlass_engine::redact::RedactedStream;

use super::lines::{Line, Lines};
use super::spool::{Read, Spool};
use crate::text::{printable, tail};

/// The most bytes of standard output that become outputs. All outputs of an attempt
/// have 256 KiB; the rest of it is for standard error's tail and the framing.
pub const STDOUT_BYTES_MAX: usize = OUTPUTS_BYTES_MAX - 8 * 1024;
/// The most bytes of standard error, from its end, in outputs and evidence.
pub const STDERR_TAIL_BYTES_MAX: usize = 4 * 1024;
/// How long, after the process ended, its output is waited for when something else
/// still holds it open.
pub const DRAIN: Duration = Duration::from_secs(2);

/// How often a file is looked into for what its process printed.
pub const POLL: Duration = Duration::from_millis(50);
/// The same once the process has ended and something that it started has not.
const POLL_ENDED: Duration = Duration::from_millis(5);
/// The same once nobody waits any more.
const POLL_CLOSED: Duration = Duration::from_secs(1);
/// How much is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Passes on, of a stream that holds more than that, what the command itself prints.
pub(crate) trait Sieve: Send {
    /// What of these bytes, and of those held back before, is the command's.
    fn pass(&mut self, bytes: &[u8]) -> Vec<u8>;
    /// Bytes were passed over.
    fn skipped(&mut self);
    /// What is still held back at the stream's end.
    fn rest(&mut self) -> Vec<u8>;
}

/// What one stream gave so far.
#[derive(Debug, Default)]
pub(crate) struct Captured {
    /// The first bytes, raw, `STDOUT_BYTES_MAX` and a little more; for standard output only.
    pub(crate) head: Vec<u8>,
    /// The last lines, redacted and printable, `STDERR_TAIL_BYTES_MAX` at most when joined.
    pub(crate) tail: String,
    /// All bytes, also those that were passed over.
    pub(crate) bytes: u64,
    /// Whether the stream was still open when the drain was over.
    pub(crate) still_open: bool,
}

/// Whether the head of a stream is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    Head,
    Tail,
}

/// A stream that is being read.
pub(super) struct Reading {
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
    /// Dropped once the process has ended; a file has no end that tells.
    running: oneshot::Sender<Infallible>,
}

struct State {
    keep: Keep,
    sieve: Option<Box<dyn Sieve>>,
    log: AttemptLog,
    /// Stands before the lines: a secret may be cut by any of their bounds.
    redacted: RedactedStream,
    lines: Lines,
    captured: Captured,
    tail: VecDeque<String>,
    tail_bytes: usize,
    /// Set once the outcome is made: from then on bytes are read and forgotten.
    closed: bool,
}

/// Where a stream comes from.
pub(super) enum Source {
    Pipe(Box<dyn AsyncRead + Send + Unpin>),
    File(Spool),
}

impl Reading {
    /// Starts to read a stream to its end.
    pub(super) fn start(
        source: Source,
        keep: Keep,
        sieve: Option<Box<dyn Sieve>>,
        log: AttemptLog,
    ) -> Self {
        let state = Arc::new(Mutex::new(State {
            keep,
            sieve,
            redacted: log.redactor().stream(),
            log,
            lines: Lines::default(),
            captured: Captured::default(),
            tail: VecDeque::new(),
            tail_bytes: 0,
            closed: false,
        }));
        let (running, ended) = oneshot::channel();
        let shared = state.clone();
        let task = match source {
            Source::Pipe(pipe) => tokio::spawn(drain(pipe, shared)),
            Source::File(spool) => tokio::spawn(follow(spool, shared, ended)),
        };
        Self {
            state,
            task,
            running,
        }
    }

    /// What the stream gave, once it ended or the deadline is over.
    pub(super) async fn finish(mut self, drained_by: tokio::time::Instant) -> Captured {
        drop(self.running);
        let ended = tokio::time::timeout_at(drained_by, &mut self.task).await;
        let mut state = lock(&self.state);
        state.finish(ended.is_err())
    }
}

async fn drain(mut pipe: impl AsyncRead + Unpin, shared: Arc<Mutex<State>>) {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        match pipe.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(count) => lock(&shared).take(&buffer[..count]),
        }
    }
}

/// Reads a file that grows, until its process has ended and nothing else holds it.
async fn follow(
    mut spool: Spool,
    shared: Arc<Mutex<State>>,
    mut ended: oneshot::Receiver<Infallible>,
) {
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut has_ended = false;
    loop {
        // Asked before the last reading: nothing comes after what nobody holds.
        let is_last = has_ended && !spool.is_held();
        if let Err(error) = catch_up(&mut spool, &shared, &mut buffer).await {
            let note = format!("[what it prints cannot be read any more: {error}]");
            lock(&shared).log.line(&note);
            break;
        }
        if is_last {
            break;
        }
        if has_ended {
            let closed = lock(&shared).closed;
            tokio::time::sleep(if closed { POLL_CLOSED } else { POLL_ENDED }).await;
        } else {
            has_ended = tokio::time::timeout(POLL, &mut ended).await.is_ok();
        }
    }
}

async fn catch_up(
    spool: &mut Spool,
    shared: &Mutex<State>,
    buffer: &mut [u8],
) -> std::io::Result<()> {
    loop {
        if lock(shared).closed {
            return spool.skip_all();
        }
        match spool.read(buffer)? {
            Read::Bytes(count) => lock(shared).take(&buffer[..count]),
            Read::Skipped(count) => lock(shared).skipped(count),
            Read::Emptied => lock(shared).emptied(),
            Read::End => return Ok(()),
        }
        // A command that prints without end is not all that this thread has to do.
        tokio::task::yield_now().await;
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").finish_non_exhaustive()
    }
}

impl State {
    fn take(&mut self, bytes: &[u8]) {
        if self.closed {
            return;
        }
        match &mut self.sieve {
            Some(sieve) => {
                let bytes = sieve.pass(bytes);
                self.keep(&bytes);
            }
            None => self.keep(bytes),
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.captured.bytes += bytes.len() as u64;
        if self.keep == Keep::Head {
            // One byte more than fits tells that there was more.
            let room = (STDOUT_BYTES_MAX + 1).saturating_sub(self.captured.head.len());
            let kept = &bytes[..bytes.len().min(room)];
            self.captured.head.extend_from_slice(kept);
        }
        let redacted = self.redacted.push(bytes);
        self.lines(&redacted);
    }

    fn lines(&mut self, redacted: &[u8]) {
        for line in self.lines.push(redacted) {
            self.line(&line);
        }
    }

    fn skipped(&mut self, count: u64) {
        if let Some(sieve) = &mut self.sieve {
            sieve.skipped();
        }
        let redacted = self.redacted.cut();
        self.lines(&redacted);
        if let Some(line) = self.lines.skip() {
            self.line(&line);
        }
        self.captured.bytes += count;
        self.log.line(&format!(
            "[{count} bytes were passed over: it prints faster than they can be read]"
        ));
    }

    fn emptied(&mut self) {
        let redacted = self.redacted.cut();
        self.lines(&redacted);
        if let Some(line) = self.lines.cut() {
            self.line(&line);
        }
        self.log
            .line("[the command emptied its output, as `> /dev/stderr` does; use `>&2`]");
    }

    fn line(&mut self, line: &Line) {
        let mut text = String::from_utf8_lossy(&line.bytes).into_owned();
        if line.cut {
            text.push('…');
        }
        // Once more: what is not printable may have stood inside a secret.
        let line = self.log.redact(&printable(&text));
        self.log.line(&line);
        if self.keep == Keep::Tail {
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
        if let Some(mut sieve) = self.sieve.take() {
            let rest = sieve.rest();
            self.keep(&rest);
        }
        let redacted = if still_open {
            self.redacted.cut()
        } else {
            self.redacted.finish()
        };
        self.lines(&redacted);
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
