//! The step kind `ssh`: a command on another machine, by the system's OpenSSH client.
//! Here are its catalog entry and its runner; `connection` reads whom to call and gives
//! the client its words, `wrapper` writes what the other machine is told, `frame` reads
//! what it answers, and `perform` sees one attempt to its end.
//! Each attempt has a connection of its own; nothing is retried and nothing is shared.

mod connection;
mod frame;
mod perform;
mod wrapper;

use std::sync::Arc;
use std::time::Duration;

use windlass_core::catalog::{Action, Grant, Touch};
use windlass_core::outcome::Outcome;
use windlass_core::time::Millis;
use windlass_core::types::Type;
use windlass_engine::attempt::DispatchToken;
use windlass_engine::ports::{StepContext, StepRunner, Work};

use crate::catalog::{optional, params, required, touching};
use crate::detach::detached;
use crate::process::Owner;
use crate::shell;

pub use wrapper::GO_WITHIN;

/// The name that authors use.
pub(crate) const NAME: &str = "ssh";

/// The default of `connect_timeout`, up to the other machine's word that it is ready.
pub const SSH_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What the front end knows of it: a shell's, with another machine before it.
pub(crate) fn entry() -> Action {
    let mut action = Action {
        summary: "Run a command or a script on another machine, by OpenSSH".to_owned(),
        grants: vec![Grant::Connects(vec!["host".to_owned(), "port".to_owned()])],
        settle_least: Millis::from_secs(GO_WITHIN.as_secs()),
        ..shell::entry()
    };
    let cwd = optional(
        Type::Text,
        "The working directory there; the user's home when left out",
    );
    action.params.extend(params([
        (
            "host",
            touching(
                Touch::Host,
                required(Type::Text, "The machine's name or address"),
            ),
        ),
        (
            "port",
            touching(
                Touch::Port,
                optional(Type::Int, "Its port; 22 when left out"),
            ),
        ),
        (
            "user",
            touching(
                Touch::User,
                required(Type::Text, "The account to log in to"),
            ),
        ),
        (
            "identity_file",
            optional(
                Type::Text,
                "The path of a private key that nobody else can read; the agent's and the user's own when left out",
            ),
        ),
        (
            "known_hosts",
            optional(
                Type::Text,
                "The path of the file that has the machine's key; the user's and the system's when left out",
            ),
        ),
        (
            "connect_timeout",
            optional(
                Type::Duration,
                "For TCP, keys, login and the shell there together; 10s when left out",
            ),
        ),
        ("cwd", touching(Touch::Directory, cwd)),
    ]));
    action
}

/// Runs `ssh`.
#[derive(Debug)]
pub(crate) struct Ssh {
    owner: Arc<Owner>,
}

impl Ssh {
    pub(crate) fn new(owner: Arc<Owner>) -> Self {
        Self { owner }
    }
}

impl StepRunner for Ssh {
    fn run(&self, token: DispatchToken, context: StepContext) -> Work<Outcome> {
        let owner = self.owner.clone();
        Box::pin(detached(context, move |context, stops| async move {
            let log = context.log.clone();
            perform::perform(&owner, token, &context, stops)
                .await
                .unwrap_or_else(|ending| ending.into_outcome(&log))
        }))
    }
}
