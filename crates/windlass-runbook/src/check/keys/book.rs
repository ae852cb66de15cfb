//! The keys of a runbook itself, of its change block and of its secrets.

use windlass_core::plan::PARALLEL_MAX;

use super::{INPUT, Keys, Shape, key, must};

pub(crate) static TOP: Keys = Keys {
    of: "a runbook",
    known: &[
        must(
            "windlass",
            Shape::Version,
            "The version of the language.",
            "1",
        ),
        must(
            "name",
            Shape::Name,
            "The runbook's name, for lists and commands.",
            "restart_replica",
        ),
        key(
            "title",
            Shape::Text,
            "What the runbook does, in a line for people.",
            "Restart a streaming replica",
        ),
        key(
            "owner",
            Shape::Text,
            "Who answers for the runbook.",
            "team-dba",
        ),
        key(
            "labels",
            Shape::Texts,
            "Words by which runs are found.",
            "{service: postgresql, risk: low}",
        ),
        key(
            "inputs",
            Shape::Declarations(&INPUT),
            "What a run is given, by name: types, rules and defaults.",
            "{host: string, max_lag: {type: bytes, default: 1MiB}}",
        ),
        key(
            "secrets",
            Shape::Secrets,
            "Names of secret values, and where their values are found.",
            "{password: {env: PGPASSWORD}}",
        ),
        key(
            "plugins",
            Shape::Members(&PLUGIN),
            "The plugins that bring actions, by the name that their actions begin with.",
            "{rds: {source: ../plugins/otc-rds, grants: manifest}}",
        ),
        key(
            "change",
            Shape::Map(&CHANGE),
            "What a change form asks; an approval binds it.",
            "{class: normal, outage: 5m, backout: Start the old version}",
        ),
        key(
            "target",
            Shape::Target,
            "What the run changes; one run at a time holds a target.",
            "\"postgres:${{ inputs.host }}\"",
        ),
        key(
            "defaults",
            Shape::Defaults,
            "Parameters for every action of a family, where a step gives none of its own.",
            "{postgres: {user: monitor}}",
        ),
        must(
            "steps",
            Shape::Steps,
            "The steps by their ids; `needs` orders them, not their places.",
            "{look: {uses: shell, effect: read, with: {argv: [uptime]}}}",
        ),
        key(
            "outputs",
            Shape::Expressions,
            "What the runbook gives to one that uses it as a step.",
            "{version: \"steps.look.outputs.stdout[0]\"}",
        ),
        key(
            "finally",
            Shape::Steps,
            "Steps that run last, whatever became of the others; none is irreversible.",
            "{report: {uses: shell, effect: read, with: {argv: [date]}}}",
        ),
        key(
            "on_failure",
            Shape::Word(&["stop", "undo"]),
            "Whether a failed run undoes its reversible steps; without it nothing is undone.",
            "undo",
        ),
        key(
            "timeout",
            Shape::Duration,
            "How long a run may take; a change in flight is never cut off.",
            "4h",
        ),
        key(
            "max_parallel",
            Shape::Count(1, PARALLEL_MAX),
            "How many steps and items run at once.",
            "4",
        ),
        key(
            "on",
            Shape::Map(&ON),
            "Whom a run tells, and of what; sent beside the run until it is delivered.",
            "{ended: {uses: notify/webhook, with: {url: \"https://hooks.example.com/runs\"}}}",
        ),
    ],
    later: &[
        "related_targets",
        "policy",
        "schedule",
        "triggers",
        "windows",
        "guards",
    ],
    refused: &[],
};

const WEBHOOK: &str = "{uses: notify/webhook, with: {url: \"https://hooks.example.com/runs\"}}";

