//! What people ask of a run, in the form of the wire, and how it is carried out: by
//! this process's own engine, or by the owner behind the socket.

use windlass_core::command::Command;
use windlass_core::id::RunId;
use windlass_core::operator::Operator;
use windlass_server::client::{Client, ClientError};
use windlass_server::wire::{
    Abandon, Accepted, Acknowledge, Approve, Attest, Cancel, CloseReview, Decline, Override, Pause,
    Refresh, Reject, Resolve, Retry, Suspend, TakeOver,
};

/// A command of a person.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Approve(Approve),
    Refresh(Refresh),
    Reject(Reject),
    Pause(Pause),
    Resume,
    Cancel(Cancel),
    Resolve(Resolve),
    Retry(Retry),
    Attest(Attest),
    Decline(Decline),
    Abandon(Abandon),
    TakeOver(TakeOver),
    Override(Override),
    Suspend(Suspend),
    Acknowledge(Acknowledge),
    CloseReview(CloseReview),
}

impl Ask {
    /// The command of the core, by this person.
    pub(crate) fn into_command(self, by: Operator) -> Command {
        match self {
            Ask::Approve(Approve {
                gate,
                statement,
                note,
                // The engine says whose it is: see `Owned::send`.
                signature: _,
            }) => Command::Approve {
                gate,
                by,
                seen: statement.into(),
                note,
                signature: None,
            },
            Ask::Refresh(Refresh { gate }) => Command::Refresh { gate, by },
            Ask::Reject(Reject { gate, reason }) => Command::Reject { gate, by, reason },
            Ask::Pause(Pause { reason }) => Command::Pause { by, reason },
            Ask::Resume => Command::Resume { by },
            Ask::Cancel(Cancel { reason, undo }) => Command::Cancel { by, reason, undo },
            Ask::Resolve(Resolve {
                node,
                reason,
                verdict,
            }) => Command::Resolve {
                node,
                by,
                reason,
                verdict: verdict.into(),
            },
            Ask::Retry(Retry {
                node,
                reason,
                nothing_remains,
            }) => Command::Retry {
                node,
                by,
                reason,
                nothing_remains,
            },
            Ask::Attest(Attest {
                node,
                attempt,
                reason,
                outputs,
            }) => Command::Attest {
                node,
                attempt,
                by,
                reason,
                outputs,
            },
            Ask::Decline(Decline {
                node,
                attempt,
                reason,
                effect,
            }) => Command::Decline {
                node,
                attempt,
                by,
                reason,
                effect,
            },
            Ask::Abandon(Abandon { reason }) => Command::Abandon { by, reason },
            Ask::TakeOver(TakeOver { step, reason }) => Command::TakeOver { step, by, reason },
            Ask::Override(Override { step, reason }) => Command::Override { step, by, reason },
            Ask::Suspend(Suspend { rescue, reason }) => Command::Suspend { rescue, by, reason },
            Ask::CloseReview(CloseReview {
                review,
                code,
                reason,
            }) => Command::CloseReview {
                review,
                by,
                code,
                reason,
            },
            Ask::Acknowledge(Acknowledge { node, reason }) => {
                Command::Acknowledge { node, by, reason }
            }
        }
    }

    /// Sends it to the owner.
    pub(crate) async fn send(self, client: &Client, run: &RunId) -> Result<Accepted, ClientError> {
        match self {
            Ask::Approve(ask) => client.approve(run, &ask).await,
            Ask::Refresh(ask) => client.refresh(run, &ask).await,
            Ask::Reject(ask) => client.reject(run, &ask).await,
            Ask::Pause(ask) => client.pause(run, &ask).await,
            Ask::Resume => client.resume(run).await,
            Ask::Cancel(ask) => client.cancel(run, &ask).await,
            Ask::Resolve(ask) => client.resolve(run, &ask).await,
            Ask::Retry(ask) => client.retry(run, &ask).await,
            Ask::Attest(ask) => client.attest(run, &ask).await,
            Ask::Decline(ask) => client.decline(run, &ask).await,
            Ask::Abandon(ask) => client.abandon(run, &ask).await,
            Ask::TakeOver(ask) => client.take_over(run, &ask).await,
            Ask::Override(ask) => client.override_window(run, &ask).await,
            Ask::Suspend(ask) => client.suspend(run, &ask).await,
            Ask::CloseReview(ask) => client.close_review(run, &ask).await,
            Ask::Acknowledge(ask) => client.acknowledge(run, &ask).await,
        }
    }

    /// What has been done, for the line that says so.
    pub(crate) fn done(&self) -> String {
        match self {
            Ask::Approve(ask) => format!("approved gate {}", ask.gate),
            Ask::Refresh(ask) => format!("the facts of gate {} are read", ask.gate),
            Ask::Reject(ask) => format!("rejected gate {}", ask.gate),
            Ask::Pause(_) => "paused".to_owned(),
            Ask::Resume => "resumed".to_owned(),
            Ask::Cancel(_) => "cancel accepted".to_owned(),
            Ask::Resolve(ask) => format!("settled the doubt about {}", ask.node),
            Ask::Retry(ask) => format!("ordered another attempt of {}", ask.node),
            Ask::Attest(ask) => format!("attested {}", ask.node),
            Ask::Decline(ask) => format!("declined {}", ask.node),
            Ask::Abandon(_) => "given up".to_owned(),
            Ask::TakeOver(ask) => format!("took over the debt {}", ask.step),
            Ask::Override(ask) => format!("let {} begin, against its window or a freeze", ask.step),
            Ask::Suspend(ask) => format!("suspended until run {} has ended", ask.rescue),
            Ask::CloseReview(ask) => format!("closed review {}", ask.review),
            Ask::Acknowledge(ask) => format!("acknowledged the contradiction of {}", ask.node),
        }
    }
}
