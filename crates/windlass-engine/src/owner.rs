//! The owner lock: one process owns a state directory for as long as it lives.
//! The kernel gives the lock back when the process ends, however it ends; a
//! stopped process still holds it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use windlass_core::operator::Identity;

use crate::stat::Stat;
use crate::state_dir::StateDir;

/// The longest command line that the lock file keeps, in bytes.
const COMMAND_BYTES_MAX: usize = 400;
/// The most bytes that are read from a lock file.
const LOCK_FILE_BYTES_MAX: u64 = 4 * 1024;

/// Who owns a state directory, as messages show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub pid: u32,
    pub uid: u32,
    /// The command line of the owner.
    pub command: String,
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Owner { pid, uid, command } = self;
        write!(f, "process {pid} of uid {uid} (`{command}`)")
    }
}

impl Owner {
    /// Whether it is stopped, as by SIGSTOP: it holds the directory, and does nothing.
    /// `false` where that cannot be seen.
    pub fn is_stopped(&self) -> bool {
        Stat::of(self.pid).is_ok_and(|stat| stat.is_stopped)
    }

    fn this_process() -> Self {
        let arguments: Vec<String> = std::env::args_os()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect();
        let mut command = arguments.join(" ");
        let cut = command.floor_char_boundary(COMMAND_BYTES_MAX);
        command.truncate(cut);
        Self {
            pid: std::process::id(),
            uid: rustix::process::geteuid().as_raw(),
            command,
        }
    }
}

/// The proof of owning a state directory; dropping it gives the directory up.
#[derive(Debug)]
pub struct OwnerLock {
    dir: StateDir,
    // Held, never read: closing it releases the lock. The file stays, because
    // removing it would let two processes lock two files of the same name.
    _file: File,
}

impl OwnerLock {
    /// The directory that is owned.
    pub fn dir(&self) -> &StateDir {
        &self.dir
    }

    /// The user whose directory it is: this process's.
    pub fn identity(&self) -> Identity {
        Identity::OsUser { uid: self.uid() }
    }

    /// The same, by his number on this host.
    pub fn uid(&self) -> u32 {
        rustix::process::geteuid().as_raw()
    }
}

/// What came of trying to own a directory.
#[derive(Debug)]
pub enum Owning {
    Owned(OwnerLock),
    /// Another process owns it; who, when its note could be read.
    Held {
        by: Option<Owner>,
    },
}

/// Takes the directory, unless a living process has it.
///
/// # Errors
/// The lock file cannot be opened, locked or written.
pub fn try_own(dir: &StateDir) -> io::Result<Owning> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(dir.owner_lock())?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            return Ok(Owning::Held {
                by: read_note(file),
            });
        }
        Err(error) => return Err(error.into()),
    }
    let note = serde_json::to_vec(&Owner::this_process())?;
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(&note)?;
    Ok(Owning::Owned(OwnerLock {
        dir: dir.clone(),
        _file: file,
    }))
}

/// Who owns the directory now, without trying to own it.
///
/// # Errors
/// The lock file cannot be opened or locked for another reason than being held or missing.
pub fn current(dir: &StateDir) -> io::Result<Option<Owner>> {
    let file = match File::open(dir.owner_lock()) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    // A shared lock, so that two who look do not take each other for an owner.
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(None),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(Some(read_note(file).unwrap_or(Owner {
            pid: 0,
            uid: 0,
            command: "unknown".to_owned(),
        }))),
        Err(error) => Err(error.into()),
    }
}

fn read_note(file: File) -> Option<Owner> {
    let mut note = Vec::new();
    file.take(LOCK_FILE_BYTES_MAX).read_to_end(&mut note).ok()?;
    serde_json::from_slice(&note).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_owner_at_a_time_who_says_his_name() {
        let root = tempfile::tempdir().unwrap();
        let dir = StateDir::prepare(&root.path().join("state")).unwrap();
        assert_eq!(current(&dir).unwrap(), None);
        let Owning::Owned(lock) = try_own(&dir).unwrap() else {
            panic!("nobody owns it");
        };
        let Owning::Held { by: Some(by) } = try_own(&dir).unwrap() else {
            panic!("it is owned");
        };
        assert_eq!(by.pid, std::process::id());
        assert_eq!(current(&dir).unwrap(), Some(by));
        drop(lock);
        assert_eq!(current(&dir).unwrap(), None);
        assert!(matches!(try_own(&dir).unwrap(), Owning::Owned(_)));
    }
}
