//! The order of ending: what is undone, what is stopped, what is forgotten.

use rpds::{RedBlackTreeSetSync, VectorSync};
use std::collections::BTreeSet;

use crate::event::End;
use crate::evolve::Fold;
use crate::id::Phase;
use crate::state::{Ending, Key, NodePhase, StepPhase, Timer, Windows};
use crate::value::Value;

impl Fold<'_> {
    pub(super) fn begin_ending(&mut self, end: End, reason: &str, undo: bool) {
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
    pub(super) fn queue_undo(&mut self) -> VectorSync<Key> {
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
    pub(super) fn stop_what_waits(&mut self) {
        self.live.forget_deferrals();
        let mut nodes: Vec<Key> = self.live.ready.iter().copied().collect();
        // A change by hand goes on in the world: the ending waits for its person.
        let by_hand = self.live.by_hand.iter().copied();
        nodes.extend(by_hand.filter(|key| !self.live.is_change(*key)));
        let mut steps: Vec<u32> = self.live.open_gates.iter().copied().collect();
        steps.extend(self.live.withdrawn_gates.iter().copied());
        for (_, timer) in self.live.timers.clone().iter() {
            match timer {
                Timer::Node(key) => nodes.push(*key),
                Timer::Step(index) => steps.push(*index),
                Timer::Run | Timer::Opening(_) => {}
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

    pub(super) fn stop_node(&mut self, key: Key) {
        self.live
            .update_node(key, |state| state.phase = NodePhase::Stopped);
        if let StepPhase::Begun = self.live.step(key.step).phase {
            self.set_step(key.step, StepPhase::Stopped, None);
        }
    }

    pub(super) fn end(&mut self, end: End) {
        self.live.ended = Some((end, self.at));
        self.live.timers = RedBlackTreeSetSync::new_sync();
        self.live.windows = Windows::default();
        self.live.eligible = RedBlackTreeSetSync::new_sync();
        self.live.eligible_free = RedBlackTreeSetSync::new_sync();
        self.live.eligible_locked = RedBlackTreeSetSync::new_sync();
        self.live.eligible_finally = RedBlackTreeSetSync::new_sync();
    }

    pub(super) fn undo_next(&mut self, key: Key) {
        if let Some(ending) = &mut self.live.ending
            && ending.undo.get(ending.undone) == Some(&key)
        {
            ending.undone += 1;
        }
    }
}
