//! What a change leaves behind: the debt that it owes, and its place in the order of undo.

use rpds::RedBlackTreeSetSync;

use crate::evolve::Fold;
use crate::id::Phase;
use crate::plan::EffectClass;
use crate::state::{Debt, Key};

impl Fold<'_> {
    pub(super) fn open_debt(&mut self, key: Key) {
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

    /// The attempt took no effect: it owes nothing, but an earlier one that acted does.
    pub(super) fn cancel_debt(&mut self, key: Key) {
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
    pub(super) fn owed_step(&self, key: Key) -> Option<u32> {
        match key.phase {
            Phase::Do => {
                let ensured = self.live.plan.step(key.step).ensure.as_ref()?;
                self.live.plan.index_of(ensured)
            }
            Phase::Undo => None,
        }
    }

    /// Keeps the order of changes for an undo, and counts those past return.
    pub(super) fn note_change(&mut self, key: Key, succeeded: bool) {
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

    /// Whether an attempt of a node can act on the world.
    pub(super) fn is_no_read(&self, key: Key) -> bool {
        let call = self.live.call_of(key);
        call.is_some_and(|(_, effect)| effect != EffectClass::Read)
    }

    pub(super) fn is_irreversible(&self, key: Key) -> bool {
        self.live.call_of(key).map(|(_, effect)| effect) == Some(EffectClass::Irreversible)
    }

    /// Nothing of the change remains, says a person: there is nothing to undo.
    pub(super) fn forget_change(&mut self, key: Key) {
        let changed = self.live.changed.iter();
        let others = changed.filter(|changed| **changed != key).copied();
        self.live.changed = others.collect();
    }
}
