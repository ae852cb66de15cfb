//! The life of a run's task: load, take over, then one thing at a time until nothing
//! is in flight, and leave.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Interval, MissedTickBehavior, interval};
use windlass_core::command::{Command, Orphan};
use windlass_core::id::{NodeId, RunId};
use windlass_core::time::{Millis, Timestamp};

use super::Message;
use super::flight::{Flight, Landed};
use super::launch::FreshIntent;
use super::perform::Wake;
use super::step::{For, Refused};
use crate::error::CommandError;
use crate::limits::{LACKING_TICK_MS, LINGER_MS, ORPHAN_POLL};
use crate::replay;
use crate::shared::{Phase, Shared};
use crate::snapshot::Snapshot;

/// A run's task.
pub(super) struct Task {
    pub(super) shared: Arc<Shared>,
    pub(super) run: RunId,
    pub(super) mailbox: mpsc::WeakSender<Message>,
    pub(super) messages: mpsc::Receiver<Message>,
    /// What is durable.
    pub(super) snapshot: Snapshot,
    /// Whether what an earlier process had in flight has been dealt with. Before that,
    /// nothing is begun.
    pub(super) is_opened: bool,
    /// Attempts whose intent this process has just made durable and not handed over yet.
    pub(super) fresh: BTreeMap<(NodeId, u32), FreshIntent>,
    pub(super) flight: Flight,
    pub(super) orphans: Vec<Orphan>,
    orphan_poll: Interval,
    /// No look before this, after an answer that was not accepted.
    pub(super) look_pauses: BTreeMap<NodeId, Timestamp>,
    /// No tick before this, after one that changed nothing.
    pub(super) tick_pause: Option<Timestamp>,
}

/// What a task does next.
enum Next {
    Park,
    /// The engine has stopped: everything stays as it is.
    Stop,
    /// Nothing can come by itself any more.
    Leave,
    Landed(Landed),
    Message(Message),
    Tick,
    PollOrphans,
    /// A look is due, or somebody was about to send a message and did not.
    Again,
}

/// Lives until nothing of the run is in flight, or the engine stops.
pub(super) async fn live(
    shared: Arc<Shared>,
    run: RunId,
    mailbox: mpsc::WeakSender<Message>,
    mut messages: mpsc::Receiver<Message>,
    permit: Option<OwnedSemaphorePermit>,
) {
    let snapshot = match load(&shared, &run, permit).await {
        Ok(snapshot) => snapshot,
        Err(error) => return refuse_all(&shared, &run, &mut messages, &error).await,
    };
    if let Some(last) = snapshot.state.last_at() {
        shared.clock.not_before(last);
    }
    let mut orphan_poll = interval(ORPHAN_POLL);
    orphan_poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut task = Task {
        shared,
        run,
        mailbox,
        messages,
        snapshot,
        is_opened: false,
        fresh: BTreeMap::new(),
        flight: Flight::default(),
        orphans: Vec::new(),
        orphan_poll,
        look_pauses: BTreeMap::new(),
        tick_pause: None,
    };
    if task.snapshot.next_seq > 0 {
        task.publish();
    }
    if let Err(refused) = task.work().await {
        let error = refused.for_caller();
        refuse_all(&task.shared, &task.run, &mut task.messages, &error).await;
    }
}

/// The run's state, from memory or from the journal.
async fn load(
    shared: &Arc<Shared>,
    run: &RunId,
    permit: Option<OwnedSemaphorePermit>,
) -> Result<Snapshot, CommandError> {
    let cached = shared.registry().take_cached(run);
    if let Some(snapshot) = cached {
        return Ok(Arc::unwrap_or_clone(snapshot));
    }
    let _permit = match permit {
        Some(permit) => permit,
        None => Arc::clone(&shared.loads)
            .acquire_owned()
            .await
            .map_err(|_| CommandError::Stopping)?,
    };
    replay::load(shared, run).await
}

/// Ends a task that cannot go on: whoever waits is told why.
async fn refuse_all(
    shared: &Shared,
    run: &RunId,
    messages: &mut mpsc::Receiver<Message>,
    error: &CommandError,
) {
    {
        let mut registry = shared.registry();
        registry.halted.insert(run.clone());
        if registry.driven.remove(run).is_some() && matches!(error, CommandError::Busy) {
            // A run whose journal was locked is tried again.
            registry
                .wheel
                .set(run, shared.clock.now() + Millis(LINGER_MS));
        }
    }
    messages.close();
    // Also what is on its way: a sender that found room before the close.
    while let Some(message) = messages.recv().await {
        match message {
            Message::Ask { answer, .. } => {
                // A caller who has gone needs no answer.
                let _gone = answer.send(Err(error.clone()));
            }
            Message::Tell { .. } | Message::Wake => {}
        }
    }
    shared.wheel_changed.notify_one();
    shared.changed();
}

impl Task {
    async fn work(&mut self) -> Result<(), Refused> {
        if self.snapshot.next_seq == 0 {
            self.is_opened = true;
        } else {
            self.load_plugins().await;
            self.take_over().await?;
        }
        loop {
            self.before_looks().await?;
            self.mind_rescue().await?;
            self.ask_for_lock().await?;
            let wake = self.perform();
            match self.next(wake).await {
                Next::Leave => return Ok(()),
                Next::Stop => {
                    let refusal = self.shared.refusal(&self.run);
                    return Err(Refused::Halted(refusal.unwrap_or(CommandError::Stopping)));
                }
                Next::Park => return self.park().await,
                Next::Landed(landed) => self.landed(landed).await?,
                Next::Message(message) => self.message(message).await?,
                Next::Tick => self.tick().await?,
                Next::PollOrphans => self.poll_orphans().await?,
                Next::Again => {}
            }
        }
    }