pub(crate) static ON: Keys = Keys {
    of: "`on`",
    known: &[
        key(
            "gate_opened",
            Shape::OneOrMore(&NOTICE),
            "When a gate opens and waits for an approval.",
            WEBHOOK,
        ),
        key(
            "needs_operator",
            Shape::OneOrMore(&NOTICE),
            "When a person is needed who was not needed before.",
            "{uses: notify/page, with: {provider: pagerduty, routing_key: \"${{ secrets.pager }}\"}}",
        ),
        key(
            "debt",
            Shape::OneOrMore(&NOTICE),
            "When something is owed: from then on, still at the ending, and when a person took it over.",
            WEBHOOK,
        ),
        key(
            "window",
            Shape::OneOrMore(&NOTICE),
            "When a segment runs past its opening, or a person lets a step begin against its window or a freeze.",
            WEBHOOK,
        ),
        key(
            "ended",
            Shape::OneOrMore(&NOTICE),
            "When the run has ended, however it did.",
            WEBHOOK,
        ),
    ],
    later: &[],
    refused: &[],
};

pub(crate) static NOTICE: Keys = Keys {
    of: "a notice",
    known: &[
        key(
            "when",
            Shape::Expression,
            "It is sent unless this is false; it reads `inputs`, `run` and `event`.",
            "event.end != 'succeeded'",
        ),
        must(
            "uses",
            Shape::Word(&["notify/webhook", "notify/page"]),
            "The action that sends it.",
            "notify/webhook",
        ),
        key(
            "with",
            Shape::With,
            "Its parameters; they read `inputs`, `run` and `event`.",
            "{url: \"https://hooks.example.com/runs\", json: {text: \"${{ event.summary }}\"}}",
        ),
    ],
    later: &[],
    refused: &[],
};

pub(crate) static PLUGIN: Keys = Keys {
    of: "a plugin",
    known: &[
        must(
            "source",
            Shape::Text,
            "Where it is, from the directory of this runbook: a directory with its sources, or a component.",
            "../plugins/otc-rds",
        ),
        must(
            "grants",
            Shape::Grants(&GRANT),
            "What its actions may do: all that its manifest asks for, or less.",
            "manifest",
        ),
        key(
            "networks",
            Shape::Ranges,
            "The private and loopback ranges that its requests may reach, and speak to without encryption.",
            "[127.0.0.0/8]",
        ),
    ],
    later: &[],
    refused: &[],
};

pub(crate) static GRANT: Keys = Keys {
    of: "a grant",
    known: &[
        must(
            "methods",
            Shape::Words,
            "The methods of the requests.",
            "[GET]",
        ),
        must(
            "url",
            Shape::Text,
            "Their addresses; `*` is one label or segment, `**` at the end the rest, `{input}` the origin that an input holds.",
            "\"{endpoint}/v3/*/jobs\"",
        ),
    ],
    later: &[],
    refused: &[],
};

pub(crate) static CHANGE: Keys = Keys {
    of: "a change",
    known: &[
        must(
            "class",
            Shape::Word(&["standard", "normal", "emergency"]),
            "How the change is approved.",
            "normal",
        ),
        key(
            "risk",
            Shape::Word(&["low", "moderate", "high"]),
            "How much can go wrong.",
            "moderate",
        ),
        key(
            "reason",
            Shape::Text,
            "Why the change is made.",
            "Security fixes of the minor version",
        ),
        key(
            "affects",
            Shape::TextOrTexts,
            "The services that the change is about.",
            "[orders, billing]",
        ),
        key(
            "impact",
            Shape::Text,
            "What their users notice.",
            "Writes fail for some seconds",
        ),
        key(
            "outage",
            Shape::DurationOrZero,
            "For how long, at most; 0s says that there is none.",
            "5m",
        ),
        key(
            "backout",
            Shape::Text,
            "How it is taken back, and until when.",
            "Start the old binaries; not after the catalog changed",
        ),
        key(
            "test",
            Shape::Text,
            "How it was tried, and how success is seen.",
            "Rehearsed on the staging cluster",
        ),
        key(
            "communication",
            Shape::Text,
            "Who is told, and when.",
            "On-call is told an hour before",
        ),
    ],
    later: &["ticket", "window"],
    refused: &[],
};

