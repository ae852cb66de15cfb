//! Attempts: their start, their ends, and what a step makes of its items' ends.

use crate::evolve::{CODE_INTERRUPTED, Fold, IllegalEvent};
use crate::id::{Phase, StepId};
use crate::outcome::{Effected, Failure};
use crate::plan::{EffectClass, StepKind};
use crate::span::Span;
use crate::state::{Key, NodePhase, StepPhase};
use crate::value::Value;

impl Fold<'_> {
    pub(super) fn set_step(&mut self, index: u32, phase: StepPhase, message: Option<String>) {
        let at = self.at;
        self.live.update_step(index, |state| {
            state.phase = phase;
            state.message = message;
            state.ended_at = Some(at);
            state.deferred = None;
        });
    }

    pub(super) fn expand(&mut self, step: &StepId, items: &[Value]) -> Result<(), IllegalEvent> {
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

    pub(super) fn start_attempt(
        &mut self,
        key: Key,
        attempt: u32,
        phase: NodePhase,
        opening: Option<Span>,
    ) {
        let at = self.at;
        if key.phase == Phase::Do && self.live.ending.is_none() {
            self.live.begin_unit(key.step, opening);
        }
        self.live.update_node(key, |state| {
            state.attempt = attempt;
            state.phase = phase;
            state.tries += 1;
            state.interrupted = false;
            state.checkpoint = None;
            state.refusals.clear();
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

    /// The first change behind a gate uses its approval up; where segments are behind it,
    /// what begins one of them does: what prepares them does not.
    pub(super) fn spend_gates(&mut self, key: Key) {
        if !self.live.rests_on_approvals(key) {
            return;
        }
        let plan = self.live.plan.clone();
        let number = plan.segment_of(key.step);
        for gate in plan.gates_before(key.step) {
            let mut behind = plan.segments_behind(*gate).peekable();
            if behind.peek().is_some() && !behind.any(|other| Some(other) == number) {
                self.found_facts_young(*gate);
                continue;
            }
            self.live.update_step(*gate, |state| {
                if let StepPhase::GateApproved { spent, .. } = &mut state.phase {
                    *spent = true;
                }
            });
        }
    }

    pub(super) fn succeed(&mut self, key: Key, outputs: &Value, attested: bool) {
        let at = self.at;
        let takes_back = self.live.takes_back(key);
        self.live.update_node(key, |state| {
            state.phase = NodePhase::Succeeded {
                outputs: outputs.clone(),
                attested,
            };
            state.ended_at = Some(at);
            state.failure = None;
            // What takes the step back is given what it kept.
            state.checkpoint = state.checkpoint.take().filter(|_| takes_back);
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

    /// Ends a step once all its items have.
    pub(super) fn finish_step(&mut self, index: u32) {
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

    pub(super) fn failure_budget(&self, index: u32) -> u32 {
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

    pub(super) fn fail_attempt(&mut self, key: Key, failure: &Failure) {
        let at = self.at;
        let call = self.live.call_of(key);
        let is_change = call.is_some_and(|(_, effect)| effect.is_change());
        // What became of a change is said by what settles it.
        let has_acted = !is_change && failure.effect != Effected::None && self.is_no_read(key);
        // Nothing is sent any more once the attempt is over, but what was sent may still come.
        let quiet_at = call
            .filter(|(_, effect)| *effect == EffectClass::Idempotent)
            .filter(|_| failure.effect == Effected::Unknown)
            .map(|(call, _)| at + call.settle);
        self.live.update_node(key, |state| {
            // A checkpoint is the attempt's word that something was about to leave.
            if let Some(quiet_at) = quiet_at.filter(|_| state.checkpoint.is_some()) {
                state.quiet_at = quiet_at;
            }
            state.acted |= has_acted;
            if failure.code == CODE_INTERRUPTED {
                state.interrupted = true;
                if !is_change {
                    // The end of an engine is not the step's fault.
                    state.tries = state.tries.saturating_sub(1);
                    state.interruptions += 1;
                }
            }
            // A change keeps what its attempt was given until its doubt is settled.
            match &state.phase {
                NodePhase::Running {
                    call,
                    deadline,
                    send_by,
                } => state.in_flight = Some((call.clone(), *deadline, *send_by)),
                // By hand nothing is sent any more once the person has answered.
                NodePhase::ByHand { call, .. } => state.in_flight = Some((call.clone(), at, at)),
                NodePhase::Ready
                | NodePhase::AttemptFailed
                | NodePhase::Backoff { .. }
                | NodePhase::Polling { .. }
                | NodePhase::InDoubt(_)
                | NodePhase::Succeeded { .. }
                | NodePhase::Failed
                | NodePhase::Stopped => {}
            }
            state.phase = NodePhase::AttemptFailed;
            state.failure = Some(failure.clone());
            state.ended_at = Some(at);
        });
        if failure.effect == Effected::None {
            self.cancel_debt(key);
        }
    }

    /// What a person was asked to do was not done.
    pub(super) fn not_done(&mut self, key: Key, effect: Effected, code: &str, message: String) {
        let failure = Failure {
            effect,
            code: code.to_owned(),
            message,
            evidence: None,
            log: None,
        };
        self.fail_attempt(key, &failure);
    }

    pub(super) fn fail(&mut self, key: Key, failure: &Failure) {
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

    pub(super) fn order_retry(&mut self, key: Key) {
        let node = self.live.nodes.get(&key);
        let Some(not_before) = node.map(|state| state.not_before.max(state.quiet_at)) else {
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
            state.interruptions = 0;
            state.poll_since = None;
            state.ended_at = None;
        });
        if key.phase == Phase::Do {
            self.mend_step(key.step);
        }
    }

    /// A failed item fails no longer; the step goes on once its budget bears the others.
    pub(super) fn mend_step(&mut self, index: u32) {
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

    pub(super) fn attest(&mut self, key: Key, outputs: &Value) {
        if key.phase == Phase::Do && self.live.nodes.contains_key(&key) {
            self.mend_step(key.step);
        }
        self.succeed(key, outputs, true);
    }
}
