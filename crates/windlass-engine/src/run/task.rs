//! The life of a run's task: load, take over, then one thing at a time until nothing
//! is in flight, and leave.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Interval, MissedTickBehavior, interval};
use windlass_core::command::{Command, Orphan};
use windlass_core::effect::Effect;
use windlass_core::id::{NodeId, RunId};
use windlass_core::outcome::{Effected, Failure, Outcome};
use windlass_core::outstanding;
use windlass_core::time::{Millis, Timestamp};

use super::Message;
use super::flight::{Flight, Landed, Report, Slot, SlotKind};
use super::launch::{Attempt, FreshIntent};
use super::look::no_answer;
use super::step::{For, Refused};
use crate::error::CommandError;
use crate::limits::{LINGER_MS, ORPHAN_POLL, REFUSED_LOOK_PAUSE_MS};
use crate::orphans;
use crate::replay;
use crate::shared::{Phase, Shared};
use crate::snapshot::{Lacks, Snapshot};

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
    orphans: Vec<Orphan>,
    orphan_poll: Interval,
    /// No look before this, after an answer that was not accepted.
    look_pauses: BTreeMap<NodeId, Timestamp>,
    /// No tick before this, after one that changed nothing.
    tick_pause: Option<Timestamp>,
}

/// What a task does next.
enum Next {
    Park,
    Leave,
    Landed(Landed),
    Message(Message),
    Tick,
    PollOrphans,
    /// Somebody was about to send a message and did not.
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
        Err(error) => return refuse_all(&shared, &run, &mut messages, &error),
    };
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
    task.publish();
    if let Err(refused) = task.work().await {
        let error = refused.for_caller();
        refuse_all(&task.shared, &task.run, &mut task.messages, &error);
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
fn refuse_all(
    shared: &Shared,
    run: &RunId,
    messages: &mut mpsc::Receiver<Message>,
    error: &CommandError,
) {
    {
        let mut registry = shared.registry();
        if registry.driven.remove(run).is_some() && matches!(error, CommandError::Busy) {
            // A run whose journal was locked is tried again.
            registry
                .wheel
                .set(run, shared.clock.now() + Millis(LINGER_MS));
        }
    }
    messages.close();
    while let Ok(message) = messages.try_recv() {
        match message {
            Message::Ask { answer, .. } => {
                // A caller who has gone needs no answer.
                let _gone = answer.send(Err(error.clone()));
            }
            Message::Checkpoint { .. } | Message::Wake => {}
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
            self.take_over().await?;
        }
        loop {
            let wake = self.perform();
            match self.next(wake).await {
                Next::Leave => return Ok(()),
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
    async fn next(&mut self, wake: Option<Timestamp>) -> Next {
        let mut phase = self.shared.phase.subscribe();
        match &*phase.borrow_and_update() {
            Phase::Running => {}
            Phase::Parking { .. } => return Next::Park,
            Phase::Closed | Phase::Failed(_) => return Next::Leave,
        }
        if self.try_leave(wake) {
            return Next::Leave;
        }
        let clock = Arc::clone(&self.shared.clock);
        let due = async {
            match wake {
                Some(at) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            changed = phase.changed() => match (changed, self.shared.phase()) {
                (Ok(()), Phase::Parking { .. }) => Next::Park,
                (Ok(()) | Err(_), _) => Next::Leave,
            },
            landed = self.flight.landed() => Next::Landed(landed),
            Some(message) = self.messages.recv() => Next::Message(message),
            () = due => Next::Tick,
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

    /// Deals with what an earlier process had in flight. When this process could not go
    /// on with it, for want of secrets, it is left as it is until they are brought.
    async fn take_over(&mut self) -> Result<(), Refused> {
        if self.snapshot.state.is_ended() {
            self.is_opened = true;
            return Ok(());
        }
        let mut lacks = Lacks::default();
        let mut was_in_flight = false;
        for effect in outstanding(&self.snapshot.state) {
            was_in_flight |= matches!(effect, Effect::Attempt { .. });
            lacks.add(Lacks::for_effect(&self.shared, &self.run, &effect));
        }
        if was_in_flight && !lacks.is_nothing() {
            // Nothing but the row of the index changes.
            return self.command(Command::Tick).await;
        }
        let living = self.living_orphans().await?;
        self.is_opened = true;
        self.command(Command::Open { orphans: living }).await?;
        self.orphans = self.known_orphans();
        Ok(())
    }

    async fn living_orphans(&self) -> Result<Vec<Orphan>, Refused> {
        if !self.shared.orphans.has(&self.run) {
            return Ok(Vec::new());
        }
        let run = self.run.clone();
        match tokio::task::spawn_blocking(move || orphans::living(&run)).await {
            Ok(Ok(living)) => Ok(living),
            // Without knowing what lives, nothing of the run may go on.
            Ok(Err(error)) => Err(self.fault(&format!("/proc cannot be read: {error}"))),
            Err(_) => Err(Refused::Halted(CommandError::Stopping)),
        }
    }

    /// The orphans that the state counts with.
    fn known_orphans(&self) -> Vec<Orphan> {
        let items = self.snapshot.state.steps().flat_map(|step| step.items);
        let orphan = |item: windlass_core::state::ItemLook<'_>| {
            let (attempt, pid) = item.state.orphan?;
            let node = item.node;
            Some(Orphan { node, attempt, pid })
        };
        items.filter_map(orphan).collect()
    }

    /// An orphan has ended when no process of its attempt lives, its children among them.
    async fn poll_orphans(&mut self) -> Result<(), Refused> {
        let living = self.living_orphans().await?;
        let lives = |orphan: &Orphan| {
            let of_it =
                |other: &Orphan| other.node == orphan.node && other.attempt == orphan.attempt;
            living.iter().any(of_it)
        };
        let (alive, gone): (Vec<Orphan>, Vec<Orphan>) = std::mem::take(&mut self.orphans)
            .into_iter()
            .partition(lives);
        self.orphans = alive;
        for orphan in gone {
            self.command(Command::OrphanEnded(orphan)).await?;
        }
        Ok(())
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
        // A timer that changes nothing must not make the task spin.
        self.tick_pause = (before == self.snapshot.next_seq)
            .then(|| self.shared.clock.now() + Millis(LINGER_MS / 2));
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
            Message::Checkpoint {
                node,
                attempt,
                data,
                durable,
            } => {
                let command = Command::Checkpoint {
                    node,
                    attempt,
                    data,
                };
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
            Message::Wake if self.is_opened => self.command(Command::Tick).await,
            Message::Wake => self.take_over().await,
        }
    }

    /// Takes in what has come back.
    pub(super) async fn landed(&mut self, landed: Landed) -> Result<(), Refused> {
        let Landed {
            slot,
            was_cancelled,
            report,
            began_at,
        } = landed;
        self.forget_progress(&slot);
        let report = report.unwrap_or_else(|panic| {
            tracing::error!(run = %self.run, node = %slot.node, panic, "a runner panicked");
            match slot.kind {
                SlotKind::Attempt | SlotKind::Change => Report::Ended(unknown("panic", panic)),
                SlotKind::Look => no_answer(began_at, panic),
            }
        });
        let Slot {
            kind: _,
            node,
            attempt,
        } = slot;
        match report {
            Report::Dropped => Ok(()),
            // It failed because it was told to: that says nothing about the work.
            Report::Ended(Outcome::Failed(_)) if was_cancelled => Ok(()),
            Report::Ended(outcome) => self.ended(node, attempt, outcome).await,
            Report::Answered { .. } | Report::Observed { .. } if was_cancelled => Ok(()),
            Report::Answered { asked_at, answer } => {
                let command = Command::Reconciled {
                    node: node.clone(),
                    attempt,
                    asked_at,
                    answer,
                };
                self.looked(node, command).await
            }
            Report::Observed { asked_at, outcome } => {
                let command = Command::Observed {
                    node: node.clone(),
                    attempt,
                    asked_at,
                    outcome,
                };
                self.looked(node, command).await
            }
        }
    }

    /// An outcome that the core refuses, such as one too large to keep, must not leave its
    /// attempt in flight for ever.
    async fn ended(&mut self, node: NodeId, attempt: u32, outcome: Outcome) -> Result<(), Refused> {
        let ended = |outcome| Command::Ended {
            node: node.clone(),
            attempt,
            outcome,
        };
        match self.step(ended(outcome), For::Engine).await {
            Ok(_) => Ok(()),
            Err(Refused::Rejected(rejection)) if self.is_outstanding(&node, attempt) => {
                let failure = unknown("outcome_refused", rejection.to_string());
                self.command(ended(failure)).await
            }
            Err(Refused::Rejected(rejection)) => {
                tracing::info!(run = %self.run, %node, attempt, %rejection, "a late outcome changes nothing");
                Ok(())
            }
            Err(Refused::NotNow(error)) => {
                let failure = unknown("outcome_refused", error.to_string());
                self.command(ended(failure)).await
            }
            Err(halted @ Refused::Halted(_)) => Err(halted),
        }
    }

    fn is_outstanding(&self, node: &NodeId, attempt: u32) -> bool {
        outstanding(&self.snapshot.state)
            .iter()
            .any(|effect| match effect {
                Effect::Attempt {
                    node: of,
                    attempt: number,
                    ..
                } => of == node && *number == attempt,
                Effect::Reconcile { .. } | Effect::WakeAt { .. } => false,
            })
    }

    async fn looked(&mut self, node: NodeId, command: Command) -> Result<(), Refused> {
        let before = self.snapshot.next_seq;
        self.command(command).await?;
        if before == self.snapshot.next_seq {
            let until = self.shared.clock.now() + Millis(REFUSED_LOOK_PAUSE_MS);
            self.look_pauses.insert(node, until);
        } else {
            self.look_pauses.remove(&node);
        }
        Ok(())
    }

    fn forget_progress(&self, slot: &Slot) {
        if let Some(driven) = self.shared.registry().driven.get_mut(&self.run) {
            driven.progress.remove(&(slot.node.clone(), slot.attempt));
        }
    }

    /// Compares what should be in flight with what is, and performs the difference.
    /// Answers when something is to be done next.
    fn perform(&mut self) -> Option<Timestamp> {
        let may_begin = match self.shared.phase() {
            Phase::Running | Phase::Parking { .. } => self.is_opened,
            Phase::Closed | Phase::Failed(_) => false,
        };
        if !may_begin {
            return None;
        }
        let mut wanted = Vec::new();
        let mut wake: Option<Timestamp> = None;
        for effect in outstanding(&self.snapshot.state) {
            let at = match effect {
                Effect::Attempt { .. } => {
                    wanted.push(self.perform_attempt(effect));
                    None
                }
                Effect::Reconcile {
                    ref node, attempt, ..
                } => {
                    wanted.push(Slot {
                        kind: SlotKind::Look,
                        node: node.clone(),
                        attempt,
                    });
                    self.perform_look(effect)
                }
                Effect::WakeAt { at } => Some(self.tick_pause.map_or(at, |pause| at.max(pause))),
            };
            wake = [wake, at].into_iter().flatten().min();
        }
        let unwanted: Vec<Slot> = self
            .flight
            .slots()
            .filter(|slot| !wanted.contains(slot))
            .cloned()
            .collect();
        unwanted.iter().for_each(|slot| self.flight.cancel(slot));
        wake
    }

    fn perform_attempt(&mut self, effect: Effect) -> Slot {
        let Effect::Attempt {
            node,
            attempt,
            verb,
            effect,
            call,
            deadline,
            send_by,
            checkpoint,
        } = effect
        else {
            unreachable!("the caller has matched an attempt");
        };
        let slot = Slot {
            kind: if effect.is_change() {
                SlotKind::Change
            } else {
                SlotKind::Attempt
            },
            node: node.clone(),
            attempt,
        };
        if let Some(intent) = self.fresh.remove(&(node.clone(), attempt)) {
            let attempt = Attempt {
                node,
                attempt,
                verb,
                effect,
                call,
                deadline,
                send_by,
                checkpoint,
            };
            self.launch(intent, attempt);
        }
        slot
    }

    /// Begins a look whose time has come; answers when it comes otherwise.
    fn perform_look(&mut self, effect: Effect) -> Option<Timestamp> {
        let lacks = Lacks::for_effect(&self.shared, &self.run, &effect);
        let Effect::Reconcile {
            node,
            attempt,
            verb: _,
            at,
            timeout,
            how,
        } = effect
        else {
            unreachable!("the caller has matched a look");
        };
        let slot = Slot {
            kind: SlotKind::Look,
            node: node.clone(),
            attempt,
        };
        if self.flight.contains(&slot) || !lacks.is_nothing() {
            return None;
        }
        let pause = self.look_pauses.get(&node).copied();
        let at = pause.map_or(at, |pause| at.max(pause));
        if at > self.shared.clock.now() {
            return Some(at);
        }
        match self.shared.phase() {
            Phase::Running => self.begin_look(node, attempt, timeout, how),
            Phase::Parking { .. } | Phase::Closed | Phase::Failed(_) => {}
        }
        None
    }
}

fn unknown(code: &str, message: String) -> Outcome {
    Outcome::Failed(Failure {
        effect: Effected::Unknown,
        code: code.to_owned(),
        message,
        evidence: None,
        log: None,
    })
}
