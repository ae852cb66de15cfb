//! The `with` of a PostgreSQL step, read and checked before anything is sent.

use std::time::Duration;

use secrecy::SecretString;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use windlass_core::id::SecretName;
use windlass_core::value::Value;
use windlass_engine::ports::StepContext;

use super::{CONNECT_TIMEOUT, Postgres, STATEMENT_TIMEOUT};
use crate::with::{BadWith, Fields};

/// Which authorities vouch for the server.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Trust {
    /// No TLS: its author said why, or it is a socket of this machine.
    Plaintext,
    /// The system's authorities.
    Native,
    /// A file's path, or PEM text.
    Given(String),
}

/// How the statement stands to transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// In a read-only transaction that is never committed.
    ReadOnly,
    /// In a transaction of its own.
    Transaction,
    /// Outside of one.
    Autocommit,
}

/// One statement and where to send it.
pub(super) struct Call {
    /// Without password and TLS mode, which `session` adds.
    pub(super) server: Config,
    pub(super) password: Option<SecretString>,
    pub(super) trust: Trust,
    pub(super) insecure_reason: Option<String>,
    pub(super) sql: String,
    pub(super) params: Vec<Value>,
    pub(super) mode: Mode,
    pub(super) statement_timeout: Duration,
    pub(super) connect_timeout: Duration,
    /// Whether a server that cannot be asked is an answer, too.
    pub(super) reports_unreachable: bool,
}

impl Call {
    /// Reads the `with`; the password is looked up here.
    pub(super) fn read(kind: Postgres, context: &StepContext) -> Result<Self, BadWith> {
        let mut with = Fields::of(&context.input)?;
        let mut server = read_server(&mut with)?;
        let (trust, insecure_reason) = read_trust(&mut with, &mut server)?;
        let password = match with.secret("password")? {
            None => None,
            Some(name) => Some(granted(context, &name, &server, &trust)?),
        };
        let sql = with.text("sql")?.unwrap_or_default();
        check_sql(&sql)?;
        let mode = match kind {
            Postgres::Query => Mode::ReadOnly,
            Postgres::Execute if with.bool("autocommit")?.unwrap_or(false) => Mode::Autocommit,
            Postgres::Execute => Mode::Transaction,
        };
        let call = Self {
            server,
            password,
            trust,
            insecure_reason,
            sql,
            params: with.values("params")?.unwrap_or_default(),
            mode,
            statement_timeout: with
                .duration("statement_timeout")?
                .unwrap_or(STATEMENT_TIMEOUT),
            connect_timeout: with.duration("connect_timeout")?.unwrap_or(CONNECT_TIMEOUT),
            reports_unreachable: match with.text("unreachable")?.as_deref() {
                None | Some("fail") => false,
                Some("report") => true,
                Some(other) => {
                    return Err(BadWith::new(format!(
                        "`unreachable` is `fail` or `report`, not {other:?}"
                    )));
                }
            },
        };
        with.finish()?;
        Ok(call)
    }
}

/// The password, when it may go to the server that is named.
fn granted(
    context: &StepContext,
    name: &SecretName,
    server: &Config,
    trust: &Trust,
) -> Result<SecretString, BadWith> {
    let named = server.get_hosts().first().map(|host| match host {
        Host::Tcp(host) => host.clone(),
        Host::Unix(directory) => directory.to_string_lossy().into_owned(),
    });
    // With TLS only the bearer of the host's certificate gets it, whatever the address.
    let address = server
        .get_hostaddrs()
        .first()
        .filter(|_| *trust == Trust::Plaintext)
        .map(ToString::to_string);
    if let Some(address) = address {
        context.secrets.for_host(name, &address)?;
    }
    let host = named.unwrap_or_default();
    Ok(context.secrets.for_host(name, &host)?.clone())
}

fn read_server(with: &mut Fields) -> Result<Config, BadWith> {
    let server = match with.text("dsn")? {
        Some(dsn) => {
            if let Some(key) = ["host", "port", "dbname", "user"]
                .into_iter()
                .find(|key| with.has(key))
            {
                return Err(BadWith::new(format!(
                    "`{key}` stands in the `dsn`: give one of them"
                )));
            }
            parse_dsn(&dsn)?
        }
        None => {
            let mut server = Config::new();
            server.host(
                with.text("host")?
                    .ok_or_else(|| BadWith::new("give `host` or `dsn`"))?,
            );
            server.user(
                with.text("user")?
                    .ok_or_else(|| BadWith::new("give `user` or `dsn`"))?,
            );
            if let Some(dbname) = with.text("dbname")? {
                server.dbname(dbname);
            }
            if let Some(port) = with.int("port")? {
                let port = u16::try_from(port).ok().filter(|port| *port > 0);
                server.port(port.ok_or_else(|| BadWith::new("`port` is from 1 to 65535"))?);
            }
            server
        }
    };
    // With several, the driver would choose, and an attempt has one target.
    if server.get_hosts().len() != 1 || server.get_hostaddrs().len() > 1 {
        return Err(BadWith::new("name exactly one server"));
    }
    if server.get_user().is_none() {
        return Err(BadWith::new("the `dsn` names no user"));
    }
    Ok(server)
}

/// The driver knows no `verify-full`, and a mode that it knows would be weaker.
fn parse_dsn(dsn: &str) -> Result<Config, BadWith> {
    let stripped = without_verify_full(dsn);
    if stripped.contains("sslmode") {
        return Err(BadWith::new(
            "the `dsn` may say sslmode=verify-full or nothing; `sslmode: disable` is a key beside it",
        ));
    }
    // The driver's own message could quote a password that should not stand there.
    let server: Config = stripped.parse().map_err(|_| {
        BadWith::new(
            "the `dsn` cannot be read: expected postgresql://USER@HOST:PORT/DB or key=value pairs",
        )
    })?;
    if server.get_password().is_some() {
        return Err(BadWith::new(
            "the `dsn` holds a password: give it as the secret `password`",
        ));
    }
    Ok(server)
}

