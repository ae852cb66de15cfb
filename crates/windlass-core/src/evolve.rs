//! The fold: the only code that changes a run's state. It never sees the clock,
//! never evaluates an expression and never panics on an event that it did not make;
//! an event that does not fit the state is refused.

mod attempts;
mod checks;
mod debts;
mod doubts;
mod ending;
mod gates;
mod lock;
mod policy;
mod reviews;
mod windows;

use std::sync::Arc;

use rpds::{RedBlackTreeMapSync, RedBlackTreeSetSync, VectorSync};

use crate::event::{End, Event};
use crate::id::Phase;
use crate::outcome::{Effected, Resolution};
use crate::plan::{IndexedPlan, PlanError, StepKind};
use crate::state::{
    Cancellation, Key, Live, Lock, NodePhase, RunState, StepPhase, StepState, Timer, Windows,
};
use crate::time::Timestamp;
use crate::value::Value;

/// The code of a failure that the end of an engine caused.
pub const CODE_INTERRUPTED: &str = "interrupted";
/// The code of the failure that stands for "it did not happen".
pub const CODE_NOT_HAPPENED: &str = "not_happened";
/// The code of the failure of a doubt that a person gave up.
pub const CODE_GIVEN_UP: &str = "given_up";

/// The code of what a person was asked to do and did not.
pub(crate) const CODE_DECLINED: &str = "declined";
/// The code of what a person was asked to do and did not answer for.
pub(crate) const CODE_EXPIRED: &str = "expired";

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
        standing,
    } = event
    {
        if state.live.is_some() {
            return Err(IllegalEvent::TooLate {
                event: kind,
                what: "started",
            });
        }
        if !plan.has_digest(*digest) {
            return Err(IllegalEvent::Digest);
        }
        let plan = IndexedPlan::new((**plan).clone())?;
        let mut live = fresh(plan, at);
        live.digest = *digest;
        live.requester = requester.clone();
        live.owner = owner.clone();
        live.single_user = *single_user;
        live.standing = standing.clone().map(Arc::from);
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
    // A late outcome may still contradict what was recorded of an ended run, and people look
    // at runs when they are over.
    let comes_late = matches!(
        event,
        Event::ResolutionContradicted { .. } | Event::ReviewClosed { .. }
    );
    if live.ended.is_some() && !comes_late {
        return Err(IllegalEvent::TooLate {
            event: kind,
            what: "ended",
        });
    }
    live.last_at = at;
    if event.operator().is_some() {
        live.operator_acts += 1;
    }
    let mut fold = Fold { live, kind, at };
    fold.apply(event)?;
    fold.review(event);
    Ok(())
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
        standing: None,
        started_at: at,
        deadline: None,
        last_at: at,
        steps: (0..count)
            .map(|index| StepState::new(plan.needs(index).len() as u32))
            .collect(),
        nodes: RedBlackTreeMapSync::new_sync(),
        eligible: RedBlackTreeSetSync::new_sync(),
        eligible_free: RedBlackTreeSetSync::new_sync(),
        eligible_locked: RedBlackTreeSetSync::new_sync(),
        eligible_finally: RedBlackTreeSetSync::new_sync(),
        ready: RedBlackTreeSetSync::new_sync(),
        running: RedBlackTreeSetSync::new_sync(),
        by_hand: RedBlackTreeSetSync::new_sync(),
        settling: RedBlackTreeSetSync::new_sync(),
        doubts: RedBlackTreeSetSync::new_sync(),
        timers: RedBlackTreeSetSync::new_sync(),
        open_gates: RedBlackTreeSetSync::new_sync(),
        voided: None,
        fetching: RedBlackTreeSetSync::new_sync(),
        refuted: RedBlackTreeSetSync::new_sync(),
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
        target: None,
        lock: Lock::None,
        windows: Windows::default(),
        reviews: VectorSync::new_sync(),
        operator_acts: 0,
        paused: None,
        suspended: None,
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
            Event::PolicyChanged {
                standing,
                difference,
                voids,
            } => {
                self.govern(standing);
                if *voids {
                    self.void_unspent(difference);
                }
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
            Event::RunSuspended {
                rescue,
                by,
                reason,
                rule: _,
            } => self.suspend(rescue, by, reason)?,
            Event::RunReleased { rescue, fence } => self.release(rescue, *fence)?,
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
            Event::ReviewClosed {
                review,
                by,
                code,
                reason,
                ..
            } => self.close_review(*review, by, *code, reason)?,
            Event::TargetResolved { target } => self.resolve_target(target)?,
            Event::LockRequested { target } => self.request_lock(target)?,
            Event::LockAcquired {
                target,
                fence,
                instead_of,
            } => self.acquire_lock(target, *fence, instead_of.as_ref())?,
            Event::LockForgone { target, held_by } => self.forgo_lock(target, held_by)?,
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
            Event::OpeningChosen { step, opening } => self.choose_opening(step, *opening)?,
            Event::OpeningMissed { step, .. } => self.miss_opening(step)?,
            Event::StepDeferred { step, until, why } => self.defer(step, *until, why)?,
            Event::StepDue { step } => self.due(step)?,
            Event::WindowOverrun { step, ended_at } => self.overrun(step, *ended_at)?,
            Event::WindowOverridden { step, .. } => self.override_window(step)?,
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
                guards: _,
                opening,
            } => {
                let key = self.startable(node, *attempt)?;
                self.in_time(node, key, *opening)?;
                if self.live.manual(key).is_some() {
                    return Err(self.wrong(node.to_string(), "done by hand"));
                }
                let phase = NodePhase::Running {
                    call: call.clone(),
                    deadline: *deadline,
                    send_by: *send_by,
                };
                self.start_attempt(key, *attempt, phase, *opening);
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
            Event::RequestRefused {
                node,
                attempt,
                refusal,
            } => {
                let key = self.asking(node, *attempt)?;
                self.live
                    .update_node(key, |state| state.refusals.push(refusal.clone()));
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
                let acts = self.is_no_read(key);
                self.live.update_node(key, |state| {
                    state.phase = NodePhase::Polling { at: *at };
                    state.acted |= acts;
                    state.tries = 0;
                    // It came to its end: it does not bring its engine down.
                    state.interruptions = 0;
                    state.checkpoint = None;
                });
            }
            Event::NodeFailed { node, failure } => {
                let key = self.failing(node, failure)?;
                self.fail(key, failure);
            }
            Event::ManualStepOpened {
                node,
                attempt,
                call,
                expires_at,
                guards: _,
                opening,
            } => {
                let key = self.startable(node, *attempt)?;
                self.in_time(node, key, *opening)?;
                if self.live.manual(key).is_none() {
                    return Err(self.wrong(node.to_string(), "not done by hand"));
                }
                let phase = NodePhase::ByHand {
                    call: call.clone(),
                    expires_at: *expires_at,
                };
                self.start_attempt(key, *attempt, phase, *opening);
            }
            Event::ManualStepAttested {
                node,
                attempt,
                outputs,
                ..
            } => {
                let (key, _) = self.by_hand(node, *attempt)?;
                self.succeed(key, outputs, true);
            }
            Event::ManualStepDeclined {
                node,
                attempt,
                by,
                reason,
                effect,
                ..
            } => {
                let (key, _) = self.by_hand(node, *attempt)?;
                let message = format!("{by}: {reason}");
                self.not_done(key, *effect, CODE_DECLINED, message);
            }
            Event::ManualStepExpired { node, attempt } => {
                let (key, expires_at) = self.by_hand(node, *attempt)?;
                if expires_at.is_none_or(|at| self.at < at) {
                    return Err(self.wrong(node.to_string(), "by_hand"));
                }
                // A change has no expiry; of anything else it does not matter.
                let message = "nobody answered in time".to_owned();
                self.not_done(key, Effected::None, CODE_EXPIRED, message);
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
                let said = doubts::describe(answer);
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
                self.live.unbegin_unit(key, *nothing_remains);
                self.order_retry(key);
                if *nothing_remains {
                    self.forget_change(key);
                }
            }
            Event::NodeAttested {
                node,
                outputs,
                owes,
                ..
            } => {
                let key = self.attestable(node)?;
                if *owes {
                    self.open_debt(key);
                }
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
                        | NodePhase::ByHand { .. }
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
                target,
                asks,
            } => {
                let index = self.openable(step, *attempt, target.as_deref())?;
                let gate = self.with_facts(index, asks)?;
                let (at, expires_at, shown) = (self.at, *expires_at, shown.clone());
                let attempt = *attempt;
                self.live.update_step(index, |state| {
                    state.phase = StepPhase::GateOpen { expires_at, shown };
                    state.gate_attempt = attempt;
                    state.gate = Some(Arc::new(gate));
                    state.started_at = Some(at);
                    state.ended_at = None;
                    state.message = None;
                });
            }
            Event::FactsAsked {
                step,
                attempt,
                asks,
            } => self.ask_facts(step, *attempt, asks)?,
            Event::FactFetched {
                step,
                attempt,
                fact,
                asked_at,
                finding,
            } => self.fetch_fact(step, *attempt, fact, *asked_at, finding)?,
            Event::ApprovalGiven {
                step,
                attempt,
                by,
                note,
                rule,
                grounds,
            } => {
                let approval = self.approval(by, note, rule, grounds);
                self.approve(step, *attempt, approval)?;
            }
            Event::GateApproved {
                step,
                attempt,
                by,
                note,
                rule,
                grounds,
            } => {
                let approval = self.approval(by, note, rule, grounds);
                let (index, expires_at) = self.approve(step, *attempt, approval)?;
                let (by, at) = (by.clone(), self.at);
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
                self.live.forget_overrides_behind(index);
                self.no_more_voided(index);
            }
        }
        Ok(())
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
