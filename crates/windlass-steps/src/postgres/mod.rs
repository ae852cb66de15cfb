//! The step kinds `postgres/query` and `postgres/execute`: one statement on a fresh
//! connection. Here are their catalog entries and their runner; `call` reads the
//! `with`, `session` connects, `statement` runs, `bind` and `cell` translate values,
//! `answer` says what an error means.

mod answer;
mod bind;
mod call;
mod cell;
mod clock;
mod session;
mod statement;

use std::collections::BTreeMap;
use std::time::Duration;

use windlass_core::catalog::{Action, Grant, NoEffect, Param, Touch};
use windlass_core::outcome::Outcome;
use windlass_core::plan::EffectClass;
use windlass_core::time::Millis;
use windlass_core::types::Type;
use windlass_engine::attempt::DispatchToken;
use windlass_engine::ports::{StepContext, StepRunner, Work};

use crate::catalog::{OBSERVE, SETTLE, optional, outputs, params, required, secret, touching};
use crate::detach::detached;
use crate::ending::succeeded;

/// The name of the read.
pub(crate) const QUERY: &str = "postgres/query";
/// The name of the statement whose effect its author states.
pub(crate) const EXECUTE: &str = "postgres/execute";

/// The most rows that a statement may answer.
pub const ROWS_MAX: usize = 1_000;
/// The default of `statement_timeout`.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// The default of `connect_timeout`, which covers TCP, TLS and authentication.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What `value` is, wherever it is given.
const VALUE: &str = "The only value of the only row; null when there is any other number of them";

fn rows() -> Type {
    Type::list(Type::map(Type::Any))
}

fn connection_params() -> BTreeMap<String, Param> {
    params([
        (
            "dsn",
            touching(
                Touch::Host,
                optional(
                    Type::Text,
                    "Server, database and user as one URL or `key=value` text, without a password",
                ),
            ),
        ),
        (
            "host",
            touching(
                Touch::Host,
                optional(
                    Type::Text,
                    "The server's name, which its certificate must bear, or a socket's directory",
                ),
            ),
        ),
        (
            "port",
            touching(
                Touch::Port,
                optional(Type::Int, "The server's port; 5432 when left out"),
            ),
        ),
        (
            "dbname",
            touching(
                Touch::Database,
                optional(Type::Text, "The database; named as the user when left out"),
            ),
        ),
        (
            "user",
            touching(Touch::User, optional(Type::Text, "The role")),
        ),
        (
            "password",
            secret(Type::Text, "The role's password; a secret, never a text"),
        ),
        (
            "sslmode",
            optional(Type::Text, "`verify-full` (when left out) or `disable`"),
        ),
        (
            "insecure_reason",
            optional(
                Type::Text,
                "Why `sslmode: disable` is acceptable; needed for it",
            ),
        ),
        (
            "sslrootcert",
            optional(
                Type::Text,
                "Authorities to trust instead of the system's: a file's path or PEM text",
            ),
        ),
        (
            "sql",
            touching(
                Touch::Code,
                required(
                    Type::Text,
                    "One statement; values come in through `params` as $1, $2",
                ),
            ),
        ),
        (
            "params",
            optional(
                Type::list(Type::Any),
                "The values of $1, $2 and so on, bound by the server",
            ),
        ),
        (
            "statement_timeout",
            optional(
                Type::Duration,
                "After which the server gives the statement up; 30s, and never past the attempt's deadline",
            ),
        ),
        (
            "connect_timeout",
            optional(
                Type::Duration,
                "For TCP, TLS and authentication together; 10s when left out",
            ),
        ),
    ])
}

/// One connection, to the server that the parameters name.
fn connects() -> Vec<Grant> {
    vec![Grant::Connects(
        ["dsn", "host", "port"].map(str::to_owned).to_vec(),
    )]
}

/// What the front end knows of `postgres/query`.
pub(crate) fn query_entry() -> Action {
    let mut params = connection_params();
    let unreachable = "`fail` (when left out), or `report`: a server that cannot be asked is no failure, and the output `unreachable` says why";
    params.insert("unreachable".to_owned(), optional(Type::Text, unreachable));
    Action {
        summary: "Ask a PostgreSQL server, in a read-only transaction".to_owned(),
        effect: Some(EffectClass::Read),
        params,
        outputs: Some(outputs([
            ("rows", rows(), "Each row as a map by its columns' names"),
            (
                "columns",
                Type::list(Type::Text),
                "The columns' names, in the statement's order",
            ),
            ("row_count", Type::Int, "How many rows there are"),
            (
                "unreachable",
                Type::Text.nullable(),
                "Why the server could not be asked, with `unreachable: report`; null when it was",
            ),
            ("value", Type::Any, VALUE),
        ])),
        rest: None,
        echoes: false,
        computes: false,
        grants: connects(),
        reconciles: false,
        undoes: false,
        timeout: Some(Millis::from_mins(1)),
        settle: SETTLE,
        settle_least: Millis(0),
        observe: OBSERVE,
        no_effect: NoEffect::Refused,
        provides: None,
    }
}

/// What the front end knows of `postgres/execute`.
pub(crate) fn execute_entry() -> Action {
    let mut params = connection_params();
    let autocommit = "Run outside a transaction, as VACUUM and CREATE DATABASE need";
    params.insert("autocommit".to_owned(), optional(Type::Bool, autocommit));
    Action {
        summary: "Run one statement on a PostgreSQL server".to_owned(),
        effect: None,
        params,
        outputs: Some(outputs([
            (
                "rows_affected",
                Type::Int,
                "How many rows the server says were affected",
            ),
            (
                "rows",
                rows(),
                "What the statement returned, by the columns' names",
            ),
            ("value", Type::Any, VALUE),
        ])),
        rest: None,
        echoes: false,
        computes: false,
        grants: connects(),
        reconciles: false,
        undoes: false,
        // For reads and idempotent statements; the author of a change states its own.
        timeout: Some(Millis::from_mins(1)),
        settle: SETTLE,
        settle_least: Millis(0),
        observe: OBSERVE,
        no_effect: NoEffect::Refused,
        provides: None,
    }
}

/// Runs both kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Postgres {
    Query,
    Execute,
}

impl StepRunner for Postgres {
    fn run(&self, token: DispatchToken, context: StepContext) -> Work<Outcome> {
        let kind = *self;
        Box::pin(detached(context, move |context, stops| async move {
            let log = context.log.clone();
            let call = match call::Call::read(kind, &context) {
                Ok(call) => call,
                Err(error) => return error.into_ending().into_outcome(&log),
            };
            let reports = call.reports_unreachable;
            statement::perform(token, &context, call, stops)
                .await
                .unwrap_or_else(|ending| {
                    if reports && answer::is_unreachable(&ending) {
                        log.line(&ending.message);
                        return succeeded(&log, statement::unanswered(log.redact(&ending.message)));
                    }
                    ending.into_outcome(&log)
                })
        }))
    }
}
