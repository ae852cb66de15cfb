//! The owner's socket: made so that only those it is meant for can ever connect,
//! and taken away again by the process that made it.

use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown,
};
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;
use windlass_engine::owner::OwnerLock;

use crate::place::{self, PathTooLong};

/// Who, beside the owner's user, may connect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Nobody.
    #[default]
    Private,
    /// Members of the group with this number.
    Group(u32),
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    #[error(transparent)]
    PathTooLong(#[from] PathTooLong),
    #[error("{operation} {}: {source}", path.display())]
    Io {
        operation: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("use {}: it is no directory of this user; remove it", .0.display())]
    ForeignDirectory(PathBuf),
    #[error("use {}: something that is no socket stands there; remove it", .0.display())]
    NotASocket(PathBuf),
    #[error(
        "give {} to the group {gid}: {source}; the user who runs the owner must be a member of it",
        path.display()
    )]
    Group {
        path: PathBuf,
        gid: u32,
        source: io::Error,
    },
}

/// A bound socket; connections wait in its queue until the server takes them.
#[derive(Debug)]
pub struct Socket {
    pub(crate) listener: UnixListener,
    pub(crate) path: PathBuf,
    pub(crate) owner_uid: u32,
    made: Made,
}

/// The file that this process made; taken away when this is dropped.
#[derive(Debug)]
struct Made {
    path: PathBuf,
    device_and_inode: (u64, u64),
}

impl Drop for Made {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|found| device_and_inode(&found) == self.device_and_inode);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove the socket");
        }
    }
}

fn device_and_inode(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

impl Socket {
    /// Makes the socket of a state directory. The lock proves that no other process
    /// serves one, so that what an earlier owner left can be removed. Needs a tokio runtime.
    ///
    /// # Errors
    /// See [`SocketError`].
    pub fn bind(lock: &OwnerLock, access: Access) -> Result<Self, SocketError> {
        let root = lock.dir().root();
        let (private, group) = (place::private_socket(root)?, place::group_socket(root));
        let path = match access {
            Access::Private => private.clone(),
            Access::Group(_) => group.clone()?,
        };
        // An earlier owner may have had the other one; clients would find it dead.
        for left in [Some(&private), group.as_ref().ok()].into_iter().flatten() {
            remove_stale(left)?;
        }
        let dir = path.parent().unwrap_or(root).to_owned();
        // Closed while the socket has the permissions that the umask gave it.
        prepare_directory(&dir)?;
        let listener = UnixListener::bind(&path).map_err(failed("bind the socket", &path))?;
        let found = fs::symlink_metadata(&path).map_err(failed("look at the socket", &path))?;
        let made = Made {
            path: path.clone(),
            device_and_inode: device_and_inode(&found),
        };
        open_up(&path, &dir, access)?;
        let owner_uid = lock.uid();
        Ok(Self {
            listener,
            path,
            owner_uid,
            made,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The listener, and what takes the file away when it is dropped.
    pub(crate) fn into_parts(self) -> (UnixListener, impl Drop + Send + use<>) {
        (self.listener, self.made)
    }
}

fn failed<'a>(
    operation: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> SocketError + use<'a> {
    move |source| SocketError::Io {
        operation,
        path: path.to_owned(),
        source,
    }
}

fn remove_stale(path: &Path) -> Result<(), SocketError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {
            fs::remove_file(path).map_err(failed("remove the old socket", path))
        }
        Ok(_) => Err(SocketError::NotASocket(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("look at the old socket", path)(error)),
    }
}

/// A directory of this user that nobody else can enter, made or found.
fn prepare_directory(dir: &Path) -> Result<(), SocketError> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed("make the directory", dir)(error)),
    }
    // Not followed: a link would let somebody choose where the socket really lies.
    let found = fs::symlink_metadata(dir).map_err(failed("look at", dir))?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        return Err(SocketError::ForeignDirectory(dir.to_owned()));
    }
    fs::set_permissions(dir, Permissions::from_mode(0o700)).map_err(failed("close", dir))
}

/// Lets those in who may connect: the socket first, then the way to it.
fn open_up(socket: &Path, dir: &Path, access: Access) -> Result<(), SocketError> {
    let mode = |path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode))
            .map_err(failed("set the permissions of", path))
    };
    match access {
        Access::Private => mode(socket, 0o600),
        Access::Group(gid) => {
            for path in [socket, dir] {
                chown(path, None, Some(gid)).map_err(|source| SocketError::Group {
                    path: path.to_owned(),
                    gid,
                    source,
                })?;
            }
            mode(socket, 0o660)?;
            mode(dir, 0o750)
        }
    }
}
