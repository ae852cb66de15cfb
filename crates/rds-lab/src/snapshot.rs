//! Puts a lab back to where it was, within seconds: for suites that run the
//! same upgrade many times.

use std::path::{Path, PathBuf};

use crate::command::{command, run};
use crate::create::STREAMING_PATIENCE;
use crate::lab::remove_dir;
use crate::server::{Release, Server};
use crate::{Error, Lab, Result};

impl Lab {
    /// Stops all servers, copies their data directories aside, starts them
    /// again. A later snapshot replaces the earlier one.
    ///
    /// A snapshot belongs to the old build: one of a lab that has begun to
    /// upgrade is refused, since `restore` returns to the old build.
    pub fn snapshot(&self) -> Result<()> {
        for server in Server::ALL {
            let installed = self.installed_version(server)?;
            if installed != self.description.old.version {
                let text = format!("take a snapshot: {server} has {installed} installed already");
                return Err(Error::Refused(text));
            }
        }
        self.stop_all()?;
        let kept = self.snapshot_dir();
        if kept.exists() {
            remove_dir(&kept)?;
        }
        let draft = self.dir().join(".snapshot.draft");
        if draft.exists() {
            remove_dir(&draft)?;
        }
        std::fs::create_dir(&draft).map_err(Error::io("create", &draft))?;
        for server in Server::ALL {
            copy(
                &self.description.server(server).data_dir,
                &draft.join(server.as_str()),
            )?;
        }
        std::fs::rename(&draft, &kept).map_err(Error::io("rename to", &kept))?;
        self.start_and_stream()
    }

    /// Whether there is a snapshot to restore.
    pub fn has_snapshot(&self) -> bool {
        self.snapshot_dir().exists()
    }

    /// Throws away what the servers have now, puts back the snapshot and the
    /// old build, and waits until all standbys stream. It copes with servers
    /// that run, are stopped, were killed, or lost their data. Programs that a
    /// killed runbook left behind are the caller's to end first.
    pub fn restore(&self) -> Result<()> {
        if !self.has_snapshot() {
            let text = format!("restore {}: it has no snapshot", self.dir().display());
            return Err(Error::Refused(text));
        }
        self.each(&Server::ALL, |server| {
            let described = self.description.server(server);
            self.stop_for_good(server)?;
            if described.data_dir.exists() {
                remove_dir(&described.data_dir)?;
            }
            copy(
                &self.snapshot_dir().join(server.as_str()),
                &described.data_dir,
            )?;
            self.install(server, Release::Old)
        })?;
        self.start_and_stream()
    }

    fn start_and_stream(&self) -> Result<()> {
        self.start_all()?;
        self.wait_streaming(&Server::STANDBYS, STREAMING_PATIENCE)
    }

    fn snapshot_dir(&self) -> PathBuf {
        self.dir().join("snapshot")
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    run(command("cp")
        .args(["-a", "--reflink=auto"])
        .arg(from)
        .arg(to))
    .map(drop)
}
