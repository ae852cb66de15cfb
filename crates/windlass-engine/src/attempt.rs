//! What an attempt is handed: the token that proves its intent (see `token`), the signal
//! to stop, the durable checkpoint, what it was refused, the progress line and the bounded,
//! redacted log. Beside the log stands what its processes are found again by (see `session`).

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot, watch};
use windlass_core::outcome::{CHECKPOINT_BYTES_MAX, LogRef};
use windlass_core::refusal::Refusal;

use crate::redact::Redactor;

pub(crate) mod session;
mod token;

pub use token::{DispatchToken, HandedOver, TooLate};
pub(crate) use token::{SendWindow, later};

/// The most bytes of an attempt's log; what comes after is counted, not kept.
pub const LOG_BYTES_MAX: u64 = 1024 * 1024;
/// The longest line that the log redacts and keeps whole; longer ones are cut there.
pub const LOG_LINE_BYTES_MAX: usize = 16 * 1024;

/// Becomes set when nobody waits for the attempt any more.
#[derive(Clone, Debug)]
pub struct CancelSignal(watch::Receiver<bool>);

impl CancelSignal {
    /// A signal and the sender that sets it.
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Returns once the signal is set; never, when its sender is gone unset.
    pub async fn cancelled(&mut self) {
        if self.0.wait_for(|set| *set).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Why a checkpoint was not kept.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error("a checkpoint has at most {CHECKPOINT_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the run does not take checkpoints of this attempt any more")]
    Closed,
}

/// A checkpoint on its way to the journal.
pub(crate) type CheckpointRequest = (String, oneshot::Sender<()>);

/// Keeps data that a later reconcile is given back.
#[derive(Clone, Debug)]
pub struct Checkpoints(mpsc::Sender<CheckpointRequest>);

impl Checkpoints {
    /// A sink and the receiver that the engine serves.
    pub fn new() -> (Self, mpsc::Receiver<(String, oneshot::Sender<()>)>) {
        let (sender, receiver) = mpsc::channel(1);
        (Self(sender), receiver)
    }

    /// Returns once the data is durable.
    pub async fn save(&self, data: String) -> Result<(), CheckpointError> {
        if data.len() > CHECKPOINT_BYTES_MAX {
            return Err(CheckpointError::TooLarge);
        }
        let (done, durable) = oneshot::channel();
        self.0
            .send((data, done))
            .await
            .map_err(|_| CheckpointError::Closed)?;
        durable.await.map_err(|_| CheckpointError::Closed)
    }
}

/// A refusal on its way to the journal.
pub(crate) type RefusalNotice = (Refusal, oneshot::Sender<()>);

/// Tells the run what was asked for and not granted.
#[derive(Clone, Debug)]
pub struct Refusals(mpsc::Sender<RefusalNotice>);

impl Refusals {
    /// A sink and the receiver that the engine serves.
    pub fn new() -> (Self, mpsc::Receiver<(Refusal, oneshot::Sender<()>)>) {
        let (sender, receiver) = mpsc::channel(1);
        (Self(sender), receiver)
    }

    /// Returns once it is durable, or the run takes no more of this attempt.
    pub async fn tell(&self, refusal: Refusal) {
        let (done, durable) = oneshot::channel();
        if self.0.send((refusal, done)).await.is_ok() {
            let _not_taken = durable.await;
        }
    }
}

/// The last line that an attempt said of itself; shown, never journalled. Every secret of
/// the run is replaced in it.
#[derive(Clone, Debug)]
pub struct Progress {
    line: watch::Sender<String>,
    redactor: Redactor,
}

impl Progress {
    /// A progress line and its reader.
    pub fn new(redactor: &Redactor) -> (Self, watch::Receiver<String>) {
        let (line, receiver) = watch::channel(String::new());
        let redactor = redactor.clone();
        (Self { line, redactor }, receiver)
    }

    /// Replaces the line.
    pub fn say(&self, line: &str) {
        self.line.send_replace(self.redactor.text(line));
    }
}

/// The log of one attempt: one bounded file, with every secret of the run replaced by
/// `[secret]` before a byte is written.
#[derive(Clone)]
pub struct AttemptLog {
    redactor: Redactor,
    file: Arc<Mutex<LogFile>>,
}

struct LogFile {
    path: PathBuf,
    file: Option<std::fs::File>,
    hasher: Sha256,
    bytes: u64,
    dropped: u64,
    progress: Progress,
    /// What `finish` answered first; it answers the same again.
    finished: Option<LogRef>,
}

impl std::fmt::Debug for AttemptLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AttemptLog")
    }
}

