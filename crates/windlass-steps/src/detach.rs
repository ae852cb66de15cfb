//! Keeps an attempt's work apart from the waiting for it. A timeout of a change ends
//! the waiting, not the work: when the engine drops the future that it was given, a
//! change goes on in its own task, and a read is told that nobody waits any more.

use std::convert::Infallible;
use std::future::Future;

use tokio::sync::oneshot;
use tokio::time::Instant;
use windlass_core::outcome::{Effected, Failure, Outcome};
use windlass_engine::attempt::CancelSignal;
use windlass_engine::ports::StepContext;

/// Why nobody waits for an attempt any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Cancelled,
    Deadline,
    /// The future was dropped.
    Abandoned,
}

impl Stop {
    /// The stable word for outcomes.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Stop::Cancelled | Stop::Abandoned => "cancelled",
            Stop::Deadline => "timeout",
        }
    }

    /// For people.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Stop::Cancelled => "the run asked to stop",
            Stop::Deadline => "the attempt's time is over",
            Stop::Abandoned => "nobody waits for the attempt any more",
        }
    }
}

/// Tells when to stop waiting.
#[derive(Debug)]
pub(crate) struct Stops {
    cancel: CancelSignal,
    deadline: Instant,
    abandoned: oneshot::Receiver<Infallible>,
}

impl Stops {
    /// Returns once there is a reason to stop. Cancel-safe.
    pub(crate) async fn stopped(&mut self) -> Stop {
        tokio::select! {
            () = self.cancel.cancelled() => Stop::Cancelled,
            () = tokio::time::sleep_until(self.deadline) => Stop::Deadline,
            _ = &mut self.abandoned => Stop::Abandoned,
        }
    }

    /// As `stopped`, but a change in flight is never stopped.
    pub(crate) async fn stopped_unless(&mut self, change_in_flight: bool) -> Stop {
        if change_in_flight {
            std::future::pending().await
        } else {
            self.stopped().await
        }
    }
}

/// Runs work in a task of its own and waits for it.
pub(crate) async fn detached<F, W>(context: StepContext, work: W) -> Outcome
where
    W: FnOnce(StepContext, Stops) -> F,
    F: Future<Output = Outcome> + Send + 'static,
{
    // Held by this future: dropping it tells the task.
    let (_waiting, abandoned) = oneshot::channel();
    let stops = Stops {
        cancel: context.cancel.clone(),
        deadline: context.deadline_instant,
        abandoned,
    };
    match tokio::spawn(work(context, stops)).await {
        Ok(outcome) => outcome,
        Err(error) => Outcome::Failed(Failure {
            effect: Effected::Unknown,
            code: "runner_ended".to_owned(),
            message: format!("the step's runner ended without an answer: {error}"),
            evidence: None,
            log: None,
        }),
    }
}
