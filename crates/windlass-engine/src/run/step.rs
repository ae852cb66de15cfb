//! One step of a run: command -> `decide` -> `evolve` a copy -> append -> swap ->
//! publish. Nothing is in memory that is not durable first.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::time::Instant;
use windlass_core::command::Command;
use windlass_core::event::Event;
use windlass_core::id::NodeId;
use windlass_core::outcome::{Answer, Resolution};
use windlass_core::rejection::Rejection;
use windlass_core::time::Timestamp;
use windlass_core::{decide, outstanding};
use windlass_journal::{IdempotencyKey, Remembered};

use super::flight::{Slot, SlotKind};
use super::lacks::Intent;
use super::launch::FreshIntent;
use super::message::CommandAnswer;
use super::task::Task;
use crate::error::CommandError;
use crate::registry::Contained;
use crate::replay::{self, storage_failed};
use crate::shared::Phase;
use crate::snapshot::{Lacks, Snapshot};

/// Why a step was not taken.
#[derive(Debug)]
pub(super) enum Refused {
    /// The run is as it was, and goes on.
    Rejected(Rejection),
    /// The run is as it was, and goes on; the caller is told why.
    NotNow(CommandError),
    /// The run's task must end; whoever waits is told why.
    Halted(CommandError),
}

impl Refused {
    /// What a caller is told.
    pub(super) fn for_caller(&self) -> CommandError {
        match self {
            Refused::Rejected(rejection) => CommandError::Rejected(rejection.clone()),
            Refused::NotNow(error) | Refused::Halted(error) => error.clone(),
        }
    }
}

/// Who waits for a step: a caller is told that the store is busy, the engine's own
/// steps are offered again.
#[derive(Debug)]
pub(super) enum For {
    Caller { key: Option<IdempotencyKey> },
    Engine,
}

/// What a decision came to.
pub(super) struct Decision {
    pub(super) events: Vec<Event>,
    pub(super) now: Timestamp,
    decided: Instant,
    /// Whether intents were cut off, and what the first of them lacks.
    pub(super) held_back: Option<Lacks>,
}

impl Task {
    /// Takes one step. On success its events are durable and part of the state.
    pub(super) async fn step(
        &mut self,
        command: Command,
        whom: For,
    ) -> Result<CommandAnswer, Refused> {
        let (key, patient) = match whom {
            For::Caller { key } => (key, false),
            For::Engine => (None, true),
        };
        if let Some(key) = &key
            && let Some(first) = self.find_first(key).await?
        {
            return self.repeat(first).await;
        }
        if !matches!(command, Command::Withdraw { .. }) {
            self.withdraw_overtaken().await?;
        }
        let decision = loop {
            let decision = self.decide(command.clone())?;
            let again = self.begun_again(&decision.events);
            // Each turn has recorded a process more, so there is a last one.
            if again.is_empty() || !self.record_living(again).await? {
                break decision;
            }
        };
        let next = self.evolved(&decision)?;
        let lacks_changed = next.lacks != self.snapshot.lacks;
        let is_nothing = decision.events.is_empty() && key.is_none() && !lacks_changed;
        // Nothing may be written for a run that does not begin.
        if is_nothing || next.next_seq == 0 {
            return Ok(self.answer(Vec::new()));
        }
        let appended = self.append(&decision, next, key, patient).await?;
        if let Some(first) = appended {
            return self.repeat(first).await;
        }
        self.remember_intents(&decision);
        Ok(self.answer(decision.events))
    }

    fn answer(&self, events: Vec<Event>) -> CommandAnswer {
        CommandAnswer {
            run: self.run.clone(),
            events,
            next_seq: self.snapshot.next_seq,
        }
    }

