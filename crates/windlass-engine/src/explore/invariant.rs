//! Invariants that authors write: conditions over a run's state that never hold, or that hold
//! at every end. Responsible for what their names mean; the front end reads and types them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use windlass_core::expr::Scope;
use windlass_core::id::StepId;
use windlass_core::plan::Plan;
use windlass_core::rehearsal::{Invariant, When};
use windlass_core::state::RunStatus;
use windlass_core::value::Value;

use super::world::World;

/// The steps that an invariant names.
pub(super) fn named(invariant: &Invariant) -> BTreeSet<String> {
    let references = invariant.expr.references().into_iter();
    let named = references.filter_map(|reference| match reference.path.as_slice() {
        ["steps", step, ..] => Some((*step).to_owned()),
        _ => None,
    });
    named.collect()
}

/// Whether a run breaks an invariant. One that cannot be evaluated says nothing good.
pub(super) fn is_broken(invariant: &Invariant, world: &World) -> bool {
    let holds = invariant.expr.eval_bool(&RunScope { world });
    match (invariant.when, holds) {
        (_, Err(_)) => true,
        (When::Never, Ok(holds)) => holds,
        (When::AtEveryEnd, Ok(holds)) => !holds,
    }
}

/// The names around an invariant.
#[derive(Debug)]
struct RunScope<'a> {
    world: &'a World,
}

impl RunScope<'_> {
    fn plan(&self) -> Option<&Plan> {
        self.world.state.plan()
    }

    fn of_step(&self, id: &str, name: &str) -> Option<Value> {
        let state = &self.world.state;
        let id: StepId = id.parse().ok()?;
        let index = state.index_of(&id)?;
        Some(match name {
            "state" => Value::from(state.phase_at(index)?.name()),
            "started" => Value::Bool(self.world.account.has_started(index)),
            "acted" => Value::Bool(self.world.account.may_have_acted(index)),
            "attested" => Value::Bool(self.world.account.is_attested(index)),
            "guards" => {
                let step = &self.plan()?.steps[index as usize];
                let guards = step.guards.iter().map(|demand| demand.guard.as_str());
                Value::List(guards.map(Value::from).collect())
            }
            _ => return None,
        })
    }

    fn steps_where(&self, is: impl Fn(u32) -> bool) -> Value {
        let steps = self.plan().map_or(&[][..], |plan| &plan.steps);
        let named = (0u32..).zip(steps).filter(|(index, _)| is(*index));
        Value::List(
            named
                .map(|(_, step)| Value::from(step.id.as_str()))
                .collect(),
        )
    }

    fn run(&self) -> Value {
        let state = &self.world.state;
        let end = state
            .end()
            .map_or(Value::Null, |(end, _)| Value::from(end.as_str()));
        let needs = match state.status() {
            RunStatus::NeedsOperator { needs } => {
                needs.iter().map(|need| Value::from(need.code())).collect()
            }
            _ => Vec::new(),
        };
        Value::Map(BTreeMap::from([
            ("end".to_owned(), end),
            ("needs".to_owned(), Value::List(needs)),
            ("cancelled".to_owned(), Value::Bool(state.is_cancelled())),
        ]))
    }
}

impl Scope for RunScope<'_> {
    fn resolve<'a>(&'a self, path: &[&str]) -> Option<(Cow<'a, Value>, usize)> {
        let (value, used) = match path {
            ["steps", id, name, ..] => (self.of_step(id, name)?, 3),
            ["run", ..] => (self.run(), 1),
            ["owed", ..] => {
                let owed = self.world.state.owed_steps();
                (self.steps_where(|step| owed.contains(&step)), 1)
            }
            ["taken_over", ..] => (
                self.steps_where(|step| self.world.account.is_taken_over(step)),
                1,
            ),
            _ => return None,
        };
        Some((Cow::Owned(value), used))
    }
}
