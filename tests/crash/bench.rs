//! The lab for the flagship runbook: four real servers, put back before every case, and what
//! must hold of them when a run has ended. What really happened is counted by their wrapped
//! `pg_ctl`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use rds_lab::witness::Witness;
use rds_lab::{Lab, Options, Server};

use crate::wrapped::Wrapped;

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

/// A lab with its witness.
pub(crate) struct Bench {
    pub(crate) lab: Lab,
    pub(crate) wrapped: Wrapped,
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
        let bench = Self {
            checksum: lab.checksum(Server::Primary).unwrap(),
            wrapped: Wrapped::of(&lab),
            lab,
            logs: BTreeMap::new(),
        };
        bench.lab.snapshot().unwrap();
        bench
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
        self.wrapped.reset();
        let length = |server| {
            (
                server,
                fs::read(self.log(server)).map_or(0, |log| log.len()),
            )
        };
        self.logs = Server::ALL.map(length).into();
    }

    fn log(&self, server: Server) -> &Path {
        &self.lab.description().server(server).log
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