fn without_verify_full(dsn: &str) -> String {
    const VERIFY_FULL: &str = "sslmode=verify-full";
    if !dsn.contains("://") {
        let words = dsn.split(' ').filter(|word| *word != VERIFY_FULL);
        return words.collect::<Vec<_>>().join(" ");
    }
    match dsn.split_once('?') {
        None => dsn.to_owned(),
        Some((base, query)) => {
            let kept: Vec<_> = query
                .split('&')
                .filter(|pair| *pair != VERIFY_FULL)
                .collect();
            if kept.is_empty() {
                base.to_owned()
            } else {
                format!("{base}?{}", kept.join("&"))
            }
        }
    }
}

fn read_trust(with: &mut Fields, server: &mut Config) -> Result<(Trust, Option<String>), BadWith> {
    let mode = with.text("sslmode")?;
    let reason = with.text("insecure_reason")?;
    let authorities = with.text("sslrootcert")?;
    let by_socket = matches!(server.get_hosts(), [Host::Unix(_)]);
    let trust = match (mode.as_deref(), authorities) {
        (Some("disable"), Some(_)) => {
            return Err(BadWith::new(
                "`sslrootcert` says nothing with `sslmode: disable`",
            ));
        }
        (Some("disable"), None) => {
            if reason
                .as_deref()
                .is_none_or(|reason| reason.trim().is_empty())
            {
                return Err(BadWith::new(
                    "`sslmode: disable` needs `insecure_reason`: why may everybody on the way read and change this?",
                ));
            }
            Trust::Plaintext
        }
        // Only this machine's own kernel carries it.
        (None, None) if by_socket => Trust::Plaintext,
        (None | Some("verify-full"), _) if by_socket => {
            return Err(BadWith::new(
                "a socket of this machine has no TLS: leave `sslmode` and `sslrootcert` out",
            ));
        }
        (None | Some("verify-full"), Some(authorities)) => Trust::Given(authorities),
        (None | Some("verify-full"), None) => Trust::Native,
        (Some(other), _) => {
            return Err(BadWith::new(format!(
                "`sslmode` is `verify-full` or `disable`, not {other:?}"
            )));
        }
    };
    server.ssl_mode(match trust {
        Trust::Plaintext => SslMode::Disable,
        Trust::Native | Trust::Given(_) => SslMode::Require,
    });
    Ok((trust, reason))
}

/// What can be known to fail after sending is refused before it.
fn check_sql(sql: &str) -> Result<(), BadWith> {
    if sql.contains('\0') {
        return Err(BadWith::new("`sql` cannot hold a NUL"));
    }
    if after_comments(sql).is_empty() {
        return Err(BadWith::new("`sql` is empty"));
    }
    match first_word(sql).as_str() {
        "copy" => Err(BadWith::new("COPY is not supported: use `shell` with psql")),
        _ => Ok(()),
    }
}

/// The statement's first word in lower case, after comments and space.
pub(super) fn first_word(sql: &str) -> String {
    let rest = after_comments(sql);
    let end = rest
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(rest.len());
    rest[..end].to_ascii_lowercase()
}

fn after_comments(sql: &str) -> &str {
    let mut rest = sql.trim_start();
    loop {
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = after_comment(comment);
        } else {
            return rest;
        }
        rest = rest.trim_start();
    }
}

/// What follows a block comment; PostgreSQL's nest.
fn after_comment(mut rest: &str) -> &str {
    let mut depth = 1;
    while depth > 0 {
        let Some(at) = rest.find(['/', '*']) else {
            return "";
        };
        rest = &rest[at..];
        if let Some(inner) = rest.strip_prefix("/*") {
            (depth, rest) = (depth + 1, inner);
        } else if let Some(outer) = rest.strip_prefix("*/") {
            (depth, rest) = (depth - 1, outer);
        } else {
            rest = &rest[1..];
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dsn_is_never_weaker_than_verify_full() {
        for good in [
            "postgresql://me@db.example/app",
            "postgresql://me@db.example/app?sslmode=verify-full",
            "postgresql://me@db.example/app?connect_timeout=3&sslmode=verify-full",
            "host=db.example user=me sslmode=verify-full dbname=app",
        ] {
            let server = parse_dsn(good).map_err(|error| error.to_string()).unwrap();
            assert_eq!(server.get_hosts().len(), 1, "{good}");
        }
        for bad in [
            "postgresql://me@db.example/app?sslmode=prefer",
            "host=db.example user=me sslmode=require",
            "host=db.example user=me sslmode = 'disable'",
            "postgresql://me:hunter2@db.example/app",
            "::",
        ] {
            let error = parse_dsn(bad).err().map(|error| error.to_string());
            assert!(
                error.is_some_and(|error| !error.contains("hunter2")),
                "{bad}"
            );
        }
    }

    #[test]
    fn the_first_word_is_behind_comments() {
        for (sql, word) in [
            ("select 1", "select"),
            (" -- drop\n/* a /* nested */ b */ Copy t to stdout", "copy"),
            ("/* never ended", ""),
            ("-- only", ""),
            ("(select 1)", ""),
        ] {
            assert_eq!(first_word(sql), word, "{sql}");
        }
        assert!(check_sql("(select 1)").is_ok());
        assert!(check_sql(" -- nothing").is_err());
    }
}
