//! A loaded plugin: compiled, its imports judged, its exports probed, its manifest read.

use std::sync::Arc;

use tokio::time::Instant;
use wasmtime::component::{Component, Instance, InstancePre};
use wasmtime::{Store, Trap, UpdateDeadline};
use windlass_core::catalog::Catalog;
use windlass_core::id::ActionName;
use windlass_engine::ports::{CatalogSource, StepRunner};

use crate::bindings::exports::windlass::plugin::{describe, reconcile, run, undo};
use crate::bindings::types;
use crate::compiled::digest;
use crate::host::{Host, Watch};
use crate::imports::rates::Rates;
use crate::limits::{COMPONENT_BYTES_MAX, DESCRIBE_TIMEOUT};
use crate::manifest::{BadManifest, Exports, Manifest};
use crate::meter::Exceeded;
use crate::powers::Powers;
use crate::runner::Runner;
use crate::state::{Around, State};
use crate::wasi;

/// The contract's package, and the version of it that this host speaks.
const PACKAGE: &str = "windlass:plugin/";
const VERSION: (u64, u64, u64) = (0, 1, 0);

/// Why a plugin is not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("the component has more than {COMPONENT_BYTES_MAX} bytes")]
    Large,
    #[error("it is no component that can be compiled: {0}")]
    Component(String),
    #[error("it imports `{0}`, which no plugin is given")]
    Import(String),
    #[error("it speaks {0}, and this version of windlass speaks {PACKAGE}…@0.1.0")]
    Version(String),
    #[error("it does not export `{PACKAGE}{0}`")]
    Missing(&'static str),
    #[error("its `{0}` is not that of the contract")]
    Contract(&'static str),
    #[error("asked what it is, it ended: {0}")]
    Describe(String),
    #[error("its manifest is refused: {0}")]
    Manifest(#[from] BadManifest),
}

/// Why a call gave no answer of the guest's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stopped {
    #[error("the plugin's time is over")]
    Timeout,
    #[error("{0}")]
    Limit(Exceeded),
    #[error("the plugin ended in a trap: {0}")]
    Trap(String),
}

impl Stopped {
    /// A stable word for machines.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Stopped::Timeout => "timeout",
            Stopped::Limit(_) => "plugin_limit",
            Stopped::Trap(_) => "plugin_trap",
        }
    }
}

impl From<wasmtime::Error> for Stopped {
    fn from(error: wasmtime::Error) -> Self {
        if let Some(exceeded) = error.downcast_ref::<Exceeded>() {
            return Stopped::Limit(*exceeded);
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => Stopped::Timeout,
            Some(trap) => Stopped::Trap(trap.to_string()),
            None => Stopped::Trap(error.root_cause().to_string()),
        }
    }
}

/// A plugin that can be used. Cheap to clone.
#[derive(Clone)]
pub struct Plugin(Arc<Loaded>);

struct Loaded {
    host: Host,
    digest: String,
    manifest: Manifest,
    guest: Guest,
    rates: Arc<Rates>,
}

/// What of the component is called.
struct Guest {
    imports: Vec<String>,
    pre: InstancePre<State>,
    describe: describe::GuestIndices,
    run: run::GuestIndices,
    reconcile: Option<reconcile::GuestIndices>,
    undo: Option<undo::GuestIndices>,
}

impl Host {
    /// Loads a component; its compiled form when that is kept.
    ///
    /// # Errors
    /// It is no plugin of this contract, or asks for what none is given.
    pub async fn load(&self, bytes: Vec<u8>) -> Result<Plugin, LoadError> {
        if bytes.len() > COMPONENT_BYTES_MAX {
            return Err(LoadError::Large);
        }
        let digest = digest(&bytes);
        let component = self.component(bytes, &digest).await?;
        let guest = Guest::of(self, &component)?;
        let described = guest.describe(self).await;
        let described = described.map_err(|stopped| LoadError::Describe(stopped.to_string()))?;
        let exports = Exports {
            reconcile: guest.reconcile.is_some(),
            undo: guest.undo.is_some(),
        };
        let manifest = Manifest::read(described, exports)?;
        Ok(Plugin(Arc::new(Loaded {
            host: self.clone(),
            digest,
            rates: Arc::new(Rates::new(manifest.rate)),
            manifest,
            guest,
        })))
    }