    /// Decides, and holds back what must not be begun. A panic of the core contains the run.
    fn decide(&self, command: Command) -> Result<Decision, Refused> {
        // Both clocks are read before the decision: what it allows counts from here.
        let (now, decided) = (self.shared.clock.now(), Instant::now());
        let state = &self.snapshot.state;
        let deciding = |command| {
            catch_unwind(AssertUnwindSafe(|| decide(state, command, now)))
                .map_err(|panic| self.fault(&format!("decide panicked: {}", text_of(&*panic))))?
                .map_err(Refused::Rejected)
        };
        let asked_at = look_of(&command);
        let mut events = deciding(command)?;
        if let Some((node, attempt)) = self.settles_what_is_in_flight(&events) {
            let Some(asked_at) = asked_at else {
                let still = CommandError::StillInFlight { node, attempt };
                return Err(Refused::NotNow(still));
            };
            let note = "it has not happened yet, but its runner has not come back".to_owned();
            let answer = Answer::InProgress { note };
            events = deciding(Command::Reconciled {
                node,
                attempt,
                asked_at,
                answer,
            })?;
        }
        let held_back = self.hold_back(&mut events, now);
        Ok(Decision {
            events,
            now,
            decided,
            held_back,
        })
    }

    /// Cuts a decision before the first intent that must not be begun now. Every prefix of
    /// a decision is a valid history, and whatever is cut off is decided again later.
    ///
    /// An intent that is never recorded needs no reconcile after a restart; that is why
    /// nothing is recorded that could not be handed over at once.
    fn hold_back(&self, events: &mut Vec<Event>, now: Timestamp) -> Option<Lacks> {
        let may_begin = self.is_opened
            && match self.shared.phase() {
                Phase::Running => true,
                Phase::Parking { .. } | Phase::Closed | Phase::Failed(_) => false,
            };
        for (index, event) in events.iter().enumerate() {
            let Some(intent) = Intent::of(event) else {
                continue;
            };
            let lacks = |state| Lacks::for_intent(&self.shared, &self.run, state, &intent);
            let mut lacking = lacks(&self.snapshot.state);
            if !lacking.is_nothing()
                && let Ok(reached) = self.after(&events[..index], now)
            {
                // What precedes the intent may end the run, which needs less then, or start
                // it, and only then its plugins are known.
                lacking = lacks(&reached.state);
            }
            if !may_begin || !lacking.is_nothing() || self.has_change_in_flight(intent.node) {
                events.truncate(index);
                return Some(lacking);
            }
        }
        None
    }

    /// Whether an earlier change of the same step's item has not come back: its waiting may
    /// be over, its work is not.
    fn has_change_in_flight(&self, node: &NodeId) -> bool {
        self.flight.slots().any(|slot| {
            slot.kind == SlotKind::Change
                && slot.node.step == node.step
                && slot.node.item == node.item
        })
    }

    /// The change that the events say will not happen although its runner still works on it.
    fn settles_what_is_in_flight(&self, events: &[Event]) -> Option<(NodeId, u32)> {
        events.iter().find_map(|event| {
            let Event::DoubtResolved {
                node,
                attempt,
                resolution: Resolution::NotHappened { .. },
                witness: _,
            } = event
            else {
                return None;
            };
            let slot = Slot {
                kind: SlotKind::Change,
                node: node.clone(),
                attempt: *attempt,
            };
            let is_in_flight = self.flight.contains(&slot);
            is_in_flight.then_some((slot.node, slot.attempt))
        })
    }

    /// The state after some events, on a copy.
    fn after(&self, events: &[Event], now: Timestamp) -> Result<Snapshot, Refused> {
        let mut next = self.snapshot.clone();
        for event in events {
            // An event that cannot be replayed is never written.
            let applied = catch_unwind(AssertUnwindSafe(|| next.apply(event, now)));
            match applied {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(self.fault(&error.to_string())),
                Err(panic) => {
                    return Err(self.fault(&format!("evolve panicked: {}", text_of(&*panic))));
                }
            }
        }
        Ok(next)
    }

    /// The state after a decision, and what it lacks.
    fn evolved(&self, decision: &Decision) -> Result<Snapshot, Refused> {
        let mut next = self.after(&decision.events, decision.now)?;
        next.lacks = decision.held_back.clone().unwrap_or_default();
        for effect in outstanding(&next.state) {
            let lacks = Lacks::for_effect(&self.shared, &self.run, &next.state, &effect);
            next.lacks.add(lacks);
        }
        let lacks = Lacks::for_lock(&self.shared, &self.run, &next.state);
        next.lacks.add(lacks);
        Ok(next)
    }

