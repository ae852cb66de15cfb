//! The machine that plugins run in: one wasmtime engine, its bounds, and the thread that
//! looks at running guests.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, Engine, EngineWeak};
use windlass_engine::ports::Clock;
use windlass_http::{Client, Reach};

use crate::bindings::UndoingPlugin;
use crate::compiled::CompiledDir;
use crate::limits::{Limits, TICK};
use crate::state::State;

/// What plugins are given beside what their manifests ask for.
#[derive(Clone)]
pub struct Options {
    /// The time that guests see.
    pub clock: Arc<dyn Clock>,
    pub limits: Limits,
    /// Where requests may lead at all.
    pub client: Client,
    /// Where compiled plugins are kept; nowhere when `None`.
    pub compiled: Option<CompiledDir>,
    /// Where a fixture of each call is written; nowhere when `None`.
    pub record: Option<PathBuf>,
}

impl Options {
    /// The default bounds, public addresses over TLS, nothing kept.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            limits: Limits::default(),
            client: Client::new(Reach::public()),
            compiled: None,
            record: None,
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("limits", &self.limits)
            .field("client", &self.client)
            .field("compiled", &self.compiled)
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}

/// Why no plugin can run here.
#[derive(Debug, thiserror::Error)]
#[error("failed to set up the machine for plugins: {0}")]
pub struct HostError(String);

impl From<wasmtime::Error> for HostError {
    fn from(error: wasmtime::Error) -> Self {
        Self(format!("{error:#}"))
    }
}

/// Loads plugins and carries out their calls. Cheap to clone.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

struct Inner {
    engine: Engine,
    linker: Linker<State>,
    options: Options,
    ticker: Arc<Ticker>,
}

impl Host {
    /// A machine for plugins.
    ///
    /// # Errors
    /// wasmtime cannot run here.
    pub fn new(options: Options) -> Result<Self, HostError> {
        let mut config = Config::new();
        config.epoch_interruption(true);
        let engine = Engine::new(&config)?;
        let mut linker = Linker::new(&engine);
        UndoingPlugin::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
        let ticker = Ticker::start(engine.weak()).map_err(|error| HostError(error.to_string()))?;
        let options = Options {
            limits: options.limits.capped(),
            ..options
        };
        Ok(Self(Arc::new(Inner {
            engine,
            linker,
            options,
            ticker,
        })))
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn linker(&self) -> &Linker<State> {
        &self.0.linker
    }

    pub(crate) fn options(&self) -> &Options {
        &self.0.options
    }

    /// While it is held, running guests are looked at.
    pub(crate) fn watch(&self) -> Watch {
        self.0.ticker.watch()
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Host")
    }
}

/// Moves the engine's epoch on while a guest runs; with each step guests yield or end.
struct Ticker {
    running: AtomicUsize,
    thread: std::sync::OnceLock<thread::Thread>,
}

impl Ticker {
    fn start(engine: EngineWeak) -> std::io::Result<Arc<Self>> {
        let ticker = Arc::new(Self {
            running: AtomicUsize::new(0),
            thread: std::sync::OnceLock::new(),
        });
        let beating = ticker.clone();
        let thread = thread::Builder::new().name("plugin-ticks".to_owned());
        let thread = thread.spawn(move || {
            // Ends with the engine.
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                match beating.running.load(Ordering::SeqCst) {
                    0 => thread::park(),
                    _ => thread::sleep(TICK),
                }
            }
        })?;
        let _ = ticker.thread.set(thread.thread().clone());
        Ok(ticker)
    }

    fn watch(self: &Arc<Self>) -> Watch {
        self.running.fetch_add(1, Ordering::SeqCst);
        self.wake();
        Watch(self.clone())
    }

    fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

/// One running guest.
pub(crate) struct Watch(Arc<Ticker>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Inner {
    /// So that the thread notices that the engine is gone.
    fn drop(&mut self) {
        self.ticker.running.fetch_add(1, Ordering::SeqCst);
        self.ticker.wake();
    }
}
