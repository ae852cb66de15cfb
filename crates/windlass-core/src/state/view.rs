//! A look at a run's parts for those who show them. Nothing here is stored.

use super::{Key, Live, NodeState, RunState, StepState};
use crate::id::{NodeId, Phase, StepId};
use crate::operator::Operator;
use crate::plan::{Call, EffectClass, Step};
use crate::policy::Standing;
use crate::review::Review;
use crate::time::Timestamp;

/// One step with its state and its nodes.
#[derive(Clone, Debug)]
pub struct StepLook<'a> {
    pub step: &'a Step,
    pub state: &'a StepState,
    /// Items in order, then the undo of each that has one; empty before the step began.
    pub items: Vec<ItemLook<'a>>,
}

/// One node.
#[derive(Clone, Debug)]
pub struct ItemLook<'a> {
    pub node: NodeId,
    pub state: &'a NodeState,
}

impl RunState {
    /// All steps in the author's order.
    pub fn steps(&self) -> impl Iterator<Item = StepLook<'_>> {
        self.live.iter().flat_map(|live| {
            (0u32..)
                .zip(&live.plan.plan().steps)
                .map(move |(index, step)| StepLook {
                    step,
                    state: live.step(index),
                    items: items(live, index),
                })
        })
    }

    /// One step by its id.
    pub fn step(&self, id: &StepId) -> Option<StepLook<'_>> {
        let live = self.live.as_ref()?;
        let index = live.plan.index_of(id)?;
        let (step, state) = (live.plan.step(index), live.step(index));
        Some(StepLook {
            step,
            state,
            items: items(live, index),
        })
    }

    /// A node as people read it: the items of a `for_each` have numbers.
    pub fn spelled(&self, node: &NodeId) -> String {
        let live = self.live.as_ref();
        let step = live.and_then(|live| Some(live.plan.step(live.plan.index_of(&node.step)?)));
        node.spelled(step.is_some_and(Step::has_items))
    }

    /// The call and effect class behind a node.
    pub fn call_of(&self, node: &NodeId) -> Option<(&Call, EffectClass)> {
        let live = self.live.as_ref()?;
        live.call_of(live.key_of(node)?)
    }

    /// The newest attempt of a node; 0 when it never began.
    pub fn attempt_of(&self, node: &NodeId) -> u32 {
        self.live.as_ref().map_or(0, |live| {
            let state = live.key_of(node).and_then(|key| live.nodes.get(&key));
            state.map_or(0, |state| state.attempt)
        })
    }

    /// What is to be looked at afterwards, or was.
    pub fn reviews(&self) -> impl Iterator<Item = &Review> {
        self.live.iter().flat_map(|live| &live.reviews)
    }

    /// The gates that are open.
    pub fn open_gates(&self) -> impl Iterator<Item = &StepId> {
        self.live.iter().flat_map(|live| {
            let id = |gate: &u32| &live.plan.step(*gate).id;
            live.open_gates.iter().map(id)
        })
    }

    /// What people were asked to do by hand and have not answered for.
    pub fn by_hand(&self) -> impl Iterator<Item = NodeId> {
        self.live
            .iter()
            .flat_map(|live| live.by_hand.iter().map(|key| live.id_of(*key)))
    }

    /// Who paused the run and why.
    pub fn paused(&self) -> Option<(&Operator, &str)> {
        let (by, reason) = self.live.as_ref()?.paused.as_ref()?;
        Some((by, reason))
    }

    /// When the run started.
    pub fn started_at(&self) -> Option<Timestamp> {
        self.live.as_ref().map(|live| live.started_at)
    }

    /// When the run ended.
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.live.as_ref()?.ended.map(|(_, at)| at)
    }

    /// The time of the latest event.
    pub fn last_at(&self) -> Option<Timestamp> {
        self.live.as_ref().map(|live| live.last_at)
    }

    /// Why the run is ending, once it is.
    pub fn ending_reason(&self) -> Option<&str> {
        self.live
            .as_ref()?
            .ending
            .as_ref()
            .map(|ending| ending.reason.as_str())
    }

    /// Whether the run's own timeout has passed: no step is tried again then.
    pub fn is_timed_out(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.timed_out)
    }

    /// Whether there is no policy, so that one person may approve his own run.
    pub fn is_single_user(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.single_user)
    }

    /// What the policy says of persons and moments, where there is one.
    pub fn standing(&self) -> Option<&Standing> {
        self.live.as_ref()?.standing.as_deref()
    }

    /// Nodes whose recorded resolution was contradicted by a later outcome.
    pub fn contradicted(&self) -> Vec<NodeId> {
        let Some(live) = &self.live else {
            return Vec::new();
        };
        live.contradicted
            .iter()
            .map(|key| live.id_of(*key))
            .collect()
    }
}

fn items(live: &Live, step: u32) -> Vec<ItemLook<'_>> {
    let of = |phase| {
        let from = Key {
            step,
            item: 0,
            phase,
        };
        let to = Key {
            step,
            item: u32::MAX,
            phase,
        };
        live.nodes
            .range(from..=to)
            .filter(move |(key, _)| key.phase == phase)
            .map(|(key, state)| ItemLook {
                node: live.id_of(*key),
                state,
            })
    };
    of(Phase::Do).chain(of(Phase::Undo)).collect()
}
