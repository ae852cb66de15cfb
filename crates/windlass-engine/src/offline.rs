//! What can be done while no owner is alive: a single command that owns the directory
//! for as long as its run has something in flight, and looks that own nothing.

use std::time::Duration;

use windlass_core::command::Command;
use windlass_core::id::RunId;
use windlass_journal::Store;

use crate::engine::{Engine, Parked};
use crate::error::{CommandError, OpenError};
use crate::options::{GoOn, Options};
use crate::replay::{self, ReplayError};
use crate::run::CommandAnswer;
use crate::snapshot::Snapshot;
use crate::subscription::Recorded;

/// Why a command without an owner was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// Carries one command out as the owner for a moment: takes the journal over, appends,
/// drives what became runnable of that run, and leaves. `within` bounds the last part.
/// `options.go_on` is set to [`GoOn::Asked`]: the other runs are left to their owner.
///
/// # Errors
/// The journal cannot be taken over, or the command is refused.
pub async fn command(
    options: Options,
    run: &RunId,
    command: Command,
    within: Duration,
) -> Result<(CommandAnswer, Parked), OfflineError> {
    let options = Options {
        go_on: GoOn::Asked,
        ..options
    };
    let engine = Engine::open(options).await?;
    let answer = engine.command(run, command).await?;
    let _late = tokio::time::timeout(within, engine.wait_idle()).await;
    let parked = engine.park(Duration::ZERO).await?;
    Ok((answer, parked))
}

/// A run as the journal has it; `None` when there is no such run. Blocks for a read.
///
/// # Errors
/// The run's records cannot be read or understood.
pub fn view(store: &dyn Store, run: &RunId) -> Result<Option<Snapshot>, ReplayError> {
    let snapshot = replay::replay(store, run)?;
    Ok((snapshot.next_seq > 0).then_some(snapshot))
}

/// Records of a run from `from_seq` on, at most `limit`. Blocks for a read.
///
/// # Errors
/// The run's records cannot be read or understood.
pub fn records(
    store: &dyn Store,
    run: &RunId,
    from_seq: u64,
    limit: usize,
) -> Result<Vec<Recorded>, ReplayError> {
    replay::read(store, run, from_seq, limit)
}
