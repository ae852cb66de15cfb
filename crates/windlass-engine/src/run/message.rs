//! What a run's task is told by others.

use tokio::sync::oneshot;
use windlass_core::command::Command;
use windlass_core::event::Event;
use windlass_core::id::RunId;
use windlass_journal::IdempotencyKey;

use crate::error::CommandError;

/// What came of an accepted command.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandAnswer {
    /// The run; for a repeated start, the first one.
    pub run: RunId,
    /// What it made happen; empty when there was nothing to do.
    pub events: Vec<Event>,
    /// The `seq` that the run's next record will have.
    pub next_seq: u64,
}

/// A message to a run's task.
#[derive(Debug)]
pub(crate) enum Message {
    /// Somebody asks for something and waits for the answer.
    Ask {
        command: Command,
        key: Option<IdempotencyKey>,
        answer: oneshot::Sender<Result<CommandAnswer, CommandError>>,
    },
    /// A runner tells something that is to be kept.
    Tell {
        command: Command,
        durable: oneshot::Sender<()>,
    },
    /// A timer is due, or what kept the run waiting has come.
    Wake,
}
