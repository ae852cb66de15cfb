//! What the engine's benchmarks stand on: a state directory on the disk in question, an
//! engine whose only action does nothing, and the plans of the core's benchmark.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use windlass_core::catalog::{Action, Catalog};
use windlass_core::id::ActionName;
use windlass_core::operator::{Door, Identity, Operator};
use windlass_core::outcome::Outcome;
use windlass_core::plan::{EffectClass, IndexedPlan};
use windlass_core::time::Millis;
use windlass_core::value::Value;
use windlass_engine::attempt::DispatchToken;
use windlass_engine::owner::{Owning, try_own};
use windlass_engine::ports::{CatalogSource, StepContext, StepRunner, Work};
use windlass_engine::{Engine, Options, Start, StateDir};
use windlass_journal::{FilesystemRule, SqliteStore, Store};

use crate::plans::RUNBOOK;

/// An engine on a directory, with a second handle to its store for the counters.
pub(crate) struct Bed {
    pub(crate) engine: Engine,
    pub(crate) store: Arc<SqliteStore>,
}

impl Bed {
    /// Opens the journal and goes on with its runs.
    #[allow(
        dead_code,
        reason = "not every benchmark that includes this has only steps that do nothing"
    )]
    pub(crate) async fn open(root: &Path) -> Self {
        Self::with(root, vec![Arc::new(Noops)]).await
    }

    /// The same with these actions.
    pub(crate) async fn with(root: &Path, sources: Vec<Arc<dyn CatalogSource>>) -> Self {
        let dir = StateDir::prepare(root).expect("the state directory can be made");
        let options = windlass_journal::Options {
            filesystem: FilesystemRule::AllowVolatile,
            ..windlass_journal::Options::default()
        };
        let store = SqliteStore::open(&dir.journal(), &options).expect("the journal opens");
        let store = Arc::new(store);
        let Owning::Owned(lock) = try_own(&dir).expect("the lock can be taken") else {
            panic!("another process owns {}", root.display());
        };
        let port: Arc<dyn Store> = Arc::clone(&store) as Arc<dyn Store>;
        let options = Options::new(lock, port, sources);
        let engine = Engine::open(options).await.expect("the engine opens");
        Self { engine, store }
    }
}

/// A start of the plan by the user of these benchmarks.
pub(crate) fn start(plan: &Arc<IndexedPlan>) -> Start {
    Start {
        plan: Arc::clone(plan),
        runbook: RUNBOOK.to_owned(),
        requester: operator(),
        single_user: true,
        secrets: BTreeMap::new(),
        idempotency_key: None,
    }
}

/// The user of these benchmarks, who owns the directory.
pub(crate) fn operator() -> Operator {
    let uid = rustix::process::geteuid().as_raw();
    Operator {
        name: "bench".to_owned(),
        identity: Identity::OsUser { uid },
        door: Door::Terminal,
    }
}

/// The source of `noop`.
struct Noops;

impl CatalogSource for Noops {
    fn catalog(&self) -> Catalog {
        let action = Action {
            summary: "Succeed at once".to_owned(),
            effect: Some(EffectClass::Read),
            params: BTreeMap::new(),
            outputs: None,
            rest: None,
            echoes: false,
            computes: false,
            grants: Vec::new(),
            reconciles: false,
            undoes: false,
            timeout: Some(Millis::from_mins(10)),
            settle: Millis(0),
            settle_least: Millis(0),
            observe: Millis::from_mins(1),
            no_effect: windlass_core::catalog::NoEffect::Never,
            provides: None,
        };
        let name: ActionName = "noop".parse().expect("an action's name");
        Catalog {
            actions: BTreeMap::from([(name, action)]),
        }
    }

    fn runner(&self, _action: &ActionName) -> Option<Arc<dyn StepRunner>> {
        Some(Arc::new(Noop))
    }
}

struct Noop;

impl StepRunner for Noop {
    fn run(&self, token: DispatchToken, _context: StepContext) -> Work<Outcome> {
        drop(token);
        Box::pin(std::future::ready(Outcome::Succeeded {
            outputs: Value::Map(BTreeMap::new()),
            log: None,
        }))
    }
}
