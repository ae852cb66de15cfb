//! Looking at runs.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::Uri;
use windlass_core::id::RunId;

use crate::body::RunPath;
use crate::context::Context;
use crate::refusal::Refusal;
use crate::view::{Overlay, list_of, query, view};
use crate::wire::{RunFilter, RunList, RunView};

pub(crate) async fn list(
    State(context): State<Context>,
    uri: Uri,
) -> Result<Json<RunList>, Refusal> {
    let filter = match Query::<RunFilter>::try_from_uri(&uri) {
        Ok(Query(filter)) => filter,
        Err(error) => return Err(Refusal::bad_request("bad_query", error.body_text())),
    };
    let labels = filter.labels.0.clone();
    let found = context.engine.list(query(&filter), labels).await?;
    Ok(Json(list_of(found, &filter)))
}

pub(crate) async fn show(
    State(context): State<Context>,
    RunPath(run): RunPath,
) -> Result<Json<RunView>, Refusal> {
    Ok(Json(view_of(&context, &run).await?))
}

/// The run as it stands, with what the owner's memory knows of it.
pub(crate) async fn view_of(context: &Context, run: &RunId) -> Result<RunView, Refusal> {
    let snapshot = context.engine.view(run).await?;
    let overlay = Overlay::of(
        &snapshot,
        context.engine.progress(run),
        context.engine.lock_holder(run),
    );
    let mut view = view(&snapshot.state, &overlay);
    view.unsent = context.engine.unsent(Some(run)).await?;
    Ok(view)
}
