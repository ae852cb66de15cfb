//! Messages to people and to other systems: `notify/webhook` and `notify/page`. Here are
//! their catalog entries. A step of them leaves a message for the owner's outbox; the same
//! calls stand under `on`. `call` reads a `with`, `hook` and `page` say what goes over the
//! wire, `post` sends one request, `sign` signs it; `messenger` is what the outbox sends
//! by, `runner` what a step does.

mod call;
mod hook;
mod messenger;
mod page;
mod post;
mod runner;
mod sign;

use std::collections::BTreeMap;

use windlass_core::catalog::{Action, Grant, NoEffect, Param, Touch};
use windlass_core::plan::EffectClass;
use windlass_core::time::Millis;
use windlass_core::types::Type;

pub use messenger::Notifier;
pub use page::{PAGERDUTY, REPEAT};
pub(crate) use runner::{Page, Webhook};

use crate::catalog::{OBSERVE, optional, outputs, params, required, secret, touching};

/// The name of the message to a system.
pub(crate) const WEBHOOK: &str = "notify/webhook";
/// The name of the call for a person.
pub(crate) const PAGE: &str = "notify/page";

/// How long a step waits that waits for its delivery, unless it says otherwise.
const TIMEOUT: Millis = Millis::from_mins(1);

/// The catalog entry of `notify/webhook`.
pub(crate) fn webhook_entry() -> Action {
    let own = params([
        (
            "url",
            url(Param {
                secret: true,
                ..required(Type::Text, URL)
            }),
        ),
        (
            "json",
            optional(
                Type::Any,
                "The body, in place of the one that windlass makes",
            ),
        ),
        (
            "wait",
            optional(
                Type::Bool,
                "Whether the step succeeds only when the receiver has taken it; false when left out",
            ),
        ),
    ]);
    entry("Send a signed message to a system, at least once", own, &[])
}

/// The catalog entry of `notify/page`.
pub(crate) fn page_entry() -> Action {
    let own = params([
        ("provider", required(Type::Text, "`pagerduty` or `webhook`")),
        (
            "routing_key",
            secret(
                Type::Text,
                "The integration key of PagerDuty; a secret, never a text",
            ),
        ),
        ("url", url(secret(Type::Text, PAGE_URL))),
        (
            "severity",
            optional(
                Type::Text,
                "`critical`, `error`, `warning` or `info`; critical when left out",
            ),
        ),
        (
            "summary",
            optional(
                Type::Text,
                "One line for the person; what happened when left out",
            ),
        ),
        (
            "source",
            optional(Type::Text, "What it is about; the run when left out"),
        ),
        (
            "details",
            optional(Type::map(Type::Any), "More for the person, by name"),
        ),
        (
            "links",
            optional(
                Type::list(Type::map(Type::Text)),
                "Pages for the person, each with `href` and `text`",
            ),
        ),
        (
            "repeat",
            optional(
                Type::Duration,
                "How often it is sent again until somebody acknowledges; 5m when left out",
            ),
        ),
    ]);
    let more = [(
        "dedup_key",
        Type::Text,
        "What the receiver puts calls of one cause together by",
    )];
    entry("Call a person until somebody acknowledges", own, &more)
}

const URL: &str = "Where it is sent: a whole address, or a secret that holds one";
const PAGE_URL: &str =
    "Where it is sent; needed for `webhook`, the Events API when left out for `pagerduty`";

fn url(param: Param) -> Param {
    touching(Touch::Host, param)
}

fn entry(summary: &str, own: BTreeMap<String, Param>, more: &[(&str, Type, &str)]) -> Action {
    let mut all = params([
        (
            "secret",
            secret(
                Type::Text,
                "Signs it: `whsec_` and base64, as Standard Webhooks has it",
            ),
        ),
        (
            "headers",
            secret(Type::map(Type::Scalar), "Headers by name, such as a token"),
        ),
        (
            "private_addresses",
            optional(
                Type::list(Type::Text),
                "Ranges of private addresses that may be reached, such as `10.0.0.0/8`",
            ),
        ),
        (
            "insecure_reason",
            optional(
                Type::Text,
                "Why `http://` without TLS is acceptable; needed for it",
            ),
        ),
    ]);
    all.extend(own);
    let mut gives = outputs([(
        "delivery_id",
        Type::Text,
        "What the receiver tells repeats by; the same however often it is sent",
    )]);
    for (name, ty, summary) in more {
        gives.extend(outputs([(*name, ty.clone(), *summary)]));
    }
    Action {
        summary: summary.to_owned(),
        effect: Some(EffectClass::Idempotent),
        params: all,
        outputs: Some(gives),
        rest: None,
        echoes: false,
        computes: false,
        grants: vec![Grant::Connects(vec!["url".to_owned()])],
        reconciles: false,
        undoes: false,
        timeout: Some(TIMEOUT),
        settle: Millis(0),
        settle_least: Millis(0),
        observe: OBSERVE,
        no_effect: NoEffect::Refused,
        provides: None,
    }
}