    /// Notes which attempts this process may hand over: those whose intent it has just
    /// made durable, and no others.
    fn remember_intents(&mut self, decision: &Decision) {
        for event in &decision.events {
            if let Event::AttemptStarted { node, attempt, .. } = event {
                let intent = FreshIntent {
                    decided_at: decision.now,
                    decided: decision.decided,
                };
                self.fresh.insert((node.clone(), *attempt), intent);
            }
        }
    }

    /// Puts a durable state in the place of the old one, and tells everybody.
    pub(super) fn swap(&mut self, next: Snapshot) {
        self.snapshot = next;
        self.tick_pause = None;
        self.publish();
    }

    pub(super) fn publish(&self) {
        let next = {
            let mut registry = self.shared.registry();
            if let Some(driven) = registry.driven.get_mut(&self.run) {
                driven.snapshot = Some(Arc::new(self.snapshot.clone()));
            }
            if self.snapshot.lacks.is_nothing() {
                registry.lacks.remove(&self.run);
            } else {
                let lacks = self.snapshot.lacks.clone();
                registry.lacks.insert(self.run.clone(), lacks);
            }
            registry.publish(&self.run, self.snapshot.next_seq);
            if registry.calling.contains(&self.run) {
                registry.called_anew.insert(self.run.clone());
                self.shared.outbox_changed.notify_one();
            }
            if self.snapshot.state.is_ended() {
                registry.forget(&self.run);
                for rescued in registry.locks.rescued_by(&self.run) {
                    registry.wake_at(&rescued, self.shared.clock.now());
                    self.shared.wheel_changed.notify_one();
                }
                registry.leave_locks(&self.run, self.snapshot.state.target())
            } else {
                None
            }
        };
        self.shared.wake_for_lock(next.as_ref());
        self.shared.changed();
    }

    /// A bug met this run: it is contained, the others go on.
    pub(super) fn fault(&self, reason: &str) -> Refused {
        let reason = format!("{reason} (at seq {})", self.snapshot.next_seq);
        let mut registry = self.shared.registry();
        let reason = registry.redactor(&self.run).text(&reason);
        registry.contain(&self.run, Contained::Faulted(reason.into()));
        Refused::Halted(
            registry
                .refusal(&self.run)
                .unwrap_or(CommandError::Stopping),
        )
    }

    async fn find_first(&self, key: &IdempotencyKey) -> Result<Option<Remembered>, Refused> {
        let (store, key) = (Arc::clone(&self.shared.store), key.clone());
        let found = tokio::task::spawn_blocking(move || store.find_idempotent(&key)).await;
        match found {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(self.refused_by(storage_failed(&self.shared, &error))),
            Err(_) => Err(Refused::NotNow(CommandError::Stopping)),
        }
    }

    /// The first answer to a repeated request.
    async fn repeat(&self, first: Remembered) -> Result<CommandAnswer, Refused> {
        let run = first.run.as_str().parse();
        let Ok(run) = run else {
            return Err(self.fault("an idempotency key belongs to a stream that is no run"));
        };
        let (store, id) = (Arc::clone(&self.shared.store), Clone::clone(&run));
        let count = usize::try_from(first.next_seq - first.first_seq).unwrap_or(usize::MAX);
        let read = move || replay::read(&*store, &id, first.first_seq, count);
        match tokio::task::spawn_blocking(read).await {
            Ok(Ok(records)) => Ok(CommandAnswer {
                run,
                events: records.into_iter().map(|recorded| recorded.event).collect(),
                next_seq: first.next_seq,
            }),
            Ok(Err(error)) => Err(self.refused_by(error.for_caller(&self.shared, &run))),
            Err(_) => Err(Refused::NotNow(CommandError::Stopping)),
        }
    }

    /// Whether an error ends this task or only the request.
    pub(super) fn refused_by(&self, error: CommandError) -> Refused {
        match self.shared.refusal(&self.run) {
            Some(refusal) => Refused::Halted(refusal),
            None => Refused::NotNow(error),
        }
    }
}

/// When a look at the target began, if the command is the answer of one.
fn look_of(command: &Command) -> Option<Timestamp> {
    if let Command::Reconciled { asked_at, .. } | Command::Observed { asked_at, .. } = command {
        Some(*asked_at)
    } else {
        None
    }
}

/// What a panic said.
fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("without a message").to_owned()
}
