//! The state of a run: what the fold over its events has built so far.
//! Only `evolve` changes it. It is cheap to clone: its collections are persistent,
//! so that a decision can be tried on a copy whatever the size of the plan.

mod audit;
mod essence;
mod gate;
mod glance;
mod lock;
mod node;
mod scope;
mod secrets;
mod status;
mod step;
mod tables;
mod view;
mod windows;

use std::sync::Arc;

use rpds::{RedBlackTreeMapSync, RedBlackTreeSetSync, VectorSync};

pub use essence::{Mark, Reading, Regard};
pub use gate::GateState;
pub(crate) use gate::waits_for;
pub use glance::Work;
pub use lock::{Lock, LockWanted, Suspension};
pub use node::{Doubt, NodePhase, NodeState};
pub(crate) use scope::NodeScope;
pub use status::{Need, RunStatus};
pub use step::{StepPhase, StepState};
pub use view::{ItemLook, StepLook};
pub(crate) use windows::Windows;
pub use windows::{Deferred, DeferredLook};

use crate::event::End;
use crate::evolve::brief;
use crate::id::{NodeId, Phase, RunId};
use crate::operator::{Identity, Operator};
use crate::plan::{Call, Digest, EffectClass, IndexedPlan, Manual, Plan, StepKind, Verb};
use crate::policy::Standing;
use crate::review::Review;
use crate::time::Timestamp;
use crate::types::Type;
use crate::value::Value;

/// A run's state; empty until its first event.
#[derive(Clone, Debug)]
pub struct RunState {
    run: RunId,
    pub(crate) live: Option<Live>,
}

/// A node by its step's index: what the state's tables are keyed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) step: u32,
    pub(crate) item: u32,
    pub(crate) phase: Phase,
}

impl Key {
    pub(crate) fn of(step: u32) -> Self {
        Self {
            step,
            item: 0,
            phase: Phase::Do,
        }
    }

    pub(crate) fn undo(self) -> Self {
        Self {
            phase: Phase::Undo,
            ..self
        }
    }
}

/// What a timer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    Node(Key),
    /// A wait that ends, an open gate that expires, or the time that a step waits for.
    Step(u32),
    /// The run's own timeout.
    Run,
    /// The end of the opening that a unit has begun in.
    Opening(u32),
}

type Map<K, V> = RedBlackTreeMapSync<K, V>;
type Set<T> = RedBlackTreeSetSync<T>;

