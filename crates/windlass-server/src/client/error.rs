//! Why a call to the owner gave no answer.

use std::path::PathBuf;

use crate::limits::LINE_BYTES_MAX;
use crate::place::PathTooLong;
use crate::wire::ErrorBody;

/// Why a call to the owner gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The owner refused, and nothing happened.
    #[error("{body}")]
    Refused { status: u16, body: ErrorBody },
    #[error(
        "open the socket {}: permission denied; ask the owner to set --socket-group to a group of yours",
        .0.display()
    )]
    PermissionDenied(PathBuf),
    #[error(
        "trust {}: it does not belong to the owner of the state directory",
        .0.display()
    )]
    NotGenuine(PathBuf),
    #[error(transparent)]
    PathTooLong(#[from] PathTooLong),
    #[error("reach the owner through {}: {source}", socket.display())]
    Unreachable {
        socket: PathBuf,
        source: std::io::Error,
    },
    /// A command may have been carried out all the same.
    #[error(
        "hear from the owner in time: it is stopped or overloaded; look at the run before you repeat a command"
    )]
    TimedOut,
    /// The connection broke; a command may have been carried out all the same.
    #[error("hear from the owner: {0}; look at the run before you repeat a command")]
    Broken(String),
    #[error("understand the owner's answer: {0}")]
    BadAnswer(String),
    #[error("read a line of the stream: it has more than {LINE_BYTES_MAX} bytes")]
    LineTooLong,
    #[error(
        "talk to the owner (process {pid}): it is windlass {version} and speaks another version of the interface"
    )]
    OtherVersion { pid: u32, version: String },
}

impl ClientError {
    /// The owner's word for machines, when it was the owner that refused.
    pub fn code(&self) -> Option<&str> {
        match self {
            ClientError::Refused { body, .. } => Some(&body.code),
            ClientError::PermissionDenied(_)
            | ClientError::NotGenuine(_)
            | ClientError::PathTooLong(_)
            | ClientError::Unreachable { .. }
            | ClientError::TimedOut
            | ClientError::Broken(_)
            | ClientError::BadAnswer(_)
            | ClientError::LineTooLong
            | ClientError::OtherVersion { .. } => None,
        }
    }

    /// What to do about it, when the owner knows.
    pub fn help(&self) -> Option<&str> {
        match self {
            ClientError::Refused { body, .. } => body.help.as_deref(),
            ClientError::PermissionDenied(_)
            | ClientError::NotGenuine(_)
            | ClientError::PathTooLong(_)
            | ClientError::Unreachable { .. }
            | ClientError::TimedOut
            | ClientError::Broken(_)
            | ClientError::BadAnswer(_)
            | ClientError::LineTooLong
            | ClientError::OtherVersion { .. } => None,
        }
    }
}
