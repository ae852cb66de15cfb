//! The step kind `shell`: one process of the owner's machine, in a session of its own.
//! Here are its catalog entry and its runner; `perform` sees the process to its end.

mod perform;

use std::sync::Arc;

use windlass_core::catalog::{Action, Grant, NoEffect, Touch};
use windlass_core::outcome::Outcome;
use windlass_core::time::Millis;
use windlass_core::types::Type;
use windlass_engine::attempt::DispatchToken;
use windlass_engine::ports::{StepContext, StepRunner, Work};

use crate::catalog::{OBSERVE, SETTLE, optional, outputs, params, secret, touching};
use crate::detach::detached;
use crate::process::Owner;

/// The name that authors use.
pub(crate) const NAME: &str = "shell";

/// What the front end knows of it.
pub(crate) fn entry() -> Action {
    let mut script = optional(
        Type::Text,
        "A script, fed to `interpreter` on its standard input; expressions come in through `env`",
    );
    script.literal = true;
    script.touches = Some(Touch::Code);
    Action {
        summary: "Run a command or a script on the engine's machine".to_owned(),
        effect: None,
        params: params([
            (
                "argv",
                touching(
                    Touch::Program,
                    optional(
                        Type::list(Type::Scalar),
                        "The program and its arguments, passed as they are",
                    ),
                ),
            ),
            ("script", script),
            (
                "interpreter",
                touching(
                    Touch::Program,
                    optional(
                        Type::list(Type::Scalar),
                        "What reads `script`; `[\"/bin/sh\", \"-eu\"]` when left out",
                    ),
                ),
            ),
            (
                "env",
                secret(
                    Type::map(Type::Scalar),
                    "Environment variables; a value may be a secret",
                ),
            ),
            (
                "cwd",
                touching(
                    Touch::Directory,
                    optional(
                        Type::Text,
                        "The working directory; the engine's own when left out",
                    ),
                ),
            ),
            (
                "stdin",
                secret(
                    Type::Text,
                    "What the program reads; not together with `script`",
                ),
            ),
            (
                "output",
                optional(
                    Type::Text,
                    "How to read the standard output: `text`, `lines` or `json`",
                ),
            ),
            (
                "ok_exit_codes",
                optional(
                    Type::list(Type::Int),
                    "Exit codes that are a success; `[0]` when left out",
                ),
            ),
            (
                "no_effect_exit_codes",
                optional(
                    Type::list(Type::Int),
                    "Exit codes by which the program says that it changed nothing",
                ),
            ),
        ]),
        outputs: Some(outputs([
            (
                "stdout",
                Type::Any,
                "The standard output: a string, or a list of strings with `output: lines`",
            ),
            (
                "stdout_truncated",
                Type::Bool,
                "Whether `stdout` is only the beginning",
            ),
            (
                "json",
                Type::Any,
                "What `output: json` read; null with another `output`",
            ),
            ("stderr_tail", Type::Text, "The end of the standard error"),
            ("exit_code", Type::Int, "The program's exit code"),
        ])),
        rest: None,
        echoes: false,
        computes: false,
        grants: vec![Grant::Processes],
        reconciles: false,
        undoes: false,
        // For reads; the author of a change states how long it may take.
        timeout: Some(Millis::from_mins(5)),
        settle: SETTLE,
        settle_least: Millis(0),
        observe: OBSERVE,
        no_effect: NoEffect::Param("no_effect_exit_codes".to_owned()),
        provides: None,
    }
}

/// Runs `shell`.
#[derive(Debug)]
pub(crate) struct Shell {
    owner: Arc<Owner>,
}

impl Shell {
    pub(crate) fn new(owner: Arc<Owner>) -> Self {
        Self { owner }
    }
}

impl StepRunner for Shell {
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