/// A started run.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    pub(crate) plan: Arc<IndexedPlan>,
    pub(crate) digest: Digest,
    pub(crate) requester: Operator,
    pub(crate) owner: Identity,
    pub(crate) single_user: bool,
    /// What the policy says of persons and moments, where there is one.
    pub(crate) standing: Option<Arc<Standing>>,
    pub(crate) started_at: Timestamp,
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) last_at: Timestamp,

    pub(crate) steps: VectorSync<StepState>,
    pub(crate) nodes: Map<Key, NodeState>,

    /// Main steps whose needs are met and that have not begun: actions.
    pub(crate) eligible: Set<u32>,
    /// The same for gates and waits, which take no slot.
    pub(crate) eligible_free: Set<u32>,
    /// The same for steps of `finally`.
    pub(crate) eligible_finally: Set<u32>,
    /// Nodes that may start their next attempt now.
    pub(crate) ready: Set<Key>,
    /// Nodes with an attempt in flight.
    pub(crate) running: Set<Key>,
    /// Nodes that a person was asked to do by hand, and that he has not answered for.
    pub(crate) by_hand: Set<Key>,
    /// Nodes whose attempt failed and whose consequence is still to be decided.
    pub(crate) settling: Set<Key>,
    /// Changes in doubt.
    pub(crate) doubts: Set<Key>,
    pub(crate) timers: Set<(Timestamp, Timer)>,
    /// Eligible actions of the main part that may not begin without the lock of the target.
    pub(crate) eligible_locked: Set<u32>,
    /// Gates that are open.
    pub(crate) open_gates: Set<u32>,
    /// Gates whose approval another policy takes back, and why; no more than a moment.
    pub(crate) voided: Option<(Set<u32>, String)>,
    /// Gates of which facts are being read.
    pub(crate) fetching: Set<u32>,
    /// Gates whose approvals rest on a fact that does not hold.
    pub(crate) refuted: Set<u32>,
    /// Gates whose approval was withdrawn and that are to open again.
    pub(crate) withdrawn_gates: Set<u32>,
    /// Steps that failed; those of `finally` are not among them.
    pub(crate) failed: Set<u32>,
    pub(crate) contradicted: Set<Key>,
    /// Living processes that outlived their engine, by step and pid.
    pub(crate) orphans: Set<(u32, u32)>,
    /// What is owed, by the step that pays it.
    pub(crate) debts: Map<u32, Debt>,
    /// Changes that succeeded or settled, in order.
    pub(crate) changed: VectorSync<Key>,
    /// How many irreversible nodes have succeeded.
    pub(crate) irreversible: u32,
    /// Main steps that have neither succeeded nor been skipped.
    pub(crate) unfinished: u32,

    /// The target's value, once it is fixed.
    pub(crate) target: Option<String>,
    pub(crate) lock: Lock,
    pub(crate) windows: Windows,
    /// What is to be looked at afterwards, in the order in which there was cause.
    pub(crate) reviews: VectorSync<Review>,

    /// How many commands of people have had their way since the start.
    pub(crate) operator_acts: u64,
    pub(crate) paused: Option<(Operator, String)>,
    pub(crate) suspended: Option<Suspension>,
    pub(crate) cancelled: Option<Cancellation>,
    pub(crate) timed_out: bool,
    pub(crate) nothing_to_do: Option<u32>,
    pub(crate) abandoned: Option<(Operator, String)>,
    pub(crate) ending: Option<Ending>,
    pub(crate) ended: Option<(End, Timestamp)>,
}

/// A requested cancellation.
#[derive(Clone, Debug)]
pub(crate) struct Cancellation {
    pub(crate) by: Operator,
    pub(crate) reason: String,
    pub(crate) undo: bool,
}

/// The end that the run is heading for.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    pub(crate) end: End,
    pub(crate) reason: String,
    /// Nodes still to be undone, the next one first.
    pub(crate) undo: VectorSync<Key>,
    pub(crate) undone: usize,
}

/// A debt: changes that may have taken effect and owe a step.
#[derive(Clone, Debug)]
pub struct Debt {
    /// Since the first of its changes had its intent.
    pub since: Timestamp,
    pub(crate) owed_by: Set<Key>,
}

impl RunState {
    /// The state of a run that has no events.
    pub fn new(run: RunId) -> Self {
        Self { run, live: None }
    }

    /// The run's id.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// The plan, once the run has started.
    pub fn plan(&self) -> Option<&Plan> {
        self.live.as_ref().map(|live| live.plan.plan())
    }

    /// The plan's digest, once the run has started.
    pub fn digest(&self) -> Option<Digest> {
        self.live.as_ref().map(|live| live.digest)
    }

    /// Who started the run.
    pub fn requester(&self) -> Option<&Operator> {
        self.live.as_ref().map(|live| &live.requester)
    }

    /// How many commands of people have had their way since the start: whether somebody
    /// has seen to the run since an earlier count.
    pub fn operator_acts(&self) -> u64 {
        self.live.as_ref().map_or(0, |live| live.operator_acts)
    }

