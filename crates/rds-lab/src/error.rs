//! Everything that can go wrong while a lab is built, asked or taken down.

use std::io;
use std::path::{Path, PathBuf};

/// A failure of the lab itself; each text reads after "failed to".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file operation failed.
    #[error("{operation} {}: {source}", path.display())]
    Io {
        /// A verb, such as `read`.
        operation: &'static str,
        /// The file or directory it was about.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A program could not be started at all.
    #[error("start `{command}`: {source}")]
    Spawn {
        /// The words of the command line.
        command: String,
        /// What the system said.
        source: io::Error,
    },
    /// A program ended with a failure.
    #[error("run `{command}`: {status}{}", after_colon(stderr_tail))]
    Failed {
        /// The words of the command line.
        command: String,
        /// Exit code or signal, in words.
        status: String,
        /// The last lines that it wrote.
        stderr_tail: String,
    },
    /// A downloaded file is not the pinned one.
    #[error("accept {}: its {algorithm} is {found}, pinned is {expected}", path.display())]
    Digest {
        /// The file that was downloaded.
        path: PathBuf,
        /// Which digest differs.
        algorithm: &'static str,
        /// The pinned digest.
        expected: String,
        /// The digest of the file.
        found: String,
    },
    /// Programs of PostgreSQL 15 are missing on this machine.
    #[error("find {} of PostgreSQL 15; {remedy}", missing.join(", "))]
    ToolsMissing {
        /// Names of the programs.
        missing: Vec<String>,
        /// The command that brings them.
        remedy: String,
    },
    /// Root has no unprivileged account to run servers as.
    #[error("find an unprivileged account: /etc/passwd names neither `postgres` nor `nobody`")]
    NoAccount,
    /// The account that runs servers cannot enter a directory.
    #[error("enter {} as {account}: {source}; choose a directory that this user can reach", path.display())]
    Unreachable {
        /// The directory.
        path: PathBuf,
        /// The user's name.
        account: String,
        /// What the system said.
        source: Box<Error>,
    },
    /// A file or a program's answer does not have the form that the lab reads.
    #[error("understand {what}: {reason}")]
    Format {
        /// What was read.
        what: String,
        /// Why it is not understood.
        reason: String,
    },
    /// Something awaited did not come in time.
    #[error("see {what} within {seconds} s; last seen: {last}")]
    Timeout {
        /// What was awaited.
        what: String,
        /// The bound.
        seconds: u64,
        /// The last state seen.
        last: String,
    },
    /// An option or the state of the lab does not allow the call.
    #[error("{0}")]
    Refused(String),
}

impl Error {
    /// For `map_err`: names the operation and the path of an I/O error.
    pub(crate) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            operation,
            path,
            source,
        }
    }

    pub(crate) fn format(what: impl Into<String>, reason: impl ToString) -> Self {
        Self::Format {
            what: what.into(),
            reason: reason.to_string(),
        }
    }
}

fn after_colon(tail: &str) -> String {
    if tail.is_empty() {
        String::new()
    } else {
        format!(": {tail}")
    }
}
