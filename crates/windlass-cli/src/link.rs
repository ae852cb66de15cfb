//! The way from a command to its run: this process's own engine, or the owner that
//! another process is.

use std::time::{Duration, Instant};

use windlass_core::event::Event;
use windlass_core::id::{RunId, StepId};
use windlass_engine::Subscription;
use windlass_engine::owner::{Owner, Owning, try_own};
use windlass_engine::state_dir::{StateDir, StateDirError};
use windlass_server::client::{Client, ClientError, Events};
use windlass_server::wire::{
    Accepted, EventLine, OutboxOrder, Prune, Pruned, Refresh, RunView, SpaceGiven, StreamEnd,
    StreamLine,
};

use crate::args::Place;
use crate::ask::Ask;
use crate::error::{Error, io};
use crate::look::foreign_owner;
use crate::owner::{Manner, Owned};

/// How long an owner may take to begin to listen, or to end.
const OWNER_WAIT: Duration = Duration::from_secs(5);
/// How often it is looked at meanwhile.
const OWNER_LOOK: Duration = Duration::from_millis(50);

/// How long an approver waits for facts that are read; then the gate says what is missing.
const FACTS_WAIT: Duration = Duration::from_secs(120);
/// How often they are looked at meanwhile.
const FACTS_LOOK: Duration = Duration::from_millis(50);

/// Who carries commands out.
#[derive(Debug)]
pub(crate) enum Link {
    /// This process owns the directory.
    Own(Box<Owned>),
    /// Another process does.
    Peer(Client),
}

/// Why an owner does not answer.
fn silent(place: &Place, by: Option<Owner>, is_stopped: bool) -> String {
    let root = place.root.display();
    match by {
        Some(by) if is_stopped => format!(
            "{root} is owned by {by}, which is stopped: `kill -CONT {}` lets it go on",
            by.pid
        ),
        Some(by) => format!("{root} is owned by {by}, which does not answer on its socket"),
        None => format!("{root} is owned by another process, which does not answer on its socket"),
    }
}

