//! A private state directory for looks: an engine of its own over a store in memory, and a
//! directory for logs that is gone afterwards. It never meets the user's own state
//! directory, its owner, its journal or its locks.

use std::fs::{DirBuilder, DirEntry};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use windlass_engine::owner::{self, Owning, try_own};
use windlass_engine::{Engine, Options, StateDir, SystemClock};
use windlass_journal::{MemoryStore, Store};

use crate::error::{Error, io};
use crate::plugins;
use crate::sources::sources;
use crate::time;

/// How the names of these directories begin.
const PREFIX: &str = "windlass-preflight-";
/// How long a directory that nobody owns may be one that is about to be owned.
const YOUNG: Duration = Duration::from_secs(60);
/// The most directories that are removed at once.
const SWEPT_MAX: usize = 64;
/// How often another name is tried when one is taken.
const NAMES_MAX: u32 = 16;

/// An engine whose runs leave nothing behind.
#[derive(Debug)]
pub(crate) struct Private {
    pub(crate) engine: Engine,
    // After the engine: what it holds open is closed first.
    _place: Place,
}

/// The directory, removed when this goes.
#[derive(Debug)]
struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            let path = self.0.display();
            tracing::warn!(%path, %error, "cannot remove a temporary directory");
        }
    }
}

impl Private {
    /// Opens one among the temporary files.
    pub(crate) async fn open() -> Result<Self, Error> {
        let parent = std::env::temp_dir();
        sweep(&parent, SystemTime::now());
        let place = make(&parent)?;
        let dir = StateDir::prepare(&place.0)?;
        let Owning::Owned(lock) = try_own(&dir).map_err(io("lock", &dir.owner_lock()))? else {
            let root = place.0.display();
            return Err(Error::Busy(format!("{root} is owned by another process")));
        };
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let clock = Arc::new(SystemClock::default());
        let options = Options {
            clock: clock.clone(),
            plugins: Some(plugins::kept(&dir, clock, None)),
            ..Options::new(lock, store, sources())
        };
        let engine = Engine::open(options).await?;
        Ok(Self {
            engine,
            _place: place,
        })
    }
}

/// Removes what a preflight left that was killed: directories of this user that nobody
/// owns any more. Young ones are let be, as one is made before it is owned.
fn sweep(parent: &Path, now: SystemTime) {
    let Ok(entries) = std::fs::read_dir(parent) else {
        return;
    };
    let left = entries.flatten().filter(|entry| is_left(entry, now));
    for entry in left.take(SWEPT_MAX) {
        let path = entry.path();
        if let Err(error) = std::fs::remove_dir_all(&path) {
            let path = path.display();
            tracing::debug!(%path, %error, "cannot remove what a preflight left");
        }
    }
}

fn is_left(entry: &DirEntry, now: SystemTime) -> bool {
    let named = entry.file_name().to_string_lossy().starts_with(PREFIX);
    // Of the entry itself: a link is never followed.
    let Some(about) = named.then(|| entry.metadata().ok()).flatten() else {
        return false;
    };
    let age = about
        .modified()
        .ok()
        .and_then(|at| now.duration_since(at).ok());
    about.is_dir()
        && about.uid() == rustix::process::geteuid().as_raw()
        && age.is_some_and(|age| age > YOUNG)
        && StateDir::existing(&entry.path())
            .is_ok_and(|dir| matches!(owner::current(&dir), Ok(None)))
}

/// Makes a directory that nobody else can look into. One that is there already is never
/// taken: it may be somebody else's.
fn make(parent: &Path) -> Result<Place, Error> {
    let (pid, now) = (std::process::id(), time::now().0);
    let mut tried = 0;
    loop {
        let path = parent.join(format!("{PREFIX}{pid}-{now}-{tried}"));
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return Ok(Place(path)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists && tried < NAMES_MAX => {
                tried += 1;
            }
            Err(error) => return Err(io("create", &path)(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[tokio::test]
    async fn nothing_of_it_is_left() {
        let private = Private::open().await.unwrap();
        let root = private.engine.state_dir().root().to_owned();
        let mode = std::fs::metadata(&root).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        std::fs::create_dir_all(root.join("logs/a")).unwrap();
        drop(private);
        assert!(!root.exists());
    }

    #[test]
    fn what_a_killed_one_left_goes_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let path = parent.path().join(name);
            DirBuilder::new().mode(0o700).create(&path).unwrap();
            std::fs::write(path.join("attempt.log"), "said").unwrap();
            path
        };
        let left = make("windlass-preflight-1-1-0");
        let owned = make("windlass-preflight-2-2-0");
        let foreign = make("windlass-other");
        let linked = parent.path().join("windlass-preflight-3-3-0");
        std::os::unix::fs::symlink(&foreign, &linked).unwrap();
        let dir = StateDir::existing(&owned).unwrap();
        let lock = try_own(&dir).unwrap();
        assert!(matches!(lock, Owning::Owned(_)));
        sweep(parent.path(), SystemTime::now());
        assert!(left.exists(), "it may be about to be owned");
        sweep(parent.path(), SystemTime::now() + YOUNG + YOUNG);
        assert!(!left.exists());
        assert!(owned.exists() && foreign.exists() && linked.exists());
    }
}
