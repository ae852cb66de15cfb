//! Finding the owner's socket, and telling "nobody listens" from "not yours to use".

use std::io;
use std::path::{Path, PathBuf};

use tokio::net::UnixStream;
use tokio::time::timeout;

use super::ClientError;
use crate::limits::CONNECT_TIME_MAX;
use crate::place;

/// What came of trying one socket.
enum Tried {
    Listening,
    Nobody,
    Denied,
}

/// The socket that somebody listens at.
pub(super) async fn find(state_dir: &Path) -> Result<Option<PathBuf>, ClientError> {
    let private = place::private_socket(state_dir)?;
    let first = attempt(&private).await?;
    if matches!(first, Tried::Listening) {
        return Ok(Some(private));
    }
    let group = place::group_socket(state_dir)?;
    match attempt(&group).await? {
        Tried::Listening => {
            let genuine = place::is_genuine(state_dir, &group);
            let genuine = genuine.map_err(|source| ClientError::Unreachable {
                socket: group.clone(),
                source,
            })?;
            if genuine {
                Ok(Some(group))
            } else {
                Err(ClientError::NotGenuine(group))
            }
        }
        Tried::Denied => Err(ClientError::PermissionDenied(group)),
        Tried::Nobody => match first {
            // Whether somebody listens behind a closed door cannot be seen from here.
            Tried::Denied => Err(ClientError::PermissionDenied(private)),
            Tried::Listening | Tried::Nobody => Ok(None),
        },
    }
}

async fn attempt(socket: &Path) -> Result<Tried, ClientError> {
    let unreachable = |source| ClientError::Unreachable {
        socket: socket.to_owned(),
        source,
    };
    let connected = timeout(CONNECT_TIME_MAX, UnixStream::connect(socket)).await;
    let error = match connected {
        Ok(Ok(_)) => return Ok(Tried::Listening),
        Ok(Err(error)) => error,
        Err(_) => return Err(ClientError::TimedOut),
    };
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Ok(Tried::Nobody),
        io::ErrorKind::PermissionDenied => Ok(Tried::Denied),
        // Another operating error is told as it is.
        _ => Err(unreachable(error)),
    }
}
