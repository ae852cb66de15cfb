//! Messages to the outside: looking at those that are not delivered, and ordering.

use axum::Json;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::Uri;

use crate::body::{self, RunPath};
use crate::context::Context;
use crate::peer::Peer;
use crate::refusal::Refusal;
use crate::wire::{Ack, Acked, OutboxDone, OutboxFilter, OutboxList, OutboxOrder, OutboxVerb};

impl body::Ask for OutboxOrder {}
impl body::Ask for Ack {}

pub(crate) async fn list(
    State(context): State<Context>,
    uri: Uri,
) -> Result<Json<OutboxList>, Refusal> {
    let OutboxFilter { run } = match Query::try_from_uri(&uri) {
        Ok(Query(filter)) => filter,
        Err(error) => return Err(Refusal::bad_request("bad_query", error.body_text())),
    };
    let unsent = context.engine.unsent(run.as_ref()).await?;
    Ok(Json(OutboxList { unsent }))
}

pub(crate) async fn order(
    State(context): State<Context>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    body::Json(OutboxOrder { id, verb }): body::Json<OutboxOrder>,
) -> Result<Json<OutboxDone>, Refusal> {
    let by = peer.operator();
    let found = match verb {
        OutboxVerb::Retry => context.engine.retry_message(&by, id).await?,
        OutboxVerb::Drop => context.engine.drop_message(&by, id).await?,
    };
    Ok(Json(OutboxDone { found }))
}

pub(crate) async fn acknowledge(
    State(context): State<Context>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    RunPath(run): RunPath,
    body::Json(Ack {}): body::Json<Ack>,
) -> Result<Json<Acked>, Refusal> {
    let calls = context
        .engine
        .acknowledge_calls(&peer.operator(), &run)
        .await?;
    Ok(Json(Acked { calls }))
}
