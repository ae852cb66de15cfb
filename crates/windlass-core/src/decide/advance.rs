//! What follows from the state by itself: attempts that are due, failures that have
//! consequences, steps whose turn has come, the order of ending. It runs after every
//! command until nothing more follows, so that each prefix of a decision's events
//! leads to the same continuation.

use sha2::{Digest as _, Sha256};

use super::Decider;
use crate::event::{Ask, End, Event};
use crate::evolve::CODE_INTERRUPTED;
use crate::id::{NodeId, RunId};
use crate::outcome::{Effected, Failure};
use crate::plan::{OnFailure, Reconcile, Retry};
use crate::state::{Key, Live, NodePhase, NodeScope, NodeState, StepPhase, Timer};
use crate::time::{Millis, Timestamp};

/// How often the end of an engine may cut one node's attempts off before it counts
/// as a failure: a step that brings its engine down must not do so for ever.
pub const INTERRUPTIONS_MAX: u32 = 20;
/// The code of an `until` that did not come true in time; no retry follows.
pub(super) const CODE_UNTIL: &str = "until_expired";
/// Evidence that a step demands is not there, or what a step gives as evidence is none.
pub(super) const CODE_GUARD: &str = "guard";
/// The code of an expression that could not be evaluated; no retry follows.
pub(super) const CODE_EXPRESSION: &str = "expression";

impl Decider {
    pub(super) fn advance(&mut self) {
        while let Some(event) = self.next() {
            self.emit(event);
        }
    }

    pub(super) fn next(&self) -> Option<Event> {
        let live = self.state.live.as_ref()?;
        if live.ended.is_some() {
            return None;
        }
        if let Some(event) = self.withdraw_refuted(live) {
            return Some(event);
        }
        if let Some(event) = self.withdraw_voided(live) {
            return Some(event);
        }
        if let Some(key) = live.settling.first() {
            return Some(self.settle(live, *key));
        }
        self.due(live)
            .or_else(|| self.escalation(live))
            .or_else(|| self.go_on(live))
    }

    /// What a failed attempt leads to.
    fn settle(&self, live: &Live, key: Key) -> Event {
        let node = live
            .nodes
            .get(&key)
            .expect("the tables name only existing nodes");
        let mut failure = node
            .failure
            .clone()
            .expect("a failed attempt has its failure");
        let (call, effect) = live.call_of(key).expect("only actions have attempts");
        match failure.effect {
            Effected::Settled => return fail(live, key, failure),
            Effected::Unknown if effect.is_change() => return self.doubt(live, key, node),
            Effected::None | Effected::Unknown => {}
        }
        if failure.code == CODE_UNTIL || failure.code == CODE_EXPRESSION {
            return fail(live, key, failure);
        }
        let cut_off = failure.code == CODE_INTERRUPTED || node.interrupted;
        let may_retry = if cut_off && node.interruptions > 0 {
            node.interruptions <= INTERRUPTIONS_MAX
        } else {
            node.tries < call.retry.attempts
        };
        if !may_retry {
            if cut_off && node.interruptions > INTERRUPTIONS_MAX {
                let times = node.interruptions;
                failure.message =
                    format!("the engine ended {times} times while an attempt was in flight");
            }
            return fail(live, key, failure);
        }
        // Also in a run that halts: the attempt waits until the run goes on, or stops with it.
        let id = live.id_of(key);
        let attempt = node.attempt + 1;
        let wait = if cut_off {
            Millis(0)
        } else {
            backoff(call.retry, node.tries, self.state.run(), &id, attempt)
        };
        let at = (self.now + wait).max(node.not_before).max(node.quiet_at);
        Event::RetryScheduled {
            node: id,
            attempt,
            at,
        }
    }

    fn doubt(&self, live: &Live, key: Key, node: &NodeState) -> Event {
        let (call, _) = live.call_of(key).expect("only actions have attempts");
        let (_, deadline, send_by) = node
            .in_flight
            .clone()
            .expect("a change keeps what its attempt was given");
        let scope = NodeScope {
            run: self.state.run(),
            live,
            item: Some(&node.item),
            outputs: None,
        };
        let ask = match &call.reconcile {
            Reconcile::None | Reconcile::Native { .. } => None,
            Reconcile::Read { uses, with, .. } => {
                // When the question cannot be put, a person is asked: see `escalation`.
                with.resolve(&scope).ok().map(|input| Ask {
                    uses: uses.clone(),
                    input,
                })
            }
        };
        Event::DoubtOpened {
            node: live.id_of(key),
            attempt: node.attempt,
            quiet_at: send_by + call.settle,
            observe_until: deadline.max(self.now) + call.observe,
            ask,
        }
    }

