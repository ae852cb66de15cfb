//! Why a command did not do what it was asked for, and which exit code follows.

use std::io;
use std::path::{Path, PathBuf};

use windlass_core::rejection::Rejection;
use windlass_engine::state_dir::StateDirError;
use windlass_engine::{CommandError, ReplayError};
use windlass_journal::{StorageError, VerifyError, WriteError};
use windlass_server::client::ClientError;
use windlass_server::wire::ErrorBody;
use windlass_server::{HELP_WHEN_ERASED, SocketError};

use crate::exit_codes::Exit;

/// Why a command did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// What was typed, or given in a file, is wrong.
    #[error("{0}")]
    Usage(String),
    /// A runbook or a test file that is no readable text.
    #[error("{name} cannot be read: {why}")]
    Unreadable { name: String, why: String },
    /// The runbook's mistakes have been shown already.
    #[error("{name} has mistakes; nothing was started")]
    BadRunbook {
        name: String,
        help: Option<&'static str>,
    },
    /// The engine refused, in this process or behind the socket.
    #[error("{message}")]
    Refused {
        message: String,
        help: Option<String>,
        exit: Exit,
    },
    /// Nobody owns the directory and this command may not, or it is not this user's.
    #[error("{message}")]
    NobodyListens { message: String, help: String },
    /// Another process is in the way for now.
    #[error("{0}")]
    Busy(String),
    #[error("cannot {operation} {}: {}", path.display(), said(source))]
    Io {
        operation: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error(transparent)]
    StateDir(#[from] StateDirError),
    #[error(transparent)]
    OpenJournal(#[from] windlass_journal::OpenError),
    #[error(transparent)]
    Verify(#[from] VerifyError),
    #[error(transparent)]
    OpenEngine(#[from] windlass_engine::OpenError),
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Client(ClientError),
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// This should not be able to happen.
    #[error("{0}")]
    Bug(String),
}

/// The operating system's reasons in words; any other without its number.
pub(crate) fn said(error: &io::Error) -> String {
    use io::ErrorKind;
    let words = match error.kind() {
        ErrorKind::NotFound => "there is no such file or folder",
        ErrorKind::PermissionDenied => "this user may not",
        ErrorKind::AlreadyExists => "it is there already",
        ErrorKind::IsADirectory => "it is a folder",
        ErrorKind::NotADirectory => "a part of the path is no folder",
        ErrorKind::StorageFull => "the disk is full",
        ErrorKind::QuotaExceeded => "this user's share of the disk is full",
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only",
        ErrorKind::InvalidData => "it is not UTF-8 text",
        _ => return without_numbers(&error.to_string()),
    };
    words.to_owned()
}

/// What to do about an error of the operating system.
fn help_for(error: &io::Error) -> Option<&'static str> {
    use io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => Some("look at the spelling, and at the folder that you are in"),
        ErrorKind::PermissionDenied => Some("`ls -ld` on the path shows who may"),
        ErrorKind::AlreadyExists => Some("choose another name, or move what is there away"),
        ErrorKind::IsADirectory => Some("name a file in it"),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Some("make room, then type the same command again")
        }
        _ => None,
    }
}

/// A message in which libraries quote the operating system, in words: no `(os error 2)`.
pub(crate) fn without_numbers(message: &str) -> String {
    const SAID: [(&str, &str); 3] = [
        (
            "No such file or directory",
            "there is no such file or folder",
        ),
        ("Permission denied", "this user may not"),
        ("No space left on device", "the disk is full"),
    ];
    let mut rest = message;
    let mut text = String::with_capacity(message.len());
    while let Some(at) = rest.find(" (os error ") {
        let (before, number) = rest.split_at(at);
        let Some(end) = number.find(')') else { break };
        text.push_str(before);
        rest = &number[end + 1..];
    }
    text.push_str(rest);
    SAID.iter()
        .fold(text, |text, (said, words)| text.replace(said, words))
}

/// Names the operation and the path of an I/O error.
pub(crate) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io {
        operation,
        path,
        source,
    }
}