pub(crate) static SECRET: Keys = Keys {
    of: "a secret",
    known: &[
        key(
            "env",
            Shape::Text,
            "The environment variable that holds the value.",
            "PGPASSWORD",
        ),
        key(
            "file",
            Shape::Text,
            "The file that holds the value; an absolute path.",
            "/etc/windlass/pgpass",
        ),
        key(
            "exec",
            Shape::Words,
            "The program that prints the value, and its arguments.",
            "[pass, show, db/admin]",
        ),
        key(
            "vault",
            Shape::Map(&VAULT),
            "Where in a Vault the value is.",
            "{address: \"https://vault.example.com\", path: db/admin, field: password}",
        ),
        key(
            "hosts",
            Shape::Words,
            "The hosts that the value may be sent to; without it, any that a step names.",
            "[api.example.com, \"*.internal.example\"]",
        ),
    ],
    later: &[],
    refused: &[],
};

pub(crate) static VAULT: Keys = Keys {
    of: "`vault`",
    known: &[
        must(
            "address",
            Shape::Text,
            "Where the Vault is: https://HOST or https://HOST:PORT.",
            "https://vault.example.com:8200",
        ),
        key(
            "mount",
            Shape::Text,
            "Where the key-value engine (version 2) is mounted; `secret` when left out.",
            "kv/team-dba",
        ),
        must(
            "path",
            Shape::Text,
            "The secret's path below the mount, without `data`.",
            "db/admin",
        ),
        must(
            "field",
            Shape::Text,
            "Which field of the secret.",
            "password",
        ),
        key(
            "version",
            Shape::Count(1, super::super::vault::VERSION_MAX),
            "Which version; the newest when left out.",
            "3",
        ),
        key(
            "namespace",
            Shape::Text,
            "The namespace, where the Vault has some.",
            "team-dba",
        ),
        key(
            "auth",
            Shape::Map(&VAULT_AUTH),
            "How to log in; `{token: {env: VAULT_TOKEN}}` when left out.",
            "{token: {file: /run/secrets/vault-token}}",
        ),
        key(
            "ca_file",
            Shape::Text,
            "Authorities to trust instead of the system's; an absolute path.",
            "/etc/windlass/vault-ca.pem",
        ),
        key(
            "insecure_reason",
            Shape::Text,
            "Why `http://` is acceptable; needed for it.",
            "a Vault for tests on this machine",
        ),
    ],
    later: &[],
    refused: &[],
};

pub(crate) static VAULT_AUTH: Keys = Keys {
    of: "`auth`",
    known: &[
        key(
            "token",
            Shape::Map(&KEPT),
            "Where a token is.",
            "{env: VAULT_TOKEN}",
        ),
        key(
            "approle",
            Shape::Map(&APPROLE),
            "A role, and where its secret id is.",
            "{role_id: {env: ROLE_ID}, secret_id: {file: /run/secrets/secret-id}}",
        ),
    ],
    later: &["kubernetes", "jwt", "userpass"],
    refused: &[],
};

pub(crate) static APPROLE: Keys = Keys {
    of: "`approle`",
    known: &[
        must(
            "role_id",
            Shape::Map(&KEPT),
            "Where the role's id is.",
            "{env: ROLE_ID}",
        ),
        must(
            "secret_id",
            Shape::Map(&KEPT),
            "Where the role's secret id is.",
            "{file: /run/secrets/secret-id}",
        ),
        key(
            "mount",
            Shape::Text,
            "Where the method is mounted; `approle` when left out.",
            "approle-dba",
        ),
    ],
    later: &[],
    refused: &[],
};

pub(crate) static KEPT: Keys = Keys {
    of: "a place on this machine",
    known: &[
        key(
            "env",
            Shape::Text,
            "The environment variable that holds it.",
            "VAULT_TOKEN",
        ),
        key(
            "file",
            Shape::Text,
            "The file that holds it, which only its owner can read; an absolute path.",
            "/run/secrets/vault-token",
        ),
    ],
    later: &[],
    refused: &[],
};
