//! Keeping house, for the directory's own user.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use windlass_core::id::RunId;
use windlass_core::time::Timestamp;
use windlass_engine::prune::{PRUNE_RUNS_MAX, Which};

use crate::body;
use crate::context::Context;
use crate::peer::Peer;
use crate::refusal::Refusal;
use crate::view::{pruned, space_given};
use crate::wire::{Compact, Prune, Pruned, SpaceGiven};

impl body::Ask for Prune {}
impl body::Ask for Compact {}

/// Erases; what was erased is durable when this answers.
pub(crate) async fn prune(
    State(context): State<Context>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    body::Json(Prune { runs, ended_by_ms }): body::Json<Prune>,
) -> Result<Json<Pruned>, Refusal> {
    if runs.len() > PRUNE_RUNS_MAX {
        let message = format!("at most {PRUNE_RUNS_MAX} runs are pruned by one request");
        return Err(Refusal::unprocessable("too_many_runs", message));
    }
    let runs: BTreeSet<RunId> = runs.into_iter().collect();
    let which = match (runs.is_empty(), ended_by_ms) {
        (false, None) => Which::Runs(runs),
        (true, Some(at)) => Which::EndedBy(Timestamp(at)),
        (true, None) | (false, Some(_)) => {
            let message = "name runs, or a time by which they have ended";
            return Err(Refusal::unprocessable("which_runs", message));
        }
    };
    let done = context.engine.prune(&peer.operator(), which).await?;
    Ok(Json(pruned(done)))
}

/// Gives space back, unless runs are in flight.
pub(crate) async fn compact(
    State(context): State<Context>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    body::Json(Compact {}): body::Json<Compact>,
) -> Result<Json<SpaceGiven>, Refusal> {
    let given = context.engine.compact(&peer.operator()).await?;
    Ok(Json(space_given(given)))
}
