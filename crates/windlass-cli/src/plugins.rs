//! Plugins as commands use them: found beside a runbook, held against its locks, loaded to
//! be asked what they are, and handed to the engine that runs them.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use windlass_core::plan::{Digest, Plan};
use windlass_engine::ports::Clock;
use windlass_engine::{StateDir, SystemClock};
use windlass_runbook::lock::{LOCAL_LOCK_FILE, LOCK_FILE, Lock};
use windlass_runbook::{NoPlugin, Plugin};
use windlass_wasm::limits::COMPONENT_BYTES_MAX;
use windlass_wasm::{CompiledDir, Host, Kept, Options};

use crate::error::{Error, io, said};
use crate::place;

/// Where the component of a plugin's directory is.
const BUILT: &str = "build/plugin.wasm";
/// What says that a directory is a plugin's.
const ABOUT: &str = "plugin.toml";

/// A plugin that was loaded, and its bytes.
#[derive(Clone)]
struct Known {
    plugin: Plugin,
    bytes: Arc<[u8]>,
}

/// What this process has loaded: a plugin is asked once what it is.
static KNOWN: LazyLock<Mutex<BTreeMap<Digest, Known>>> = LazyLock::new(Mutex::default);

/// A component as a runbook names it.
pub(crate) struct Component {
    pub(crate) path: PathBuf,
    /// What a lock beside the runbook calls it.
    pub(crate) locked_as: String,
    /// Whether it is built here, from a directory.
    pub(crate) is_local: bool,
}

/// The component at `path`, as seen from `directory`, which is the runbook's.
pub(crate) fn component(directory: &Path, path: &str) -> Result<Component, NoPlugin> {
    let place = directory.join(path);
    let about = std::fs::metadata(&place).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => NoPlugin::Unreadable("there is no such file".to_owned()),
        _ => NoPlugin::Unreadable(said(&error)),
    })?;
    if !about.is_dir() {
        return Ok(Component {
            path: place,
            locked_as: path.to_owned(),
            is_local: false,
        });
    }
    let component = place.join(BUILT);
    if !component.exists() {
        if !place.join(ABOUT).exists() {
            let why = format!("the directory holds neither {ABOUT} nor {BUILT}");
            return Err(NoPlugin::Unreadable(why));
        }
        let command = format!("windlass plugin build {}", place.display());
        return Err(NoPlugin::NotBuilt { command });
    }
    Ok(Component {
        path: component,
        locked_as: format!("{path}/{BUILT}"),
        is_local: true,
    })
}

/// The plugin at `path`, as seen from `directory`, which is the runbook's.
pub(crate) fn find(directory: &Path, path: &str, runbook: &str) -> Result<Plugin, NoPlugin> {
    let Component {
        path: component,
        locked_as,
        is_local,
    } = component(directory, path)?;
    let bytes = read(&component)?;
    let found = Digest::of(&bytes);
    let command = format!("windlass plugin lock {runbook}");
    let lock = match is_local {
        true => LOCAL_LOCK_FILE,
        false => LOCK_FILE,
    };
    match locked(directory, lock, &locked_as)? {
        Some(locked) if locked != found => {
            return Err(NoPlugin::Changed {
                locked,
                found,
                command,
            });
        }
        None if !is_local => return Err(NoPlugin::NotLocked { found, command }),
        Some(_) | None => {}
    }
    load(found, bytes).map_err(NoPlugin::Refused)
}

/// Its bytes, as far as they are a component's.
pub(crate) fn read(component: &Path) -> Result<Vec<u8>, NoPlugin> {
    let unreadable = |error: std::io::Error| NoPlugin::Unreadable(said(&error));
    // Opening a pipe would wait for somebody who writes.
    if !std::fs::metadata(component).map_err(unreadable)?.is_file() {
        return Err(NoPlugin::Unreadable("it is no regular file".to_owned()));
    }
    let file = std::fs::File::open(component).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(COMPONENT_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

/// What a lock beside the runbook says that a component is.
fn locked(directory: &Path, lock: &str, path: &str) -> Result<Option<Digest>, NoPlugin> {
    let text = match std::fs::read_to_string(directory.join(lock)) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(NoPlugin::BadLock(format!("{lock}: {}", said(&error)))),
    };
    let lock: Lock = text
        .parse()
        .map_err(|error| NoPlugin::BadLock(format!("{lock}: {error}")))?;
    Ok(lock.plugins.get(path).copied())
}

fn load(digest: Digest, bytes: Vec<u8>) -> Result<Plugin, String> {
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = known().get(&digest) {
        return Ok(known.plugin.clone());
    }
    let bytes: Arc<[u8]> = bytes.into();
    let asked = bytes.to_vec();
    // A thread of its own: this may stand in a task, where nothing may be waited for.
    let loaded = std::thread::spawn(move || ask(asked)).join();
    let plugin = loaded.unwrap_or_else(|_| Err("loading it ended without an answer".to_owned()))?;
    let entry = Known {
        plugin: plugin.clone(),
        bytes,
    };
    known().insert(digest, entry);
    Ok(plugin)
}

/// Asks a component what it is.
fn ask(bytes: Vec<u8>) -> Result<Plugin, String> {
    static HOST: OnceLock<Result<Host, String>> = OnceLock::new();
    let made = || {
        let options = options(Arc::new(SystemClock::default()));
        Host::new(options).map_err(|error| error.to_string())
    };
    let host = HOST.get_or_init(made).clone()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let digest = Digest::of(&bytes);
    let loaded = runtime
        .block_on(host.load(bytes))
        .map_err(|error| error.to_string())?;
    let manifest = loaded.manifest();
    let actions = manifest.actions.iter();
    Ok(Plugin {
        version: manifest.version.clone(),
        digest,
        actions: actions
            .map(|(name, action)| (name.clone(), action.entry()))
            .collect(),
    })
}

/// What plugins run with: compiled ones are kept in the user's cache.
pub(crate) fn options(clock: Arc<dyn Clock>) -> Options {
    let compiled = place::cache_dir().and_then(|dir| {
        let opened = CompiledDir::open(&dir.join("plugins"));
        opened
            .inspect_err(|error| tracing::warn!(%error, "compiled plugins are not kept"))
            .ok()
    });
    Options {
        compiled,
        ..Options::new(clock)
    }
}

/// The plugins that the runs of a state directory pin. What they do is written down as
/// fixtures into `record`, where that is wanted.
pub(crate) fn kept(dir: &StateDir, clock: Arc<dyn Clock>, record: Option<PathBuf>) -> Arc<Kept> {
    let options = Options {
        record,
        ..options(clock)
    };
    Arc::new(Kept::new(&dir.plugins(), options))
}

/// Keeps the plugins of a plan, which this process has just made, where its run finds them.
pub(crate) fn keep(plan: &Plan, root: &Path) -> Result<(), Error> {
    if plan.plugins.is_empty() {
        return Ok(());
    }
    let dir = &StateDir::existing(root)?;
    for (name, pin) in &plan.plugins {
        let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.get(&pin.digest).cloned();
        drop(known);
        let found = found.ok_or_else(|| Error::Bug(format!("the plugin {name} was not loaded")))?;
        let place: PathBuf = dir.plugin(&pin.digest);
        windlass_engine::plugins::keep(dir, &found.bytes).map_err(io("write", &place))?;
    }
    Ok(())
}
