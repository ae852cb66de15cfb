//! A plan under a policy: its terms are written into it, so that people see them and the
//! digest holds them. Applied again it changes nothing, which is how an owner knows that a
//! plan from elsewhere is strict enough.

use std::collections::BTreeSet;
use std::fmt;

use super::terms::{Terms, least};
use super::{Policy, glob};
use crate::id::{ActionName, GuardName, RuleName, StepId};
use crate::plan::{
    EffectClass, GuardDemand, IndexedPlan, Plan, Provides, Reconcile, StepKind, Window,
};

/// A plan with what the policy demands, and what no writing into it can mend.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    pub plan: Plan,
    pub objections: Vec<Objection>,
}

/// Why a plan cannot run under a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Objection {
    /// Nobody approves an irreversible step.
    Unapproved { step: StepId },
    /// A guard is only claimed by the author.
    Claimed {
        step: StepId,
        guard: GuardName,
        demand: RuleName,
    },
    /// Evidence is demanded, and the run has no target that it could be about.
    NoTarget { step: StepId, demand: RuleName },
    /// An action is none of those that are allowed.
    Action {
        step: StepId,
        uses: ActionName,
        demand: RuleName,
    },
}

impl Objection {
    /// The step that it is about.
    pub fn step(&self) -> &StepId {
        match self {
            Objection::Unapproved { step }
            | Objection::NoTarget { step, .. }
            | Objection::Claimed { step, .. }
            | Objection::Action { step, .. } => step,
        }
    }
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Objection::Unapproved { step } => write!(
                f,
                "`{step}` is irreversible and nobody approves it; the policy does not relax that"
            ),
            Objection::Claimed {
                step,
                guard,
                demand,
            } => write!(
                f,
                "`{step}` only claims the guard `{guard}`, and the demand `{demand}` takes no claims"
            ),
            Objection::NoTarget { step, demand } => write!(
                f,
                "the demand `{demand}` wants evidence before `{step}`, and the run has no `target`"
            ),
            Objection::Action { step, uses, demand } => write!(
                f,
                "`{step}` uses {uses}, which is none of the actions that the demand `{demand}` allows"
            ),
        }
    }
}

/// Writes a policy's terms into a plan. A plan that is none is left as it is.
pub fn apply(policy: &Policy, plan: Plan) -> Applied {
    let Ok(indexed) = IndexedPlan::new(plan.clone()) else {
        return Applied {
            plan,
            objections: Vec::new(),
        };
    };
    let mut applied = Applied {
        plan,
        objections: Vec::new(),
    };
    let relaxed = policy.relaxations.iter();
    let mut relaxed = relaxed.filter(|relaxation| relaxation.on.is_about(indexed.plan()));
    if relaxed.next().is_none() {
        applied.objections.extend(unapproved(&indexed));
    }
    for demand in &policy.demands {
        if !demand.on.binds(indexed.plan()) {
            continue;
        }
        let steps: Vec<u32> = (0u32..)
            .zip(&indexed.plan().steps)
            .filter(|(_, step)| match &step.kind {
                StepKind::Action { effect, .. } => demand.on.is_about_effect(*effect),
                StepKind::Wait { .. } | StepKind::Gate(_) => false,
            })
            .map(|(index, _)| index)
            .collect();
        if !steps.is_empty() {
            applied
                .objections
                .extend(objections(&indexed, &demand.name, &demand.terms));
            if applied.plan.target.is_none() && !demand.terms.guards.is_empty() {
                let first = &indexed.step(steps[0]).id;
                applied.objections.push(Objection::NoTarget {
                    step: first.clone(),
                    demand: demand.name.clone(),
                });
            }
            write(&mut applied.plan, &indexed, &steps, &demand.terms);
        }
    }
    applied
        .objections
        .sort_by(|one, other| one.step().cmp(other.step()));
    applied
}

