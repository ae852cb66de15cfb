//! Brings to the run's task what a runner tells while it works: what is to be kept for a
//! later look, and what a plugin was refused.

use tokio::sync::{mpsc, oneshot};
use windlass_core::command::Command;
use windlass_core::id::{NodeId, RunId};
use windlass_core::refusal::Refusal;

use super::Message;
use crate::attempt::{AttemptLog, CheckpointRequest, RefusalNotice};

/// What one attempt, or one look at it, tells.
pub(super) struct Forward {
    pub(super) run: RunId,
    pub(super) node: NodeId,
    pub(super) attempt: u32,
    pub(super) kept: mpsc::Receiver<CheckpointRequest>,
    pub(super) refused: mpsc::Receiver<RefusalNotice>,
    pub(super) mailbox: Option<mpsc::Sender<Message>>,
    pub(super) log: AttemptLog,
}

impl Forward {
    /// Serves until it is dropped.
    pub(super) async fn serve(mut self) -> std::convert::Infallible {
        while let Some((command, durable)) = self.next().await {
            let Some(mailbox) = &self.mailbox else { break };
            let told = Message::Tell { command, durable };
            if mailbox.send(told).await.is_err() {
                tracing::debug!(run = %self.run, node = %self.node, "the run takes no words of the attempt any more");
                break;
            }
        }
        std::future::pending().await
    }

    /// `None` when the runner has let go of both.
    async fn next(&mut self) -> Option<(Command, oneshot::Sender<()>)> {
        let (node, attempt) = (self.node.clone(), self.attempt);
        tokio::select! {
            Some((data, durable)) = self.kept.recv() => {
                let data = self.log.redact(&data);
                Some((Command::Checkpoint { node, attempt, data }, durable))
            }
            Some((refusal, durable)) = self.refused.recv() => {
                let asked = self.log.redact(&refusal.asked);
                let missing = self.log.redact(&refusal.missing);
                let refusal = Refusal::new(refusal.by, &asked, &missing);
                Some((Command::Refused { node, attempt, refusal }, durable))
            }
            else => None,
        }
    }
}
