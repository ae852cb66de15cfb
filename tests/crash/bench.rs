//! The lab for the flagship runbook: four real servers, put back before every case, and a
//! witness. The new build's `pg_ctl` adds a line to it before each start, on another file
//! system than the state directory's, so that what really happened is counted outside.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rds_lab::witness::Witness;
use rds_lab::{Lab, Options, Server};
use tempfile::TempDir;

/// How long standbys may take to catch up.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long after its announcement a server may have started.
const START_MAX_S: f64 = 20.0;
/// The changes of the flagship, each with its server.
pub(crate) const CHANGES: [(&str, Server); 4] = [
    ("upgrade_standbys", Server::Replica1),
    ("upgrade_standbys[1]", Server::Replica2),
    ("upgrade_standbys[2]", Server::Dr),
    ("upgrade_primary", Server::Primary),
];

/// How far the swap of a server's binaries has come, as its files show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The old server has ended, and the link still names its build.
    Stopped,
    /// The link names the new build, and no server runs.
    Linked,
    /// A server runs, or begins to, on the new build.
    Started,
}

/// All phases in their order.
pub(crate) const PHASES: [Phase; 3] = [Phase::Stopped, Phase::Linked, Phase::Started];

/// A lab with its witness.
pub(crate) struct Bench {
    pub(crate) lab: Lab,
    witness: TempDir,
    checksum: String,
    /// How long each server's log was when the case began.
    logs: BTreeMap<Server, usize>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        // A test lies in `target/PROFILE/deps`.
        let test = std::env::current_exe().unwrap();
        let builds = test.ancestors().nth(3).unwrap().join("lab/builds");
        let mut options = Options::new(builds);
        // Only processes are killed here, never the machine.
        options.fast_and_unsafe = true;
        let lab = Lab::create(&options).unwrap();
        let witness = tempfile::tempdir_in(crate::volatile()).unwrap();
        fs::set_permissions(witness.path(), Permissions::from_mode(0o755)).unwrap();
        let bench = Self {
            checksum: lab.checksum(Server::Primary).unwrap(),
            lab,
            witness,
            logs: BTreeMap::new(),
        };
        bench.wrap_pg_ctl();
        bench.lab.snapshot().unwrap();
        bench
    }

    fn witness_file(&self) -> PathBuf {
        self.witness.path().join("witness")
    }

    /// Puts the wrapper before `pg_ctl` in a copy of the new build: the lab may only link to
    /// a build that others use too.
    fn wrap_pg_ctl(&self) {
        let build = &self.lab.description().new.dir;
        let copy = build.with_extension("copy");
        let from = build.canonicalize().unwrap();
        run(Command::new("cp")
            .args(["-a", "--reflink=auto"])
            .arg(from)
            .arg(&copy));
        if build.is_symlink() {
            fs::remove_file(build).unwrap();
        } else {
            fs::remove_dir_all(build).unwrap();
        }
        fs::rename(&copy, build).unwrap();
        let pg_ctl = build.join("bin/pg_ctl");
        fs::rename(&pg_ctl, build.join("bin/pg_ctl.real")).unwrap();
        let text = format!(
            r#"#!/bin/sh
# The step starts its server with an empty environment: the caller's own says who it is.
caller() {{ tr '\0' '\n' <"/proc/$PPID/environ" | sed -n "s/^WINDLASS_$1=//p"; }}
if [ "$1" = start ]; then
  step=$(caller STEP) attempt=$(caller ATTEMPT_NO)
  printf '%s %s %s %s\n' "$(date +%s.%N)" "${{step:-nobody}}" "${{attempt:-0}}" "$$" >>'{file}'
  sync '{file}'
fi
exec "$0.real" "$@"
"#,
            file = self.witness_file().display()
        );
        fs::write(&pg_ctl, text).unwrap();
        fs::set_permissions(&pg_ctl, Permissions::from_mode(0o755)).unwrap();
    }

    /// The servers as they were, on the old build, and an empty witness.
    pub(crate) fn reset(&mut self) {
        self.lab.restore().unwrap();
        let backups = self.lab.dir().join("backups");
        for left in fs::read_dir(backups).unwrap() {
            let left = left.unwrap().path();
            if left.is_dir() {
                fs::remove_dir_all(left).unwrap();
            } else {
                fs::remove_file(left).unwrap();
            }
        }
        let file = self.witness_file();
        fs::write(&file, "").unwrap();
        // The servers' account adds to it.
        fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
        let length = |server| {
            (
                server,
                fs::read(self.log(server)).map_or(0, |log| log.len()),
            )
        };
        self.logs = Server::ALL.map(length).into();
    }

    /// The phase of a server's swap; `None` before it began.
    pub(crate) fn phase(&self, server: Server) -> Option<Phase> {
        let described = self.lab.description();
        let server = described.server(server);
        let is_new =
            fs::canonicalize(&server.current).ok()? == fs::canonicalize(&described.new.dir).ok()?;
        let runs = server.data_dir.join("postmaster.pid").exists();
        match (is_new, runs) {
            (false, true) => None,
            (false, false) => Some(Phase::Stopped),
            (true, false) => Some(Phase::Linked),
            (true, true) => Some(Phase::Started),
        }
    }

    fn log(&self, server: Server) -> &Path {
        &self.lab.description().server(server).log
    }

    pub(crate) fn witness(&self) -> Witness {
        Witness::read(&self.witness_file()).unwrap()
    }

    /// Every server runs the new minor and was started on it once, by its own log and by the
    /// time of its last start; all standbys stream, and the data is what it was.
    pub(crate) fn assert_upgraded_once(&self, witness: &Witness) {
        let lab = &self.lab;
        lab.wait_streaming(&Server::STANDBYS, PATIENCE).unwrap();
        let position = lab.current_lsn().unwrap();
        let new = &lab.description().new.version;
        for (node, server) in CHANGES {
            if server != Server::Primary {
                lab.wait_replayed(server, &position, PATIENCE).unwrap();
            }
            assert_eq!(&lab.version(server).unwrap(), new, "{server}");
            let is_standby = server != Server::Primary;
            assert_eq!(lab.is_in_recovery(server).unwrap(), is_standby);
            assert_eq!(
                lab.checksum(server).unwrap(),
                self.checksum,
                "{server}: data"
            );
            let log = fs::read(self.log(server)).unwrap();
            let log = String::from_utf8_lossy(&log[self.logs[&server]..]);
            let started = log.matches(&format!("starting PostgreSQL {new}")).count();
            assert_eq!(
                started, 1,
                "{server}: starts on {new} in its own log\n{log}"
            );
            let query = "select extract(epoch from pg_postmaster_start_time())";
            let start: f64 = lab.sql_value(server, query).unwrap().parse().unwrap();
            let announced = witness.lines.iter().rfind(|line| line.step == node);
            let announced = announced.expect("whoever starts says so before").at;
            let since = start - announced.as_secs_f64();
            assert!(
                (-0.1..START_MAX_S).contains(&since),
                "{server} started {since} s after"
            );
        }
        let is_change = |step: &str| CHANGES.iter().any(|(node, _)| *node == step);
        let stranger = witness.lines.iter().find(|line| !is_change(&line.step));
        assert_eq!(stranger, None, "nobody else starts a server");
    }
}

fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}
