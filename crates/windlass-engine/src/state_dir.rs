//! The state directory: its layout and its permissions.
//! Who owns it while a process lives is `owner`'s subject.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use windlass_core::id::{NodeId, RunId};
use windlass_core::plan::Digest;

/// Why a state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    #[error("{operation} {}: {source}", path.display())]
    Io {
        operation: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("use {}: it is no directory", .0.display())]
    NotADirectory(PathBuf),
    #[error("use {}: it has mode {mode:03o}, others can look in; run `chmod 700` on it", path.display())]
    Permissions { path: PathBuf, mode: u32 },
    #[error("use {}: it belongs to the user with uid {uid}", path.display())]
    ForeignOwner { path: PathBuf, uid: u32 },
}

/// A directory that holds one journal and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDir {
    root: PathBuf,
}

impl StateDir {
    /// The directory at `root`, created with mode 0700 when it is not there.
    ///
    /// # Errors
    /// It cannot be created, belongs to somebody else, or others can look in.
    pub fn prepare(root: &Path) -> Result<Self, StateDirError> {
        let failed = |operation| {
            move |source| StateDirError::Io {
                operation,
                path: root.to_owned(),
                source,
            }
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(root)
            .map_err(failed("create"))?;
        let dir = Self::existing(root)?;
        let owner = fs::metadata(root).map_err(failed("look at"))?.uid();
        if owner != rustix::process::geteuid().as_raw() {
            return Err(StateDirError::ForeignOwner {
                path: root.to_owned(),
                uid: owner,
            });
        }
        Ok(dir)
    }

    /// The directory at `root`, which must exist; for reading.
    ///
    /// # Errors
    /// It does not exist, or others can look in.
    pub fn existing(root: &Path) -> Result<Self, StateDirError> {
        let metadata = fs::metadata(root).map_err(|source| StateDirError::Io {
            operation: "look at",
            path: root.to_owned(),
            source,
        })?;
        if !metadata.is_dir() {
            return Err(StateDirError::NotADirectory(root.to_owned()));
        }
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(StateDirError::Permissions {
                path: root.to_owned(),
                mode,
            });
        }
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The journal's database.
    pub fn journal(&self) -> PathBuf {
        self.root.join("journal.db")
    }

    /// The file whose lock makes a process the owner.
    pub fn owner_lock(&self) -> PathBuf {
        self.root.join("owner.lock")
    }

    /// The directory for the owner's socket, which the server makes.
    pub fn socket_dir(&self) -> PathBuf {
        self.root.join("run")
    }

    /// The runbook with this digest, as it was when a run started from it.
    pub fn runbook(&self, digest: &Digest) -> PathBuf {
        self.root.join("runbooks").join(format!("{digest}.yaml"))
    }

    /// The directory of the plugins that runs pin.
    pub fn plugins(&self) -> PathBuf {
        self.root.join("plugins")
    }

    /// The plugin with this digest.
    pub fn plugin(&self, digest: &Digest) -> PathBuf {
        self.plugins().join(format!("{digest}.wasm"))
    }

    /// The log of one attempt.
    pub fn attempt_log(&self, run: &RunId, node: &NodeId, attempt: u32) -> PathBuf {
        self.log(run, &format!("{}-{attempt}.log", node_file(node)))
    }

    /// The log of the looks at what became of an attempt.
    pub fn look_log(&self, run: &RunId, node: &NodeId, attempt: u32) -> PathBuf {
        self.log(run, &format!("{}-{attempt}.look.log", node_file(node)))
    }

    /// The directory of a run's logs.
    pub(crate) fn logs(&self, run: &RunId) -> PathBuf {
        self.root.join("logs").join(run.as_str())
    }

    // Names of runs and files of nodes are made of `[a-z0-9_.-[]:]`, and neither begins
    // with a dot: none leaves its directory.
    fn log(&self, run: &RunId, name: &str) -> PathBuf {
        self.logs(run).join(name)
    }
}

/// A node in the name of a file: the slashes of a step that stands in an inlined runbook
/// are dots, which no id has.
pub(crate) fn node_file(node: &NodeId) -> String {
    node.to_string().replace('/', ".")
}

/// The node of such a name.
pub(crate) fn node_of_file(name: &str) -> Option<NodeId> {
    name.replace('.', "/").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_others_can_read_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let root = parent.path().join("a/b");
        let dir = StateDir::prepare(&root).unwrap();
        assert_eq!(fs::metadata(&root).unwrap().mode() & 0o777, 0o700);
        assert_eq!(dir.journal(), root.join("journal.db"));
        let node = "undo:a[3]".parse().unwrap();
        let log = dir.attempt_log(&"r-1".parse().unwrap(), &node, 2);
        assert_eq!(log, root.join("logs/r-1/undo:a[3]-2.log"));
        let node: NodeId = "undo:sub/a[3]".parse().unwrap();
        let look = dir.look_log(&"r-1".parse().unwrap(), &node, 2);
        assert_eq!(look, root.join("logs/r-1/undo:sub.a[3]-2.look.log"));
        assert_eq!(node_of_file("undo:sub.a[3]"), Some(node));

        fs::set_permissions(&root, fs::Permissions::from_mode(0o750)).unwrap();
        let refused = StateDir::prepare(&root).unwrap_err();
        assert!(matches!(
            refused,
            StateDirError::Permissions { mode: 0o750, .. }
        ));
        let missing = StateDir::existing(&parent.path().join("c")).unwrap_err();
        assert!(matches!(missing, StateDirError::Io { .. }));
    }
}
