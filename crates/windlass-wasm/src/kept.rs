//! The plugins that plans pin: their bytes lie in a directory, each under its digest, and
//! are looked at again before they are used. One is loaded when its first step runs, and
//! stays loaded. Not responsible for how the bytes come there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::OnceCell;
use windlass_core::catalog::Action;
use windlass_core::outcome::{Answer, Outcome};
use windlass_core::plan::{Digest, Plugin as Pin};
use windlass_engine::attempt::DispatchToken;
use windlass_engine::ports::{Plugins, StepContext, StepRunner, Work};

use crate::host::{Host, Options};
use crate::limits::COMPONENT_BYTES_MAX;
use crate::plugin::Plugin;
use crate::powers::Powers;
use crate::runner::Runner;

/// The plugins of one directory. Cheap to clone.
#[derive(Clone)]
pub struct Kept(Arc<Inner>);

struct Inner {
    dir: PathBuf,
    options: Options,
    /// Made for the first plugin: most engines have none.
    host: OnceLock<Result<Host, String>>,
    known: Mutex<BTreeMap<Digest, Arc<OnceCell<Plugin>>>>,
}

impl Kept {
    /// Those whose bytes are `DIR/DIGEST.wasm`.
    pub fn new(dir: &Path, options: Options) -> Self {
        Self(Arc::new(Inner {
            dir: dir.to_owned(),
            options,
            host: OnceLock::new(),
            known: Mutex::default(),
        }))
    }

    /// Where a plugin is loaded; `None` while its bytes are not there or are others.
    fn place(&self, digest: &Digest) -> Option<Arc<OnceCell<Plugin>>> {
        let known = || self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = known().get(digest) {
            return Some(place.clone());
        }
        self.0.bytes(digest).ok()?;
        Some(known().entry(*digest).or_default().clone())
    }

    async fn plugin(&self, digest: &Digest, place: &OnceCell<Plugin>) -> Result<Plugin, String> {
        let load = || async {
            let inner = self.0.clone();
            let digest = *digest;
            let read = tokio::task::spawn_blocking(move || inner.bytes(&digest));
            let bytes = read.await.map_err(|error| error.to_string())??;
            let host = self.0.host()?;
            host.load(bytes).await.map_err(|error| error.to_string())
        };
        place.get_or_try_init(load).await.cloned()
    }
}

impl Inner {
    fn host(&self) -> Result<Host, String> {
        let made = || Host::new(self.options.clone()).map_err(|error| error.to_string());
        self.host.get_or_init(made).clone()
    }

    /// The bytes with this digest.
    fn bytes(&self, digest: &Digest) -> Result<Vec<u8>, String> {
        let path = self.dir.join(format!("{digest}.wasm"));
        let about = std::fs::metadata(&path).map_err(|error| error.to_string())?;
        if !about.is_file() || about.len() > COMPONENT_BYTES_MAX as u64 {
            return Err("it is no plugin's file".to_owned());
        }
        let bytes = std::fs::read(&path).map_err(|error| error.to_string())?;
        match Digest::of(&bytes) == *digest {
            true => Ok(bytes),
            false => Err("its bytes are others".to_owned()),
        }
    }
}

impl Plugins for Kept {
    fn actions(&self, digest: &Digest) -> Work<Result<BTreeMap<String, Action>, String>> {
        let (kept, digest) = (self.clone(), *digest);
        Box::pin(async move {
            let place = kept.place(&digest).ok_or("its bytes are not here")?;
            let plugin = kept.plugin(&digest, &place).await?;
            let actions = plugin.manifest().actions.iter();
            Ok(actions
                .map(|(name, action)| (name.clone(), action.entry()))
                .collect())
        })
    }

    fn runner(&self, plugin: &Pin, action: &str) -> Option<Arc<dyn StepRunner>> {
        Some(Arc::new(Pinned {
            place: self.place(&plugin.digest)?,
            kept: self.clone(),
            pin: plugin.clone(),
            action: action.to_owned(),
        }))
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kept({})", self.0.dir.display())
    }
}

/// An action of a plugin that is loaded when it is used.
#[derive(Clone)]
struct Pinned {
    kept: Kept,
    place: Arc<OnceCell<Plugin>>,
    pin: Pin,
    action: String,
}

impl Pinned {
    async fn runner(&self) -> Result<Runner, String> {
        let loaded = self.kept.plugin(&self.pin.digest, &self.place).await;
        let plugin = loaded.map_err(|why| format!("the plugin cannot be loaded: {why}"))?;
        let powers = Powers::granted(&self.pin, &self.action, plugin.host())
            .map_err(|why| why.to_string())?;
        Runner::new(plugin, &self.action, powers)
            .ok_or_else(|| format!("the plugin has no action `{}`", self.action))
    }
}

impl StepRunner for Pinned {
    fn run(&self, token: DispatchToken, context: StepContext) -> Work<Outcome> {
        let pinned = self.clone();
        Box::pin(async move {
            match pinned.runner().await {
                Ok(runner) => runner.run(token, context).await,
                Err(why) => token.refuse(why),
            }
        })
    }

    fn reconcile(&self, context: StepContext) -> Work<Answer> {
        let pinned = self.clone();
        Box::pin(async move {
            match pinned.runner().await {
                Ok(runner) => runner.reconcile(context).await,
                Err(message) => Answer::Failed { message },
            }
        })
    }

    fn undo(&self, token: DispatchToken, context: StepContext) -> Work<Outcome> {
        let pinned = self.clone();
        Box::pin(async move {
            match pinned.runner().await {
                Ok(runner) => runner.undo(token, context).await,
                Err(why) => token.refuse(why),
            }
        })
    }
}