impl Error {
    /// The exit code that tells a script what kind of error it is.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Error::Usage(_) | Error::Unreadable { .. } | Error::BadRunbook { .. } => Exit::Usage,
            Error::Refused { exit, .. } => *exit,
            Error::NobodyListens { .. } => Exit::NotAllowed,
            Error::Busy(_) => Exit::Temporary,
            Error::Io { .. } => Exit::Io,
            Error::Socket(SocketError::PathTooLong(_)) => Exit::Usage,
            Error::Socket(_) => Exit::Io,
            Error::StateDir(error) => match error {
                StateDirError::ForeignOwner { .. } => Exit::NotAllowed,
                StateDirError::Io { .. }
                | StateDirError::NotADirectory(_)
                | StateDirError::Permissions { .. } => Exit::Io,
            },
            Error::OpenJournal(error) => of_journal(error),
            Error::Verify(VerifyError::Open(error)) => of_journal(error),
            Error::Verify(VerifyError::Storage(error)) | Error::Storage(error) => of_storage(error),
            Error::OpenEngine(error) => of_engine(error),
            Error::Replay(error) => match error {
                ReplayError::Storage(error) => of_storage(error),
                ReplayError::Panicked => Exit::Internal,
                ReplayError::Erased(_) => Exit::Rejected,
                ReplayError::Damaged(_)
                | ReplayError::Undecodable { .. }
                | ReplayError::Illegal { .. } => Exit::Io,
            },
            Error::Client(error) => of_client(error),
            Error::Bug(_) => Exit::Internal,
        }
    }

    /// Whether it came of an owner behind the socket that is gone.
    pub(crate) fn is_owner_gone(&self) -> bool {
        let Error::Client(error) = self else {
            return false;
        };
        matches!(
            error,
            ClientError::Unreachable { .. } | ClientError::Broken(_)
        )
    }

    /// What to do about it, when that is known.
    pub(crate) fn help(&self) -> Option<&str> {
        match self {
            Error::Refused { help, .. } => help.as_deref(),
            Error::NobodyListens { help, .. } => Some(help),
            Error::BadRunbook { help, .. } => *help,
            Error::OpenJournal(windlass_journal::OpenError::Filesystem { .. }) => Some(
                "choose another --state-dir, or --allow-volatile-state for a rehearsal whose record may be lost",
            ),
            Error::Replay(ReplayError::Erased(_)) => Some(HELP_WHEN_ERASED),
            Error::Bug(_) => Some("this is a bug of windlass: please report it with this message"),
            Error::Io { source, .. } => help_for(source),
            Error::Usage(_)
            | Error::Unreadable { .. }
            | Error::Busy(_)
            | Error::StateDir(_)
            | Error::OpenJournal(_)
            | Error::Verify(_)
            | Error::OpenEngine(_)
            | Error::Replay(_)
            | Error::Storage(_)
            | Error::Client(_)
            | Error::Socket(_) => None,
        }
    }
}

fn of_storage(error: &StorageError) -> Exit {
    if error.is_busy() {
        Exit::Temporary
    } else {
        Exit::Io
    }
}

fn of_journal(error: &windlass_journal::OpenError) -> Exit {
    match error {
        windlass_journal::OpenError::Storage(error) => of_storage(error),
        windlass_journal::OpenError::NotAJournal { .. }
        | windlass_journal::OpenError::TooNew { .. }
        | windlass_journal::OpenError::TooOld { .. }
        | windlass_journal::OpenError::BadHead { .. }
        | windlass_journal::OpenError::Damaged { .. }
        | windlass_journal::OpenError::Filesystem { .. }
        | windlass_journal::OpenError::Permissions { .. }
        | windlass_journal::OpenError::Setting { .. }
        | windlass_journal::OpenError::SqliteTooOld { .. } => Exit::Io,
    }
}

fn of_engine(error: &windlass_engine::OpenError) -> Exit {
    match error {
        windlass_engine::OpenError::DuplicateAction(_)
        | windlass_engine::OpenError::NoRunner(_) => Exit::Internal,
        windlass_engine::OpenError::Epoch(WriteError::Storage(error))
        | windlass_engine::OpenError::Index(error) => of_storage(error),
        windlass_engine::OpenError::Epoch(_)
        | windlass_engine::OpenError::Orphans(_)
        | windlass_engine::OpenError::PolicyNotRecorded(_) => Exit::Io,
    }
}

fn of_client(error: &ClientError) -> Exit {
    match error {
        ClientError::Refused { status, body } => of_refusal(*status, body),
        ClientError::PermissionDenied(_) | ClientError::NotGenuine(_) => Exit::NotAllowed,
        ClientError::PathTooLong(_) => Exit::Usage,
        ClientError::Unreachable { .. }
        | ClientError::TimedOut
        | ClientError::Broken(_)
        | ClientError::OtherVersion { .. } => Exit::Temporary,
        ClientError::BadAnswer(_) | ClientError::LineTooLong => Exit::Internal,
    }
}