    async fn component(&self, bytes: Vec<u8>, digest: &str) -> Result<Component, LoadError> {
        let (host, digest) = (self.clone(), digest.to_owned());
        let work = tokio::task::spawn_blocking(move || {
            let (engine, kept) = (host.engine(), &host.options().compiled);
            if let Some(found) = kept.as_ref().and_then(|kept| kept.load(engine, &digest)) {
                return Ok(found);
            }
            let component = Component::from_binary(engine, &bytes)
                .map_err(|error| LoadError::Component(format!("{error:#}")))?;
            if let Some(kept) = kept {
                kept.keep(engine, &digest, &component);
            }
            Ok(component)
        });
        work.await
            .unwrap_or_else(|error| Err(LoadError::Component(error.to_string())))
    }
}

impl Guest {
    fn of(host: &Host, component: &Component) -> Result<Self, LoadError> {
        let ty = component.component_type();
        let mut imports = Vec::new();
        for (name, _) in ty.imports(host.engine()) {
            judge_import(name)?;
            imports.push(name.to_owned());
        }
        let wrong = |error: wasmtime::Error| LoadError::Component(format!("{error:#}"));
        let mut linker = host.linker().clone();
        wasi::add_to_linker(&mut linker, component).map_err(wrong)?;
        let pre = linker.instantiate_pre(component).map_err(wrong)?;
        let exported = |name: &str| {
            let whole = format!("{PACKAGE}{name}@");
            ty.exports(host.engine())
                .any(|(export, _)| export.starts_with(&whole))
        };
        let required = |name: &'static str| match exported(name) {
            true => LoadError::Contract(name),
            false => LoadError::Missing(name),
        };
        let optional = |name: &'static str| match exported(name) {
            true => Err(LoadError::Contract(name)),
            false => Ok(()),
        };
        Ok(Self {
            imports,
            describe: describe::GuestIndices::new(&pre).map_err(|_| required("describe"))?,
            run: run::GuestIndices::new(&pre).map_err(|_| required("run"))?,
            reconcile: match reconcile::GuestIndices::new(&pre) {
                Ok(found) => Some(found),
                Err(_) => optional("reconcile").map(|()| None)?,
            },
            undo: match undo::GuestIndices::new(&pre) {
                Ok(found) => Some(found),
                Err(_) => optional("undo").map(|()| None)?,
            },
            pre,
        })
    }

    async fn describe(&self, host: &Host) -> Result<types::Manifest, Stopped> {
        bounded(Instant::now() + DESCRIBE_TIMEOUT, async |end| {
            let mut live = self.instantiate(host, None, end).await?;
            let guest = self.describe.load(&mut live.store, &live.instance)?;
            guest.call_describe(&mut live.store).await
        })
        .await
    }

    /// A fresh instance; it ends at `end`.
    async fn instantiate(
        &self,
        host: &Host,
        around: Option<Around>,
        end: Instant,
    ) -> wasmtime::Result<Live> {
        let watch = host.watch();
        let state = State::new(host.options().limits, around);
        let mut store = Store::new(host.engine(), state);
        store.limiter(|state| &mut state.meter);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| match Instant::now() >= end {
            true => Ok(UpdateDeadline::Interrupt),
            // Others get their turn.
            false => Ok(UpdateDeadline::YieldCustom(
                1,
                Box::pin(tokio::task::yield_now()),
            )),
        });
        let instance = self.pre.instantiate_async(&mut store).await?;
        Ok(Live {
            store,
            instance,
            _watch: watch,
        })
    }
}

/// A running instance.
struct Live {
    store: Store<State>,
    instance: Instance,
    _watch: Watch,
}

/// Work of a guest until `end`: it also ends while the guest waits for an import.
async fn bounded<T>(
    end: Instant,
    work: impl AsyncFnOnce(Instant) -> wasmtime::Result<T>,
) -> Result<T, Stopped> {
    match tokio::time::timeout_at(end, work(end)).await {
        Ok(done) => done.map_err(Stopped::from),
        Err(_) => Err(Stopped::Timeout),
    }
}

