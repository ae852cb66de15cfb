//! Why the engine did not do what a caller asked.

use std::sync::Arc;

use windlass_core::id::{ActionName, NodeId, RunId};
use windlass_core::rejection::Rejection;
use windlass_core::time::Timestamp;
use windlass_journal::{StorageError, WriteError};

/// Why an engine was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("two sources offer the action {0}")]
    DuplicateAction(ActionName),
    #[error("a source lists the action {0} and has no runner for it")]
    NoRunner(ActionName),
    #[error("take the journal over: {0}")]
    Epoch(#[from] WriteError),
    #[error("read the runs index: {0}")]
    Index(#[from] StorageError),
    #[error("look for processes of earlier attempts in /proc: {0}")]
    Orphans(std::io::Error),
    #[error("record the load of the policy: {0}")]
    PolicyNotRecorded(String),
}

/// Why a command was not carried out. Nothing was recorded, except that after
/// [`CommandError::Fatal`] it may have been.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CommandError {
    #[error(transparent)]
    Rejected(#[from] Rejection),
    #[error("there is no run {0}")]
    UnknownRun(RunId),
    #[error("the bodies of run {run} were erased{}", erased_how(.erased.as_ref()))]
    Erased { run: RunId, erased: Option<Erased> },
    /// A fact that belongs to no run.
    #[error("record it: {0}")]
    NotRecorded(Arc<str>),
    /// Its records cannot be trusted or understood; the other runs go on.
    #[error("run {run} is quarantined: {reason}")]
    Quarantined { run: RunId, reason: Arc<str> },
    /// A bug of the engine met this run; the other runs go on.
    #[error("run {run} is faulted, which is a bug of windlass: {reason}")]
    Faulted { run: RunId, reason: Arc<str> },
    /// A person says of a change that it did not happen while its runner works on it.
    #[error("attempt {attempt} of {node} is still in flight: wait until its runner has come back")]
    StillInFlight { node: NodeId, attempt: u32 },
    #[error("record it: {0}")]
    TooLarge(Arc<str>),
    #[error("the engine is stopping")]
    Stopping,
    /// Another process locks the journal; it may be tried again.
    #[error("the journal is busy: another process holds its lock")]
    Busy,
    /// The store failed, and with it the engine. Whether the command was recorded is
    /// known after a restart.
    #[error("the engine has stopped: {0}")]
    Fatal(Fatal),
    #[error("make a run id: {0}")]
    NoRandomness(Arc<str>),
    #[error("use the idempotency key: {0}")]
    BadKey(Arc<str>),
    #[error("the runbook's text is not what the plan was made from")]
    OtherRunbook,
    #[error("keep the runbook's text: {0}")]
    RunbookNotKept(Arc<str>),
    #[error("verify a signature by `ssh-keygen`: {0}")]
    NotVerified(Arc<str>),
    /// Outcomes and timers are the engine's own to tell.
    #[error("the command is not an operator's")]
    NotForCallers,
}

/// By whom and when the bodies of a run were erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erased {
    pub at: Timestamp,
    /// In words, such as `ann (uid 1000)`.
    pub by: String,
}

/// ` on TIME by PERSON`; nothing where no record that can be read tells.
pub(crate) fn erased_how(erased: Option<&Erased>) -> String {
    erased.map_or(String::new(), |Erased { at, by }| {
        format!(" on {at} by {by}")
    })
}

/// What ended the engine: the process is expected to end with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Fatal {
    pub reason: Arc<str>,
    /// Whether the reason is a new owner of the journal, and not its storage.
    pub fenced: bool,
}
