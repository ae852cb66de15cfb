//! The only two ways to change a node or a step: both keep the state's tables
//! (who is ready, running, in doubt, due) true to the phases that they index.

use super::{Key, Live, NodePhase, NodeState, Set, StepPhase, StepState, Timer};
use crate::plan::StepKind;
use crate::time::Timestamp;

/// Which table a node's phase puts it into.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NodeTable {
    Ready,
    Running,
    ByHand,
    Settling,
    Doubts,
    None,
}

fn node_table(phase: &NodePhase) -> (NodeTable, Option<Timestamp>) {
    match phase {
        NodePhase::Ready => (NodeTable::Ready, None),
        NodePhase::Running { deadline, .. } => (NodeTable::Running, Some(*deadline)),
        NodePhase::ByHand { expires_at, .. } => (NodeTable::ByHand, *expires_at),
        NodePhase::AttemptFailed => (NodeTable::Settling, None),
        NodePhase::Backoff { at } | NodePhase::Polling { at } => (NodeTable::None, Some(*at)),
        NodePhase::InDoubt(doubt) => {
            let timer = doubt.escalated.is_none().then_some(doubt.observe_until);
            (NodeTable::Doubts, timer)
        }
        NodePhase::Succeeded { .. } | NodePhase::Failed | NodePhase::Stopped => {
            (NodeTable::None, None)
        }
    }
}

/// Which table a step's phase puts it into.
#[derive(Clone, Copy, PartialEq, Eq)]
enum StepTable {
    Eligible,
    OpenGates,
    Withdrawn,
    Failed,
    None,
}

fn step_table(state: &StepState) -> (StepTable, Option<Timestamp>) {
    let due = state.deferred.as_ref().map(|deferred| deferred.until);
    match &state.phase {
        // What waits for its time is in nobody's way.
        StepPhase::Pending | StepPhase::Begun if due.is_some() => (StepTable::None, due.flatten()),
        StepPhase::Pending if state.unmet == 0 => (StepTable::Eligible, None),
        StepPhase::Waiting { until } => (StepTable::None, Some(*until)),
        StepPhase::GateOpen { expires_at, .. } => (StepTable::OpenGates, *expires_at),
        StepPhase::GateWithdrawn => (StepTable::Withdrawn, None),
        StepPhase::Failed => (StepTable::Failed, None),
        StepPhase::Pending
        | StepPhase::Begun
        | StepPhase::GateApproved { .. }
        | StepPhase::Succeeded
        | StepPhase::Skipped
        | StepPhase::Stopped => (StepTable::None, None),
    }
}

impl Live {
    /// Changes a node, making it first when it does not exist.
    pub(crate) fn update_node(&mut self, key: Key, change: impl FnOnce(&mut NodeState)) {
        let before = self.nodes.get(&key).map(|node| node_table(&node.phase));
        if before.is_none() {
            self.nodes
                .insert_mut(key, NodeState::new(crate::value::Value::Null));
        }
        let node = self.nodes.get_mut(&key).expect("it was inserted above");
        change(node);
        let after = node_table(&node.phase);
        if before == Some(after) {
            return;
        }
        if let Some((table, timer)) = before {
            self.enlist_node(key, table, timer, false);
        }
        self.enlist_node(key, after.0, after.1, true);
        let takes_a_place = |table| match table {
            NodeTable::Running | NodeTable::ByHand | NodeTable::Doubts => true,
            NodeTable::Ready | NodeTable::Settling | NodeTable::None => false,
        };
        let was_busy = before.is_some_and(|(table, _)| takes_a_place(table));
        let is_busy = takes_a_place(after.0);
        if was_busy != is_busy {
            self.update_step(key.step, |step| {
                if is_busy {
                    step.items_busy += 1;
                } else {
                    step.items_busy = step.items_busy.saturating_sub(1);
                }
            });
        }
    }

    fn enlist_node(&mut self, key: Key, table: NodeTable, timer: Option<Timestamp>, add: bool) {
        let set = match table {
            NodeTable::Ready => Some(&mut self.ready),
            NodeTable::Running => Some(&mut self.running),
            NodeTable::ByHand => Some(&mut self.by_hand),
            NodeTable::Settling => Some(&mut self.settling),
            NodeTable::Doubts => Some(&mut self.doubts),
            NodeTable::None => None,
        };
        if let Some(set) = set {
            if add {
                set.insert_mut(key);
            } else {
                set.remove_mut(&key);
            }
        }
        if let Some(at) = timer {
            self.set_timer(at, Timer::Node(key), add);
        }
    }

    pub(crate) fn set_timer(&mut self, at: Timestamp, timer: Timer, add: bool) {
        if add {
            self.timers.insert_mut((at, timer));
        } else {
            self.timers.remove_mut(&(at, timer));
        }
    }

    /// Changes a step; its successors learn when it becomes met, or is met no longer.
    pub(crate) fn update_step(&mut self, index: u32, change: impl FnOnce(&mut StepState)) {
        let state = self
            .steps
            .get_mut(index as usize)
            .expect("indices come from the plan");
        let facts = |state: &StepState| (state.is_fetching(), state.is_refuted());
        let before = (step_table(state), state.phase.is_met(), facts(state));
        change(state);
        let after = (step_table(state), state.phase.is_met(), facts(state));
        if before == after {
            return;
        }
        if before.2 != after.2 {
            put(&mut self.fetching, index, after.2.0);
            put(&mut self.refuted, index, after.2.1);
        }
        if before.0 != after.0 {
            self.enlist_step(index, before.0.0, before.0.1, false);
            self.enlist_step(index, after.0.0, after.0.1, true);
        }
        if before.1 != after.1 {
            self.announce_met(index, after.1);
        }
    }

    fn enlist_step(&mut self, index: u32, table: StepTable, timer: Option<Timestamp>, add: bool) {
        let is_locked = self.is_locked_step(index);
        let step = self.plan.step(index);
        let set = match table {
            StepTable::Eligible if step.finally => Some(&mut self.eligible_finally),
            StepTable::Eligible if is_locked => Some(&mut self.eligible_locked),
            StepTable::Eligible => match step.kind {
                StepKind::Action { .. } => Some(&mut self.eligible),
                StepKind::Wait { .. } | StepKind::Gate(_) => Some(&mut self.eligible_free),
            },
            StepTable::OpenGates => Some(&mut self.open_gates),
            StepTable::Withdrawn => Some(&mut self.withdrawn_gates),
            // A failed step of `finally` is announced and changes no end.
            StepTable::Failed if step.finally => None,
            StepTable::Failed => Some(&mut self.failed),
            StepTable::None => None,
        };
        if let Some(set) = set {
            if add {
                set.insert_mut(index);
            } else {
                set.remove_mut(&index);
            }
        }
        if let Some(at) = timer {
            self.set_timer(at, Timer::Step(index), add);
        }
    }

    fn announce_met(&mut self, index: u32, met: bool) {
        if !self.is_finally(index) {
            if met {
                self.unfinished -= 1;
            } else {
                self.unfinished += 1;
            }
        }
        if met {
            self.end_segment_at(index);
        }
        let plan = self.plan.clone();
        for successor in plan.successors(index) {
            self.update_step(*successor, |step| {
                if met {
                    step.unmet -= 1;
                } else {
                    step.unmet += 1;
                    step.deferred = None;
                }
            });
        }
    }
}

fn put(set: &mut Set<u32>, index: u32, is_in: bool) {
    if is_in {
        set.insert_mut(index);
    } else {
        set.remove_mut(&index);
    }
}