fn judge_import(name: &str) -> Result<(), LoadError> {
    if wasi::is_linked(name) {
        return Ok(());
    }
    let Some(ours) = name.strip_prefix(PACKAGE) else {
        return Err(LoadError::Import(name.to_owned()));
    };
    let version = ours.split_once('@').map(|(_, version)| version);
    match version.and_then(version_of) {
        // Before 1.0 a minor version is a contract of its own.
        Some((major, minor, patch))
            if (major, minor) == (VERSION.0, VERSION.1) && patch <= VERSION.2 =>
        {
            Ok(())
        }
        Some(_) | None => Err(LoadError::Version(name.to_owned())),
    }
}

fn version_of(text: &str) -> Option<(u64, u64, u64)> {
    let mut numbers = text.split('.').map(|number| number.parse().ok());
    let version = (numbers.next()??, numbers.next()??, numbers.next()??);
    numbers.next().is_none().then_some(version)
}

impl Plugin {
    /// SHA-256 of the component, in hex.
    pub fn digest(&self) -> &str {
        &self.0.digest
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    /// What the component imports, by name.
    pub fn imports(&self) -> &[String] {
        &self.0.guest.imports
    }

    /// What it says of itself when it is asked once more, as a text to compare.
    pub(crate) async fn described(&self) -> Result<String, Stopped> {
        let described = self.0.guest.describe(&self.0.host).await?;
        Ok(format!("{described:?}"))
    }

    pub(crate) fn host(&self) -> &Host {
        &self.0.host
    }

    pub(crate) fn rates(&self) -> Arc<Rates> {
        self.0.rates.clone()
    }

    pub(crate) async fn run(
        &self,
        around: Around,
        call: types::Call,
        input: String,
    ) -> Result<Result<String, types::Failure>, Stopped> {
        let guest = &self.0.guest;
        bounded(around.deadline, async |end| {
            let mut live = guest.instantiate(&self.0.host, Some(around), end).await?;
            let exports = guest.run.load(&mut live.store, &live.instance)?;
            exports.call_run(&mut live.store, &call, &input).await
        })
        .await
    }

    pub(crate) async fn reconcile(
        &self,
        around: Around,
        call: types::Call,
        input: String,
        doubt: types::Doubt,
    ) -> Result<Result<types::Answer, String>, Stopped> {
        let guest = &self.0.guest;
        let Some(indices) = &guest.reconcile else {
            return Ok(Err("the plugin has no reconcile".to_owned()));
        };
        bounded(around.deadline, async |end| {
            let mut live = guest.instantiate(&self.0.host, Some(around), end).await?;
            let exports = indices.load(&mut live.store, &live.instance)?;
            exports
                .call_reconcile(&mut live.store, &call, &input, &doubt)
                .await
        })
        .await
    }

    pub(crate) async fn undo(
        &self,
        around: Around,
        call: types::Call,
        input: String,
        checkpoint: Option<String>,
    ) -> Result<Result<(), types::Failure>, Stopped> {
        let guest = &self.0.guest;
        let Some(indices) = &guest.undo else {
            return Err(Stopped::Trap("the plugin has no undo".to_owned()));
        };
        bounded(around.deadline, async |end| {
            let mut live = guest.instantiate(&self.0.host, Some(around), end).await?;
            let exports = indices.load(&mut live.store, &live.instance)?;
            exports
                .call_undo(&mut live.store, &call, &input, checkpoint.as_deref())
                .await
        })
        .await
    }
}

impl CatalogSource for Plugin {
    /// Its actions as `NAME/ACTION`, by the plugin's own name.
    fn catalog(&self) -> Catalog {
        let manifest = self.manifest();
        let actions = manifest.actions.iter().map(|(name, action)| {
            let name = format!("{}/{name}", manifest.name);
            let name = name.parse().expect("a checked manifest has valid names");
            (name, action.entry())
        });
        Catalog {
            actions: actions.collect(),
        }
    }

    /// With all that its manifest asks for.
    fn runner(&self, action: &ActionName) -> Option<Arc<dyn StepRunner>> {
        let (plugin, name) = action.as_str().split_once('/')?;
        let action = self.manifest().actions.get(name)?;
        let powers = Powers::asked(action, self.host());
        let runner =
            (plugin == self.manifest().name).then(|| Runner::new(self.clone(), name, powers))??;
        Some(Arc::new(runner))
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("name", &self.0.manifest.name)
            .field("digest", &self.0.digest)
            .finish_non_exhaustive()
    }
}
