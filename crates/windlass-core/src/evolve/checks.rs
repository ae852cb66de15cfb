//! What an event must find in the state. A journal that is damaged or forged, or a fault
//! of this program, is refused here, so that `decide` only ever sees states that a run
//! can come to. The table in `tests/scenarios/table.rs` holds this page.

use super::{Fold, IllegalEvent};
use crate::id::{NodeId, Phase, StepId};
use crate::outcome::{Effected, Failure};
use crate::plan::{EffectClass, StepKind};
use crate::refusal::REFUSALS_MAX;
use crate::state::{Key, NodePhase, NodeState, StepPhase};
use crate::time::Timestamp;

type Checked<T> = Result<T, IllegalEvent>;

impl Fold<'_> {
    pub(super) fn step(&self, id: &StepId) -> Checked<u32> {
        let index = self.live.plan.index_of(id);
        index.ok_or_else(|| self.unknown(id.to_string()))
    }

    /// A step whose turn has not come yet and whose kind the event is for.
    pub(super) fn pending(&self, id: &StepId, fits: fn(&StepKind) -> bool) -> Checked<u32> {
        let index = self.step(id)?;
        let phase = &self.live.step(index).phase;
        let StepPhase::Pending = phase else {
            return Err(self.wrong(id.to_string(), phase.name()));
        };
        if fits(&self.live.plan.step(index).kind) {
            return Ok(index);
        }
        Err(self.wrong(id.to_string(), "a step of another kind"))
    }

    /// A step that may be refused: before it begins, or a gate before it opens again.
    pub(super) fn refusable(&self, id: &StepId) -> Checked<u32> {
        let index = self.step(id)?;
        let phase = &self.live.step(index).phase;
        match phase {
            StepPhase::Pending | StepPhase::GateWithdrawn => Ok(index),
            StepPhase::Begun
            | StepPhase::Waiting { .. }
            | StepPhase::GateOpen { .. }
            | StepPhase::GateApproved { .. }
            | StepPhase::Succeeded
            | StepPhase::Skipped
            | StepPhase::Failed
            | StepPhase::Stopped => Err(self.wrong(id.to_string(), phase.name())),
        }
    }

    pub(super) fn waiting(&self, id: &StepId) -> Checked<u32> {
        let index = self.step(id)?;
        let phase = &self.live.step(index).phase;
        if let StepPhase::Waiting { .. } = phase {
            return Ok(index);
        }
        Err(self.wrong(id.to_string(), phase.name()))
    }

    /// A gate that may open as its next attempt.
    pub(super) fn openable(&self, id: &StepId, attempt: u32, target: Option<&str>) -> Checked<u32> {
        let index = self.refusable(id)?;
        // What is approved names what is changed: the value is fixed before any gate.
        let is_fixed = self.live.plan.plan().target.is_none() || target.is_some();
        if !is_fixed || target != self.live.target.as_deref() {
            return Err(self.wrong(id.to_string(), "for another target"));
        }
        let StepKind::Gate(_) = self.live.plan.step(index).kind else {
            return Err(self.wrong(id.to_string(), "no gate"));
        };
        let before = self.live.step(index).gate_attempt;
        self.follows(id.to_string(), attempt, before)?;
        Ok(index)
    }

    /// An open gate, and when it expires.
    pub(super) fn open_gate(&self, id: &StepId, attempt: u32) -> Checked<(u32, Option<Timestamp>)> {
        let index = self.step(id)?;
        let state = self.live.step(index);
        let StepPhase::GateOpen { expires_at, .. } = state.phase else {
            return Err(self.wrong(id.to_string(), state.phase.name()));
        };
        self.is_attempt(id.to_string(), attempt, state.gate_attempt)?;
        Ok((index, expires_at))
    }

    /// A gate with approvals that no change has used yet.
    pub(super) fn unspent_gate(&self, id: &StepId, attempt: u32) -> Checked<u32> {
        let index = self.step(id)?;
        let state = self.live.step(index);
        if !state.has_unspent_approvals() {
            return Err(self.wrong(id.to_string(), state.phase.name()));
        }
        self.is_attempt(id.to_string(), attempt, state.gate_attempt)?;
        Ok(index)
    }

    /// The key of a node whose step has such work, whether it has begun or not.
    pub(super) fn key(&self, node: &NodeId) -> Checked<Key> {
        let key = self.live.key_of(node);
        let key = key.ok_or_else(|| self.unknown(node.to_string()))?;
        let known = key.item == 0 || self.live.nodes.contains_key(&key);
        if known && self.live.call_of(key).is_some() {
            Ok(key)
        } else {
            Err(self.unknown(node.to_string()))
        }
    }

    pub(super) fn existing(&self, node: &NodeId) -> Checked<(Key, &NodeState)> {
        let key = self.key(node)?;
        let state = self.live.nodes.get(&key);
        Ok((key, state.ok_or_else(|| self.unknown(node.to_string()))?))
    }

    pub(super) fn running(&self, node: &NodeId, attempt: u32) -> Checked<Key> {
        let (key, state) = self.existing(node)?;
        self.is_attempt(node.to_string(), attempt, state.attempt)?;
        if let NodePhase::Running { .. } = state.phase {
            return Ok(key);
        }
        Err(self.wrong(node.to_string(), state.phase.name()))
    }

    /// An attempt that may still ask for something: in flight, or looked at, with room for
    /// one more refusal.
    pub(super) fn asking(&self, node: &NodeId, attempt: u32) -> Checked<Key> {
        let (key, state) = self.existing(node)?;
        self.is_attempt(node.to_string(), attempt, state.attempt)?;
        if let NodePhase::Running { .. } | NodePhase::InDoubt(_) = state.phase
            && state.refusals.len() < REFUSALS_MAX
        {
            return Ok(key);
        }
        Err(self.wrong(node.to_string(), state.phase.name()))
    }

    /// What a person was asked to do, and until when.
    pub(super) fn by_hand(&self, node: &NodeId, attempt: u32) -> Checked<(Key, Option<Timestamp>)> {
        let (key, state) = self.existing(node)?;
        self.is_attempt(node.to_string(), attempt, state.attempt)?;
        if let NodePhase::ByHand { expires_at, .. } = state.phase {
            return Ok((key, expires_at));
        }
        Err(self.wrong(node.to_string(), state.phase.name()))
    }

    pub(super) fn in_doubt(&self, node: &NodeId, attempt: u32) -> Checked<Key> {
        let (key, state) = self.existing(node)?;
        self.is_attempt(node.to_string(), attempt, state.attempt)?;
        if let NodePhase::InDoubt(_) = state.phase {
            return Ok(key);
        }
        Err(self.wrong(node.to_string(), state.phase.name()))
    }

    /// A node whose attempt failed and whose consequence is this event.
    pub(super) fn settling(&self, node: &NodeId) -> Checked<(Key, &NodeState, EffectClass)> {
        let (key, state) = self.existing(node)?;
        let NodePhase::AttemptFailed = state.phase else {
            return Err(self.wrong(node.to_string(), state.phase.name()));
        };
        let (_, effect) = self.live.call_of(key).expect("`key` saw to it");
        Ok((key, state, effect))
    }

    /// The next attempt follows. For a change only after a record that it may:
    /// this is the first promise, held once more where nothing but events is known.
    pub(super) fn retriable(&self, node: &NodeId, attempt: u32) -> Checked<Key> {
        let (key, state, effect) = self.settling(node)?;
        self.follows(node.to_string(), attempt, state.attempt)?;
        let none = |failure: &Failure| failure.effect == Effected::None;
        if effect.is_change() && !state.failure.as_ref().is_some_and(none) {
            return Err(self.wrong(node.to_string(), "a change that may have taken effect"));
        }
        Ok(key)
    }

    /// A change of which nobody knows, and whose doubt begins.
    pub(super) fn doubtful(&self, node: &NodeId, attempt: u32) -> Checked<Key> {
        let (key, state, effect) = self.settling(node)?;
        self.is_attempt(node.to_string(), attempt, state.attempt)?;
        let unknown = |failure: &Failure| failure.effect == Effected::Unknown;
        if effect.is_change() && state.failure.as_ref().is_some_and(unknown) {
            return Ok(key);
        }
        Err(self.wrong(node.to_string(), "known to the end"))
    }

    /// A node that may fail for good: after an attempt, or before one without effect.
    pub(super) fn failing(&self, node: &NodeId, failure: &Failure) -> Checked<Key> {
        let key = self.key(node)?;
        let may_fail = match self.live.nodes.get(&key).map(|state| &state.phase) {
            None => self.may_begin(key) && failure.effect == Effected::None,
            Some(NodePhase::Ready | NodePhase::Backoff { .. } | NodePhase::Polling { .. }) => {
                failure.effect == Effected::None
            }
            Some(NodePhase::AttemptFailed) => true,
            Some(
                NodePhase::Running { .. }
                | NodePhase::ByHand { .. }
                | NodePhase::InDoubt(_)
                | NodePhase::Succeeded { .. }
                | NodePhase::Failed
                | NodePhase::Stopped,
            ) => false,
        };
        if may_fail {
            return Ok(key);
        }
        Err(self.wrong(node.to_string(), self.name_of(key)))
    }

    /// A node that may have its next attempt now.
    pub(super) fn startable(&self, node: &NodeId, attempt: u32) -> Checked<Key> {
        let key = self.key(node)?;
        let state = self.live.nodes.get(&key);
        let current = state.map_or(0, |state| state.attempt);
        self.follows(node.to_string(), attempt, current)?;
        let may_start = match state.map(|state| (&state.phase, state.not_before)) {
            None => self.may_begin(key),
            Some((
                NodePhase::Ready | NodePhase::Backoff { .. } | NodePhase::Polling { .. },
                not_before,
            )) => self.at >= not_before,
            Some((
                NodePhase::Running { .. }
                | NodePhase::ByHand { .. }
                | NodePhase::AttemptFailed
                | NodePhase::InDoubt(_)
                | NodePhase::Succeeded { .. }
                | NodePhase::Failed
                | NodePhase::Stopped,
                _,
            )) => false,
        };
        if self.live.is_locked_node(key) && !self.live.holds_lock() {
            return Err(self.wrong(node.to_string(), "without the lock of the target"));
        }
        if self.live.suspended.is_some() {
            return Err(self.wrong(node.to_string(), "suspended with its run"));
        }
        if may_start && self.live.orphan_of(key.step).is_none() {
            return Ok(key);
        }
        Err(self.wrong(node.to_string(), self.name_of(key)))
    }

    /// What failed, and may be retried or attested: a node, or a step without one.
    pub(super) fn failed(&self, node: &NodeId) -> Checked<Key> {
        let key = self.live.key_of(node);
        let key = key.ok_or_else(|| self.unknown(node.to_string()))?;
        let failed = match self.live.nodes.get(&key).map(|state| &state.phase) {
            Some(NodePhase::Failed) => true,
            Some(
                NodePhase::Ready
                | NodePhase::Running { .. }
                | NodePhase::ByHand { .. }
                | NodePhase::AttemptFailed
                | NodePhase::Backoff { .. }
                | NodePhase::Polling { .. }
                | NodePhase::InDoubt(_)
                | NodePhase::Succeeded { .. }
                | NodePhase::Stopped,
            ) => false,
            None => key == Key::of(key.step) && self.is_failed(key.step),
        };
        if failed {
            return Ok(key);
        }
        Err(self.wrong(node.to_string(), self.name_of(key)))
    }

    /// As `failed`, but for an action only: a gate or a wait is never attested.
    pub(super) fn attestable(&self, node: &NodeId) -> Checked<Key> {
        let key = self.failed(node)?;
        let attestable = match &self.live.plan.step(key.step).kind {
            StepKind::Action { for_each, .. } => {
                for_each.is_none() || self.live.nodes.contains_key(&key)
            }
            StepKind::Wait { .. } | StepKind::Gate(_) => false,
        };
        if attestable {
            return Ok(key);
        }
        Err(self.wrong(node.to_string(), "no action"))
    }

    /// Whether a node that does not exist yet is its step's beginning.
    fn may_begin(&self, key: Key) -> bool {
        let single = match &self.live.plan.step(key.step).kind {
            StepKind::Action { for_each, .. } => for_each.is_none(),
            StepKind::Wait { .. } | StepKind::Gate(_) => false,
        };
        let pending = matches!(self.live.step(key.step).phase, StepPhase::Pending);
        single && pending && key.phase == Phase::Do
    }

    fn is_failed(&self, step: u32) -> bool {
        matches!(self.live.step(step).phase, StepPhase::Failed)
    }

    fn name_of(&self, key: Key) -> &'static str {
        match self.live.nodes.get(&key) {
            Some(state) => state.phase.name(),
            None => self.live.step(key.step).phase.name(),
        }
    }

    fn follows(&self, name: String, attempt: u32, current: u32) -> Checked<()> {
        if attempt.checked_sub(1) == Some(current) {
            return Ok(());
        }
        self.is_attempt(name, attempt, current)?;
        Err(self.wrong("the attempt".to_owned(), "taken already"))
    }

    pub(super) fn is_attempt(&self, name: String, attempt: u32, current: u32) -> Checked<()> {
        if attempt == current {
            return Ok(());
        }
        Err(IllegalEvent::WrongAttempt {
            event: self.kind,
            name,
            attempt,
            current,
        })
    }

    pub(super) fn unknown(&self, name: String) -> IllegalEvent {
        IllegalEvent::Unknown {
            event: self.kind,
            name,
        }
    }

    pub(super) fn wrong(&self, name: String, state: &'static str) -> IllegalEvent {
        IllegalEvent::WrongState {
            event: self.kind,
            name,
            state,
        }
    }

    /// A fact about the whole run that does not fit it.
    pub(super) fn of_run(&self, fits: bool, state: &'static str) -> Checked<()> {
        if fits {
            return Ok(());
        }
        Err(self.wrong("the run".to_owned(), state))
    }
}
