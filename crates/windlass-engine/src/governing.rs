//! The policy of a state directory: every start is held against it, every run that is taken
//! up again comes under it, and what it does not allow is recorded. What it says is the
//! core's.

use std::sync::Arc;
use std::sync::PoisonError;

use windlass_core::id::RunId;
use windlass_core::operator::Operator;
use windlass_core::plan::{Digest, IndexedPlan, Plan};
use windlass_core::policy::{Policy, Standing, apply};
use windlass_core::rejection::Rejection;
use windlass_core::state::RunState;
use windlass_core::time::{Millis, Timestamp};

use crate::engine::Engine;
use crate::shared::Shared;
use crate::store_events::{self, PolicyLoaded, REFUSALS_MAX, REFUSALS_WITHIN, StoreEvent};

/// A standing that says less of what is to come than this is made anew.
const AHEAD_MIN: Millis = Millis::from_mins(200 * 24 * 60);

/// The policy that holds.
#[derive(Clone, Debug)]
pub struct Governing {
    pub policy: Policy,
    /// Its load, when it was not loaded already.
    pub load: Option<PolicyLoaded>,
    /// What the load before said, and in what this one differs from it.
    pub since: Option<(Digest, Vec<String>)>,
}

/// Refusals that were recorded since a moment.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    since: Timestamp,
    count: u32,
}

impl Governing {
    /// What a run that holds another standing is told; nothing when it holds this.
    pub(crate) fn news(&self, state: &RunState, now: Timestamp) -> Option<News> {
        let plan = state.plan()?;
        let held = state.standing();
        let is_current = |held: &Standing| {
            held.policy == self.policy.digest && held.until.since(now) > AHEAD_MIN
        };
        if state.is_ended() || held.is_some_and(is_current) {
            return None;
        }
        let applied = apply(&self.policy, plan.clone());
        let another = held.is_none_or(|held| held.policy != self.policy.digest);
        Some(News {
            standing: Box::new(self.policy.standing(plan)),
            difference: self.difference(held),
            voids: another && (applied.plan != *plan || !applied.objections.is_empty()),
        })
    }

    fn difference(&self, held: Option<&Standing>) -> Vec<String> {
        let new = self.policy.digest;
        match (held, &self.since) {
            (Some(held), _) if held.policy == new => vec!["the same policy for longer".to_owned()],
            (Some(held), Some((old, difference))) if held.policy == *old => difference.clone(),
            (Some(held), _) => vec![format!(
                "policy {} in place of {}",
                new.short(),
                held.policy.short()
            )],
            (None, _) => vec![format!("the run comes under the policy {}", new.short())],
        }
    }

    /// What a plan starts with, unless it is less strict than the policy.
    pub(crate) fn admit(&self, plan: &Plan) -> Result<Box<Standing>, Rejection> {
        let applied = apply(&self.policy, plan.clone());
        let why = match applied.objections.first() {
            Some(objection) => objection.to_string(),
            None if applied.plan != *plan => {
                "the policy demands more than is written into the plan: plan it under the same policy"
                    .to_owned()
            }
            None => return Ok(Box::new(self.policy.standing(plan))),
        };
        Err(Rejection::UnderPolicy { why })
    }
}

/// What a run learns about its policy.
pub(crate) struct News {
    pub(crate) standing: Box<Standing>,
    pub(crate) difference: Vec<String>,
    pub(crate) voids: bool,
}

impl Shared {
    /// Records that somebody was refused something, as far as refusals are recorded.
    pub(crate) async fn refused(&self, refusal: StoreEvent) {
        let now = self.clock.now();
        let recorded = {
            let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            if now.since(refusals.since) > REFUSALS_WITHIN {
                *refusals = Refusals {
                    since: now,
                    count: 0,
                };
            }
            refusals.count += 1;
            refusals.count
        };
        match recorded {
            0..=REFUSALS_MAX => {
                if let Err(error) = store_events::record(self, &refusal).await {
                    tracing::warn!(%error, ?refusal, "a refusal is not recorded");
                }
            }
            _ => tracing::warn!(?refusal, "a refusal is not recorded: there were too many"),
        }
    }
}

impl Engine {
    /// The policy that holds, if any.
    pub fn policy(&self) -> Option<&Policy> {
        self.shared.governing.as_ref().map(|it| &it.policy)
    }

    /// The time by which decisions are made.
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Records that somebody was refused at a door, before anything was asked of a run.
    pub async fn refused(&self, run: Option<RunId>, by: &Operator, why: &str) {
        let refusal = StoreEvent::ActRefused {
            run,
            by: by.clone(),
            why: why.to_owned(),
        };
        self.shared.refused(refusal).await;
    }

    /// The standing that a plan starts with.
    pub(crate) async fn admitted(
        &self,
        plan: &Arc<IndexedPlan>,
        by: &Operator,
    ) -> Result<Option<Box<Standing>>, Rejection> {
        let Some(governing) = &self.shared.governing else {
            return Ok(None);
        };
        match governing.admit(plan.plan()) {
            Ok(standing) => Ok(Some(standing)),
            Err(rejection) => {
                self.start_refused(plan.plan(), by, &rejection).await;
                Err(rejection)
            }
        }
    }

    pub(crate) async fn start_refused(&self, plan: &Plan, by: &Operator, why: &Rejection) {
        let refusal = StoreEvent::StartRefused {
            by: by.clone(),
            runbook: plan.name.clone(),
            plan: plan.digest(),
            why: why.to_string(),
        };
        self.shared.refused(refusal).await;
    }
}
