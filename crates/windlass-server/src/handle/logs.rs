//! The log of one attempt: bounded, already redacted, and found by parsed names only.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use rustix::fs::OFlags;
use windlass_core::state::RunState;
use windlass_engine::attempt::LOG_BYTES_MAX;

use crate::body::AttemptPath;
use crate::context::Context;
use crate::refusal::Refusal;

/// The log's own bound, and room for its note of what was dropped.
const READ_BYTES_MAX: u64 = LOG_BYTES_MAX + 4 * 1024;

pub(crate) async fn show(
    State(context): State<Context>,
    path: AttemptPath,
) -> Result<Response, Refusal> {
    let AttemptPath { run, node, attempt } = path;
    let snapshot = context.engine.view(&run).await?;
    if attempt == 0 || attempt > newest_attempt(&snapshot.state, &node) {
        let message = format!("there is no attempt {attempt} of {node}");
        return Err(Refusal::new(
            StatusCode::NOT_FOUND,
            "unknown_attempt",
            message,
        ));
    }
    let file = context.engine.state_dir().attempt_log(&run, &node, attempt);
    let read = tokio::task::spawn_blocking(move || read(&file)).await;
    let bytes = match read.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(bytes) => bytes,
        // It wrote none, yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            tracing::warn!(%run, %node, attempt, %error, "cannot read the attempt's log");
            let message = "the log cannot be read";
            return Err(Refusal::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "unreadable_log",
                message,
            ));
        }
    };
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((kind, bytes).into_response())
}

fn newest_attempt(state: &RunState, node: &windlass_core::id::NodeId) -> u32 {
    let items = state.step(&node.step).map(|look| look.items);
    let item = items.into_iter().flatten().find(|item| item.node == *node);
    item.map_or(0, |item| item.state.attempt)
}

/// Only a plain file, and never one that a link leads to.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no plain file"));
    }
    let mut bytes = Vec::new();
    file.take(READ_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}
