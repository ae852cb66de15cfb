//! What people ask of a run. Each command is authorised first, then held against
//! the state; a refused one records nothing.

use std::collections::BTreeMap;

use super::Decider;
use crate::authorise::{Act, Circumstances, Rule, authorise};
use crate::command::{Command, Verdict};
use crate::event::Event;
use crate::id::{NodeId, Phase, StepId};
use crate::operator::Operator;
use crate::outcome::{Effected, OUTPUTS_BYTES_MAX, Resolution, Witness};
use crate::plan::StepKind;
use crate::rejection::{REASON_BYTES_MAX, Rejection};
use crate::state::{Key, Live, NodePhase, StepPhase};
use crate::value::Value;

impl Decider {
    /// Commands that come from people, and `Withdraw`, which comes from their facts.
    pub(super) fn operate(&mut self, command: Command) -> Result<(), Rejection> {
        let live = self.live()?;
        if let Some((end, _)) = live.ended {
            return Err(Rejection::RunEnded { end: end.as_str() });
        }
        match command {
            Command::Approve {
                gate,
                by,
                seen,
                note,
                signature,
            } => self.approve(gate, by, seen, note, signature),
            Command::Refresh { gate, by } => self.refresh(&gate, &by),
            Command::Reject { gate, by, reason } => self.reject(gate, by, reason),
            Command::Withdraw { gate, reason } => self.withdraw(gate, reason),
            Command::Pause { by, reason } => {
                self.direct(&by)?;
                if let Some((by, _)) = &self.live()?.paused {
                    return Err(Rejection::AlreadyPaused { by: by.clone() });
                }
                let reason = stated(reason)?;
                self.emit(Event::RunPaused { by, reason });
                Ok(())
            }
            Command::Resume { by } => {
                self.direct(&by)?;
                if self.live()?.paused.is_none() {
                    return Err(Rejection::NotPaused);
                }
                self.emit(Event::RunResumed { by });
                Ok(())
            }
            Command::Cancel { by, reason, undo } => {
                self.direct(&by)?;
                if let Some(cancelled) = &self.live()?.cancelled {
                    return Err(Rejection::AlreadyCancelled {
                        by: cancelled.by.clone(),
                    });
                }
                let reason = stated(reason)?;
                // Undo comes before debts and `finally`: the record says when it is too late.
                let undo = undo && !self.live()?.is_past_undo();
                self.emit(Event::RunCancelRequested { by, reason, undo });
                Ok(())
            }
            Command::Resolve {
                node,
                by,
                reason,
                verdict,
            } => self.resolve(node, by, reason, verdict),
            Command::Retry {
                node,
                by,
                reason,
                nothing_remains,
            } => self.retry(node, by, reason, nothing_remains),
            Command::Attest {
                node,
                attempt,
                by,
                reason,
                outputs,
            } => self.attest(node, attempt, by, reason, outputs),
            Command::Decline {
                node,
                attempt,
                by,
                reason,
                effect,
            } => self.decline(node, attempt, by, reason, effect),
            Command::Abandon { by, reason } => self.abandon(by, reason),
            Command::TakeOver { step, by, reason } => self.take_over(step, by, reason),
            Command::Acknowledge { node, by, reason } => {
                self.direct(&by)?;
                self.contradicted(&node)?;
                let reason = stated(reason)?;
                self.emit(Event::ContradictionAcknowledged { node, by, reason });
                Ok(())
            }
            Command::Override { step, by, reason } => self.override_window(step, by, reason),
            Command::Suspend { rescue, by, reason } => self.suspend(rescue, by, reason),
            Command::Start { .. }
            | Command::Govern { .. }
            | Command::Open { .. }
            | Command::Tick
            | Command::Ended { .. }
            | Command::Checkpoint { .. }
            | Command::Refused { .. }
            | Command::Reconciled { .. }
            | Command::Observed { .. }
            | Command::Fetched { .. }
            | Command::CloseReview { .. }
            | Command::OrphanFound(_)
            | Command::OrphanEnded(_)
            | Command::LockGranted { .. }
            | Command::Release { .. }
            | Command::LockHeld { .. } => unreachable!("`accept` keeps these to itself"),
        }
    }

