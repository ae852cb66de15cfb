//! A state by the places of its steps in the plan, without a copy of anything: for whoever
//! looks at very many states, such as an exploration. People are shown `view`.

use super::{Key, Live, NodePhase, NodeState, RunState, StepPhase, Timer};
use crate::id::{Phase, StepId};
use crate::outstanding;
use crate::time::Timestamp;

/// A node that is at work, or waits for somebody's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Work {
    pub step: u32,
    pub item: u32,
    pub phase: Phase,
    pub attempt: u32,
    /// Attempts that count for the retry policy.
    pub tries: u32,
    /// Whether the end of an engine cut an attempt of it off since it was begun or retried.
    pub was_cut: bool,
    /// Of a doubt: whether a person was asked.
    pub escalated: bool,
}

fn work(key: Key, node: &NodeState) -> Work {
    let escalated = match &node.phase {
        NodePhase::InDoubt(doubt) => doubt.escalated.is_some(),
        NodePhase::Ready
        | NodePhase::Running { .. }
        | NodePhase::ByHand { .. }
        | NodePhase::AttemptFailed
        | NodePhase::Backoff { .. }
        | NodePhase::Polling { .. }
        | NodePhase::Succeeded { .. }
        | NodePhase::Failed
        | NodePhase::Stopped => false,
    };
    Work {
        step: key.step,
        item: key.item,
        phase: key.phase,
        attempt: node.attempt,
        tries: node.tries,
        was_cut: node.interruptions > 0,
        escalated,
    }
}

impl RunState {
    /// Attempts in flight.
    pub fn running_work(&self) -> Vec<Work> {
        self.glance(|live| of(live, live.running.iter()))
    }

    /// Changes in doubt.
    pub fn doubted_work(&self) -> Vec<Work> {
        self.glance(|live| of(live, live.doubts.iter()))
    }

    /// What people were asked to do by hand.
    pub fn work_by_hand(&self) -> Vec<Work> {
        self.glance(|live| of(live, live.by_hand.iter()))
    }

    /// Failed nodes of a step.
    pub fn failed_work(&self, step: u32) -> Vec<Work> {
        self.glance(|live| {
            let first = Key::of(step);
            let last = Key {
                item: u32::MAX,
                phase: Phase::Undo,
                ..first
            };
            live.nodes
                .range(first..=last)
                .filter(|(_, node)| matches!(node.phase, NodePhase::Failed))
                .map(|(key, node)| work(*key, node))
                .collect()
        })
    }

    /// One node, when it exists.
    pub fn work_at(&self, step: u32, item: u32, phase: Phase) -> Option<(Work, &NodeState)> {
        let key = Key { step, item, phase };
        let node = self.live.as_ref()?.nodes.get(&key)?;
        Some((work(key, node), node))
    }

    /// Where a step stands.
    pub fn phase_at(&self, step: u32) -> Option<&StepPhase> {
        Some(&self.live.as_ref()?.steps.get(step as usize)?.phase)
    }

    /// A step's place in the plan.
    pub fn index_of(&self, id: &StepId) -> Option<u32> {
        self.live.as_ref()?.plan.index_of(id)
    }

    /// Every gate that precedes a step.
    pub fn gates_before(&self, step: u32) -> &[u32] {
        let live = self.live.as_ref();
        live.map_or(&[], |live| live.plan.gates_before(step))
    }

    /// When the run's timeout passes.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.live.as_ref()?.deadline
    }

    /// Gates that are open.
    pub fn gates_open(&self) -> Vec<u32> {
        self.glance(|live| live.open_gates.iter().copied().collect())
    }

    /// The steps that are owed.
    pub fn owed_steps(&self) -> Vec<u32> {
        self.glance(|live| live.debts.keys().copied().collect())
    }

    /// Steps that failed and are not of `finally`.
    pub fn failed_steps(&self) -> Vec<u32> {
        self.glance(|live| live.failed.iter().copied().collect())
    }

    /// When the first approval that no change has used yet loses its force, by its gate.
    pub fn next_lapse(&self) -> Option<(u32, Timestamp)> {
        let live = self.live.as_ref().filter(|live| live.ended.is_none())?;
        let lapses = (0u32..).zip(live.steps.iter());
        let lapses = lapses.filter_map(|(index, step)| match step.phase {
            StepPhase::GateApproved {
                spent: false,
                expires_at: Some(at),
                ..
            } => Some((index, at)),
            _ => None,
        });
        lapses.min_by_key(|(_, at)| *at)
    }

    /// The earliest timer that would change something, doubts' looks left out.
    pub fn next_timer(&self) -> Option<Timestamp> {
        let live = self.live.as_ref().filter(|live| live.ended.is_none())?;
        outstanding::next_wake(live)
    }

    /// The end of the first opening that is chosen for a segment which has not begun.
    pub fn next_missed(&self) -> Option<Timestamp> {
        let live = self.live.as_ref().filter(|live| live.ended.is_none())?;
        let openings = live.windows.openings.iter();
        let waiting = openings.filter(|(number, _)| {
            let first = live.plan.segment(**number).first;
            !live.windows.begun.contains_key(&first)
        });
        waiting.map(|(_, opening)| opening.to).min()
    }

    /// The steps that wait for nothing but their time.
    pub fn steps_deferred(&self) -> Vec<u32> {
        self.glance(|live| {
            let steps = (0u32..).zip(live.steps.iter());
            let deferred = steps.filter(|(_, step)| step.deferred.is_some());
            deferred.map(|(index, _)| index).collect()
        })
    }

    /// Whether no new step may start.
    pub fn is_halting(&self) -> bool {
        self.live.as_ref().is_some_and(Live::is_halting)
    }

    /// Whether the run goes to its end: undo, debts, `finally`.
    pub fn is_ending(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.ending.is_some())
    }

    /// Whether somebody cancelled it.
    pub fn is_cancelled(&self) -> bool {
        self.live
            .as_ref()
            .is_some_and(|live| live.cancelled.is_some())
    }

    /// Whether nothing has begun that is not in flight: no attempt waits for its time or turn.
    pub fn is_all_in_flight(&self) -> bool {
        self.live.as_ref().is_none_or(|live| {
            let mut timers = live.timers.iter();
            live.ready.is_empty()
                && timers.all(|(_, timer)| match timer {
                    Timer::Node(key) => live.running.contains(key),
                    Timer::Step(_) => false,
                    // Running past an opening is recorded, and changes nothing.
                    Timer::Opening(_) | Timer::Run => true,
                })
        })
    }

    /// Whether a gate is open, a step waits, or somebody was asked to do something by hand.
    pub fn awaits_anything(&self) -> bool {
        self.live.as_ref().is_some_and(|live| {
            let waits = |(_, timer): &(Timestamp, Timer)| matches!(timer, Timer::Step(_));
            !live.open_gates.is_empty() || !live.by_hand.is_empty() || live.timers.iter().any(waits)
        })
    }

    fn glance<T>(&self, look: impl FnOnce(&Live) -> Vec<T>) -> Vec<T> {
        self.live.as_ref().map(look).unwrap_or_default()
    }
}

fn of<'a>(live: &Live, keys: impl Iterator<Item = &'a Key>) -> Vec<Work> {
    keys.filter_map(|key| Some(work(*key, live.nodes.get(key)?)))
        .collect()
}
