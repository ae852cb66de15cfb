//! Starting a run from a plan that a client made. The client's word is not taken for
//! it: structure, actions and effect classes are checked again.

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use windlass_core::catalog::{Action, Catalog};
use windlass_core::id::{ActionName, StepId};
use windlass_core::plan::{Call, EffectClass, IndexedPlan, Plan, Reconcile, Step, StepKind, Verb};
use windlass_engine::Start;

use super::secrets::checked;
use crate::body::{self, Ask, Key};
use crate::context::Context;
use crate::limits::{PLAN_BYTES_MAX, START_BODY_BYTES_MAX};
use crate::peer::Peer;
use crate::refusal::Refusal;
use crate::wire::{StartRun, Started};

impl Ask for StartRun {
    const BYTES_MAX: usize = START_BODY_BYTES_MAX;
    const HOLDS_SECRETS: bool = true;
}

/// Starts a run; it is durable when this answers.
pub(crate) async fn start(
    State(context): State<Context>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Key(key): Key,
    body::Json(ask): body::Json<StartRun>,
) -> Result<(StatusCode, Json<Started>), Refusal> {
    let plan = *ask.plan;
    let plan_digest = plan.digest();
    if plan_digest != ask.plan_digest {
        let message = "the owner reads another plan out of the request than the client meant";
        return Err(Refusal::unprocessable("other_plan", message)
            .help("use the same version of windlass as the owner"));
    }
    within_a_record(&plan)?;
    let catalog = context.engine.catalog_for(&plan).await;
    let catalog = catalog.map_err(|(plugin, why)| {
        Refusal::unprocessable("plugin", format!("the plugin {plugin}: {why}"))
    })?;
    fits_catalog(&plan, &catalog)?;
    let secrets = checked(ask.secrets, &plan)?;
    let plan = IndexedPlan::new(plan)
        .map_err(|error| Refusal::unprocessable("bad_plan", error.to_string()))?;
    let start = Start {
        plan,
        runbook: ask.runbook,
        requester: peer.operator(),
        single_user: context.single_user,
        secrets,
        idempotency_key: key.map(|key| format!("{}/start/{key}", peer.uid)),
    };
    let run = context.engine.start(start).await?;
    let started = context.engine.view(&run).await?;
    if started.state.digest() != Some(plan_digest) {
        let message = format!("the idempotency key was used for another plan, in run {run}");
        return Err(Refusal::unprocessable("key_reused", message));
    }
    Ok((StatusCode::CREATED, Json(Started { run, plan_digest })))
}

fn within_a_record(plan: &Plan) -> Result<(), Refusal> {
    let bytes = serde_json::to_vec(plan).map_or(usize::MAX, |json| json.len());
    if bytes <= PLAN_BYTES_MAX {
        return Ok(());
    }
    let message = format!("the plan has {bytes} bytes, at most {PLAN_BYTES_MAX} are taken");
    Err(Refusal::unprocessable("plan_too_large", message))
}

/// Whether every action exists here and does no more to the world than the plan says.
fn fits_catalog(plan: &Plan, catalog: &Catalog) -> Result<(), Refusal> {
    plan.steps
        .iter()
        .try_for_each(|step| step_fits(step, catalog))
}

fn step_fits(step: &Step, catalog: &Catalog) -> Result<(), Refusal> {
    let (effect, call, undo) = match &step.kind {
        StepKind::Action {
            effect, call, undo, ..
        } => (*effect, call, undo.as_ref()),
        StepKind::Wait { .. } => return Ok(()),
        StepKind::Gate(gate) => {
            let mut facts = gate.facts.iter();
            return facts.try_for_each(|fact| read_fits(&step.id, &fact.uses, catalog));
        }
    };
    let action = call_fits(&step.id, call, catalog)?;
    if let Some(least) = action.effect
        && effect < least
    {
        let message = format!(
            "{}: {} is {}, the plan calls it {}",
            step.id,
            call.uses,
            least.as_str(),
            effect.as_str()
        );
        return Err(Refusal::unprocessable("effect_lowered", message));
    }
    if let Some(undo) = undo {
        call_fits(&step.id, undo, catalog)?;
    }
    Ok(())
}

fn call_fits<'a>(step: &StepId, call: &Call, catalog: &'a Catalog) -> Result<&'a Action, Refusal> {
    let uses = &call.uses;
    let action = catalog.get(uses).ok_or_else(|| unknown(step, uses))?;
    let cannot = |what| {
        let message = format!("{step}: {uses} has no {what} of its own");
        Err(Refusal::unprocessable("action_cannot", message))
    };
    match call.verb {
        Verb::Undo if !action.undoes => return cannot("undo"),
        Verb::Undo | Verb::Run => {}
    }
    match &call.reconcile {
        Reconcile::Native { .. } if !action.reconciles => return cannot("reconcile"),
        Reconcile::None | Reconcile::Native { .. } => {}
        Reconcile::Read { uses, .. } => read_fits(step, uses, catalog)?,
    }
    Ok(action)
}

/// Whether a look, or what reads a fact, is there and changes nothing.
fn read_fits(step: &StepId, uses: &ActionName, catalog: &Catalog) -> Result<(), Refusal> {
    let action = catalog.get(uses).ok_or_else(|| unknown(step, uses))?;
    match action.effect {
        None | Some(EffectClass::Read) => Ok(()),
        Some(EffectClass::Idempotent | EffectClass::Reversible | EffectClass::Irreversible) => {
            let message = format!("{step}: {uses} is used to look and is no read");
            Err(Refusal::unprocessable("effect_lowered", message))
        }
    }
}

fn unknown(step: &StepId, uses: &ActionName) -> Refusal {
    let message = format!("{step}: there is no action {uses} here");
    Refusal::unprocessable("unknown_action", message)
        .help("the owner must be started with the same plugins")
}
