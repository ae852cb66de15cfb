//! The fold: the only code that changes a run's state. It never sees the clock,
//! never evaluates an expression and never panics on an event that it did not make;
//! an event that does not fit the state is refused.

mod checks;

use std::collections::BTreeSet;
use std::sync::Arc;

use rpds::{RedBlackTreeMapSync, RedBlackTreeSetSync, VectorSync};

use crate::event::{End, Event};
use crate::id::{Phase, StepId};
use crate::outcome::{Answer, Effected, Failure, Resolution, Witness};
use crate::plan::{EffectClass, IndexedPlan, PlanError, StepKind};
use crate::state::{
    Cancellation, Debt, Doubt, Ending, Key, Live, NodePhase, RunState, StepPhase, StepState, Timer,
};
use crate::time::Timestamp;
use crate::value::Value;

/// The code of a failure that the end of an engine caused.
pub const CODE_INTERRUPTED: &str = "interrupted";
/// The code of the failure that stands for "it did not happen".
pub const CODE_NOT_HAPPENED: &str = "not_happened";
/// The code of the failure of a doubt that a person gave up.
pub const CODE_GIVEN_UP: &str = "given_up";

/// An event that does not fit the state: a damaged journal, or a fault of this program.
#[derive(Debug, thiserror::Error)]
pub enum IllegalEvent {
    #[error("{event} before the run started")]
    NotStarted { event: &'static str },
    #[error("{event} after the run {what}")]
    TooLate {
        event: &'static str,
        what: &'static str,
    },
    #[error("{event} names {name}, which the plan does not have")]
    Unknown { event: &'static str, name: String },
    #[error("{event} does not fit {name}, which is {state}")]
    WrongState {
        event: &'static str,
        name: String,
        state: &'static str,
    },
    #[error("{event} is for attempt {attempt} of {name}, which is at {current}")]
    WrongAttempt {
        event: &'static str,
        name: String,
        attempt: u32,
        current: u32,
    },
    #[error("the recorded plan is invalid: {0}")]
    Plan(#[from] PlanError),
    #[error("the recorded plan does not have the recorded digest")]
    Digest,
}

/// Takes one event, recorded at `at`, into the state.
///
/// # Errors
/// [`IllegalEvent`] when it does not fit; the state is then undefined and must be dropped.
pub fn evolve(state: &mut RunState, event: &Event, at: Timestamp) -> Result<(), IllegalEvent> {
    let kind = event.kind();
    if let Event::RunStarted {
        plan,
        digest,
        requester,
        owner,
        single_user,
        deadline,
    } = event
    {
        if state.live.is_some() {
            return Err(IllegalEvent::TooLate {
                event: kind,
                what: "started",
            });
        }
        if plan.digest() != *digest {
            return Err(IllegalEvent::Digest);
        }
        let plan = IndexedPlan::new((**plan).clone())?;
        let mut live = fresh(plan, at);
        live.digest = *digest;
        live.requester = requester.clone();
        live.owner = owner.clone();
        live.single_user = *single_user;
        live.deadline = *deadline;
        if let Some(deadline) = deadline {
            live.set_timer(*deadline, Timer::Run, true);
        }
        state.live = Some(live);
        return Ok(());
    }
    let live = state
        .live
        .as_mut()
        .ok_or(IllegalEvent::NotStarted { event: kind })?;
    // A late outcome may still contradict what was recorded of an ended run.
    if live.ended.is_some() && !matches!(event, Event::ResolutionContradicted { .. }) {
        return Err(IllegalEvent::TooLate {
            event: kind,
            what: "ended",
        });
    }
    live.last_at = at;
    Fold { live, kind, at }.apply(event)
}

/// A run's state right after its first event, but for what that event says.
fn fresh(plan: Arc<IndexedPlan>, at: Timestamp) -> Live {
    use crate::operator::{Door, Identity, Operator};
    let nobody = Identity::OsUser { uid: u32::MAX };
    let count = plan.plan().steps.len() as u32;
    let mut live = Live {
        digest: crate::plan::Digest([0; 32]),
        requester: Operator {
            name: String::new(),
            identity: nobody.clone(),
            door: Door::Directory,
        },
        owner: nobody,
        single_user: false,
        started_at: at,
        deadline: None,
        last_at: at,
        steps: (0..count)
            .map(|index| StepState::new(plan.needs(index).len() as u32))
            .collect(),
        nodes: RedBlackTreeMapSync::new_sync(),
        eligible: RedBlackTreeSetSync::new_sync(),
        eligible_free: RedBlackTreeSetSync::new_sync(),
        eligible_finally: RedBlackTreeSetSync::new_sync(),
        ready: RedBlackTreeSetSync::new_sync(),
        running: RedBlackTreeSetSync::new_sync(),
        settling: RedBlackTreeSetSync::new_sync(),
        doubts: RedBlackTreeSetSync::new_sync(),
        timers: RedBlackTreeSetSync::new_sync(),
        open_gates: RedBlackTreeSetSync::new_sync(),
        withdrawn_gates: RedBlackTreeSetSync::new_sync(),
        failed: RedBlackTreeSetSync::new_sync(),
        contradicted: RedBlackTreeSetSync::new_sync(),
        orphans: RedBlackTreeSetSync::new_sync(),
        debts: RedBlackTreeMapSync::new_sync(),
        changed: VectorSync::new_sync(),
        irreversible: 0,
        unfinished: plan
            .plan()
            .steps
            .iter()
            .filter(|step| !step.finally)
            .count() as u32,
        paused: None,
        cancelled: None,
        timed_out: false,
        nothing_to_do: None,
        abandoned: None,
        ending: None,
        ended: None,
        plan,
    };
    live.enlist_roots();
    live
}

struct Fold<'a> {
    live: &'a mut Live,
    kind: &'static str,
    at: Timestamp,
}

impl Fold<'_> {
    /// One arm an event; long because the events are many.
    fn apply(&mut self, event: &Event) -> Result<(), IllegalEvent> {
        match event {
            Event::RunStarted { .. } => {
                return Err(IllegalEvent::TooLate {
                    event: self.kind,
                    what: "started",
                });
            }
            Event::RunPaused { by, reason } => {
                self.of_run(self.live.paused.is_none(), "paused already")?;
                self.live.paused = Some((by.clone(), reason.clone()));
            }
            Event::RunResumed { .. } => {
                self.of_run(self.live.paused.is_some(), "not paused")?;
                self.live.paused = None;
            }
            Event::RunCancelRequested { by, reason, undo } => {
                self.of_run(self.live.cancelled.is_none(), "cancelled already")?;
                self.live.paused = None;
                let (by, reason, undo) = (by.clone(), reason.clone(), *undo);
                let queue = if undo && self.live.ending.is_some() {
                    self.queue_undo()
                } else {
                    VectorSync::new_sync()
                };
                if let Some(ending) = &mut self.live.ending {
                    ending.end = End::Cancelled;
                    ending.reason = format!("cancelled by {by}: {reason}");
                    if ending.undo.is_empty() {
                        ending.undo = queue;
                    }
                }
                self.live.cancelled = Some(Cancellation { by, reason, undo });
            }
            Event::RunTimedOut {} => {
                let due = self.live.deadline.is_some() && !self.live.timed_out;
                self.of_run(
                    due && self.live.ending.is_none(),
                    "without a deadline to pass",
                )?;
                self.live.timed_out = true;
                if let Some(deadline) = self.live.deadline {
                    self.live.set_timer(deadline, Timer::Run, false);
                }
            }
            Event::RunAbandoned { by, reason } => {
                let waits = self.live.waits_after_irreversible() && self.live.is_quiet();
                self.of_run(waits, "not waiting for this decision")?;
                self.live.abandoned = Some((by.clone(), reason.clone()));
            }
            Event::RunEndingBegan { end, reason, undo } => {
                let quiet = self.live.ending.is_none() && self.live.is_quiet();
                self.of_run(quiet, "at work or ending already")?;
                self.begin_ending(*end, reason, *undo);
            }
            Event::RunEnded { end, .. } => {
                let due = self.live.ending.as_ref().map(|ending| ending.end) == Some(*end);
                let paid = self.live.is_quiet() && self.live.debts.is_empty();
                self.of_run(due && paid, "not at this end")?;
                self.end(*end);
            }
            Event::StepSkipped { step } => {
                let index = self.pending(step, |kind| !matches!(kind, StepKind::Gate(_)))?;
                self.set_step(index, StepPhase::Skipped, None);
                self.live.debts.remove_mut(&index);
            }
            Event::StepExpanded { step, items } => self.expand(step, items)?,
            Event::StepRefused { step, message } => {
                let index = self.refusable(step)?;
                self.set_step(index, StepPhase::Failed, Some(message.clone()));
            }
            Event::WaitStarted { step, until } => {
                let index = self.pending(step, |kind| matches!(kind, StepKind::Wait { .. }))?;
                let (at, until) = (self.at, *until);
                self.live.update_step(index, |state| {
                    state.phase = StepPhase::Waiting { until };
                    state.started_at = Some(at);
                });
            }
            Event::WaitEnded { step } => {
                let index = self.waiting(step)?;
                self.set_step(index, StepPhase::Succeeded, None);
            }
            Event::AttemptStarted {
                node,
                attempt,
                call,
                deadline,
                send_by,
            } => {
                let key = self.startable(node, *attempt)?;
                let phase = NodePhase::Running {
                    call: call.clone(),
                    deadline: *deadline,
                    send_by: *send_by,
                };
                self.start_attempt(key, *attempt, phase);
            }
            Event::AttemptCheckpointed {
                node,
                attempt,
                data,
            } => {
                let key = self.running(node, *attempt)?;
                self.live
                    .update_node(key, |state| state.checkpoint = Some(data.clone()));
            }
            Event::AttemptSucceeded {
                node,
                attempt,
                outputs,
                nothing_to_do,
                ..
            } => {
                let key = self.running(node, *attempt)?;
                self.succeed(key, outputs, false);
                if *nothing_to_do {
                    self.live.nothing_to_do = Some(key.step);
                }
            }
            Event::AttemptFailed {
                node,
                attempt,
                failure,
            } => {
                let key = self.running(node, *attempt)?;
                self.fail_attempt(key, failure);
            }
            Event::RetryScheduled { node, attempt, at } => {
                let key = self.retriable(node, *attempt)?;
                self.live
                    .update_node(key, |state| state.phase = NodePhase::Backoff { at: *at });
            }
            Event::PollScheduled {
                node, attempt, at, ..
            } => {
                let key = self.running(node, attempt.saturating_sub(1))?;
                self.live.update_node(key, |state| {
                    state.phase = NodePhase::Polling { at: *at };
                    state.tries = 0;
                    state.checkpoint = None;
                });
            }
            Event::NodeFailed { node, failure } => {
                let key = self.failing(node, failure)?;
                self.fail(key, failure);
            }
            Event::DoubtOpened {
                node,
                attempt,
                quiet_at,
                observe_until,
                ask,
            } => {
                let key = self.doubtful(node, *attempt)?;
                self.open_doubt(key, *quiet_at, *observe_until, ask.clone())?;
            }
            Event::DoubtAnswered {
                node,
                attempt,
                answer,
                again_at,
            } => {
                let key = self.in_doubt(node, *attempt)?;
                let said = describe(answer);
                self.doubt(key, |doubt, now| {
                    doubt.looks = doubt.looks.saturating_add(1);
                    doubt.said = Some(said);
                    doubt.look_at = again_at.unwrap_or(now);
                });
            }
            Event::DoubtEscalated {
                node,
                attempt,
                reason,
            } => {
                let key = self.in_doubt(node, *attempt)?;
                self.doubt(key, |doubt, _| doubt.escalated = Some(reason.clone()));
            }
            Event::DoubtResolved {
                node,
                attempt,
                resolution,
                witness,
            } => {
                let key = self.in_doubt(node, *attempt)?;
                self.resolve(key, *attempt, resolution, witness);
            }
            Event::OrphanFound { node, attempt, pid } => {
                let (key, state) = self.existing(node)?;
                let is_new = !state.orphans.contains(&(*attempt, *pid));
                if !is_new || !(1..=state.attempt).contains(attempt) {
                    return Err(self.wrong(node.to_string(), state.phase.name()));
                }
                self.live.orphans.insert_mut((key.step, *pid));
                self.live.update_node(key, |state| {
                    state.orphans.push((*attempt, *pid));
                    state.orphan = state.orphans.first().copied();
                });
            }
            Event::OrphanEnded { node, attempt, pid } => {
                let (key, state) = self.existing(node)?;
                if !state.orphans.contains(&(*attempt, *pid)) {
                    return Err(self.wrong(node.to_string(), state.phase.name()));
                }
                self.live.orphans.remove_mut(&(key.step, *pid));
                self.live.update_node(key, |state| {
                    state.orphans.retain(|orphan| *orphan != (*attempt, *pid));
                    state.orphan = state.orphans.first().copied();
                });
            }
            Event::ResolutionContradicted {
                node,
                attempt,
                resolution,
                ..
            } => {
                let (key, state) = self.existing(node)?;
                let recorded = (*attempt, resolution.clone());
                if !state.resolved.contains(&recorded) || self.live.contradicted.contains(&key) {
                    return Err(self.wrong(node.to_string(), state.phase.name()));
                }
                self.live.contradicted.insert_mut(key);
                if let Resolution::NotHappened { .. } = resolution {
                    self.doubt_again(key);
                }
            }
            Event::ContradictionAcknowledged { node, .. } => {
                let (key, state) = self.existing(node)?;
                if !self.live.contradicted.contains(&key) {
                    return Err(self.wrong(node.to_string(), state.phase.name()));
                }
                self.live.contradicted.remove_mut(&key);
            }
            Event::RetryOrdered {
                node,
                nothing_remains,
                ..
            } => {
                let key = self.failed(node)?;
                self.order_retry(key);
                if *nothing_remains {
                    self.forget_change(key);
                }
            }
            Event::NodeAttested { node, outputs, .. } => {
                let key = self.attestable(node)?;
                self.attest(key, outputs);
            }
            Event::UndoAbandoned { node, .. } => {
                let key = self.failed(node)?;
                if key.phase == Phase::Do {
                    return Err(self.wrong(node.to_string(), "no undo"));
                }
                self.live
                    .update_node(key, |state| state.phase = NodePhase::Stopped);
                self.undo_next(key);
            }
            Event::DebtTakenOver { step, .. } => {
                let index = self.step(step)?;
                if !self.live.debts.contains_key(&index) {
                    return Err(self.wrong(step.to_string(), "owed by nobody"));
                }
                self.live.debts.remove_mut(&index);
                let key = Key::of(index);
                let waits = self
                    .live
                    .nodes
                    .get(&key)
                    .is_some_and(|node| match node.phase {
                        NodePhase::Ready
                        | NodePhase::Backoff { .. }
                        | NodePhase::Polling { .. } => true,
                        NodePhase::Running { .. }
                        | NodePhase::AttemptFailed
                        | NodePhase::InDoubt(_)
                        | NodePhase::Succeeded { .. }
                        | NodePhase::Failed
                        | NodePhase::Stopped => false,
                    });
                // Before the ending it goes on as the ordinary step that it is.
                if waits && self.live.ending.is_some() {
                    self.stop_node(key);
                }
            }
            Event::GateOpened {
                step,
                attempt,
                expires_at,
                shown,
            } => {
                let index = self.openable(step, *attempt)?;
                let (at, expires_at, shown) = (self.at, *expires_at, shown.clone());
                let attempt = *attempt;
                self.live.update_step(index, |state| {
                    state.phase = StepPhase::GateOpen { expires_at, shown };
                    state.gate_attempt = attempt;
                    state.started_at = Some(at);
                    state.ended_at = None;
                    state.message = None;
                });
            }
            Event::GateApproved {
                step, attempt, by, ..
            } => {
                let (index, expires_at) = self.open_gate(step, *attempt)?;
                let by = by.clone();
                let at = self.at;
                self.live.update_step(index, |state| {
                    state.phase = StepPhase::GateApproved {
                        expires_at,
                        by,
                        spent: false,
                    };
                    state.ended_at = Some(at);
                });
            }
            Event::GateRejected {
                step,
                attempt,
                by,
                reason,
            } => {
                let (index, _) = self.open_gate(step, *attempt)?;
                let message = format!("rejected by {by}: {reason}");
                self.set_step(index, StepPhase::Failed, Some(message));
            }
            Event::GateExpired { step, attempt } => {
                let (index, _) = self.open_gate(step, *attempt)?;
                let message = "nobody approved it before it expired".to_owned();
                self.set_step(index, StepPhase::Failed, Some(message));
            }
            Event::GateWithdrawn {
                step,
                attempt,
                reason,
            } => {
                let index = self.unspent_gate(step, *attempt)?;
                self.set_step(index, StepPhase::GateWithdrawn, Some(reason.clone()));
                self.live.update_step(index, |state| state.withdrawals += 1);
            }
        }
        Ok(())
    }

    fn set_step(&mut self, index: u32, phase: StepPhase, message: Option<String>) {
        let at = self.at;
        self.live.update_step(index, |state| {
            state.phase = phase;
            state.message = message;
            state.ended_at = Some(at);
        });
    }

    fn expand(&mut self, step: &StepId, items: &[Value]) -> Result<(), IllegalEvent> {
        let over_items = |kind: &StepKind| match kind {
            StepKind::Action { for_each, .. } => for_each.is_some(),
            StepKind::Wait { .. } | StepKind::Gate(_) => false,
        };
        let index = self.pending(step, over_items)?;
        let at = self.at;
        self.live.update_step(index, |state| {
            state.items = items.len() as u32;
            state.started_at = Some(at);
            state.phase = if items.is_empty() {
                StepPhase::Succeeded
            } else {
                StepPhase::Begun
            };
        });
        for (item, value) in (0u32..).zip(items) {
            let key = Key {
                step: index,
                item,
                phase: Phase::Do,
            };
            self.live.update_node(key, |state| {
                state.item = value.clone();
                state.phase = NodePhase::Ready;
            });
        }
        Ok(())
    }

    fn start_attempt(&mut self, key: Key, attempt: u32, phase: NodePhase) {
        let at = self.at;
        self.live.update_node(key, |state| {
            state.attempt = attempt;
            state.phase = phase;
            state.tries += 1;
            state.interrupted = false;
            state.checkpoint = None;
            state.started_at.get_or_insert(at);
            state.poll_since.get_or_insert(at);
            state.ended_at = None;
        });
        if key.phase == Phase::Do {
            self.live.update_step(key.step, |state| {
                if let StepPhase::Pending = state.phase {
                    state.phase = StepPhase::Begun;
                }
                state.started_at.get_or_insert(at);
            });
        }
        self.spend_gates(key);
        self.open_debt(key);
    }

    /// The first change behind a gate uses its approval up.
    fn spend_gates(&mut self, key: Key) {
        let is_change = self
            .live
            .call_of(key)
            .is_some_and(|(_, effect)| effect.is_change());
        if !is_change || key.phase == Phase::Undo {
            return;
        }
        let plan = self.live.plan.clone();
        for gate in plan.gates_before(key.step) {
            self.live.update_step(*gate, |state| {
                if let StepPhase::GateApproved { spent, .. } = &mut state.phase {
                    *spent = true;
                }
            });
        }
    }

    fn open_debt(&mut self, key: Key) {
        let Some(index) = self.owed_step(key) else {
            return;
        };
        let since = self.at;
        let mut debt = self.live.debts.get(&index).cloned().unwrap_or(Debt {
            since,
            owed_by: RedBlackTreeSetSync::new_sync(),
        });
        debt.owed_by.insert_mut(key);
        self.live.debts.insert_mut(index, debt);
    }

    /// "Not happened" was wrong: the change may have acted after all, so that it owes,
    /// and no undo goes past it when it is irreversible.
    fn doubt_again(&mut self, key: Key) {
        if self.live.ended.is_some() {
            return;
        }
        self.live.update_node(key, |state| state.acted = true);
        if self.is_irreversible(key) {
            self.live.changed.push_back_mut(key);
        }
        let unpaid = self
            .owed_step(key)
            .is_some_and(|owed| matches!(self.live.step(owed).phase, StepPhase::Pending));
        if unpaid {
            self.open_debt(key);
        }
    }

    /// The attempt took no effect: it owes nothing, but an earlier one that acted does.
    fn cancel_debt(&mut self, key: Key) {
        if self.live.nodes.get(&key).is_some_and(|state| state.acted) {
            return;
        }
        let Some(index) = self.owed_step(key) else {
            return;
        };
        let Some(mut debt) = self.live.debts.get(&index).cloned() else {
            return;
        };
        debt.owed_by.remove_mut(&key);
        if debt.owed_by.is_empty() {
            self.live.debts.remove_mut(&index);
        } else {
            self.live.debts.insert_mut(index, debt);
        }
    }

    /// The step that a change owes; its undo owes nothing.
    fn owed_step(&self, key: Key) -> Option<u32> {
        match key.phase {
            Phase::Do => {
                let ensured = self.live.plan.step(key.step).ensure.as_ref()?;
                self.live.plan.index_of(ensured)
            }
            Phase::Undo => None,
        }
    }

    fn succeed(&mut self, key: Key, outputs: &Value, attested: bool) {
        let at = self.at;
        self.live.update_node(key, |state| {
            state.phase = NodePhase::Succeeded {
                outputs: outputs.clone(),
                attested,
            };
            state.ended_at = Some(at);
            state.failure = None;
            state.checkpoint = None;
        });
        if key.phase == Phase::Undo {
            self.undo_next(key);
            return;
        }
        self.note_change(key, true);
        self.live
            .update_step(key.step, |state| state.items_succeeded += 1);
        self.finish_step(key.step);
    }

    /// Keeps the order of changes for an undo, and counts those past return.
    fn note_change(&mut self, key: Key, succeeded: bool) {
        match self.live.call_of(key).map(|(_, effect)| effect) {
            Some(EffectClass::Irreversible) if succeeded => {
                self.live.irreversible += 1;
                self.live.changed.push_back_mut(key);
            }
            Some(EffectClass::Reversible) => self.live.changed.push_back_mut(key),
            Some(EffectClass::Irreversible | EffectClass::Read | EffectClass::Idempotent)
            | None => {}
        }
    }

    fn is_irreversible(&self, key: Key) -> bool {
        self.live.call_of(key).map(|(_, effect)| effect) == Some(EffectClass::Irreversible)
    }

    /// Nothing of the change remains, says a person: there is nothing to undo.
    fn forget_change(&mut self, key: Key) {
        let changed = self.live.changed.iter();
        let others = changed.filter(|changed| **changed != key).copied();
        self.live.changed = others.collect();
    }

    /// Ends a step once all its items have.
    fn finish_step(&mut self, index: u32) {
        let state = self.live.step(index);
        if state.items_succeeded + state.items_failed < state.items {
            return;
        }
        if state.items_failed > self.failure_budget(index) {
            return;
        }
        self.set_step(index, StepPhase::Succeeded, None);
        self.live.debts.remove_mut(&index);
    }

    fn failure_budget(&self, index: u32) -> u32 {
        match &self.live.plan.step(index).kind {
            StepKind::Action {
                for_each: Some(each),
                ..
            } => each.failure_budget,
            StepKind::Action { for_each: None, .. } | StepKind::Wait { .. } | StepKind::Gate(_) => {
                0
            }
        }
    }

    fn fail_attempt(&mut self, key: Key, failure: &Failure) {
        let at = self.at;
        let is_change = self
            .live
            .call_of(key)
            .is_some_and(|(_, effect)| effect.is_change());
        self.live.update_node(key, |state| {
            if failure.code == CODE_INTERRUPTED {
                state.interrupted = true;
                if !is_change {
                    // The end of an engine is not the step's fault.
                    state.tries = state.tries.saturating_sub(1);
                    state.interruptions += 1;
                }
            }
            // A change keeps what its attempt was given until its doubt is settled.
            if let NodePhase::Running {
                call,
                deadline,
                send_by,
            } = &state.phase
            {
                state.in_flight = Some((call.clone(), *deadline, *send_by));
            }
            state.phase = NodePhase::AttemptFailed;
            state.failure = Some(failure.clone());
            state.ended_at = Some(at);
        });
        if failure.effect == Effected::None {
            self.cancel_debt(key);
        }
    }

    fn fail(&mut self, key: Key, failure: &Failure) {
        let at = self.at;
        self.live.update_node(key, |state| {
            state.phase = NodePhase::Failed;
            state.failure = Some(failure.clone());
            state.acted |= failure.effect != Effected::None;
            state.in_flight = None;
            state.ended_at = Some(at);
        });
        if key.phase == Phase::Undo {
            return;
        }
        match failure.effect {
            Effected::Settled => self.note_change(key, false),
            // It may have succeeded: no undo goes past it.
            Effected::Unknown if self.is_irreversible(key) => self.live.changed.push_back_mut(key),
            Effected::Unknown | Effected::None => {}
        }
        self.live
            .update_step(key.step, |state| state.items_failed += 1);
        let state = self.live.step(key.step);
        if state.items_failed > self.failure_budget(key.step) {
            // The first failure is the reason; later ones stand with their nodes.
            if let StepPhase::Failed = state.phase {
                return;
            }
            let message = failure.message.clone();
            self.set_step(key.step, StepPhase::Failed, Some(message));
        } else {
            self.finish_step(key.step);
        }
    }

    fn open_doubt(
        &mut self,
        key: Key,
        quiet_at: Timestamp,
        observe_until: Timestamp,
        ask: Option<crate::event::Ask>,
    ) -> Result<(), IllegalEvent> {
        let in_flight = self
            .live
            .nodes
            .get(&key)
            .and_then(|state| state.in_flight.clone());
        let Some((call, _, _)) = in_flight else {
            let name = self.live.id_of(key).to_string();
            return Err(self.wrong(name, "without an attempt"));
        };
        let since = self.at;
        self.live.update_node(key, |state| {
            state.not_before = quiet_at;
            state.phase = NodePhase::InDoubt(Doubt {
                call,
                since,
                quiet_at,
                observe_until,
                ask,
                looks: 0,
                look_at: since,
                said: None,
                escalated: None,
            });
        });
        Ok(())
    }

    fn doubt(&mut self, key: Key, change: impl FnOnce(&mut Doubt, Timestamp)) {
        let at = self.at;
        self.live.update_node(key, |state| {
            if let NodePhase::InDoubt(doubt) = &mut state.phase {
                change(doubt, at);
            }
        });
    }

    fn resolve(&mut self, key: Key, attempt: u32, resolution: &Resolution, witness: &Witness) {
        self.live.update_node(key, |state| {
            state.resolved.push((attempt, resolution.clone()));
            state.in_flight = None;
        });
        let failure = |effect, code: &str, message: String, evidence: Option<Value>| Failure {
            effect,
            code: code.to_owned(),
            message,
            // Null is how JSON says that there is none.
            evidence: evidence.filter(|evidence| *evidence != Value::Null),
            log: None,
        };
        match resolution {
            Resolution::Happened { outputs } => self.succeed(key, outputs, false),
            Resolution::NotHappened { evidence } => {
                let message = "it did not happen".to_owned();
                let evidence = Some(evidence.clone());
                self.live.update_node(key, |state| {
                    if state.interrupted {
                        // The end of an engine is not the step's fault.
                        state.tries = state.tries.saturating_sub(1);
                        state.interruptions += 1;
                    }
                });
                let failure = failure(Effected::None, CODE_NOT_HAPPENED, message, evidence);
                self.fail_attempt(key, &failure);
            }
            Resolution::Settled { state } => {
                let message = format!("it came to a known end: {}", brief(state));
                let failure = failure(Effected::Settled, "settled", message, Some(state.clone()));
                self.fail(key, &failure);
            }
            Resolution::GivenUp => {
                let by = match witness {
                    Witness::Operator { by, reason } => format!("{by}: {reason}"),
                    Witness::Outcome | Witness::Reconcile => "nobody".to_owned(),
                };
                let message = format!("unknown, given up by {by}");
                self.fail(
                    key,
                    &failure(Effected::Unknown, CODE_GIVEN_UP, message, None),
                );
            }
        }
    }

    fn order_retry(&mut self, key: Key) {
        let Some(not_before) = self.live.nodes.get(&key).map(|state| state.not_before) else {
            // The step failed before it had a node: a gate, or an expression.
            self.live.update_step(key.step, |step| {
                step.phase = StepPhase::Pending;
                step.withdrawals = 0;
                step.message = None;
                step.ended_at = None;
            });
            return;
        };
        let at = self.at.max(not_before);
        self.live.update_node(key, |state| {
            state.phase = NodePhase::Backoff { at };
            state.tries = 0;
            state.poll_since = None;
            state.ended_at = None;
        });
        if key.phase == Phase::Do {
            self.mend_step(key.step);
        }
    }

    /// A failed item fails no longer; the step goes on once its budget bears the others.
    fn mend_step(&mut self, index: u32) {
        let budget = self.failure_budget(index);
        self.live.update_step(index, |step| {
            step.items_failed = step.items_failed.saturating_sub(1);
            if step.items_failed <= budget {
                step.phase = StepPhase::Begun;
                step.message = None;
                step.ended_at = None;
            }
        });
    }

    fn attest(&mut self, key: Key, outputs: &Value) {
        if key.phase == Phase::Do && self.live.nodes.contains_key(&key) {
            self.mend_step(key.step);
        }
        self.succeed(key, outputs, true);
    }

    fn begin_ending(&mut self, end: End, reason: &str, undo: bool) {
        let queue = if undo {
            self.queue_undo()
        } else {
            VectorSync::new_sync()
        };
        let reason = reason.to_owned();
        self.live.ending = Some(Ending {
            end,
            reason,
            undo: queue,
            undone: 0,
        });
        self.stop_what_waits();
    }

    /// What is to be undone, the latest change first, never past an irreversible one.
    fn queue_undo(&mut self) -> VectorSync<Key> {
        let mut seen = BTreeSet::new();
        let mut chosen = Vec::new();
        for key in self.live.changed.clone().iter().rev() {
            if self.is_irreversible(*key) {
                break;
            }
            // One that settled and succeeded later stands there twice.
            if seen.insert(*key) && self.live.call_of(key.undo()).is_some() {
                chosen.push(*key);
            }
        }
        let undone: BTreeSet<Key> = chosen.iter().copied().collect();
        let stays = |key: &Key| !undone.contains(key);
        let kept: Vec<u32> = self
            .live
            .changed
            .iter()
            .filter(|key| stays(key))
            .filter_map(|key| self.owed_step(*key))
            .collect();
        // What paid the debt of a change that stays must stay with it.
        chosen.retain(|key| !kept.contains(&key.step));
        let mut queue = VectorSync::new_sync();
        for key in chosen {
            let item = self.live.nodes.get(&key).map(|state| state.item.clone());
            self.live.update_node(key.undo(), |state| {
                state.item = item.unwrap_or(Value::Null);
                state.phase = NodePhase::Ready;
            });
            queue.push_back_mut(key.undo());
        }
        queue
    }

    /// Closes open gates, ends waits and drops attempts that were to come, but for
    /// the work of the ending itself: undo, debts, `finally`.
    fn stop_what_waits(&mut self) {
        let mut nodes: Vec<Key> = self.live.ready.iter().copied().collect();
        let mut steps: Vec<u32> = self.live.open_gates.iter().copied().collect();
        steps.extend(self.live.withdrawn_gates.iter().copied());
        for (_, timer) in self.live.timers.clone().iter() {
            match timer {
                Timer::Node(key) => nodes.push(*key),
                Timer::Step(index) => steps.push(*index),
                Timer::Run => {}
            }
        }
        for key in nodes {
            let ending_work = key.phase == Phase::Undo
                || self.live.debts.contains_key(&key.step)
                || self.live.is_finally(key.step);
            if !ending_work {
                self.stop_node(key);
            }
        }
        for index in steps {
            self.set_step(index, StepPhase::Stopped, None);
        }
    }

    fn stop_node(&mut self, key: Key) {
        self.live
            .update_node(key, |state| state.phase = NodePhase::Stopped);
        if let StepPhase::Begun = self.live.step(key.step).phase {
            self.set_step(key.step, StepPhase::Stopped, None);
        }
    }

    fn end(&mut self, end: End) {
        self.live.ended = Some((end, self.at));
        self.live.timers = RedBlackTreeSetSync::new_sync();
        self.live.eligible = RedBlackTreeSetSync::new_sync();
        self.live.eligible_free = RedBlackTreeSetSync::new_sync();
        self.live.eligible_finally = RedBlackTreeSetSync::new_sync();
    }

    fn undo_next(&mut self, key: Key) {
        if let Some(ending) = &mut self.live.ending
            && ending.undo.get(ending.undone) == Some(&key)
        {
            ending.undone += 1;
        }
    }
}

impl Live {
    /// Steps without needs are eligible from the start.
    fn enlist_roots(&mut self) {
        for index in 0..self.plan.plan().steps.len() as u32 {
            if self.plan.needs(index).is_empty() {
                // Passing through "one unmet" puts it into the right table.
                self.steps.get_mut(index as usize).expect("in range").unmet = 1;
                self.update_step(index, |state| state.unmet = 0);
            }
        }
    }
}

/// A value in at most a line's length: reasons and messages carry it on.
pub(crate) fn brief(value: &Value) -> String {
    const CHARS_MAX: usize = 200;
    let text = value.to_string();
    if text.chars().count() <= CHARS_MAX {
        return text;
    }
    text.chars().take(CHARS_MAX).chain(['…']).collect()
}

fn describe(answer: &Answer) -> String {
    match answer {
        Answer::Happened { outputs } => format!("happened: {}", brief(outputs)),
        Answer::NotHappened { evidence } => format!("not happened so far: {}", brief(evidence)),
        Answer::Settled { state } => format!("settled: {}", brief(state)),
        Answer::InProgress { note } => format!("in progress: {note}"),
        Answer::Unknown { note } => format!("unknown: {note}"),
        Answer::Failed { message } => format!("the look failed: {message}"),
    }
}
