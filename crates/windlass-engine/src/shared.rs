//! What all tasks of one engine share: the ports, the registry of runs, and the
//! phase that the engine is in. The registry's lock is never held across an await.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::Instant;
use windlass_core::catalog::Catalog;
use windlass_core::id::{ActionName, RunId};
use windlass_core::operator::Identity;
use windlass_core::plan::Plan;
use windlass_journal::Store;

use crate::error::{CommandError, Fatal};
use crate::governing::{Governing, Refusals};
use crate::options::GoOn;
use crate::orphans::OrphanSurvey;
use crate::owner::OwnerLock;
use crate::ports::{Clock, Messenger, Plugins, StepRunner};
use crate::registry::Registry;
use crate::run_ids::IdSource;
use crate::state_dir::StateDir;

/// What the engine is doing as a whole.
#[derive(Clone, Debug)]
pub(crate) enum Phase {
    Running,
    /// Nothing new is dispatched; what is in flight may end until then.
    Parking {
        until: Instant,
    },
    /// Every handle is gone, or the park is over: tasks leave as they are.
    Closed,
    Failed(Fatal),
}

/// See the module.
pub(crate) struct Shared {
    pub(crate) dir: StateDir,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) catalog: Catalog,
    pub(crate) runners: BTreeMap<ActionName, Arc<dyn StepRunner>>,
    pub(crate) plugins: Option<Arc<dyn Plugins>>,
    pub(crate) owner: Identity,
    /// The policy that holds, if any.
    pub(crate) governing: Option<Governing>,
    pub(crate) refusals: Mutex<Refusals>,
    /// The fence of every append.
    pub(crate) epoch: u64,
    /// Who sends messages to the outside.
    pub(crate) messenger: Option<Arc<dyn Messenger>>,
    /// Whether there is something to send that was not there before.
    pub(crate) outbox_changed: Notify,
    /// Which runs this process goes on with by itself.
    pub(crate) go_on: GoOn,
    pub(crate) orphans: OrphanSurvey,
    pub(crate) phase: watch::Sender<Phase>,
    pub(crate) loads: Arc<Semaphore>,
    pub(crate) wheel_changed: Notify,
    /// Counts changes of the registry, for those who wait for one.
    pub(crate) changes: watch::Sender<u64>,
    pub(crate) registry: Mutex<Registry>,
    /// Held for life; the fence of other processes.
    pub(crate) _lock: OwnerLock,
}

impl Shared {
    pub(crate) fn registry(&self) -> MutexGuard<'_, Registry> {
        // Nothing in the registry panics between two changes that belong together.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The runner of an action in a run of this plan.
    ///
    /// # Errors
    /// Why there is none here.
    pub(crate) fn runner(
        &self,
        plan: Option<&Plan>,
        uses: &ActionName,
    ) -> Result<Arc<dyn StepRunner>, String> {
        let none = || "this owner has no plugin for it".to_owned();
        match plan.and_then(|plan| plan.plugin_of(uses)) {
            Some((plugin, action)) => {
                let plugins = self.plugins.as_ref().ok_or_else(none)?;
                plugins.runner(plugin, action)
            }
            None => self.runners.get(uses).cloned().ok_or_else(none),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase.borrow().clone()
    }

    /// Wakes the run whose turn it is to take a lock.
    pub(crate) fn wake_for_lock(&self, next: Option<&RunId>) {
        let Some(run) = next else {
            return;
        };
        let now = self.clock.now();
        self.registry().wake_at(run, now);
        self.wheel_changed.notify_one();
    }

    /// Wakes whoever waits for the registry to change.
    pub(crate) fn changed(&self) {
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Ends the engine: the first reason stays.
    pub(crate) fn fail(&self, fatal: Fatal) {
        self.phase.send_if_modified(|phase| match phase {
            Phase::Failed(_) => false,
            Phase::Running | Phase::Parking { .. } | Phase::Closed => {
                tracing::error!(%fatal, "the engine stops");
                *phase = Phase::Failed(fatal);
                true
            }
        });
        self.wheel_changed.notify_one();
        self.changed();
    }

    /// Why nothing that is read now may be shown: after a storage error the journal may
    /// give out what is not durable. Asked after each read.
    pub(crate) fn failure(&self) -> Option<CommandError> {
        if let Phase::Failed(fatal) = self.phase() {
            return Some(CommandError::Fatal(fatal));
        }
        let fatal = Fatal {
            reason: self.store.poisoned()?.to_string().into(),
            fenced: false,
        };
        self.fail(fatal.clone());
        Some(CommandError::Fatal(fatal))
    }

    /// Why a caller's request for this run cannot be served now, if it cannot.
    pub(crate) fn refusal(&self, run: &RunId) -> Option<CommandError> {
        match self.phase() {
            Phase::Running => self.registry().refusal(run),
            Phase::Parking { .. } | Phase::Closed => Some(CommandError::Stopping),
            Phase::Failed(fatal) => Some(CommandError::Fatal(fatal)),
        }
    }
}