    /// Waits for what comes first; leaves when nothing can come by itself.
    async fn next(&mut self, wake: Wake) -> Next {
        let mut phase = self.shared.phase.subscribe();
        match &*phase.borrow_and_update() {
            Phase::Running => {}
            Phase::Parking { .. } => return Next::Park,
            Phase::Closed | Phase::Failed(_) => return Next::Stop,
        }
        if self.try_leave(wake.first()) {
            return Next::Leave;
        }
        let clock = Arc::clone(&self.shared.clock);
        let due = async {
            match wake.first() {
                Some(at) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
            wake.tick.is_some_and(|at| at <= clock.now())
        };
        tokio::select! {
            biased;
            _ = phase.changed() => match self.shared.phase() {
                Phase::Running => Next::Again,
                Phase::Parking { .. } => Next::Park,
                Phase::Closed | Phase::Failed(_) => Next::Stop,
            },
            landed = self.flight.landed() => Next::Landed(landed),
            Some(message) = self.messages.recv() => Next::Message(message),
            is_timer = due => if is_timer { Next::Tick } else { Next::Again },
            _ = self.orphan_poll.tick(), if !self.orphans.is_empty() => Next::PollOrphans,
            () = tokio::time::sleep(Duration::from_millis(LINGER_MS)) => Next::Again,
        }
    }

    /// Takes the task out of the registry when it has nothing to do. Whoever sends a
    /// message afterwards makes a new task.
    fn try_leave(&mut self, wake: Option<Timestamp>) -> bool {
        let soon = self.shared.clock.now() + Millis(LINGER_MS);
        if !self.flight.is_empty() || !self.orphans.is_empty() || wake.is_some_and(|at| at <= soon)
        {
            return false;
        }
        let mut registry = self.shared.registry();
        // Senders are cloned under this lock and dropped after sending.
        let is_wanted = self.mailbox.strong_count() > 1 || !self.messages.is_empty();
        if is_wanted {
            return false;
        }
        registry.driven.remove(&self.run);
        if let Some(at) = wake {
            registry.wheel.set(&self.run, at);
        }
        if self.snapshot.next_seq > 0 {
            registry.cache(Arc::new(self.snapshot.clone()));
        }
        drop(registry);
        self.shared.wheel_changed.notify_one();
        self.shared.changed();
        true
    }

    /// A command of the engine itself; a rejection of it is no event.
    pub(super) async fn command(&mut self, command: Command) -> Result<(), Refused> {
        match self.step(command, For::Engine).await {
            Ok(_) => Ok(()),
            Err(Refused::Rejected(rejection)) => {
                tracing::debug!(run = %self.run, %rejection, "the engine's own command was rejected");
                Ok(())
            }
            Err(Refused::NotNow(error)) => {
                tracing::warn!(run = %self.run, %error, "the engine's own command was not taken");
                Ok(())
            }
            Err(halted @ Refused::Halted(_)) => Err(halted),
        }
    }

    async fn tick(&mut self) -> Result<(), Refused> {
        let before = self.snapshot.next_seq;
        self.command(Command::Tick).await?;
        // A timer that changes nothing must not make the task spin; and a run that lacks
        // what is due only waits, so it needs no task.
        let pause = if self.snapshot.lacks.is_nothing() {
            Millis(LINGER_MS / 2)
        } else {
            Millis(LACKING_TICK_MS)
        };
        self.tick_pause =
            (before == self.snapshot.next_seq).then(|| self.shared.clock.now() + pause);
        Ok(())
    }

    pub(super) async fn message(&mut self, message: Message) -> Result<(), Refused> {
        match message {
            Message::Ask {
                command,
                key,
                answer,
            } => {
                let is_start = matches!(command, Command::Start { .. });
                let result = if self.snapshot.next_seq == 0 && !is_start {
                    Err(Refused::NotNow(CommandError::UnknownRun(self.run.clone())))
                } else {
                    self.step(command, For::Caller { key }).await
                };
                let told = match &result {
                    Ok(accepted) => Ok(accepted.clone()),
                    Err(refused) => Err(refused.for_caller()),
                };
                // A caller who has gone needs no answer.
                let _gone = answer.send(told);
                match result {
                    Err(halted @ Refused::Halted(_)) => Err(halted),
                    Ok(_) | Err(Refused::Rejected(_) | Refused::NotNow(_)) => Ok(()),
                }
            }
            Message::Tell { command, durable } => {
                match self.step(command, For::Engine).await {
                    Ok(_) => {
                        let _gone = durable.send(());
                        Ok(())
                    }
                    // Dropping `durable` tells the runner that it was not kept.
                    Err(Refused::Rejected(_) | Refused::NotNow(_)) => Ok(()),
                    Err(halted @ Refused::Halted(_)) => Err(halted),
                }
            }
            Message::Wake if self.snapshot.next_seq == 0 => Ok(()),
            Message::Wake => {
                self.load_plugins().await;
                match self.is_opened {
                    true => self.command(Command::Tick).await,
                    false => self.take_over().await,
                }
            }
        }
    }

    /// Loads what the run pins, before anything of it is begun: what cannot be loaded is
    /// lacking then, and fails no attempt.
    async fn load_plugins(&self) {
        let (Some(plan), Some(plugins)) = (self.snapshot.state.plan(), &self.shared.plugins) else {
            return;
        };
        for pin in plan.plugins.values() {
            plugins.load(&pin.digest).await;
        }
    }
}