    /// Whether the run has come to its end.
    pub fn is_ended(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.ended.is_some())
    }

    /// How the run ended and why.
    pub fn end(&self) -> Option<(End, &str)> {
        let live = self.live.as_ref()?;
        let (end, _) = live.ended?;
        Some((
            end,
            live.ending
                .as_ref()
                .map_or("", |ending| ending.reason.as_str()),
        ))
    }

    /// Whether an attempt is in flight: its outcome is awaited.
    pub fn has_attempts_in_flight(&self) -> bool {
        self.live
            .as_ref()
            .is_some_and(|live| !live.running.is_empty())
    }

    /// Whether something is owed.
    pub fn has_debts(&self) -> bool {
        self.live
            .as_ref()
            .is_some_and(|live| !live.debts.is_empty())
    }
}

impl Live {
    pub(crate) fn step(&self, index: u32) -> &StepState {
        self.steps
            .get(index as usize)
            .expect("indices come from the plan")
    }

    pub(crate) fn id_of(&self, key: Key) -> NodeId {
        NodeId {
            step: self.plan.step(key.step).id.clone(),
            item: key.item,
            phase: key.phase,
        }
    }

    /// The key of a node whose step the plan has; the node itself may not exist.
    pub(crate) fn key_of(&self, node: &NodeId) -> Option<Key> {
        let step = self.plan.index_of(&node.step)?;
        Some(Key {
            step,
            item: node.item,
            phase: node.phase,
        })
    }

    /// The call behind a node, and its effect class. An undo is a change.
    pub(crate) fn call_of(&self, key: Key) -> Option<(&Call, EffectClass)> {
        match &self.plan.step(key.step).kind {
            StepKind::Action {
                effect, call, undo, ..
            } => match key.phase {
                Phase::Do => Some((call, *effect)),
                Phase::Undo => undo.as_ref().map(|call| (call, EffectClass::Reversible)),
            },
            StepKind::Wait { .. } | StepKind::Gate(_) => None,
        }
    }

    /// Whether the action that does this takes it back, too, where that is asked for.
    pub(crate) fn takes_back(&self, key: Key) -> bool {
        let undo = Key {
            phase: Phase::Undo,
            ..key
        };
        key.phase == Phase::Do
            && self
                .call_of(undo)
                .is_some_and(|(call, _)| call.verb == Verb::Undo)
    }

    /// The outputs with null where the step declares something that may be left out, and it
    /// is. Not beyond `bytes_max`: then they stay as they are, too large either way.
    pub(crate) fn completed(&self, key: Key, mut outputs: Value, bytes_max: usize) -> Value {
        let StepKind::Action {
            outputs: declared, ..
        } = &self.plan.step(key.step).kind
        else {
            return outputs;
        };
        if key.phase == Phase::Undo || declared.is_empty() {
            return outputs;
        }
        // What else the action gives is its own, so the outputs are no closed map.
        if let Value::Map(map) = &mut outputs {
            for (name, ty) in declared {
                if !map.contains_key(name) && ty.has(&Value::Null) {
                    map.insert(name.clone(), Value::Null);
                }
            }
            let lacking = |(name, ty): (&String, &Type)| {
                map.get(name).map_or(0, |value| ty.lacking_bytes(value))
            };
            let lacking: usize = declared.iter().map(lacking).sum();
            let weight: usize = map.values().map(Value::weight_bytes).sum();
            if weight.saturating_add(lacking) <= bytes_max {
                for (name, ty) in declared {
                    if let Some(value) = map.get_mut(name) {
                        ty.complete(value);
                    }
                }
            }
        }
        outputs
    }

    /// Why these outputs are not what the step declares, when they are not. An undo
    /// declares nothing.
    pub(crate) fn lacks_declared(&self, key: Key, outputs: &Value) -> Option<String> {
        let StepKind::Action {
            outputs: declared, ..
        } = &self.plan.step(key.step).kind
        else {
            return None;
        };
        if key.phase == Phase::Undo {
            return None;
        }
        let wrong = |(name, ty): &(&String, &Type)| {
            !ty.has(outputs.get(name.as_str()).unwrap_or(&Value::Null))
        };
        let (name, ty) = declared.iter().find(wrong)?;
        Some(match outputs.get(name) {
            None => format!("it gave no `{name}`, which is declared as {ty}"),
            Some(value) => format!("`{name}` is declared as {ty} and was {}", brief(value)),
        })
    }

