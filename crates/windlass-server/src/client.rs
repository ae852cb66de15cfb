//! The client: a typed method for each route, over the owner's socket.
//! Every call but a stream ends within a bound; nothing is retried.

mod error;
mod events;
mod http;
mod probe;

use std::path::{Path, PathBuf};

use windlass_core::id::{NodeId, RunId};

pub use error::ClientError;
pub use events::Events;

use crate::wire::{
    API_VERSION, Abandon, Accepted, Ack, Acked, Acknowledge, Approve, Attest, BringSecrets, Cancel,
    CloseReview, Compact, Decline, OutboxDone, OutboxList, OutboxOrder, Override, OwnerView, Pause,
    Prune, Pruned, Refresh, Reject, Resolve, Resume, Retry, RunFilter, RunList, RunView, Shutdown,
    ShutdownAnswer, SpaceGiven, StartRun, Started, Suspend, TakeOver,
};

/// Talks to the owner of a state directory.
#[derive(Clone, Debug)]
pub struct Client {
    http: http::Http,
    socket: PathBuf,
}

impl Client {
    /// Connects to the owner of a state directory; `None` when nobody listens there.
    ///
    /// # Errors
    /// The socket is not this user's to use, its owner does not answer, or it speaks
    /// another version of the interface.
    pub async fn connect(state_dir: &Path) -> Result<Option<Self>, ClientError> {
        match probe::find(state_dir).await? {
            Some(socket) => Self::at(&socket).await.map(Some),
            None => Ok(None),
        }
    }

    /// Connects to a socket by its path.
    ///
    /// # Errors
    /// As [`Client::connect`]; also when nobody listens.
    pub async fn at(socket: &Path) -> Result<Self, ClientError> {
        let client = Self {
            http: http::Http::new(socket)?,
            socket: socket.to_owned(),
        };
        let owner = client.owner().await?;
        if owner.api != API_VERSION {
            return Err(ClientError::OtherVersion {
                pid: owner.pid,
                version: owner.version,
            });
        }
        Ok(client)
    }

    /// The socket that it talks through.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Who owns the state directory.
    ///
    /// # Errors
    /// See [`ClientError`], here and below.
    pub async fn owner(&self) -> Result<OwnerView, ClientError> {
        self.http.get("/v1/owner").await
    }

    /// Rows of the runs index, the newest first.
    pub async fn runs(&self, filter: &RunFilter) -> Result<RunList, ClientError> {
        self.http
            .get(&format!("/v1/runs{}", http::query(filter)))
            .await
    }

    /// Starts a run; it is durable when this returns. A repeat with the same key is
    /// answered with the first run.
    pub async fn start(
        &self,
        start: &StartRun,
        idempotency_key: Option<&str>,
    ) -> Result<Started, ClientError> {
        self.http.post("/v1/runs", start, idempotency_key).await
    }

    /// One run.
    pub async fn run(&self, run: &RunId) -> Result<RunView, ClientError> {
        self.http.get(&format!("/v1/runs/{run}")).await
    }

    /// Follows a run from a record on: its history, then each record once it is durable.
    pub async fn events(&self, run: &RunId, from_seq: u64) -> Result<Events, ClientError> {
        let path = format!("/v1/runs/{run}/events?from={from_seq}");
        Ok(Events::new(self.http.stream(&path).await?))
    }

    /// The log of one attempt so far, with secrets already replaced; empty when it wrote none.
    pub async fn log(
        &self,
        run: &RunId,
        node: &NodeId,
        attempt: u32,
    ) -> Result<Vec<u8>, ClientError> {
        let node = http::segment(&node.to_string());
        let path = format!("/v1/runs/{run}/logs/{node}/{attempt}");
        self.http.bytes(&path).await
    }

    /// Approves a gate as it was seen.
    pub async fn approve(&self, run: &RunId, ask: &Approve) -> Result<Accepted, ClientError> {
        self.command(run, "approve", ask).await
    }

    /// Has old facts of a gate read anew.
    pub async fn refresh(&self, run: &RunId, ask: &Refresh) -> Result<Accepted, ClientError> {
        self.command(run, "refresh", ask).await
    }

    /// Rejects a gate.
    pub async fn reject(&self, run: &RunId, ask: &Reject) -> Result<Accepted, ClientError> {
        self.command(run, "reject", ask).await
    }

    /// Pauses a run.
    pub async fn pause(&self, run: &RunId, ask: &Pause) -> Result<Accepted, ClientError> {
        self.command(run, "pause", ask).await
    }

