//! The plugins that plans pin: their bytes lie in a directory, each under its digest, and
//! are looked at again before they are used. One is loaded when a run that pins it goes on,
//! and stays loaded; one that cannot be is lacking, with the reason. Not responsible for how the bytes come there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

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
    known: Mutex<BTreeMap<Digest, Arc<Place>>>,
}

/// Where a plugin is loaded.
#[derive(Default)]
struct Place {
    plugin: OnceCell<Plugin>,
    /// Why the last try to load it failed.
    refused: Mutex<Option<String>>,
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

    /// Where a plugin is loaded.
    ///
    /// # Errors
    /// Its bytes are not here, or are others.
    fn place(&self, digest: &Digest) -> Result<Arc<Place>, String> {
        let known = || self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = known().get(digest) {
            return Ok(place.clone());
        }
        self.0.bytes(digest)?;
        Ok(known().entry(*digest).or_default().clone())
    }

    async fn plugin(&self, digest: &Digest, place: &Place) -> Result<Plugin, String> {
        let load = || async {
            let inner = self.0.clone();
            let digest = *digest;
            let read = tokio::task::spawn_blocking(move || inner.bytes(&digest));
            let bytes = read.await.map_err(|error| error.to_string())??;
            let host = self.0.host()?;
            host.load(bytes).await.map_err(|error| error.to_string())
        };
        let loaded = place.plugin.get_or_try_init(load).await.cloned();
        *place.refused() = loaded.as_ref().err().cloned();
        loaded
    }
}

impl Place {
    fn refused(&self) -> MutexGuard<'_, Option<String>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
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
        let about = std::fs::metadata(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => "it is gone from the state directory".to_owned(),
            _ => format!("it cannot be read: {error}"),
        })?;
        if !about.is_file() || about.len() > COMPONENT_BYTES_MAX as u64 {
            return Err("its file in the state directory is none of a plugin".to_owned());
        }
        let bytes = std::fs::read(&path);
        let bytes = bytes.map_err(|error| format!("it cannot be read: {error}"))?;
        match Digest::of(&bytes) == *digest {
            true => Ok(bytes),
            false => Err("its bytes in the state directory are others".to_owned()),
        }
    }
}

impl Plugins for Kept {
    fn actions(&self, digest: &Digest) -> Work<Result<BTreeMap<String, Action>, String>> {
        let (kept, digest) = (self.clone(), *digest);
        Box::pin(async move {
            let place = kept.place(&digest)?;
            let plugin = kept.plugin(&digest, &place).await?;
            let actions = plugin.manifest().actions.iter();
            Ok(actions
                .map(|(name, action)| (name.clone(), action.entry()))
                .collect())
        })
    }

    fn load(&self, digest: &Digest) -> Work<()> {
        let (kept, digest) = (self.clone(), *digest);
        Box::pin(async move {
            if let Ok(place) = kept.place(&digest)
                && let Err(why) = kept.plugin(&digest, &place).await
            {
                tracing::warn!(%digest, why, "a plugin cannot be loaded");
            }
        })
    }

    fn runner(&self, plugin: &Pin, action: &str) -> Result<Arc<dyn StepRunner>, String> {
        let place = self.place(&plugin.digest)?;
        if let Some(why) = &*place.refused() {
            return Err(format!("it cannot be loaded: {why}"));
        }
        Ok(Arc::new(Pinned {
            place,
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
    place: Arc<Place>,
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
