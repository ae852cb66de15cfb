//! The owner process: who it is, and asking it to end.

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;

use crate::body;
use crate::context::Context;
use crate::peer::Peer;
use crate::wire::{API_VERSION, OwnerView, Shutdown, ShutdownAnswer};

impl body::Ask for Shutdown {}

pub(crate) async fn show(
    State(context): State<Context>,
    ConnectInfo(peer): ConnectInfo<Peer>,
) -> Json<OwnerView> {
    let uptime = context.started.elapsed().as_millis();
    Json(OwnerView {
        pid: std::process::id(),
        uid: context.owner_uid,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        api: API_VERSION,
        started_at_ms: context.started_at_ms,
        uptime_ms: u64::try_from(uptime).unwrap_or(u64::MAX),
        wall_ahead_ms: context.engine.wall_ahead_ms(),
        you_are_owner: peer.uid == context.owner_uid,
    })
}

/// Says so to whoever composed the server: he parks the engine and ends the process.
pub(crate) async fn shutdown(
    State(context): State<Context>,
    body::Json(Shutdown {}): body::Json<Shutdown>,
) -> (StatusCode, Json<ShutdownAnswer>) {
    context.shutdown.send_replace(true);
    let pid = std::process::id();
    (StatusCode::ACCEPTED, Json(ShutdownAnswer { pid }))
}