    /// Lets a paused run go on.
    pub async fn resume(&self, run: &RunId) -> Result<Accepted, ClientError> {
        self.command(run, "resume", &Resume {}).await
    }

    /// Cancels a run.
    pub async fn cancel(&self, run: &RunId, ask: &Cancel) -> Result<Accepted, ClientError> {
        self.command(run, "cancel", ask).await
    }

    /// Says what became of a change in doubt.
    pub async fn resolve(&self, run: &RunId, ask: &Resolve) -> Result<Accepted, ClientError> {
        self.command(run, "resolve", ask).await
    }

    /// Orders another attempt of what failed.
    pub async fn retry(&self, run: &RunId, ask: &Retry) -> Result<Accepted, ClientError> {
        self.command(run, "retry", ask).await
    }

    /// States that a failed node's purpose is met.
    pub async fn attest(&self, run: &RunId, ask: &Attest) -> Result<Accepted, ClientError> {
        self.command(run, "attest", ask).await
    }

    /// What a person was asked to do by hand is not done.
    pub async fn decline(&self, run: &RunId, ask: &Decline) -> Result<Accepted, ClientError> {
        self.command(run, "decline", ask).await
    }

    /// Gives up a run that waits after an irreversible step, or an undo that failed.
    pub async fn abandon(&self, run: &RunId, ask: &Abandon) -> Result<Accepted, ClientError> {
        self.command(run, "abandon", ask).await
    }

    /// Closes a review.
    pub async fn close_review(
        &self,
        run: &RunId,
        ask: &CloseReview,
    ) -> Result<Accepted, ClientError> {
        self.command(run, "close-review", ask).await
    }

    /// Lets another run change the target in the place of one.
    pub async fn suspend(&self, run: &RunId, ask: &Suspend) -> Result<Accepted, ClientError> {
        self.command(run, "suspend", ask).await
    }

    /// Lets a step begin that waits for a window or for the end of a freeze.
    pub async fn override_window(
        &self,
        run: &RunId,
        ask: &Override,
    ) -> Result<Accepted, ClientError> {
        self.command(run, "override", ask).await
    }

    /// Takes over the work that a debt demands.
    pub async fn take_over(&self, run: &RunId, ask: &TakeOver) -> Result<Accepted, ClientError> {
        self.command(run, "take-over", ask).await
    }

    /// Acknowledges that a resolution was contradicted.
    pub async fn acknowledge(
        &self,
        run: &RunId,
        ask: &Acknowledge,
    ) -> Result<Accepted, ClientError> {
        self.command(run, "acknowledge", ask).await
    }

    /// Brings secrets that a run waits for, and lets it go on.
    pub async fn bring_secrets(
        &self,
        run: &RunId,
        secrets: &BringSecrets,
    ) -> Result<RunView, ClientError> {
        let path = format!("/v1/runs/{run}/secrets");
        self.http.post(&path, secrets, None).await
    }

    /// Messages that are not delivered, of one run or of all.
    pub async fn outbox(&self, run: Option<&RunId>) -> Result<OutboxList, ClientError> {
        let path = match run {
            Some(run) => format!("/v1/outbox?run={run}"),
            None => "/v1/outbox".to_owned(),
        };
        self.http.get(&path).await
    }

    /// Orders something about one message.
    pub async fn order(&self, order: &OutboxOrder) -> Result<OutboxDone, ClientError> {
        self.http.post("/v1/outbox", order, None).await
    }

    /// Acknowledges the calls of a run.
    pub async fn ack(&self, run: &RunId) -> Result<Acked, ClientError> {
        let path = format!("/v1/runs/{run}/ack");
        self.http.post(&path, &Ack {}, None).await
    }

    /// Erases bodies and logs of ended runs.
    pub async fn prune(&self, ask: &Prune) -> Result<Pruned, ClientError> {
        self.http.post("/v1/prune", ask, None).await
    }

    /// Gives the space of erased bodies back to the file system.
    pub async fn compact(&self) -> Result<SpaceGiven, ClientError> {
        self.http.post("/v1/compact", &Compact {}, None).await
    }

    /// Asks the owner to park its runs and end.
    pub async fn shutdown(&self) -> Result<ShutdownAnswer, ClientError> {
        self.http.post("/v1/shutdown", &Shutdown {}, None).await
    }

    async fn command<T: serde::Serialize>(
        &self,
        run: &RunId,
        verb: &str,
        ask: &T,
    ) -> Result<Accepted, ClientError> {
        let path = format!("/v1/runs/{run}/{verb}");
        self.http.post(&path, ask, None).await
    }
}
