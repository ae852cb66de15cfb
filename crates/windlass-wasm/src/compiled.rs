//! Compiled components, kept in a directory that only this user can write: what is loaded
//! from it is native code. The name of a file is the component's digest and the engine's,
//! so that neither another component nor another version of wasmtime is ever loaded.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// The permission bits by which others than the owner could write.
const OTHERS_WRITE: u32 = 0o022;

/// A directory of compiled components.
#[derive(Clone, Debug)]
pub struct CompiledDir(PathBuf);

/// Why a directory is not used.
#[derive(Debug, thiserror::Error)]
pub enum BadDirectory {
    #[error("failed to use {path} for compiled plugins")]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{0} is not used for compiled plugins: others than its owner, this user, can write it")]
    Shared(PathBuf),
}

impl CompiledDir {
    /// The directory at `path`, made when it is not there.
    ///
    /// # Errors
    /// It cannot be made, or others can write it.
    pub fn open(path: &Path) -> Result<Self, BadDirectory> {
        let io = |source| BadDirectory::Io {
            path: path.to_owned(),
            source,
        };
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(io)?;
        let found = std::fs::symlink_metadata(path).map_err(io)?;
        if !found.is_dir() || !is_ours(&found) {
            return Err(BadDirectory::Shared(path.to_owned()));
        }
        Ok(Self(path.to_owned()))
    }

    /// The compiled form of a component, when it is kept here.
    pub(crate) fn load(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let path = self.path(engine, digest);
        let found = std::fs::symlink_metadata(&path).ok()?;
        if !found.is_file() || !is_ours(&found) {
            return None;
        }
        // SAFETY: the file was written by `keep`, whole or not at all, in a directory that
        // was this user's alone when it was opened; it is this user's and nobody else can
        // write it. Who can write it nevertheless is this user, who can do all that it can.
        #[expect(unsafe_code, reason = "the one way to load compiled code")]
        let loaded = unsafe { Component::deserialize_file(engine, &path) };
        match loaded {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a compiled plugin is not used");
                None
            }
        }
    }

    /// Keeps the compiled form for the next time. What fails costs that time alone.
    pub(crate) fn keep(&self, engine: &Engine, digest: &str, component: &Component) {
        let path = self.path(engine, digest);
        let kept = component
            .serialize()
            .map_err(|error| error.to_string())
            .and_then(|bytes| self.write(&path, &bytes).map_err(|error| error.to_string()));
        if let Err(error) = kept {
            tracing::warn!(path = %path.display(), error, "a compiled plugin is not kept");
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let mut name = [0; 8];
        getrandom::fill(&mut name).map_err(std::io::Error::other)?;
        let unfinished = self
            .0
            .join(format!("{:016x}.unfinished", u64::from_le_bytes(name)));
        let mut options = std::fs::OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::mode(options.write(true).create_new(true), 0o600);
        let written = options.open(&unfinished).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&unfinished, path)
        });
        if written.is_err() {
            let _ = std::fs::remove_file(&unfinished);
        }
        written
    }

    fn path(&self, engine: &Engine, digest: &str) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let engine = hasher.finish();
        self.0.join(format!("{digest}-{engine:016x}.compiled"))
    }
}

fn is_ours(found: &std::fs::Metadata) -> bool {
    found.uid() == rustix::process::geteuid().as_raw() && found.mode() & OTHERS_WRITE == 0
}

/// SHA-256 in hex, as components are named by.
pub(crate) fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
