//! One step of the outline.

use serde::Serialize;
use windlass_core::catalog::Catalog;
use windlass_core::id::{ActionName, GuardName, SecretName, StepId};
use windlass_core::plan::{EffectClass, GuardDemand, IndexedPlan, Reconcile, StepKind};
use windlass_core::time::Millis;
use windlass_core::value::Value;

use super::known::template_text;
use super::order::{Order, Stage};
use super::spans::Span;
use super::touched::{self, Touched};

/// What kind of step it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Action,
    Wait,
    Gate,
}

/// A step as people review it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepOutline {
    pub id: StepId,
    pub title: Option<String>,
    /// The number of its wave, from 1.
    pub wave: usize,
    pub finally: bool,
    pub kind: Kind,
    /// Of an action.
    pub effect: Option<EffectClass>,
    /// What an action uses.
    pub uses: Option<ActionName>,
    pub needs: Vec<StepId>,
    /// When false, it is skipped.
    pub when: Option<String>,
    pub for_each: Option<Each>,
    pub expect: Option<String>,
    pub until: Option<Repeat>,
    /// When it holds, the run has nothing to do.
    pub done: Option<String>,
    /// All attempts, the first among them.
    pub attempts: Option<u32>,
    /// Of one attempt.
    pub timeout_ms: Option<Millis>,
    /// How long a doubt is looked into before a person is asked; of a change.
    pub observe_ms: Option<Millis>,
    /// What looks whether a doubtful change took effect: an action, or `native` for its own.
    pub reconcile: Option<String>,
    /// What takes it back.
    pub undo: Option<ActionName>,
    /// The step that is owed once this one may have taken effect.
    pub ensure: Option<StepId>,
    /// The guard that its success is evidence of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provides: Option<Given>,
    /// The guards that it does not start without.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<GuardDemand>,
    /// How long after it opens a gate expires.
    pub expires_ms: Option<Millis>,
    /// How long a wait is, as written or resolved.
    pub wait: Option<String>,
    /// How far the run has gone when its turn comes, at most.
    pub stage: Stage,
    /// Whether `windlass preflight` looks with it.
    pub looks: bool,
    pub secrets: Vec<SecretName>,
    pub touches: Vec<Touched>,
    pub longest: Span,
}

/// A guard that a step gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Given {
    pub guard: GuardName,
    /// Whether the author of the runbook says so, and not the action.
    pub claimed: bool,
}

/// A step over items.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Each {
    /// The expression that gives them.
    pub items: String,
    /// How many, when the inputs decide it.
    pub count: Option<usize>,
    pub max_parallel: u32,
    pub failure_budget: u32,
}

/// A read that is repeated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Repeat {
    pub that: String,
    pub every_ms: Millis,
    pub within_ms: Millis,
}

/// What is known where a step is outlined.
pub(super) struct Seen<'a> {
    pub(super) plan: &'a IndexedPlan,
    pub(super) order: &'a Order,
    pub(super) catalog: &'a Catalog,
    /// The items of its `for_each`, when known.
    pub(super) items: Option<&'a [Value]>,
    pub(super) looks: bool,
}

impl Seen<'_> {
    pub(super) fn outline(&self, at: u32, longest: Span) -> StepOutline {
        let step = self.plan.step(at);
        let plan = self.plan.plan();
        let mut outline = StepOutline {
            id: step.id.clone(),
            title: step.title.clone(),
            wave: self.order.depth[at as usize] as usize + 1,
            finally: step.finally,
            kind: Kind::Action,
            effect: None,
            uses: None,
            needs: step.needs.clone(),
            when: step.when.as_ref().map(|when| when.source().to_owned()),
            for_each: None,
            expect: None,
            until: None,
            done: None,
            attempts: None,
            timeout_ms: None,
            observe_ms: None,
            reconcile: None,
            undo: None,
            ensure: step.ensure.clone(),
            provides: step.provides.as_ref().map(|provides| Given {
                guard: provides.guard.clone(),
                claimed: provides.claimed.is_some(),
            }),
            guards: step.guards.clone(),
            expires_ms: None,
            wait: None,
            stage: self.order.stage[at as usize],
            looks: self.looks,
            secrets: touched::secrets(step).into_iter().collect(),
            touches: touched::touched(plan, step, self.items, self.catalog),
            longest,
        };
        match &step.kind {
            StepKind::Action {
                effect,
                call,
                for_each,
                expect,
                until,
                done,
                undo,
                ..
            } => {
                outline.effect = Some(*effect);
                outline.uses = Some(call.uses.clone());
                outline.for_each = for_each.as_ref().map(|each| Each {
                    items: each.items.source().to_owned(),
                    count: self.items.map(<[Value]>::len),
                    max_parallel: each.max_parallel,
                    failure_budget: each.failure_budget,
                });
                outline.expect = expect.as_ref().map(|expect| expect.source().to_owned());
                outline.until = until.as_ref().map(|until| Repeat {
                    that: until.that.source().to_owned(),
                    every_ms: until.every,
                    within_ms: until.within,
                });
                outline.done = done.as_ref().map(|done| done.source().to_owned());
                outline.attempts = Some(call.retry.attempts);
                let manual = step.kind.manual();
                outline.expires_ms = manual.and_then(|manual| manual.expires);
                outline.timeout_ms = manual.is_none().then_some(call.timeout);
                outline.observe_ms = effect.is_change().then_some(call.observe);
                outline.reconcile = match &call.reconcile {
                    Reconcile::None => None,
                    Reconcile::Native { .. } => Some("native".to_owned()),
                    Reconcile::Read { uses, .. } => Some(uses.to_string()),
                };
                outline.undo = undo.as_ref().map(|undo| undo.uses.clone());
            }
            StepKind::Wait { span } => {
                outline.kind = Kind::Wait;
                outline.wait = Some(match &outline.longest {
                    Span {
                        unbounded: None,
                        bounded_ms,
                        ..
                    } => bounded_ms.to_string(),
                    Span { .. } => template_text(span),
                });
            }
            StepKind::Gate(gate) => {
                outline.kind = Kind::Gate;
                outline.expires_ms = gate.expires;
            }
        }
        outline
    }
}
