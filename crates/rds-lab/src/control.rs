//! Starts and stops servers, and swaps the build that the next start uses.

use std::os::unix::fs::symlink;
use std::process::Command;

use crate::command::{command, output, run, succeeded};
use crate::server::{Release, Server};
use crate::{Error, Lab, Result, builds, processes};

/// `pg_ctl` gives up after this time; a lab's servers are small.
const PG_CTL_SECONDS_MAX: &str = "60";

/// `pg_ctl status` when no server runs in the data directory.
const EXIT_NOT_RUNNING: i32 = 3;
/// `pg_ctl status` when the data directory is not one.
const EXIT_NO_DATA: i32 = 4;

/// Whether a server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// With this process id.
    Running(u32),
    /// Not, but its data directory is there.
    Stopped,
    /// Its data directory is missing or is not one.
    NoData,
}

impl Lab {
    /// Starts a server from its `current` build and waits until it takes
    /// connections. A running one is left alone.
    pub fn start(&self, server: Server) -> Result<()> {
        if matches!(self.status(server)?, Status::Running(_)) {
            return Ok(());
        }
        let log = &self.description.server(server).log;
        run(self.pg_ctl(server, "start").arg("-l").arg(log))
            .map(drop)
            .map_err(|error| with_log_tail(error, log))
    }

    /// Starts all servers, the primary first.
    pub fn start_all(&self) -> Result<()> {
        self.start(Server::Primary)?;
        self.each(&Server::STANDBYS, |server| self.start(server))
    }

    /// Stops a server (`-m fast`) and waits. A stopped one is left alone.
    pub fn stop(&self, server: Server) -> Result<()> {
        self.stop_with(server, "fast")
    }

    /// Stops all servers, the primary first so that the standbys receive all
    /// it wrote.
    pub fn stop_all(&self) -> Result<()> {
        self.stop(Server::Primary)?;
        self.each(&Server::STANDBYS, |server| self.stop(server))
    }

    /// Stop, then start from the `current` build; not `pg_ctl restart`, which
    /// takes the build that ran before.
    pub fn restart(&self, server: Server) -> Result<()> {
        self.stop(server)?;
        self.start(server)
    }

    /// Whether a server runs, by `pg_ctl status`.
    pub fn status(&self, server: Server) -> Result<Status> {
        if !self.description.server(server).home().exists() {
            return Ok(Status::NoData);
        }
        let mut status = self.pg_ctl(server, "status");
        let output = output(&mut status)?;
        match output.status.code() {
            Some(EXIT_NOT_RUNNING) => Ok(Status::Stopped),
            Some(EXIT_NO_DATA) => Ok(Status::NoData),
            _ => {
                succeeded(&status, &output.status, &output.stderr)?;
                let text = String::from_utf8_lossy(&output.stdout);
                pid_in(&text)
                    .map(Status::Running)
                    .ok_or_else(|| Error::format(format!("pg_ctl status of {server}"), text.trim()))
            }
        }
    }

    /// Points the `current` link of a server to a build, by one rename. The
    /// running server is not touched.
    pub fn install(&self, server: Server, release: Release) -> Result<()> {
        let current = &self.description.server(server).current;
        let draft = current.with_file_name(".current.draft");
        match std::fs::remove_file(&draft) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &draft)(error));
            }
            _ => {}
        }
        symlink(&self.build(release).dir, &draft).map_err(Error::io("link", &draft))?;
        std::fs::rename(&draft, current).map_err(Error::io("rename to", current))
    }

    /// The version of the build that the next start of a server will use.
    pub fn installed_version(&self, server: Server) -> Result<String> {
        let described = self.description.server(server);
        builds::version_as(
            &described.current,
            &self.description.account,
            described.home(),
        )
    }

    pub(crate) fn build(&self, release: Release) -> &builds::Build {
        match release {
            Release::Old => &self.description.old,
            Release::New => &self.description.new,
        }
    }

    /// Stops a server whose data is about to go: at once, and also when its
    /// pid file is lost or its postmaster was killed.
    pub(crate) fn stop_for_good(&self, server: Server) -> Result<()> {
        let stopped = self.stop_with(server, "immediate");
        processes::end_in(&self.description.server(server).data_dir)?;
        match self.status(server)? {
            Status::Running(_) => stopped,
            Status::Stopped | Status::NoData => Ok(()),
        }
    }

    fn stop_with(&self, server: Server, mode: &str) -> Result<()> {
        let Status::Running(pid) = self.status(server)? else {
            return Ok(());
        };
        let stopped = run(self.pg_ctl(server, "stop").args(["-m", mode]));
        if let (Err(error), Status::Running(_)) = (stopped, self.status(server)?) {
            return Err(error);
        }
        // Else it stopped, or somebody else, a runbook say, stopped it first.
        processes::wait_until_gone(pid)
    }

    /// Does the same to several servers at once; the first error wins.
    pub(crate) fn each(
        &self,
        servers: &[Server],
        act: impl Fn(Server) -> Result<()> + Sync,
    ) -> Result<()> {
        std::thread::scope(|scope| {
            let threads: Vec<_> = servers
                .iter()
                .map(|&server| {
                    let act = &act;
                    scope.spawn(move || act(server))
                })
                .collect();
            // Joined one by one, so that none is left behind on an error.
            let results: Vec<Result<()>> = threads
                .into_iter()
                .map(|thread| thread.join().expect("a server's thread does not panic"))
                .collect();
            results.into_iter().collect()
        })
    }

    fn pg_ctl(&self, server: Server, action: &str) -> Command {
        let described = self.description.server(server);
        // Only `start` cares which build it is; the others must also work
        // after a runbook broke the link.
        let build = match action {
            "start" => &described.current,
            _ => &self.description.old.dir,
        };
        let mut command = command(build.join("bin/pg_ctl"));
        command.args([action, "-D"]).arg(&described.data_dir);
        if action != "status" {
            command.args(["-w", "-t", PG_CTL_SECONDS_MAX]);
        }
        self.description
            .account
            .applied(&mut command, described.home());
        command
    }
}

/// `pg_ctl: server is running (PID: 4711)`, then the command line.
fn pid_in(status: &str) -> Option<u32> {
    let (_, rest) = status.split_once("(PID: ")?;
    rest.split_once(')')?.0.parse().ok()
}

/// `pg_ctl start` only says "examine the log output"; so do it.
fn with_log_tail(error: Error, log: &std::path::Path) -> Error {
    let Error::Failed {
        command, status, ..
    } = error
    else {
        return error;
    };
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let stderr_tail = lines[lines.len().saturating_sub(10)..].join("\n");
    Error::Failed {
        command,
        status,
        stderr_tail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_pid_of_a_running_server() {
        let text = "pg_ctl: server is running (PID: 4711)\n/x/bin/postgres \"-D\" \"/y\"\n";
        assert_eq!(pid_in(text), Some(4711));
        assert_eq!(pid_in("pg_ctl: no server running\n"), None);
    }
}