    /// Timers that have come, except those of attempts that are to start.
    fn due(&self, live: &Live) -> Option<Event> {
        for (at, timer) in live.timers.iter() {
            if *at > self.now {
                return None;
            }
            match timer {
                Timer::Run if live.ending.is_none() => return Some(Event::RunTimedOut {}),
                Timer::Run => {}
                Timer::Opening(unit) => {
                    let step = live.plan.step(*unit).id.clone();
                    return Some(Event::WindowOverrun {
                        step,
                        ended_at: *at,
                    });
                }
                Timer::Step(index) => {
                    let step = live.plan.step(*index).id.clone();
                    let state = live.step(*index);
                    match &state.phase {
                        StepPhase::Pending | StepPhase::Begun => {
                            return Some(Event::StepDue { step });
                        }
                        StepPhase::Waiting { .. } => return Some(Event::WaitEnded { step }),
                        StepPhase::GateOpen { .. } => {
                            return Some(Event::GateExpired {
                                step,
                                attempt: state.gate_attempt,
                            });
                        }
                        StepPhase::GateApproved { .. }
                        | StepPhase::GateWithdrawn
                        | StepPhase::Succeeded
                        | StepPhase::Skipped
                        | StepPhase::Failed
                        | StepPhase::Stopped => {}
                    }
                }
                Timer::Node(key) => {
                    if let Some(event) = self.due_node(live, *key) {
                        return Some(event);
                    }
                }
            }
        }
        None
    }

    fn due_node(&self, live: &Live, key: Key) -> Option<Event> {
        let node = live.nodes.get(&key)?;
        let (id, attempt) = (live.id_of(key), node.attempt);
        match &node.phase {
            NodePhase::Running { .. } => {
                let (call, _) = live.call_of(key)?;
                let failure = Failure {
                    effect: Effected::Unknown,
                    code: "timeout".to_owned(),
                    message: format!("no outcome within {}", call.timeout),
                    evidence: None,
                    log: None,
                };
                Some(Event::AttemptFailed {
                    node: id,
                    attempt,
                    failure,
                })
            }
            // While the run stands aside nothing is looked at: the time does not count.
            NodePhase::InDoubt(_) if live.suspended.is_some() => None,
            NodePhase::InDoubt(doubt) => {
                let reason = match (node.orphan, &doubt.said) {
                    (Some((_, pid)), _) => format!("process {pid} of the attempt still lives"),
                    (None, Some(said)) => format!("no answer in time; the last look: {said}"),
                    (None, None) => "no answer in time".to_owned(),
                };
                Some(Event::DoubtEscalated {
                    node: id,
                    attempt,
                    reason,
                })
            }
            NodePhase::ByHand { .. } => Some(Event::ManualStepExpired { node: id, attempt }),
            NodePhase::Ready
            | NodePhase::AttemptFailed
            | NodePhase::Backoff { .. }
            | NodePhase::Polling { .. }
            | NodePhase::Succeeded { .. }
            | NodePhase::Failed
            | NodePhase::Stopped => None,
        }
    }

    /// Doubts that nobody but a person can settle.
    fn escalation(&self, live: &Live) -> Option<Event> {
        live.doubts.iter().find_map(|key| {
            let node = live.nodes.get(key)?;
            let NodePhase::InDoubt(doubt) = &node.phase else {
                return None;
            };
            if doubt.escalated.is_some() || node.orphan.is_some() {
                return None;
            }
            let (call, _) = live.call_of(*key)?;
            let reason = match &call.reconcile {
                Reconcile::None => "the step has no reconcile",
                Reconcile::Read { .. } if doubt.ask.is_none() => {
                    "the inputs of its reconcile cannot be evaluated"
                }
                Reconcile::Native { .. } | Reconcile::Read { .. } => return None,
            };
            let (node, attempt) = (live.id_of(*key), node.attempt);
            Some(Event::DoubtEscalated {
                node,
                attempt,
                reason: reason.to_owned(),
            })
        })
    }

