//! Secrets from a client: for one run, in memory only, and never in an answer or a log.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use secrecy::{ExposeSecret as _, SecretString};
use windlass_core::id::SecretName;
use windlass_core::plan::Plan;
use windlass_core::rejection::Rejection;

use super::runs::view_of;
use crate::body::{self, Ask, RunPath};
use crate::context::Context;
use crate::limits::{SECRET_BYTES_MAX, SECRETS_MAX, START_BODY_BYTES_MAX};
use crate::peer::Peer;
use crate::refusal::Refusal;
use crate::wire::{BringSecrets, RunView, SecretText};

impl Ask for BringSecrets {
    const BYTES_MAX: usize = START_BODY_BYTES_MAX;
    const HOLDS_SECRETS: bool = true;
}

/// Gives a run what it waits for, and lets it go on.
pub(crate) async fn bring(
    State(context): State<Context>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    RunPath(run): RunPath,
    body::Json(ask): body::Json<BringSecrets>,
) -> Result<Json<RunView>, Refusal> {
    let snapshot = context.engine.view(&run).await?;
    let state = &snapshot.state;
    if let Some((end, _)) = state.end() {
        return Err(Rejection::RunEnded { end: end.as_str() }.into());
    }
    let Some(plan) = state.plan() else {
        return Err(Rejection::NotStarted.into());
    };
    let secrets = checked(ask.secrets, plan)?;
    let by = peer.operator();
    context.engine.bring_secrets(&run, &by, secrets).await?;
    Ok(Json(view_of(&context, &run).await?))
}

/// Secrets that the plan names, within their bounds.
pub(super) fn checked(
    secrets: BTreeMap<SecretName, SecretText>,
    plan: &Plan,
) -> Result<BTreeMap<SecretName, SecretString>, Refusal> {
    if secrets.len() > SECRETS_MAX {
        let message = format!("there are more than {SECRETS_MAX} secrets");
        return Err(Refusal::unprocessable("too_many_secrets", message));
    }
    let mut checked = BTreeMap::new();
    for (name, value) in secrets {
        if !plan.secrets.contains(&name) {
            let message = format!("the plan names no secret {name}");
            return Err(Refusal::unprocessable("unknown_secret", message));
        }
        let value = value.into_secret();
        if value.expose_secret().len() > SECRET_BYTES_MAX {
            let message = format!("the secret {name} has more than {SECRET_BYTES_MAX} bytes");
            return Err(Refusal::unprocessable("secret_too_large", message));
        }
        checked.insert(name, value);
    }
    Ok(checked)
}