fn write(plan: &mut Plan, indexed: &IndexedPlan, steps: &[u32], terms: &Terms) {
    let has_target = plan.target.is_some();
    plan.timeout = least(plan.timeout, terms.timeout);
    plan.max_parallel = plan
        .max_parallel
        .min(terms.max_parallel.unwrap_or(u32::MAX));
    for index in steps {
        let step = &mut plan.steps[*index as usize];
        for (guard, max_age) in terms.guards.iter().filter(|_| has_target) {
            match step.guards.iter_mut().find(|own| own.guard == *guard) {
                Some(own) => own.max_age = least(own.max_age, *max_age),
                None => step.guards.push(GuardDemand {
                    guard: guard.clone(),
                    max_age: *max_age,
                }),
            }
        }
        step.guards
            .sort_by(|one, other| one.guard.cmp(&other.guard));
        // What is inside a segment begins with it.
        let first = indexed
            .segment_of(*index)
            .map(|number| indexed.segment(number).first);
        let begins = first.unwrap_or(*index);
        open_while(plan, begins, terms);
        for gate in indexed.gates_before(*index) {
            if let StepKind::Gate(gate) = &mut plan.steps[*gate as usize].kind {
                gate.not_requester |= terms.not_requester;
                gate.signed |= terms.signed;
            }
        }
    }
}

/// The step begins only while the demanded windows are open.
fn open_while(plan: &mut Plan, index: u32, terms: &Terms) {
    let step = &mut plan.steps[index as usize];
    // What changes nothing, and what ends every run, waits for no window.
    let waits = match &step.kind {
        StepKind::Action { effect, .. } => *effect != EffectClass::Read && !step.finally,
        StepKind::Wait { .. } | StepKind::Gate(_) => false,
    };
    let window = &mut step.window;
    for demanded in terms.windows.iter().filter(|_| waits) {
        match window {
            Some(own) if own.name == *demanded => {}
            Some(own) => {
                own.also.insert(demanded.clone());
            }
            None => {
                *window = Some(Window {
                    name: demanded.clone(),
                    also: BTreeSet::new(),
                    lead: crate::time::Millis(0),
                    covers: None,
                });
            }
        }
    }
}

/// Irreversible steps before which nobody is asked. A step that is owed does not wait for
/// what it needs: there it is the change that owes it before which somebody is asked.
fn unapproved(indexed: &IndexedPlan) -> impl Iterator<Item = Objection> + '_ {
    let steps = &indexed.plan().steps;
    let is_asked = |index: u32| !indexed.gates_before(index).is_empty();
    let irreversible = (0u32..).zip(steps).filter(|(_, step)| {
        let StepKind::Action { effect, .. } = &step.kind else {
            return false;
        };
        *effect == EffectClass::Irreversible
    });
    irreversible
        .filter(move |(index, step)| {
            let owed_unasked = (0u32..)
                .zip(steps)
                .any(|(change, owes)| owes.ensure.as_ref() == Some(&step.id) && !is_asked(change));
            owed_unasked || !is_asked(*index)
        })
        .map(|(_, step)| Objection::Unapproved {
            step: step.id.clone(),
        })
}

fn objections<'a>(
    indexed: &'a IndexedPlan,
    demand: &'a RuleName,
    terms: &'a Terms,
) -> impl Iterator<Item = Objection> + 'a {
    let steps = indexed.plan().steps.iter();
    steps.flat_map(move |step| {
        let claimed = match &step.provides {
            Some(Provides {
                guard,
                claimed: Some(_),
            }) if terms.no_claims => Some(Objection::Claimed {
                step: step.id.clone(),
                guard: guard.clone(),
                demand: demand.clone(),
            }),
            Some(_) | None => None,
        };
        // Also what only looks: a script that reads can do anything.
        let uses: Vec<&ActionName> = match &step.kind {
            StepKind::Action { call, undo, .. } => {
                let calls = [Some(call), undo.as_ref()].into_iter().flatten();
                let uses = calls.flat_map(|call| match &call.reconcile {
                    Reconcile::Read { uses, .. } => vec![&call.uses, uses],
                    Reconcile::None | Reconcile::Native { .. } => vec![&call.uses],
                });
                uses.collect()
            }
            StepKind::Gate(gate) => gate.facts.iter().map(|fact| &fact.uses).collect(),
            StepKind::Wait { .. } => Vec::new(),
        };
        let refused = uses.into_iter().filter(|uses| {
            let fits = |pattern: &String| glob::matches(pattern, uses.as_str());
            let allowed = terms.actions.as_ref();
            !allowed.is_none_or(|allowed| allowed.iter().any(fits))
        });
        let refused = refused.map(|uses| Objection::Action {
            step: step.id.clone(),
            uses: uses.clone(),
            demand: demand.clone(),
        });
        claimed.into_iter().chain(refused.collect::<Vec<_>>())
    })
}