impl AttemptLog {
    /// A log at `path`, created with the first line. Each line is also the progress line.
    pub fn new(path: PathBuf, redactor: &Redactor, progress: Progress) -> Self {
        let file = LogFile {
            path,
            file: None,
            hasher: Sha256::new(),
            bytes: 0,
            dropped: 0,
            progress,
            finished: None,
        };
        Self {
            redactor: redactor.clone(),
            file: Arc::new(Mutex::new(file)),
        }
    }

    /// What replaces the run's secrets, for all that the attempt gives.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Adds one line, without its line end. Errors of the file are told once in the
    /// process's own log and end the attempt's log, never the attempt.
    pub fn line(&self, line: &str) {
        let mut log = self
            .file
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        // Redact before cutting, so that no half of a secret is left at the cut.
        log.write_line(self.redactor.text(line));
    }

    /// The text with every secret of the run replaced; for outputs and messages.
    pub fn redact(&self, text: &str) -> String {
        self.redactor.text(text)
    }

    /// The directory of the log, created when it is not there: the place for what a
    /// runner must keep in files for a while.
    pub fn directory(&self) -> std::io::Result<PathBuf> {
        let log = self
            .file
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let directory = log.path.parent().unwrap_or(std::path::Path::new("."));
        std::fs::create_dir_all(directory)?;
        Ok(directory.to_owned())
    }

    /// Records that the child with this pid leads the session of the attempt's processes,
    /// or is about to make it; right after the start, before the child is waited for.
    /// The engine removes the record once the attempt's known end is durable.
    pub fn record_session(&self, leader: u32) -> std::io::Result<()> {
        let log = self
            .file
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        session::record(&log.path, leader)
    }

    /// What the outcome says about the log; `None` when nothing was written. Ends the
    /// log: later lines are not kept, and a second call answers the same.
    pub fn finish(&self) -> Option<LogRef> {
        let mut log = self
            .file
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if log.finished.is_some() {
            return log.finished.clone();
        }
        if log.dropped > 0 {
            let note = format!("[{} more bytes were dropped]\n", log.dropped);
            log.dropped = 0;
            log.write_raw(note.as_bytes());
        }
        let file = log.file.take()?;
        drop(file);
        let sha256 = log.hasher.clone().finalize();
        let sha256 = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        log.finished = Some(LogRef {
            bytes: log.bytes,
            sha256,
        });
        log.finished.clone()
    }
}

impl LogFile {
    fn write_line(&mut self, mut line: String) {
        if line.len() > LOG_LINE_BYTES_MAX {
            let cut = (0..=LOG_LINE_BYTES_MAX)
                .rev()
                .find(|at| line.is_char_boundary(*at));
            line.truncate(cut.unwrap_or(0));
            line.push('…');
        }
        if !line.trim().is_empty() {
            self.progress.say(line.trim());
        }
        line.push('\n');
        if self.bytes + line.len() as u64 > LOG_BYTES_MAX {
            self.dropped += line.len() as u64;
        } else {
            self.write_raw(line.as_bytes());
        }
    }

    fn write_raw(&mut self, bytes: &[u8]) {
        if self.file.is_none() && self.bytes == 0 {
            match open_log(&self.path) {
                Ok(file) => self.file = Some(file),
                Err(error) => {
                    tracing::warn!(path = %self.path.display(), %error, "cannot open the attempt's log");
                    return;
                }
            }
        }
        let Some(file) = &mut self.file else { return };
        if let Err(error) = file.write_all(bytes) {
            tracing::warn!(path = %self.path.display(), %error, "cannot write the attempt's log");
            self.file = None;
            self.bytes = LOG_BYTES_MAX;
            return;
        }
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

fn open_log(path: &std::path::Path) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    #[test]
    fn secrets_are_found_line_by_line_and_the_end_is_told_twice_alike() {
        let dir = tempfile::tempdir().unwrap();
        let secret = "-----KEY-----\nMIIsecret\"quoted";
        let redactor = Redactor::new(&[SecretString::from(secret)]);
        let (progress, _reader) = Progress::new(&redactor);
        let path = dir.path().join("log");
        let log = AttemptLog::new(path.clone(), &redactor, progress);
        assert_eq!(log.finish(), None);
        for line in [
            "it says MIIsecret\"quoted",
            r#"{"k":"-----KEY-----\nMIIsecret\"quoted"}"#,
        ] {
            log.line(line);
        }
        let told = log.finish();
        log.line("too late");
        assert_eq!(log.finish(), told);
        let kept = std::fs::read_to_string(path).unwrap();
        assert_eq!(kept, "it says [secret]\n{\"k\":\"[secret]\"}\n");
        assert_eq!(told.unwrap().bytes, kept.len() as u64);
    }
}
