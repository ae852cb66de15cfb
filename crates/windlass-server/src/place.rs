//! Where the owner's socket lies.
//!
//! For the owner's user alone it lies in `STATE/run/`. A state directory is closed to
//! everybody else (mode 0700, which journal and engine insist on), so a socket for a
//! group lies beside it, in `STATE.run/`: the group reaches the socket and nothing more.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::limits::SOCKET_PATH_BYTES_MAX;

/// The socket's file name.
const SOCKET_NAME: &str = "owner.sock";

/// A path is too long for a socket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "use the socket {}: its path has {} bytes, and the kernel takes {SOCKET_PATH_BYTES_MAX}; choose a state directory with a shorter path",
    .0.display(), .0.as_os_str().len()
)]
pub struct PathTooLong(pub PathBuf);

/// The socket for the owner's user alone.
///
/// # Errors
/// The path is too long.
pub fn private_socket(state_dir: &Path) -> Result<PathBuf, PathTooLong> {
    fit(absolute(state_dir).join("run").join(SOCKET_NAME))
}

/// The socket for the owner's user and a group.
///
/// # Errors
/// The path is too long.
pub fn group_socket(state_dir: &Path) -> Result<PathBuf, PathTooLong> {
    let mut dir = absolute(state_dir).into_os_string();
    dir.push(".run");
    fit(PathBuf::from(dir).join(SOCKET_NAME))
}

/// Whether a group's socket directory belongs to the user whose state directory it
/// stands beside; otherwise somebody else poses as the owner.
///
/// # Errors
/// One of the two cannot be looked at.
pub(crate) fn is_genuine(state_dir: &Path, socket: &Path) -> io::Result<bool> {
    let beside = std::fs::symlink_metadata(socket.parent().unwrap_or(socket))?;
    let state = std::fs::metadata(state_dir)?;
    Ok(beside.is_dir() && beside.uid() == state.uid())
}

/// Without a trailing slash or dots, so that a name can be added to it.
fn absolute(state_dir: &Path) -> PathBuf {
    let path = std::path::absolute(state_dir).unwrap_or_else(|_| state_dir.to_owned());
    path.components().collect()
}

fn fit(path: PathBuf) -> Result<PathBuf, PathTooLong> {
    if path.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
        Ok(path)
    } else {
        Err(PathTooLong(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_has_its_own_directory() {
        let state = Path::new("/var/lib/windlass/");
        let path = |socket: Result<PathBuf, PathTooLong>| socket.unwrap();
        assert_eq!(
            path(private_socket(state)),
            Path::new("/var/lib/windlass/run/owner.sock")
        );
        assert_eq!(
            path(group_socket(state)),
            Path::new("/var/lib/windlass.run/owner.sock")
        );
    }

    #[test]
    fn a_path_that_the_kernel_would_cut_is_refused() {
        let fits = format!(
            "/{}",
            "a".repeat(SOCKET_PATH_BYTES_MAX - 1 - "/run/owner.sock".len())
        );
        assert!(private_socket(Path::new(&fits)).is_ok());
        let refused = private_socket(Path::new(&format!("{fits}a"))).unwrap_err();
        let text = refused.to_string();
        assert!(text.contains("108 bytes") && text.contains("107"), "{text}");
    }
}