/// The owner's HTTP status carries the kind of its refusal.
fn of_refusal(status: u16, body: &ErrorBody) -> Exit {
    match (status, body.code.as_str()) {
        (401 | 403, _) => Exit::NotAllowed,
        (429 | 503, _) | (_, "busy" | "stopping") => Exit::Temporary,
        (507, _) | (_, "fatal" | "quarantined" | "storage") => Exit::Io,
        (500.., _) => Exit::Internal,
        _ => Exit::Rejected,
    }
}

impl From<ClientError> for Error {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused { status, body } => Error::Refused {
                exit: of_refusal(status, &body),
                message: body.message,
                help: body.help,
            },
            ClientError::PermissionDenied(_)
            | ClientError::NotGenuine(_)
            | ClientError::PathTooLong(_)
            | ClientError::Unreachable { .. }
            | ClientError::TimedOut
            | ClientError::Broken(_)
            | ClientError::BadAnswer(_)
            | ClientError::LineTooLong
            | ClientError::OtherVersion { .. } => Error::Client(error),
        }
    }
}

impl From<CommandError> for Error {
    fn from(error: CommandError) -> Self {
        let exit = match &error {
            CommandError::Rejected(
                Rejection::NotAuthorised { .. }
                | Rejection::UnderPolicy { .. }
                | Rejection::BadSignature { .. },
            ) => Exit::NotAllowed,
            CommandError::Rejected(_)
            | CommandError::UnknownRun(_)
            | CommandError::Erased { .. }
            | CommandError::NotRecorded(_)
            | CommandError::StillInFlight { .. }
            | CommandError::TooLarge(_) => Exit::Rejected,
            CommandError::Quarantined { .. }
            | CommandError::Fatal(_)
            | CommandError::NoRandomness(_)
            | CommandError::RunbookNotKept(_)
            | CommandError::NotVerified(_) => Exit::Io,
            CommandError::Stopping | CommandError::Busy => Exit::Temporary,
            CommandError::Faulted { .. }
            | CommandError::BadKey(_)
            | CommandError::OtherRunbook
            | CommandError::NotForCallers => Exit::Internal,
        };
        Error::Refused {
            message: error.to_string(),
            help: help_of(&error).map(str::to_owned),
            exit,
        }
    }
}

/// What an owner behind the socket would advise too.
fn help_of(error: &CommandError) -> Option<&'static str> {
    match error {
        CommandError::UnknownRun(_) => Some("`windlass runs` lists the runs"),
        CommandError::Rejected(Rejection::UnknownStep { .. } | Rejection::NotAGate { .. }) => {
            Some("`windlass show RUN` lists the steps")
        }
        CommandError::Rejected(Rejection::StaleStatement { .. }) => {
            Some("`windlass show RUN` prints the gate as it stands now")
        }
        CommandError::Rejected(Rejection::MayRemain) => {
            Some("`windlass retry --nothing-remains`, or `windlass attest`")
        }
        CommandError::Quarantined { .. } => {
            Some("`windlass journal verify` names the first bad record")
        }
        CommandError::Erased { .. } => Some(HELP_WHEN_ERASED),
        CommandError::Rejected(Rejection::BadSignature { .. }) => {
            Some("`windlass approve RUN GATE --print-statement` prints what is to be signed")
        }
        CommandError::NotVerified(_) => Some("install the package openssh-client"),
        CommandError::Rejected(_)
        | CommandError::NotRecorded(_)
        | CommandError::Faulted { .. }
        | CommandError::StillInFlight { .. }
        | CommandError::TooLarge(_)
        | CommandError::Stopping
        | CommandError::Busy
        | CommandError::Fatal(_)
        | CommandError::NoRandomness(_)
        | CommandError::BadKey(_)
        | CommandError::OtherRunbook
        | CommandError::RunbookNotKept(_)
        | CommandError::NotForCallers => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operating_system_speaks_in_words() {
        let error = Error::Io {
            operation: "read",
            path: "a.json".into(),
            source: io::Error::from_raw_os_error(2),
        };
        assert_eq!(
            error.to_string(),
            "cannot read a.json: there is no such file or folder"
        );
        assert!(error.help().is_some());
        assert_eq!(
            without_numbers("open x: Permission denied (os error 13); gone"),
            "open x: this user may not; gone"
        );
        assert_eq!(said(&io::Error::from_raw_os_error(5)), "Input/output error");
    }
}
