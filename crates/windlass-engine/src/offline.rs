//! What can be done while no owner is alive: a single command that owns the directory
//! for as long as its run has something in flight, and looks that own nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;
use windlass_core::command::{Command, Orphan};
use windlass_core::id::{RunId, SecretName};
use windlass_core::operator::Operator;
use windlass_core::state::RunState;
use windlass_journal::{RunQuery, StorageError, Store};

use crate::engine::Engine;
use crate::error::{CommandError, Erased, OpenError};
use crate::index;
use crate::list::{self, Labels, Listed};
use crate::locks;
use crate::options::{GoOn, Options};
use crate::replay::{self, ReplayError};
use crate::run::CommandAnswer;
use crate::snapshot::Snapshot;
use crate::state_dir::StateDir;
use crate::stopping::Parked;
use crate::subscription::Recorded;

/// The living processes of a run's attempts. Reads all of `/proc`.
///
/// # Errors
/// `/proc` or the run's records of sessions cannot be read.
pub fn living(dir: &StateDir, run: &RunId) -> std::io::Result<Vec<Orphan>> {
    crate::orphans::living(dir, run)
}

/// Why a command without an owner was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// One command to one run.
#[derive(Debug)]
pub struct Request {
    pub run: RunId,
    pub command: Command,
    pub by: Operator,
    /// What the run may need to go on; see [`Engine::bring_secrets`].
    pub secrets: BTreeMap<SecretName, SecretString>,
    /// How long what became runnable may take before it is parked.
    pub within: Duration,
}

/// Carries one command out as the owner for a moment: takes the journal over, appends,
/// drives what became runnable of that run, and leaves. The other runs are left to
/// their owner, whatever `options.go_on` says.
///
/// # Errors
/// The journal cannot be taken over, or the command is refused.
pub async fn command(
    options: Options,
    request: Request,
) -> Result<(CommandAnswer, Parked), OfflineError> {
    let options = Options {
        go_on: GoOn::Asked,
        ..options
    };
    let engine = Engine::open(options).await?;
    if !request.secrets.is_empty() {
        let (run, by) = (&request.run, &request.by);
        engine.bring_secrets(run, by, request.secrets).await?;
    }
    let answer = engine.command(&request.run, request.command).await?;
    let _late = tokio::time::timeout(request.within, engine.wait_idle()).await;
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

/// Who holds the lock that a run waits for, by the journal. Blocks for several reads.
///
/// # Errors
/// The index or the journal cannot be read.
pub fn lock_holder(store: &dyn Store, state: &RunState) -> Result<Option<RunId>, StorageError> {
    let Some(wanted) = state.wants_lock() else {
        return Ok(None);
    };
    Ok(locks::read(store, wanted.target)?.holder)
}

/// Rows of the runs index, of the runs that have all `labels`; those that wait for a lock say
/// who holds it. Blocks for several reads.
///
/// # Errors
/// The index or the journal cannot be read.
pub fn list(store: &dyn Store, query: RunQuery, labels: &Labels) -> Result<Listed, StorageError> {
    let mut listed = list::read(store, query, labels)?;
    let mut holders = BTreeMap::<String, Option<RunId>>::new();
    for row in &mut listed.rows {
        if !index::waits_for_lock(row) {
            continue;
        }
        let holder = match holders.get(&row.target) {
            Some(holder) => holder.clone(),
            None => {
                let holder = locks::read(store, &row.target)?.holder;
                holders.insert(row.target.clone(), holder.clone());
                holder
            }
        };
        index::name_holder(row, holder.as_ref());
    }
    Ok(listed)
}

/// By whom and when the bodies of a run were erased, if they were and a record says so.
/// Blocks for a read.
///
/// # Errors
/// The journal cannot be read.
pub fn erasure(store: &dyn Store, run: &RunId) -> Result<Option<Erased>, StorageError> {
    replay::erasure_of(store, run)
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
