//! The difference between what should be in flight and what is.

use windlass_core::effect::{Effect, Look};
use windlass_core::id::{NodeId, StepId};
use windlass_core::outstanding;
use windlass_core::time::Timestamp;

use super::flight::{Slot, SlotKind};
use super::launch::Attempt;
use super::task::Task;
use crate::shared::Phase;
use crate::snapshot::Lacks;

/// When a run must be looked at again, if nothing comes before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wake {
    /// For a timer of the run.
    pub(super) tick: Option<Timestamp>,
    /// For a look at a target.
    pub(super) look: Option<Timestamp>,
}

impl Wake {
    pub(super) fn first(self) -> Option<Timestamp> {
        [self.tick, self.look].into_iter().flatten().min()
    }
}

impl Task {
    /// Compares what should be in flight with what is, and performs the difference.
    /// Answers when it must be compared again.
    pub(super) fn perform(&mut self) -> Wake {
        let may_begin = match self.shared.phase() {
            Phase::Running | Phase::Parking { .. } => self.is_opened,
            Phase::Closed | Phase::Failed(_) => false,
        };
        if !may_begin {
            return Wake::default();
        }
        let mut wanted = Vec::new();
        let mut wake = Wake::default();
        for effect in outstanding(&self.snapshot.state) {
            match effect {
                Effect::Attempt { .. } => wanted.push(self.perform_attempt(effect)),
                Effect::Reconcile {
                    ref node, attempt, ..
                } => {
                    wanted.push(Slot {
                        kind: SlotKind::Look,
                        node: node.clone(),
                        attempt,
                    });
                    let at = self.perform_look(effect);
                    wake.look = [wake.look, at].into_iter().flatten().min();
                }
                Effect::Fetch { .. } => wanted.push(self.perform_fetch(effect)),
                // Asked for before; see `lock`.
                Effect::AcquireLock { .. } => {}
                Effect::WakeAt { at } => {
                    wake.tick = Some(self.tick_pause.map_or(at, |pause| at.max(pause)));
                }
            }
        }
        // Whatever was decided and undone again in one step is not handed over.
        self.fresh.clear();
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

    /// When a look that is due at `at` may begin.
    pub(super) fn look_time(&self, node: &NodeId, at: Timestamp) -> Timestamp {
        let pause = self.look_pauses.get(node).copied();
        pause.map_or(at, |pause| at.max(pause))
    }

    /// Begins to read a fact, unless it is being read.
    fn perform_fetch(&mut self, effect: Effect) -> Slot {
        let lacks = Lacks::for_effect(&self.shared, &self.run, &self.snapshot.state, &effect);
        let Effect::Fetch {
            gate,
            attempt,
            number,
            ask,
            timeout,
            fact: _,
        } = effect
        else {
            unreachable!("the caller has matched a fact");
        };
        let node = fact_node(gate, number);
        let slot = Slot {
            kind: SlotKind::Look,
            node: node.clone(),
            attempt,
        };
        if !self.flight.contains(&slot) && lacks.is_nothing() {
            match self.shared.phase() {
                Phase::Running => self.begin_look(node, attempt, timeout, Look::Read { ask }),
                Phase::Parking { .. } | Phase::Closed | Phase::Failed(_) => {}
            }
        }
        slot
    }

    /// Begins a look whose time has come; answers when it comes otherwise.
    fn perform_look(&mut self, effect: Effect) -> Option<Timestamp> {
        let lacks = Lacks::for_effect(&self.shared, &self.run, &self.snapshot.state, &effect);
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
        let at = self.look_time(&node, at);
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

/// A fact's place among what is in flight: the item of the gate's node is its number.
fn fact_node(gate: StepId, number: u32) -> NodeId {
    NodeId {
        item: number,
        ..NodeId::of(gate)
    }
}