    /// The pid of a living process of a step, if one outlived its engine.
    pub(crate) fn orphan_of(&self, step: u32) -> Option<u32> {
        if self.orphans.is_empty() {
            return None;
        }
        let (_, pid) = self.orphans.range((step, 0)..=(step, u32::MAX)).next()?;
        Some(*pid)
    }

    pub(crate) fn is_finally(&self, step: u32) -> bool {
        self.plan.step(step).finally
    }

    /// Whether no new main step may start, and why does not matter here.
    pub(crate) fn is_halting(&self) -> bool {
        !self.failed.is_empty()
            || self.cancelled.is_some()
            || self.timed_out
            || self.nothing_to_do.is_some()
            || self.abandoned.is_some()
    }

    /// Whether nothing begins, whatever it is.
    pub(crate) fn is_held(&self) -> bool {
        self.paused.is_some() || self.suspended.is_some() || !self.contradicted.is_empty()
    }

    /// Whether nothing is in flight, in doubt or undecided. A change by hand is in flight
    /// until its person answers: somebody may be doing it right now.
    pub(crate) fn is_quiet(&self) -> bool {
        self.running.is_empty()
            && self.settling.is_empty()
            && self.doubts.is_empty()
            && !self.by_hand.iter().any(|key| self.is_change(*key))
    }

    /// Whether a node is a change.
    pub(crate) fn is_change(&self, key: Key) -> bool {
        self.call_of(key)
            .is_some_and(|(_, effect)| effect.is_change())
    }

    /// How a person does a node, when one does; an undo is never done by hand.
    pub(crate) fn manual(&self, key: Key) -> Option<&Manual> {
        match key.phase {
            Phase::Do => self.plan.step(key.step).kind.manual(),
            Phase::Undo => None,
        }
    }

    /// Whether somebody says who is in which group; otherwise one person is every group.
    pub(crate) fn knows_groups(&self) -> bool {
        self.standing.is_some()
    }

    /// Whether a node owes a step that has not begun, once it may have taken effect.
    pub(crate) fn would_owe(&self, key: Key) -> bool {
        let ensured = self.plan.step(key.step).ensure.as_ref();
        let owed = ensured.and_then(|ensured| self.plan.index_of(ensured));
        let owed = owed.filter(|_| key.phase == Phase::Do);
        owed.is_some_and(|owed| matches!(self.step(owed).phase, StepPhase::Pending))
    }

    /// Whether a main step is owed; those of `finally` are paid within it.
    pub(crate) fn owes_main_step(&self) -> bool {
        self.debts.keys().any(|step| !self.is_finally(*step))
    }

    /// Whether the ending had its undo, or has come to `finally`.
    pub(crate) fn is_past_undo(&self) -> bool {
        let Some(ending) = &self.ending else {
            return false;
        };
        let pending = |step: &StepState| matches!(step.phase, StepPhase::Pending);
        let mut steps = (0u32..).zip(self.steps.iter());
        !ending.undo.is_empty()
            || steps.any(|(index, step)| self.is_finally(index) && !pending(step))
    }

    /// The next node to undo, while the run is undoing.
    pub(crate) fn undo_head(&self) -> Option<Key> {
        let ending = self.ending.as_ref()?;
        ending.undo.get(ending.undone).copied()
    }

    /// Whether a run that failed after an irreversible step waits for a person.
    pub(crate) fn waits_after_irreversible(&self) -> bool {
        self.ending.is_none()
            && self.irreversible > 0
            && (!self.failed.is_empty() || self.timed_out)
            && self.cancelled.is_none()
            && self.abandoned.is_none()
    }
}
