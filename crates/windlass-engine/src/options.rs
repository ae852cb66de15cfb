//! What an engine is opened with, and how it takes the journal over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, Semaphore, watch};
use windlass_core::catalog::Catalog;
use windlass_core::id::ActionName;
use windlass_core::time::Timestamp;
use windlass_journal::{RunOrder, RunQuery, RunState, StorageError, Store};

use crate::clock::SystemClock;
use crate::error::OpenError;
use crate::governing::Governing;
use crate::limits::RUNS_LOADING_MAX;
use crate::orphans::OrphanSurvey;
use crate::owner::OwnerLock;
use crate::ports::{CatalogSource, Clock, Messenger, Plugins, StepRunner};
use crate::registry::Registry;
use crate::run_ids::{IdSource, SystemIds};
use crate::shared::{Phase, Shared};

/// Which runs an engine goes on with by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GoOn {
    /// All that were in flight or have a timer.
    #[default]
    All,
    /// Only those that somebody asks something of; for a single command without an owner.
    Asked,
}

/// What an engine is opened with.
pub struct Options {
    /// The proof of owning the state directory; held until the engine's last task is gone.
    pub lock: OwnerLock,
    /// The journal of that directory.
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
    pub sources: Vec<Arc<dyn CatalogSource>>,
    /// The plugins that plans pin; without it a run that uses one waits.
    pub plugins: Option<Arc<dyn Plugins>>,
    pub go_on: GoOn,
    /// Who sends messages to the outside; without one they wait for the next owner.
    pub messenger: Option<Arc<dyn Messenger>>,
    /// The policy that holds; without one the owner is every group.
    pub governing: Option<Governing>,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Options({})", self.lock.dir().root().display())
    }
}

impl Options {
    /// Options with the system's clock and random numbers, that go on with all runs.
    pub fn new(
        lock: OwnerLock,
        store: Arc<dyn Store>,
        sources: Vec<Arc<dyn CatalogSource>>,
    ) -> Self {
        Self {
            lock,
            store,
            clock: Arc::new(SystemClock::default()),
            ids: Arc::new(SystemIds),
            sources,
            plugins: None,
            go_on: GoOn::All,
            messenger: None,
            governing: None,
        }
    }

    /// Raises the epoch, so that whoever wrote before is fenced off, looks for processes
    /// that outlived their engine, and sets the timers.
    pub(crate) async fn take_over(self) -> Result<Arc<Shared>, OpenError> {
        let blocking = tokio::task::spawn_blocking(move || self.take_over_blocking());
        // It panics only when the runtime is ending, and then nobody waits.
        blocking.await.expect("taking over does not panic")
    }

    fn take_over_blocking(self) -> Result<Arc<Shared>, OpenError> {
        let (catalog, runners) = merge(&self.sources)?;
        let epoch = self.store.take_epoch()?;
        let orphans = OrphanSurvey::take().map_err(OpenError::Orphans)?;
        let mut registry = Registry::default();
        match self.go_on {
            GoOn::All => set_timers(&*self.store, &mut registry)?,
            GoOn::Asked => {}
        }
        Ok(Arc::new(Shared {
            dir: self.lock.dir().clone(),
            owner: self.lock.identity(),
            governing: self.governing,
            refusals: Mutex::default(),
            store: self.store,
            clock: self.clock,
            ids: self.ids,
            catalog,
            runners,
            plugins: self.plugins,
            epoch,
            messenger: self.messenger,
            outbox_changed: Notify::new(),
            go_on: self.go_on,
            orphans,
            phase: watch::Sender::new(Phase::Running),
            loads: Arc::new(Semaphore::new(RUNS_LOADING_MAX)),
            wheel_changed: Notify::new(),
            changes: watch::Sender::new(0),
            registry: Mutex::new(registry),
            _lock: self.lock,
        }))
    }
}

/// The entry that needs no runner.
const WAIT: &str = "wait";

type Runners = BTreeMap<ActionName, Arc<dyn StepRunner>>;

fn merge(sources: &[Arc<dyn CatalogSource>]) -> Result<(Catalog, Runners), OpenError> {
    let (mut catalog, mut runners) = (Catalog::default(), Runners::new());
    for source in sources {
        for (name, action) in source.catalog().actions {
            match source.runner(&name) {
                Some(runner) => drop(runners.insert(name.clone(), runner)),
                // A wait is a step of the plan itself: its entry is for authors only.
                None if name.as_str() == WAIT => {}
                // A person does it.
                None if action.is_by_hand() => {}
                None => return Err(OpenError::NoRunner(name)),
            }
            if catalog.actions.insert(name.clone(), action).is_some() {
                return Err(OpenError::DuplicateAction(name));
            }
        }
    }
    Ok((catalog, runners))
}

/// Sets the timer of every live run that has one; a run that was in flight when its
/// row was written is due at once.
fn set_timers(store: &dyn Store, registry: &mut Registry) -> Result<(), StorageError> {
    let mut query = RunQuery {
        ended: RunState::Live,
        order: RunOrder::SoonestWake,
        ..RunQuery::default()
    };
    loop {
        let rows = store.runs(&query)?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        query.after = query.order_key(last).map(|at| (at, last.run.clone()));
        for row in &rows {
            // The journal's alphabet is wider: a name that is no run's is not ours to drive.
            if let (Ok(run), Some(at)) = (row.run.as_str().parse(), row.next_wake_at_ms) {
                registry.wheel.set(&run, Timestamp(at));
            }
        }
    }
}