    /// What starts next, or how the run goes to its end.
    fn go_on(&self, live: &Live) -> Option<Event> {
        if live.is_held() {
            return None;
        }
        if live.ending.is_some() {
            return self.go_on_ending(live);
        }
        if !live.is_halting() {
            let started = self.start_free(live).or_else(|| self.start_work(live));
            if started.is_some() {
                return started;
            }
            let finished = live.unfinished == 0 && live.is_quiet();
            return finished.then(|| ending(live)).flatten();
        }
        if let Some(event) = self.start_debts(live, false) {
            return Some(event);
        }
        if !live.is_quiet() || live.waits_after_irreversible() {
            return None;
        }
        ending(live)
    }

    /// Undo, then debts, then `finally`, then the end.
    fn go_on_ending(&self, live: &Live) -> Option<Event> {
        if let Some(head) = live.undo_head() {
            return self.start_node(live, head);
        }
        if live.owes_main_step() {
            return self.start_debts(live, true);
        }
        if let Some(event) = self.start_finally(live) {
            return Some(event);
        }
        let nothing_left = live.is_quiet()
            && live.ready.is_empty()
            && live.eligible_finally.is_empty()
            && live.timers.iter().all(|(_, timer)| match timer {
                Timer::Run | Timer::Opening(_) => true,
                Timer::Node(_) | Timer::Step(_) => false,
            });
        if nothing_left && !live.debts.is_empty() {
            // What `finally` owes and could not pay in its turn.
            return self.start_debts(live, true);
        }
        let ending = live.ending.as_ref()?;
        let (end, reason) = (ending.end, ending.reason.clone());
        nothing_left.then_some(Event::RunEnded { end, reason })
    }
}

fn fail(live: &Live, key: Key, failure: Failure) -> Event {
    Event::NodeFailed {
        node: live.id_of(key),
        failure,
    }
}

/// The end that a run which starts nothing more is heading for, the reason first.
fn ending(live: &Live) -> Option<Event> {
    let on_failure = live.plan.plan().on_failure == OnFailure::Undo;
    let (end, reason, undo) = if let Some(cancel) = &live.cancelled {
        (
            End::Cancelled,
            format!("cancelled by {}: {}", cancel.by, cancel.reason),
            cancel.undo,
        )
    } else if let Some((by, reason)) = &live.abandoned {
        (
            End::Failed,
            format!("{}; given up by {by}: {reason}", first_failure(live)),
            on_failure,
        )
    } else if !live.failed.is_empty() || live.timed_out {
        (End::Failed, first_failure(live), on_failure)
    } else if let Some(step) = live.nothing_to_do {
        (
            End::Succeeded,
            format!("nothing to do, says {}", live.plan.step(step).id),
            false,
        )
    } else {
        (End::Succeeded, "every step succeeded".to_owned(), false)
    };
    Some(Event::RunEndingBegan { end, reason, undo })
}

/// What failed first, in words.
fn first_failure(live: &Live) -> String {
    let first = live
        .failed
        .iter()
        .min_by_key(|step| live.step(**step).ended_at);
    match first {
        Some(step) => {
            let message = live.step(*step).message.as_deref().unwrap_or("failed");
            format!("{}: {message}", live.plan.step(*step).id)
        }
        None if live.timed_out => "the run's timeout passed".to_owned(),
        None => "given up".to_owned(),
    }
}

/// The wait before an attempt: doubling from the policy's first, capped, and between
/// half of it and all of it, by a hash, so that runs do not retry in step.
fn backoff(retry: Retry, tries: u32, run: &RunId, node: &NodeId, attempt: u32) -> Millis {
    let doublings = tries.saturating_sub(1).min(32);
    let full = retry
        .backoff
        .0
        .saturating_mul(1 << doublings)
        .min(retry.backoff_max.0);
    let hash = Sha256::digest(format!("jitter {run}/{node}/{attempt}"));
    let share = u64::from(u16::from_be_bytes([hash[0], hash[1]]));
    let half = full / 2;
    Millis(half + (full - half).saturating_mul(share) / u64::from(u16::MAX))
}

/// Whether the time for another look has not run out.
pub(super) fn next_look(looks: u32, now: Timestamp, observe_until: Timestamp) -> Option<Timestamp> {
    /// The wait after the first look; it doubles.
    const FIRST: u64 = 1_000;
    /// The longest wait between looks.
    const LONGEST: u64 = 60_000;
    if now >= observe_until {
        return None;
    }
    let wait = Millis((FIRST << looks.min(16)).min(LONGEST));
    Some((now + wait).min(observe_until))
}