    /// What every act on the run is judged by.
    pub(super) fn circumstances<'a>(&self, live: &'a Live) -> Circumstances<'a> {
        Circumstances {
            owner: &live.owner,
            requester: Some(&live.requester),
            single_user: live.single_user,
            standing: live.standing.as_deref(),
            target: live.target.as_deref(),
            now: self.now,
        }
    }

    pub(super) fn authorised(&self, act: Act<'_>, by: &Operator) -> Result<Rule, Rejection> {
        let circumstances = self.circumstances(self.live()?);
        authorise(act, by, circumstances).map_err(|denial| Rejection::NotAuthorised {
            by: by.clone(),
            why: denial.to_string(),
        })
    }

    pub(super) fn direct(&self, by: &Operator) -> Result<(), Rejection> {
        self.authorised(Act::Direct, by).map(|_| ())
    }

    fn existing(&self, node: &NodeId) -> Result<Key, Rejection> {
        let live = self.live()?;
        let unknown = || Rejection::UnknownStep {
            step: node.to_string(),
        };
        let key = live.key_of(node).ok_or_else(unknown)?;
        if live.nodes.contains_key(&key) {
            Ok(key)
        } else {
            Err(Rejection::UnknownNode { node: node.clone() })
        }
    }

    fn resolve(
        &mut self,
        node: NodeId,
        by: Operator,
        reason: String,
        verdict: Verdict,
    ) -> Result<(), Rejection> {
        self.direct(&by)?;
        let key = self.existing(&node)?;
        let live = self.live()?;
        let state = live.nodes.get(&key).expect("it exists");
        if !matches!(state.phase, NodePhase::InDoubt(_)) {
            let state = state.phase.name();
            return Err(Rejection::WrongState {
                node,
                state,
                expected: "a change in doubt",
            });
        }
        if let Some(pid) = live.orphan_of(key.step) {
            return Err(Rejection::OrphanLives { node, pid });
        }
        let attempt = state.attempt;
        let reason = stated(reason)?;
        let resolution = match verdict {
            Verdict::Happened { outputs } => Resolution::Happened {
                outputs: attested(live, key, outputs)?,
            },
            Verdict::NotHappened => {
                let evidence = Value::Text(format!("attested by {by}: {reason}"));
                Resolution::NotHappened { evidence }
            }
            Verdict::GiveUp => Resolution::GivenUp,
        };
        let witness = Witness::Operator { by, reason };
        self.emit(Event::DoubtResolved {
            node,
            attempt,
            resolution,
            witness,
        });
        Ok(())
    }

    /// Whether a recorded resolution of the node was contradicted.
    fn contradicted(&self, node: &NodeId) -> Result<(), Rejection> {
        let live = self.live()?;
        let unknown = || Rejection::UnknownStep {
            step: node.to_string(),
        };
        let key = live.key_of(node).ok_or_else(unknown)?;
        if live.contradicted.contains(&key) {
            return Ok(());
        }
        let state = match live.nodes.get(&key) {
            Some(state) => state.phase.name(),
            None => live.step(key.step).phase.name(),
        };
        Err(Rejection::WrongState {
            node: node.clone(),
            state,
            expected: "nothing contradicts how a doubt about it was settled",
        })
    }

    /// Whether a failed node may still be retried or attested.
    fn failed(&self, node: &NodeId) -> Result<Key, Rejection> {
        let live = self.live()?;
        let unknown = || Rejection::UnknownStep {
            step: node.to_string(),
        };
        let key = live.key_of(node).ok_or_else(unknown)?;
        let failed = match live.nodes.get(&key) {
            Some(state) => matches!(state.phase, NodePhase::Failed),
            None => {
                key.item == 0
                    && key.phase == Phase::Do
                    && matches!(live.step(key.step).phase, StepPhase::Failed)
            }
        };
        if !failed {
            let state = match live.nodes.get(&key) {
                Some(state) => state.phase.name(),
                None => live.step(key.step).phase.name(),
            };
            let node = node.clone();
            return Err(Rejection::WrongState {
                node,
                state,
                expected: "something that failed",
            });
        }
        if live.is_finally(key.step) && !live.debts.contains_key(&key.step) {
            let node = node.clone();
            let expected = "a failed step of `finally` is recorded and changes nothing";
            return Err(Rejection::WrongState {
                node,
                state: "failed",
                expected,
            });
        }
        if let (Phase::Do, phase @ StepPhase::Succeeded) = (key.phase, &live.step(key.step).phase) {
            let (node, state) = (node.clone(), phase.name());
            let expected = "a step that has not succeeded: what it gave is in use";
            return Err(Rejection::WrongState {
                node,
                state,
                expected,
            });
        }
        let of_the_ending = key.phase == Phase::Undo || live.debts.contains_key(&key.step);
        let over = live.ending.is_some()
            || live.cancelled.is_some()
            || live.timed_out
            || live.abandoned.is_some();
        if over && !of_the_ending {
            return Err(Rejection::RunEnding {
                why: ending_reason(live),
            });
        }
        Ok(key)
    }

    fn retry(
        &mut self,
        node: NodeId,
        by: Operator,
        reason: String,
        nothing_remains: bool,
    ) -> Result<(), Rejection> {
        self.direct(&by)?;
        let key = self.failed(&node)?;
        let live = self.live()?;
        let is_change = live
            .call_of(key)
            .is_some_and(|(_, effect)| effect.is_change());
        let effect = live
            .nodes
            .get(&key)
            .and_then(|state| state.failure.as_ref())
            .map(|f| f.effect);
        let may_remain = match effect {
            Some(Effected::Settled | Effected::Unknown) => is_change,
            Some(Effected::None) | None => false,
        };
        if may_remain && !nothing_remains {
            return Err(Rejection::MayRemain);
        }
        let reason = stated(reason)?;
        self.emit(Event::RetryOrdered {
            node,
            by,
            reason,
            nothing_remains,
        });
        Ok(())
    }

    /// What a person states of an attempt counts for that one alone: he may have seen
    /// another than there is now.
    pub(super) fn seen(&self, node: &NodeId, attempt: u32) -> Result<(), Rejection> {
        let current = self.state.attempt_of(node);
        if attempt == current {
            return Ok(());
        }
        let node = node.clone();
        Err(Rejection::StaleAttempt {
            node,
            attempt,
            current,
        })
    }

    fn attest(
        &mut self,
        node: NodeId,
        attempt: u32,
        by: Operator,
        reason: String,
        outputs: Value,
    ) -> Result<(), Rejection> {
        if self.by_hand(&node)?.is_some() {
            return self.attest_by_hand(node, attempt, by, reason, outputs);
        }
        self.direct(&by)?;
        let key = self.failed(&node)?;
        self.seen(&node, attempt)?;
        let live = self.live()?;
        let attestable = match &live.plan.step(key.step).kind {
            StepKind::Action { for_each, .. } => {
                for_each.is_none() || live.nodes.contains_key(&key)
            }
            StepKind::Wait { .. } | StepKind::Gate(_) => false,
        };
        if !attestable {
            let expected = "an action: a gate, a wait or a step without items cannot be attested";
            return Err(Rejection::WrongState {
                node,
                state: "failed",
                expected,
            });
        }
        let outputs = attested(live, key, outputs)?;
        let owes = live.would_owe(key);
        let reason = stated(reason)?;
        self.emit(Event::NodeAttested {
            node,
            by,
            reason,
            outputs,
            owes,
        });
        Ok(())
    }

    /// Gives up a run that waits after an irreversible step, or an undo that failed.
    fn abandon(&mut self, by: Operator, reason: String) -> Result<(), Rejection> {
        self.direct(&by)?;
        let live = self.live()?;
        if live.waits_after_irreversible() && live.is_quiet() {
            let reason = stated(reason)?;
            self.emit(Event::RunAbandoned { by, reason });
            return Ok(());
        }
        let undo = live.undo_head().filter(|key| {
            live.nodes
                .get(key)
                .is_some_and(|node| matches!(node.phase, NodePhase::Failed))
        });
        let node = undo
            .map(|key| live.id_of(key))
            .ok_or(Rejection::NothingToDecide)?;
        let reason = stated(reason)?;
        self.emit(Event::UndoAbandoned { node, by, reason });
        Ok(())
    }

    fn take_over(&mut self, step: StepId, by: Operator, reason: String) -> Result<(), Rejection> {
        self.direct(&by)?;
        let live = self.live()?;
        let unknown = || Rejection::UnknownStep {
            step: step.to_string(),
        };
        let index = live.plan.index_of(&step).ok_or_else(unknown)?;
        if !live.debts.contains_key(&index) {
            return Err(Rejection::NoDebt {
                step: step.to_string(),
            });
        }
        let key = Key::of(index);
        let in_flight = [&live.running, &live.doubts, &live.by_hand];
        if in_flight.iter().any(|table| table.contains(&key)) {
            let state = live
                .nodes
                .get(&key)
                .map_or("running", |node| node.phase.name());
            let expected = "not in flight and not in doubt";
            return Err(Rejection::WrongState {
                node: NodeId::of(step),
                state,
                expected,
            });
        }
        let reason = stated(reason)?;
        self.emit(Event::DebtTakenOver { step, by, reason });
        Ok(())
    }
}

