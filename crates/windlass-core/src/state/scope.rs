//! The names that a step's expressions see: `inputs`, `steps`, `run`, `item`, and the
//! outputs under judgement. Looking one up costs nothing that grows with the plan.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Key, Live, NodePhase, Phase, StepPhase};
use crate::expr::Scope;
use crate::id::{RunId, StepId};
use crate::plan::{Reconcile, StepKind};
use crate::value::Value;

/// The scope of one node's expressions.
#[derive(Debug)]
pub(crate) struct NodeScope<'a> {
    pub(crate) run: &'a RunId,
    pub(crate) live: &'a Live,
    pub(crate) item: Option<&'a Value>,
    /// The outputs that `expect`, `until` and the like judge, by their bare names.
    pub(crate) outputs: Option<&'a Value>,
}

/// The outputs of a finished step.
pub(crate) enum Outputs<'a> {
    One(&'a Value),
    Items(Value),
}

impl Live {
    /// What a step gave, or `None` when it did not succeed.
    pub(crate) fn outputs_of(&self, step: u32) -> Option<Outputs<'_>> {
        let state = self.step(step);
        match &state.phase {
            StepPhase::Succeeded => {}
            StepPhase::Pending
            | StepPhase::Begun
            | StepPhase::Waiting { .. }
            | StepPhase::GateOpen { .. }
            | StepPhase::GateApproved { .. }
            | StepPhase::GateWithdrawn
            | StepPhase::Skipped
            | StepPhase::Failed
            | StepPhase::Stopped => return None,
        }
        let each = match &self.plan.step(step).kind {
            StepKind::Action { for_each, .. } => for_each.is_some(),
            StepKind::Wait { .. } | StepKind::Gate(_) => return None,
        };
        if !each {
            return self.node_outputs(Key::of(step)).map(Outputs::One);
        }
        let items = (0..state.items)
            .map(|item| {
                let key = Key {
                    step,
                    item,
                    phase: Phase::Do,
                };
                self.node_outputs(key).cloned().unwrap_or(Value::Null)
            })
            .collect();
        Some(Outputs::Items(Value::List(items)))
    }

    fn node_outputs(&self, key: Key) -> Option<&Value> {
        match &self.nodes.get(&key)?.phase {
            NodePhase::Succeeded { outputs, .. } => Some(outputs),
            NodePhase::Ready
            | NodePhase::Running { .. }
            | NodePhase::ByHand { .. }
            | NodePhase::AttemptFailed
            | NodePhase::Backoff { .. }
            | NodePhase::Polling { .. }
            | NodePhase::InDoubt(_)
            | NodePhase::Failed
            | NodePhase::Stopped => None,
        }
    }
}

/// Whether a read by another action may say that the step has happened.
fn is_settled_by_a_look(kind: &StepKind) -> bool {
    match kind {
        StepKind::Action { call, .. } => match &call.reconcile {
            Reconcile::Read { .. } => true,
            Reconcile::None | Reconcile::Native { .. } => false,
        },
        StepKind::Gate(_) | StepKind::Wait { .. } => false,
    }
}

impl NodeScope<'_> {
    fn step<'a>(&'a self, path: &[&str]) -> Option<(Cow<'a, Value>, usize)> {
        let id: StepId = path.get(1)?.parse().ok()?;
        let index = self.live.plan.index_of(&id)?;
        match *path.get(2)? {
            "state" => {
                let name = self.live.step(index).phase.name();
                Some((Cow::Owned(Value::from(name)), 3))
            }
            "outputs" => Some(match self.live.outputs_of(index) {
                // A look that found a change done gave its own outputs: the others are null.
                Some(Outputs::One(value))
                    if path.get(3).is_some_and(|name| value.get(name).is_none())
                        && is_settled_by_a_look(&self.live.plan.step(index).kind) =>
                {
                    (Cow::Owned(Value::Null), path.len())
                }
                Some(Outputs::One(value)) => (Cow::Borrowed(value), 3),
                Some(Outputs::Items(value)) => (Cow::Owned(value), 3),
                // Whatever is asked of a step that gave nothing is null.
                None => (Cow::Owned(Value::Null), path.len()),
            }),
            _ => None,
        }
    }

    fn run(&self) -> Value {
        let text = |text: &str| Value::from(text);
        let mut run = BTreeMap::from([
            ("id".to_owned(), text(self.run.as_str())),
            ("requester".to_owned(), text(&self.live.requester.name)),
            (
                "started_at_ms".to_owned(),
                Value::Int(self.live.started_at.0),
            ),
            (
                "fence".to_owned(),
                self.live.fence().map_or(Value::Null, fence_value),
            ),
            ("end".to_owned(), Value::Null),
            ("reason".to_owned(), Value::Null),
        ]);
        if let Some(ending) = &self.live.ending {
            run.insert("end".to_owned(), text(ending.end.as_str()));
            run.insert("reason".to_owned(), text(&ending.reason));
        }
        Value::Map(run)
    }
}

/// Far above any number of records, an integer of expressions ends.
fn fence_value(fence: u64) -> Value {
    Value::Int(i64::try_from(fence).unwrap_or(i64::MAX))
}

impl Scope for NodeScope<'_> {
    fn resolve<'a>(&'a self, path: &[&str]) -> Option<(Cow<'a, Value>, usize)> {
        let first = *path.first()?;
        if let Some(value) = self.outputs.and_then(|outputs| outputs.get(first)) {
            return Some((Cow::Borrowed(value), 1));
        }
        match first {
            "inputs" => {
                let value = self.live.plan.plan().inputs.get(*path.get(1)?)?;
                Some((Cow::Borrowed(value), 2))
            }
            "steps" => self.step(path),
            "item" => Some((Cow::Borrowed(self.item?), 1)),
            "run" => Some((Cow::Owned(self.run()), 1)),
            _ => None,
        }
    }
}
