//! Asks the servers, through psql as the superuser: argv in, rows out.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::command::{command, run, run_with_input};
use crate::server::{RoleName, Server};
use crate::{Error, Lab, Result};

/// Control characters that no value of the lab contains.
const FIELD_SEPARATOR: &str = "\u{1f}";
const ROW_SEPARATOR: &str = "\u{1e}";

/// Between two looks while waiting for a server's state.
const POLL: Duration = Duration::from_millis(50);

/// The columns of a row as text; NULL is the empty string.
pub type Row = Vec<String>;

/// A line of `pg_stat_replication`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standby {
    /// `application_name`, which in a lab is the server's name.
    pub name: String,
    /// `streaming` when all is well.
    pub state: String,
    /// What is written on the primary and not replayed on the standby.
    pub lag_bytes: i64,
}

impl Lab {
    /// Runs SQL on a server in a session of its own and returns the rows.
    pub fn sql(&self, server: Server, query: &str) -> Result<Vec<Row>> {
        let text = run(self
            .psql(server)
            .args(["-A", "-t", "-F", FIELD_SEPARATOR])
            .args(["-R", ROW_SEPARATOR, "-c", query]))?;
        Ok(rows(&text))
    }

    /// Runs SQL that answers with exactly one value.
    pub fn sql_value(&self, server: Server, query: &str) -> Result<String> {
        let rows = self.sql(server, query)?;
        match rows.as_slice() {
            [row] if row.len() == 1 => Ok(row[0].clone()),
            _ => Err(Error::format(
                format!("the answer of {server} to `{query}`"),
                format!("{} rows instead of one value", rows.len()),
            )),
        }
    }

    /// `server_version` of the running server, such as `15.16`.
    pub fn version(&self, server: Server) -> Result<String> {
        let text = self.sql_value(server, "show server_version")?;
        // Debian's build adds its own version in brackets.
        Ok(text.split(' ').next().unwrap_or_default().to_owned())
    }

    /// Whether the server is a standby.
    pub fn is_in_recovery(&self, server: Server) -> Result<bool> {
        Ok(self.sql_value(server, "select pg_is_in_recovery()")? == "t")
    }

    /// `pg_stat_replication` on the primary, by name.
    pub fn streaming(&self) -> Result<Vec<Standby>> {
        let query = "select application_name, state, \
             coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn), 0)::bigint \
             from pg_stat_replication order by application_name";
        let rows = self.sql(Server::Primary, query)?;
        rows.into_iter()
            .map(|row| match <[String; 3]>::try_from(row) {
                Ok([name, state, lag]) => Ok(Standby {
                    lag_bytes: lag.parse().map_err(|error| Error::format("a lag", error))?,
                    name,
                    state,
                }),
                Err(row) => Err(Error::format("pg_stat_replication", format!("{row:?}"))),
            })
            .collect()
    }

    /// A digest of the seed data, equal on all servers that have replayed it.
    /// The write probe's rows are not in it.
    pub fn checksum(&self, server: Server) -> Result<String> {
        let query = "select count(*) || ':' || md5(string_agg(a::text, ';' order by aid)) \
             from accounts a";
        self.sql_value(server, query)
    }

    /// When the postmaster started, in UTC with microseconds. It changes with
    /// every start, which is how a restart is told from none.
    pub fn postmaster_start_time(&self, server: Server) -> Result<String> {
        let query = "select to_char(pg_postmaster_start_time() at time zone 'UTC', \
             'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";
        self.sql_value(server, query)
    }

    /// The position up to which the primary has written.
    pub fn current_lsn(&self) -> Result<String> {
        self.sql_value(Server::Primary, "select pg_current_wal_lsn()")
    }

    /// Waits until a standby has replayed up to `lsn`.
    pub fn wait_replayed(&self, server: Server, lsn: &str, patience: Duration) -> Result<()> {
        let query = format!("select pg_last_wal_replay_lsn() >= '{lsn}'::pg_lsn");
        wait(&format!("{server} replay {lsn}"), patience, || {
            let replayed = self.sql_value(server, &query)?;
            Ok((replayed == "t").then_some(()).ok_or(replayed))
        })
    }

    /// Waits until exactly these standbys stream from the primary.
    pub fn wait_streaming(&self, standbys: &[Server], patience: Duration) -> Result<()> {
        let mut expected: Vec<&str> = standbys.iter().map(|server| server.as_str()).collect();
        expected.sort_unstable();
        wait(
            &format!("streaming of {}", expected.join(", ")),
            patience,
            || {
                let seen = self.streaming()?;
                let streams = seen.iter().all(|standby| standby.state == "streaming");
                let names = seen.iter().map(|standby| standby.name.as_str());
                let all_there = streams && names.eq(expected.iter().copied());
                Ok(all_there.then_some(()).ok_or_else(|| format!("{seen:?}")))
            },
        )
    }

    /// Runs statements that hold secrets: on stdin, where no process list
    /// shows them.
    pub(crate) fn script(&self, server: Server, database: &str, statements: &str) -> Result<()> {
        let mut psql = self.psql(server);
        psql.env("PGDATABASE", database);
        run_with_input(psql.args(["-v", "ON_ERROR_STOP=1", "-f", "-"]), statements).map(drop)
    }

    /// psql as the superuser, with all it needs but what to do.
    pub(crate) fn psql(&self, server: Server) -> Command {
        let described = &self.description;
        let mut psql = command(&described.tools.psql);
        psql.args(["-X", "-q"])
            .env("PGHOST", &described.host)
            .env("PGPORT", described.server(server).port.to_string())
            .env("PGDATABASE", &described.database)
            .env("PGUSER", RoleName::Admin.user())
            .env("PGPASSWORD", self.password(RoleName::Admin))
            .env("PGSSLMODE", "disable")
            .env("PGGSSENCMODE", "disable")
            .env("PGCONNECT_TIMEOUT", "5")
            .env("PGOPTIONS", "-c statement_timeout=60s");
        psql
    }
}

fn rows(text: &str) -> Vec<Row> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    if text.is_empty() {
        return Vec::new();
    }
    text.split(ROW_SEPARATOR)
        .map(|row| row.split(FIELD_SEPARATOR).map(str::to_owned).collect())
        .collect()
}

/// Looks until it is there; a look that fails counts as "not yet".
pub(crate) fn wait(
    what: &str,
    patience: Duration,
    look: impl Fn() -> Result<std::result::Result<(), String>>,
) -> Result<()> {
    let deadline = Instant::now() + patience;
    loop {
        let last = match look() {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(seen)) => seen,
            Err(error) => error.to_string(),
        };
        if Instant::now() >= deadline {
            return Err(Error::Timeout {
                what: what.to_owned(),
                seconds: patience.as_secs(),
                last,
            });
        }
        std::thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rows_with_empty_fields_and_line_breaks() {
        assert_eq!(rows("\n"), Vec::<Row>::new());
        assert_eq!(
            rows("a\u{1f}\u{1e}b\nc\u{1f}d\n"),
            [vec!["a", ""], vec!["b\nc", "d"]]
        );
    }
}
