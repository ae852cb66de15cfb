//! Puts a lab into the states that a look before an upgrade must find. Each is the real
//! thing on the real servers; taking it back is the caller's, by the opposite call, by SQL
//! or by `restore`.

use std::path::PathBuf;
use std::time::Duration;

use crate::command::{command, run};
use crate::inputs::BACKUPS;
use crate::probe::Session;
use crate::query::wait;
use crate::server::{RoleName, Server};
use crate::{Lab, Result};

/// How long a server may take to show what was done to it.
const PATIENCE: Duration = Duration::from_secs(30);
/// More than a segment of a lab's WAL.
const ROWS_OF_A_SEGMENT: u32 = 20_000;

/// A session that stays open, with what it has begun, until it is dropped.
#[derive(Debug)]
pub struct Held(#[expect(dead_code, reason = "it lives as long as this does")] Session);

impl Lab {
    /// Begins something in a session and leaves it there; `statements` must answer with one
    /// line at least.
    pub fn hold(&self, server: Server, statements: &str) -> Result<Held> {
        let mut psql = self.psql(server);
        let mut session = Session::open(psql.args(["-A", "-t", "-v", "ON_ERROR_STOP=1"]))?;
        let answer = session.ask(&format!("{statements}\n"), PATIENCE);
        answer.map_err(|why| crate::Error::Refused(format!("hold {statements:?}: {why}")))?;
        Ok(Held(session))
    }

    /// Reads a logical slot of `pgoutput` on the primary, which has a publication of the same
    /// name, for as long as the answer lives.
    pub fn consume(&self, slot: &str) -> Result<Consumer> {
        let described = self.description();
        // It lies beside the other client programs.
        let program = described
            .tools
            .pg_basebackup
            .with_file_name("pg_recvlogical");
        let child = command(&program)
            .args([
                "--slot",
                slot,
                "--start",
                "--no-loop",
                "--file",
                "/dev/null",
            ])
            .args(["--option", "proto_version=1", "--option"])
            .arg(format!("publication_names={slot}"))
            .arg("--dbname")
            .arg(&described.database)
            .env("PGHOST", &described.host)
            .env("PGPORT", described.server(Server::Primary).port.to_string())
            .env("PGUSER", RoleName::Admin.user())
            .env("PGPASSWORD", self.password(RoleName::Admin))
            .env("PGSSLMODE", "disable")
            .stdout(std::process::Stdio::null())
            .spawn()
            .map_err(|source| crate::Error::Spawn {
                command: program.display().to_string(),
                source,
            })?;
        let consumer = Consumer(child);
        let query = format!("select active from pg_replication_slots where slot_name = '{slot}'");
        self.wait_value(Server::Primary, &query, "t")?;
        Ok(consumer)
    }

    /// Sets a parameter, or resets it, and has the server read it; a parameter that needs a
    /// restart is then pending.
    pub fn set_parameter(&self, server: Server, name: &str, value: Option<&str>) -> Result<()> {
        let change = match value {
            Some(value) => format!("alter system set {name} = '{}'", value.replace('\'', "''")),
            None => format!("alter system reset {name}"),
        };
        self.sql(server, &change)?;
        self.sql(server, "select pg_reload_conf()").map(drop)
    }

    /// A standby goes on, and follows nobody; answers with what it was told to follow.
    pub fn cut_off(&self, standby: Server) -> Result<String> {
        // Of one that follows nobody it is empty, which would be read as no row.
        let ask = "select current_setting('primary_conninfo') || ' '";
        let conninfo = self.sql_value(standby, ask)?.trim().to_owned();
        self.set_parameter(standby, "primary_conninfo", Some(""))?;
        let left = format!(
            "select count(*) from pg_stat_replication where application_name = '{standby}'"
        );
        self.wait_value(Server::Primary, &left, "0")?;
        Ok(conninfo)
    }

    /// The opposite: it follows again.
    pub fn join(&self, standby: Server, conninfo: &str) -> Result<()> {
        self.set_parameter(standby, "primary_conninfo", Some(conninfo))?;
        self.wait_streaming(&Server::STANDBYS, PATIENCE)
    }

    /// The server is gone at once, as with its machine.
    pub fn kill(&self, server: Server) -> Result<()> {
        self.stop_for_good(server)
    }

    /// Writes more than a segment of WAL, and begins the next one.
    pub fn write_wal(&self) -> Result<()> {
        let write = format!(
            "create table ballast as select md5(n::text) from generate_series(1, {ROWS_OF_A_SEGMENT}) n"
        );
        self.sql(Server::Primary, &write)?;
        self.sql(Server::Primary, "drop table ballast")?;
        self.sql(Server::Primary, "select pg_switch_wal()")
            .map(drop)
    }

    /// Takes a base backup with the old build's client into the directory of backups.
    pub fn base_backup(&self, name: &str) -> Result<PathBuf> {
        self.base_backup_of(Server::Primary, name)
    }

    pub(crate) fn base_backup_of(&self, server: Server, name: &str) -> Result<PathBuf> {
        let described = self.description();
        let target = self.dir().join(BACKUPS).join(name);
        let role = RoleName::Replication;
        let source = format!(
            "host={} port={} user={} sslmode=disable gssencmode=disable",
            described.host,
            described.server(server).port,
            role.user(),
        );
        let mut copy = command(&described.tools.pg_basebackup);
        copy.args([
            "-X",
            "stream",
            "-c",
            "fast",
            "--no-sync",
            "-d",
            &source,
            "-D",
        ])
        .arg(&target)
        .env("PGPASSWORD", self.password(role));
        run(described.account.applied(&mut copy, self.dir()))?;
        Ok(target)
    }

    /// Waits until a query answers with this value.
    pub fn wait_value(&self, server: Server, query: &str, value: &str) -> Result<()> {
        wait(
            &format!("{server} answer {value} to {query}"),
            PATIENCE,
            || {
                let found = self.sql_value(server, query)?;
                Ok((found == value).then_some(()).ok_or(found))
            },
        )
    }
}

/// A program that reads a logical slot; ended when dropped.
#[derive(Debug)]
pub struct Consumer(std::process::Child);

impl Drop for Consumer {
    fn drop(&mut self) {
        // Both fail only for a process that has already ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
