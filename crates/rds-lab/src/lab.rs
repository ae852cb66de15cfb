//! The handle on a lab, and what becomes of the servers when it is dropped.

use std::path::Path;

use crate::description::Description;
use crate::passwords::Passwords;
use crate::server::{RoleName, Server};
use crate::{Error, Result};

/// Four PostgreSQL servers in a directory.
///
/// Dropping a lab that was *created* stops its servers, also while a test
/// panics, and removes the directory when the lab chose it itself and nothing
/// panics (after a panic the logs are worth reading). [`Lab::keep`] says
/// otherwise. A lab that was *opened* is somebody else's: dropping it leaves
/// everything as it is. A process that is killed drops nothing; its servers
/// live on until someone calls `Lab::open(dir)?.destroy()`.
#[derive(Debug)]
pub struct Lab {
    pub(crate) description: Description,
    pub(crate) passwords: Passwords,
    at_drop: AtDrop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AtDrop {
    Leave,
    Stop,
    Remove,
}

impl Lab {
    pub(crate) fn created(description: Description, passwords: Passwords, own_dir: bool) -> Self {
        let at_drop = if own_dir {
            AtDrop::Remove
        } else {
            AtDrop::Stop
        };
        Self {
            description,
            passwords,
            at_drop,
        }
    }

    /// Attaches to the lab in `dir`, whoever made it, running or not.
    pub fn open(dir: &Path) -> Result<Self> {
        Ok(Self {
            description: Description::read(dir)?,
            passwords: Passwords::read(dir)?,
            at_drop: AtDrop::Leave,
        })
    }

    /// Lets servers and directory outlive this handle and this process.
    pub fn keep(&mut self) {
        self.at_drop = AtDrop::Leave;
    }

    /// Makes an opened lab one's own: dropping it stops its servers.
    pub fn adopt(&mut self) {
        self.at_drop = AtDrop::Stop;
    }

    /// What `lab.json` says.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The lab's directory.
    pub fn dir(&self) -> &Path {
        &self.description.dir
    }

    /// The password of a role.
    pub fn password(&self, role: RoleName) -> &str {
        self.passwords.get(role)
    }

    /// The passwords as environment variables, for the process that runs a
    /// runbook.
    pub fn env(&self) -> Vec<(String, String)> {
        RoleName::ALL
            .map(|role| (role.env_name().to_owned(), self.password(role).to_owned()))
            .to_vec()
    }

    /// Stops all servers and removes the directory, even when it was kept.
    pub fn destroy(mut self) -> Result<()> {
        self.at_drop = AtDrop::Leave;
        self.stop_every_server()?;
        remove_dir(self.dir())
    }

    fn stop_every_server(&self) -> Result<()> {
        let stopped = self.each(&Server::ALL, |server| self.stop_for_good(server));
        stopped.map_err(|error| {
            Error::Refused(format!("stop the lab in {}: {error}", self.dir().display()))
        })
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.at_drop == AtDrop::Leave {
            return;
        }
        if let Err(error) = self.stop_every_server() {
            eprintln!("rds-lab: failed to {error}");
            return;
        }
        if std::thread::panicking() {
            eprintln!("rds-lab: the servers' logs are in {}", self.dir().display());
        } else if self.at_drop == AtDrop::Remove
            && let Err(error) = remove_dir(self.dir())
        {
            eprintln!("rds-lab: failed to {error}");
        }
    }
}

pub(crate) fn remove_dir(dir: &Path) -> Result<()> {
    std::fs::remove_dir_all(dir).map_err(Error::io("remove", dir))
}