impl Link {
    /// Takes the directory if it is free, else reaches its owner.
    pub(crate) async fn open(place: &Place, manner: Manner) -> Result<Self, Error> {
        let dir = match StateDir::prepare(&place.root) {
            Ok(dir) => dir,
            Err(StateDirError::ForeignOwner { uid, .. }) => {
                return reach_foreign(place, uid).await.map(Self::Peer);
            }
            Err(error) => return Err(error.into()),
        };
        let since = Instant::now();
        loop {
            let held = try_own(&dir).map_err(io("lock", &dir.owner_lock()))?;
            let by = match held {
                Owning::Owned(lock) => {
                    let owned = Owned::open(place, lock, manner).await?;
                    return Ok(Self::Own(Box::new(owned)));
                }
                Owning::Held { by } => by,
            };
            let is_stopped = by.as_ref().is_some_and(Owner::is_stopped);
            if !is_stopped {
                // It may have only just begun, or be about to end.
                match Client::connect(&place.root).await {
                    Ok(Some(client)) => return Ok(Self::Peer(client)),
                    Ok(None) | Err(ClientError::Unreachable { .. } | ClientError::Broken(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            if since.elapsed() > OWNER_WAIT {
                return Err(Error::Busy(silent(place, by, is_stopped)));
            }
            tokio::time::sleep(OWNER_LOOK).await;
        }
    }

    /// Reaches the owner, who must be there.
    pub(crate) async fn peer(place: &Place) -> Result<Client, Error> {
        if place.root.exists()
            && let Some(uid) = foreign_owner(&place.root)?
        {
            return reach_foreign(place, uid).await;
        }
        Client::connect(&place.root).await?.ok_or_else(|| {
            let root = place.root.display();
            Error::NobodyListens {
                message: format!("nobody listens for {root}, so nobody would drive the run"),
                help: "start `windlass serve`, or leave --detach out".to_owned(),
            }
        })
    }

    /// The run as people see it.
    pub(crate) async fn view(&self, run: &RunId) -> Result<RunView, Error> {
        match self {
            Link::Own(owned) => owned.view(run).await,
            Link::Peer(client) => Ok(client.run(run).await?),
        }
    }

    /// Carries a command out; what it made happen is durable when this returns.
    /// Who approves is not refused for facts that have got old while he read them: they are
    /// read anew first, and judged by the rules that he saw.
    pub(crate) async fn send(&self, run: &RunId, ask: Ask) -> Result<Accepted, Error> {
        if let Ask::Approve(approve) = &ask {
            self.freshen(run, &approve.gate).await?;
        }
        self.carry_out(run, ask).await
    }

    async fn freshen(&self, run: &RunId, gate: &StepId) -> Result<(), Error> {
        let since = Instant::now();
        let mut is_asked = false;
        loop {
            let view = self.view(run).await?;
            let open = view.gates.iter().find(|open| open.step == *gate);
            let facts = open.map_or(&[][..], |open| &open.facts);
            if facts.is_empty() {
                return Ok(());
            }
            if !is_asked {
                let gate = gate.clone();
                self.carry_out(run, Ask::Refresh(Refresh { gate })).await?;
                is_asked = true;
            } else if facts.iter().all(|fact| !fact.is_asked) || since.elapsed() > FACTS_WAIT {
                return Ok(());
            }
            tokio::time::sleep(FACTS_LOOK).await;
        }
    }

    async fn carry_out(&self, run: &RunId, ask: Ask) -> Result<Accepted, Error> {
        match self {
            Link::Own(owned) => owned.send(run, ask).await,
            Link::Peer(client) => Ok(ask.send(client, run).await?),
        }
    }

    /// Orders something about one message; answers whether there is one of its number.
    pub(crate) async fn order(&self, order: OutboxOrder) -> Result<bool, Error> {
        match self {
            Link::Own(owned) => owned.order(order).await,
            Link::Peer(client) => Ok(client.order(&order).await?.found),
        }
    }

    /// Acknowledges the calls of a run; answers how many there were.
    pub(crate) async fn acknowledge(&self, run: &RunId) -> Result<u32, Error> {
        match self {
            Link::Own(owned) => owned.acknowledge(run).await,
            Link::Peer(client) => Ok(client.ack(run).await?.calls),
        }
    }

    /// Erases bodies and logs of ended runs.
    pub(crate) async fn prune(&self, ask: &Prune) -> Result<Pruned, Error> {
        match self {
            Link::Own(owned) => owned.prune(ask).await,
            Link::Peer(client) => Ok(client.prune(ask).await?),
        }
    }

    /// Gives the space of erased bodies back.
    pub(crate) async fn compact(&self) -> Result<SpaceGiven, Error> {
        match self {
            Link::Own(owned) => owned.compact().await,
            Link::Peer(client) => Ok(client.compact().await?),
        }
    }

    /// The run's records from `from_seq` on, as they come.
    pub(crate) async fn follow(&self, run: &RunId, from_seq: u64) -> Result<Stream, Error> {
        Ok(match self {
            Link::Own(owned) => {
                let subscription = owned.engine.subscribe(run, from_seq).await?;
                Stream::Own {
                    subscription,
                    ended: false,
                }
            }
            Link::Peer(client) => Stream::Peer(Box::new(client.events(run, from_seq).await?)),
        })
    }

    /// Returns when this process's engine has failed; never for another owner.
    pub(crate) async fn failed(&self) -> Error {
        match self {
            Link::Own(owned) => {
                let fatal = owned.engine.fatal().await;
                windlass_engine::CommandError::Fatal(fatal).into()
            }
            Link::Peer(_) => std::future::pending().await,
        }
    }

    /// Returns when somebody asked this process to end; never for another owner.
    pub(crate) async fn told_to_end(&self) {
        match self {
            Link::Own(owned) => owned.told_to_end().await,
            Link::Peer(_) => std::future::pending().await,
        }
    }

    /// Returns when nothing is in flight and no timer is due; never for another owner.
    pub(crate) async fn idle(&self) {
        match self {
            Link::Own(owned) => owned.engine.wait_idle().await,
            Link::Peer(_) => std::future::pending().await,
        }
    }
}

/// Reaches the owner of somebody else's directory.
pub(crate) async fn reach_foreign(place: &Place, uid: u32) -> Result<Client, Error> {
    let root = place.root.display();
    let nobody = |message: String| Error::NobodyListens {
        message,
        help: format!(
            "ask the user with uid {uid} to run `windlass serve --state-dir {root} --socket-group GROUP`, with a group of yours"
        ),
    };
    match Client::connect(&place.root).await {
        Ok(Some(client)) => Ok(client),
        Ok(None) => Err(nobody(format!(
            "nobody listens for {root}, which belongs to the user with uid {uid}"
        ))),
        Err(ClientError::PermissionDenied(_)) => Err(nobody(format!(
            "nobody listens for you at {root}, which belongs to the user with uid {uid}"
        ))),
        Err(error) => Err(error.into()),
    }
}

/// A run's records as they come, then why there are no more.
#[derive(Debug)]
pub(crate) enum Stream {
    Own {
        subscription: Subscription,
        ended: bool,
    },
    Peer(Box<Events>),
}

impl Stream {
    /// The next line; after the end, never again one. Cancelling loses nothing.
    pub(crate) async fn next(&mut self) -> Result<StreamLine, Error> {
        match self {
            Stream::Own {
                subscription,
                ended,
            } => {
                if *ended {
                    return Ok(end("run_ended", "the run has ended"));
                }
                let Some(recorded) = subscription.next().await? else {
                    return Ok(end("owner_stopped", "this process is ending"));
                };
                *ended = matches!(recorded.event, Event::RunEnded { .. });
                let line = EventLine::new(recorded.seq, recorded.at, &recorded.event);
                Ok(StreamLine::Event(line))
            }
            Stream::Peer(events) => match events.next().await {
                Ok(Some(line)) => Ok(line),
                Ok(None) => std::future::pending().await,
                // The owner is gone without a word, as after a crash.
                Err(ClientError::Broken(_)) => Ok(end(
                    "owner_stopped",
                    "the owner is gone; what it drove stands still",
                )),
                Err(error) => Err(error.into()),
            },
        }
    }
}

fn end(code: &str, message: &str) -> StreamLine {
    StreamLine::End(StreamEnd {
        code: code.to_owned(),
        message: message.to_owned(),
        help: None,
    })
}
