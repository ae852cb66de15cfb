//! A private state directory for looks: an engine of its own over a store in memory, and a
//! directory for logs that is gone afterwards. It never meets the user's own state
//! directory, its owner, its journal or its locks.

use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use windlass_engine::owner::{Owning, try_own};
use windlass_engine::{Engine, Options, StateDir};
use windlass_journal::{MemoryStore, Store};

use crate::error::{Error, io};
use crate::sources::sources;
use crate::time;

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
        let place = make()?;
        let dir = StateDir::prepare(&place.0)?;
        let Owning::Owned(lock) = try_own(&dir).map_err(io("lock", &dir.owner_lock()))? else {
            let root = place.0.display();
            return Err(Error::Busy(format!("{root} is owned by another process")));
        };
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let engine = Engine::open(Options::new(lock, store, sources())).await?;
        Ok(Self {
            engine,
            _place: place,
        })
    }
}

/// Makes a directory that nobody else can look into. One that is there already is never
/// taken: it may be somebody else's.
fn make() -> Result<Place, Error> {
    let parent = std::env::temp_dir();
    let (pid, now) = (std::process::id(), time::now().0);
    let mut tried = 0;
    loop {
        let path = parent.join(format!("windlass-preflight-{pid}-{now}-{tried}"));
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
}