pub(super) fn ending_reason(live: &Live) -> String {
    match (&live.ending, &live.cancelled) {
        (_, Some(cancelled)) => format!("cancelled by {}: {}", cancelled.by, cancelled.reason),
        (Some(ending), None) => ending.reason.clone(),
        (None, None) if live.timed_out => "the run's timeout passed".to_owned(),
        (None, None) => "it was given up".to_owned(),
    }
}

/// A reason that says something, within its bound.
pub(super) fn stated(reason: String) -> Result<String, Rejection> {
    let trimmed = reason.trim();
    if trimmed.is_empty() || reason.len() > REASON_BYTES_MAX {
        return Err(Rejection::BadReason);
    }
    Ok(trimmed.to_owned())
}

/// Outputs that a person states: a map within the bound, with what the step declares;
/// nothing means none.
pub(super) fn attested(live: &Live, key: Key, outputs: Value) -> Result<Value, Rejection> {
    if outputs.weight_bytes() > OUTPUTS_BYTES_MAX {
        return Err(Rejection::TooLarge {
            max: OUTPUTS_BYTES_MAX,
        });
    }
    let outputs = match outputs {
        Value::Null => Value::Map(BTreeMap::new()),
        other => other,
    };
    let outputs = live.completed(key, outputs, OUTPUTS_BYTES_MAX);
    if let (Some(manual), StepKind::Action { outputs: types, .. }) =
        (live.manual(key), &live.plan.step(key.step).kind)
        && let Some(why) = manual.fault(types, &outputs)
    {
        let node = live.id_of(key);
        return Err(Rejection::WrongOutputs { node, why });
    }
    if let Some(why) = live.lacks_declared(key, &outputs) {
        let node = live.id_of(key);
        return Err(Rejection::WrongOutputs { node, why });
    }
    Ok(outputs)
}
