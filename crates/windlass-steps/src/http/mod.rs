//! The step kind `http`: one request. Here are its catalog entry and its runner; `call`
//! reads the `with`, `exchange` sends, and `verdict` says what the answer means. Where a
//! request may go and whether it was sent is `windlass-http`'s word.

mod call;
mod exchange;
mod verdict;

use std::collections::BTreeMap;

use windlass_core::catalog::{Action, Grant, NoEffect, Param, Touch};
use windlass_core::outcome::Outcome;
use windlass_core::time::Millis;
use windlass_core::types::Type;
use windlass_engine::attempt::DispatchToken;
use windlass_engine::ports::{StepContext, StepRunner, Work};

use crate::catalog::{OBSERVE, SETTLE, optional, outputs, params, required, secret, touching};
use crate::detach::detached;

pub use call::BODY_BYTES_MAX;
pub use exchange::LINGER;
pub use verdict::NO_EFFECT;

/// The name that authors use.
pub(crate) const NAME: &str = "http";

/// A parameter that takes no expressions.
fn literal(param: Param) -> Param {
    Param {
        literal: true,
        ..param
    }
}

fn request_params() -> BTreeMap<String, Param> {
    params([
        (
            "url",
            touching(
                Touch::Url,
                literal(required(
                    Type::Text,
                    "The address, with blanks for what differs, as in https://{region}.api.example.com/v3/{project}",
                )),
            ),
        ),
        (
            "parts",
            touching(
                Touch::Detail,
                optional(
                    Type::map(Type::Scalar),
                    "What fills the blanks of `url`: one label of the host, the port, or one segment each",
                ),
            ),
        ),
        (
            "method",
            touching(
                Touch::Detail,
                literal(optional(
                    Type::Text,
                    "GET (when left out), HEAD, POST, PUT, PATCH or DELETE",
                )),
            ),
        ),
        (
            "query",
            optional(
                Type::map(Type::Scalar),
                "Names and values behind the `?`; no secrets, because servers log them",
            ),
        ),
        (
            "headers",
            secret(
                Type::map(Type::Scalar),
                "Headers; a value may be a secret, alone",
            ),
        ),
        (
            "bearer",
            secret(Type::Text, "A secret, sent as `Authorization: Bearer`"),
        ),
        (
            "basic",
            secret(
                Type::map(Type::Text),
                "`user` and the secret `password`, sent as `Authorization: Basic`",
            ),
        ),
        (
            "json",
            secret(Type::Any, "The body, sent as JSON; values may be secrets"),
        ),
        (
            "body",
            secret(
                Type::Text,
                "The body, sent as it is; not together with `json`",
            ),
        ),
        (
            "idempotency_key",
            optional(
                Type::Text,
                "The header that carries the attempt's key, such as `Idempotency-Key`",
            ),
        ),
    ])
}

fn answer_params() -> BTreeMap<String, Param> {
    params([
        (
            "output",
            optional(
                Type::Text,
                "How the body is read: `json` or `text`; by its content type when left out",
            ),
        ),
        (
            "ok_status",
            optional(
                Type::list(Type::Int),
                "Statuses that are a success; 200 to 299 when left out",
            ),
        ),
        (
            "no_effect_status",
            optional(
                Type::list(Type::Int),
                "Statuses by which the target says that it did nothing, instead of those that mean it anyway",
            ),
        ),
        (
            "max_bytes",
            optional(
                Type::Bytes,
                "What is read of the body; 184KiB when left out, and at most",
            ),
        ),
        (
            "follow_redirects",
            optional(
                Type::Int,
                "How many redirects a GET or HEAD follows, at most 5; none when left out",
            ),
        ),
    ])
}

fn connection_params() -> BTreeMap<String, Param> {
    params([
        (
            "private_addresses",
            touching(
                Touch::Detail,
                literal(optional(
                    Type::list(Type::Text),
                    "Ranges such as 10.0.0.0/8 that the host may be in; otherwise it must be public",
                )),
            ),
        ),
        (
            "insecure_reason",
            touching(
                Touch::Detail,
                optional(Type::Text, "Why `http://` is acceptable; needed for it"),
            ),
        ),
        (
            "ca_file",
            optional(
                Type::Text,
                "Authorities to trust instead of the system's: a file's path or PEM text",
            ),
        ),
        (
            "connect_timeout",
            optional(
                Type::Duration,
                "For resolution, TCP and TLS together; 10s when left out",
            ),
        ),
    ])
}

/// What the front end knows of it.
pub(crate) fn entry() -> Action {
    let mut params = request_params();
    params.extend(answer_params());
    params.extend(connection_params());
    Action {
        summary: "Send one HTTP request".to_owned(),
        effect: None,
        params,
        rest: None,
        outputs: Some(outputs([
            ("status", Type::Int, "The status, such as 200"),
            (
                "headers",
                Type::map(Type::Text),
                "The headers by names in lower case, cookies left out",
            ),
            (
                "json",
                Type::Any,
                "The body when it was read as JSON, otherwise null",
            ),
            (
                "body",
                Type::Text.nullable(),
                "The body when it was read as text, otherwise null",
            ),
            (
                "truncated",
                Type::Bool,
                "Whether `body` is only the beginning",
            ),
            ("url", Type::Text, "What answered, after redirects"),
            (
                "duration_ms",
                Type::Int,
                "How long it took from the look-up to the last byte",
            ),
        ])),
        echoes: false,
        computes: false,
        grants: vec![Grant::Connects(vec!["url".to_owned()])],
        reconciles: false,
        undoes: false,
        // For reads and idempotent requests; the author of a change states its own.
        timeout: Some(Millis::from_mins(1)),
        settle: SETTLE,
        settle_least: Millis(0),
        observe: OBSERVE,
        no_effect: NoEffect::Refused,
        provides: None,
    }
}

/// Runs `http`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Http;

impl StepRunner for Http {
    fn run(&self, token: DispatchToken, context: StepContext) -> Work<Outcome> {
        Box::pin(detached(context, |context, stops| async move {
            let log = context.log.clone();
            let call = match call::Call::read(&context) {
                Ok(call) => call,
                Err(error) => return error.into_ending().into_outcome(&log),
            };
            exchange::perform(token, &context, call, stops)
                .await
                .unwrap_or_else(|ending| ending.into_outcome(&log))
        }))
    }
}
