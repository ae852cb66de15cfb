//! The keys of steps: actions, waits and gates, and the maps inside of them.

use windlass_core::plan::{APPROVALS_MAX, ATTEMPTS_MAX, ITEMS_MAX, PARALLEL_MAX};

use super::{Key, Keys, OUTPUT, Shape, key, must};

const USES: Key = must(
    "uses",
    Shape::Uses,
    "The action that the step calls.",
    "shell",
);
const WITH: Key = key(
    "with",
    Shape::With,
    "The action's parameters; `${{ }}` fills in values of the run.",
    "{argv: [uptime]}",
);
const NEEDS: Key = key(
    "needs",
    Shape::Names,
    "The steps that come before; each must have succeeded, or been skipped by its own `when`.",
    "[look, go]",
);
const WHEN: Key = key(
    "when",
    Shape::Expression,
    "The step is skipped where this is false.",
    "inputs.host != ''",
);
const TITLE: Key = key(
    "title",
    Shape::Text,
    "What the step does, in a line for people.",
    "Restart the replica",
);
const RETRY_KEY: Key = key(
    "retry",
    Shape::Map(&RETRY),
    "How often an attempt that changed nothing is made again.",
    "{attempts: 3, backoff: 5s}",
);
const TIMEOUT: Key = key(
    "timeout",
    Shape::Duration,
    "How long an attempt is waited for; of a change it ends the waiting, not the work.",
    "10m",
);
const OBSERVE: Key = key(
    "observe",
    Shape::Duration,
    "For how long a doubt is looked into before a person is asked.",
    "15m",
);
const RECONCILE_KEY: Key = key(
    "reconcile",
    Shape::Map(&RECONCILE),
    "How to see at the target whether a change in doubt happened.",
    "{uses: shell, with: {argv: [pg_isready]}, happened: exit_code == 0}",
);

const EXPECT: Key = key(
    "expect",
    Shape::Expression,
    "The step fails where this is false of its outputs.",
    "stdout.size() == 1",
);
const FOR_EACH: Key = key(
    "for_each",
    Shape::Expression,
    "The list of items; the step runs once for each, as `item`.",
    "inputs.hosts",
);
const MAX_PARALLEL: Key = key(
    "max_parallel",
    Shape::Count(1, PARALLEL_MAX),
    "How many items run at once; without it one after the other.",
    "3",
);
const FAILURE_BUDGET: Key = key(
    "failure_budget",
    // Items are bounded, so a greater budget would mean the same.
    Shape::Count(0, ITEMS_MAX as u32),
    "How many items may fail before no new one starts.",
    "1",
);
const EFFECT: Key = key(
    "effect",
    Shape::Word(&["read", "idempotent", "reversible", "irreversible"]),
    "What the step does to the world: never less than its action says.",
    "read",
);
const UNDO_KEY: Key = key(
    "undo",
    Shape::Map(&UNDO),
    "How a reversible step is taken back.",
    "{uses: shell, timeout: 1m, with: {argv: [systemctl, start, postgresql]}}",
);
const ENSURE: Key = key(
    "ensure",
    Shape::Name,
    "The step that must run once this change may have taken effect: a debt.",
    "reconnect",
);

const PROVIDES_KEY: Key = key(
    "provides",
    Shape::Map(&PROVIDES),
    "What the author claims that the step's success is evidence of.",
    "{guard: backup, evidence: {id: \"${{ stdout[0] }}\", taken_at: \"${{ stdout[1] }}\", verified_how: restored}}",
);
const GUARDS: Key = key(
    "guards",
    Shape::OneOrMore(&GUARD),
    "Evidence without which the change does not start.",
    "{guard: backup, max_age: 24h}",
);

const WINDOW_KEY: Key = key(
    "window",
    Shape::NameOr(&WINDOW),
    "The window of the policy that the change begins in.",
    "{name: off_peak, covers: verify}",
);

pub(crate) static WINDOW: Keys = Keys {
    of: "a window",
    known: &[
        must("name", Shape::Name, "Its name in the policy.", "off_peak"),
        key(
            "lead",
            Shape::Duration,
            "How long before the opening the step may begin, to prepare the segment behind it.",
            "3h",
        ),
        key(
            "covers",
            Shape::Name,
            "The last step of the segment that begins here: up to it nothing waits for time.",
            "verify",
        ),
    ],
    later: &[],
    refused: &[],
};

pub(crate) static ACTION: Keys = Keys {
    of: "a step",
    known: &[
        USES,
        WITH,
        NEEDS,
        WHEN,
        EXPECT,
        key(
            "done",
            Shape::Expression,
            "Where this is true of a read that no change precedes, the run ends: nothing to do.",
            "stdout[0] == 'up to date'",
        ),
        FOR_EACH,
        MAX_PARALLEL,
        FAILURE_BUDGET,
        key(
            "until",
            Shape::Map(&UNTIL),
            "A read is repeated until this holds of its outputs.",
            "{that: ready, every: 5s, for: 10m}",
        ),
        RETRY_KEY,
        TIMEOUT,
        OBSERVE,
        EFFECT,
        RECONCILE_KEY,
        UNDO_KEY,
        ENSURE,
        key(
            "outputs",
            Shape::Declarations(&OUTPUT),
            "Types of the action's outputs, where the action itself says less.",
            "{json: {type: map, fields: {lag: bytes}}}",
        ),
        PROVIDES_KEY,
        GUARDS,
        WINDOW_KEY,
        TITLE,
    ],
    later: &["lock", "on"],
    refused: &[],
};

/// A step that uses a runbook.
pub(crate) static INLINED: Keys = Keys {
    of: "a step that uses a runbook",
    known: &[
        must(
            "uses",
            Shape::Path,
            "The runbook whose steps take this step's place.",
            "./parts/restart.yaml",
        ),
        key(
            "with",
            Shape::With,
            "The values of its inputs.",
            "{host: \"${{ inputs.host }}\"}",
        ),
        NEEDS,
        WHEN,
        TITLE,
    ],
    later: &["window", "covers"],
    // What is done to a step belongs to the steps inside.
    refused: &[
        "expect",
        "done",
        "for_each",
        "max_parallel",
        "failure_budget",
        "until",
        "retry",
        "timeout",
        "observe",
        "effect",
        "reconcile",
        "undo",
        "ensure",
        "outputs",
    ],
};

/// A step that a person does by hand.
pub(crate) static MANUAL: Keys = Keys {
    of: "a step done by hand",
    known: &[
        must("uses", Shape::Word(&["manual"]), "Work by hand.", "manual"),
        must(
            "with",
            Shape::With,
            "What the person is told, and what he states.",
            "{instructions: Move the volume, values: {volume: string}}",
        ),
        NEEDS,
        WHEN,
        EXPECT,
        FOR_EACH,
        MAX_PARALLEL,
        FAILURE_BUDGET,
        key(
            "expires",
            Shape::Duration,
            "How long an answer is waited for; never of a change.",
            "8h",
        ),
        key(
            "not_requester",
            Shape::Boolean,
            "Whether the person who asked for the run may not do it.",
            "true",
        ),
        must(
            "effect",
            Shape::Word(&["read", "idempotent", "reversible", "irreversible"]),
            "What the person's work does to the world.",
            "reversible",
        ),
        OBSERVE,
        RECONCILE_KEY,
        UNDO_KEY,
        ENSURE,
        GUARDS,
        WINDOW_KEY,
        TITLE,
    ],
    later: &[],
    refused: &["timeout", "retry", "until", "done", "outputs", "provides"],
};

pub(crate) static WAIT: Keys = Keys {
    of: "a wait",
    known: &[
        must("uses", Shape::Word(&["wait"]), "A wait.", "wait"),
        must(
            "with",
            Shape::With,
            "How long: `for`, or `until` when.",
            "{for: 30s}",
        ),
        NEEDS,
        WHEN,
        TITLE,
    ],
    later: &[],
    refused: &["window"],
};

pub(crate) static GATE: Keys = Keys {
    of: "a gate",
    known: &[
        must(
            "approval",
            Shape::Map(&APPROVAL),
            "A person must approve before what needs the gate starts.",
            "{expires: 30m}",
        ),
        NEEDS,
        TITLE,
    ],
    later: &[],
    refused: &["when", "window"],
};

pub(crate) static APPROVAL: Keys = Keys {
    of: "an approval",
    known: &[
        key(
            "expires",
            Shape::Expiry,
            "How long the gate waits, and how long an approval holds unused.",
            "30m",
        ),
        key(
            "show",
            Shape::Templates,
            "What the approver is shown, by captions.",
            "{Host: \"${{ inputs.host }}\"}",
        ),
        key(
            "not_requester",
            Shape::Boolean,
            "Whether the person who asked for the run may not approve it.",
            "true",
        ),
        key(
            "signed",
            Shape::Boolean,
            "Whether only approvals count that are signed by a key of the policy.",
            "true",
        ),
        key(
            "all_of",
            Shape::ListOf(&QUORUM),
            "Whose approvals it takes, each another person's; one of anybody when left out.",
            "[{group: dba_leads}, {group: change_managers, count: 2}]",
        ),
        key(
            "facts",
            Shape::Members(&FACT),
            "What an approval rests on, read when people look and again before the change.",
            "{lag: {uses: shell, with: {argv: [lag]}, accept: stdout.size() == 0, max_age: 1m}}",
        ),
    ],
    later: &["any_of", "message", "count"],
    refused: &[],
};

pub(crate) static FACT: Keys = Keys {
    of: "a fact",
    known: &[
        must(
            "uses",
            Shape::Reads,
            "The action that reads it.",
            "postgres/query",
        ),
        key(
            "with",
            Shape::With,
            "The parameters of the action.",
            "{argv: [lag]}",
        ),
        must(
            "accept",
            Shape::Expression,
            "Must hold over what it reads: otherwise nothing is approved on it, and nothing begins.",
            "value <= inputs.max_lag",
        ),
        must(
            "max_age",
            Shape::Duration,
            "How old it may be when somebody decides, and when the change begins.",
            "1m",
        ),
        key(
            "timeout",
            Shape::Duration,
            "How long it is waited for: 1m when left out, and never longer than `max_age`.",
            "20s",
        ),
    ],
    later: &[],
    refused: &[],
};

pub(crate) static QUORUM: Keys = Keys {
    of: "a place of `all_of`",
    known: &[
        must("group", Shape::Name, "A group of the policy.", "dba_leads"),
        key(
            "count",
            Shape::Count(1, APPROVALS_MAX),
            "How many of its members, 1 when left out.",
            "2",
        ),
    ],
    later: &[],
    refused: &[],
};

pub(crate) static RETRY: Keys = Keys {
    of: "`retry`",
    known: &[
        must(
            "attempts",
            Shape::Count(1, ATTEMPTS_MAX),
            "How many attempts there are, the first counted.",
            "3",
        ),
        key(
            "backoff",
            Shape::DurationOrZero,
            "The wait before the second attempt; it doubles before each further one.",
            "5s",
        ),
        key(
            "max_backoff",
            Shape::Duration,
            "The longest wait between two attempts.",
            "1m",
        ),
    ],
    later: &["on", "jitter"],
    refused: &[],
};

pub(crate) static PROVIDES: Keys = Keys {
    of: "`provides`",
    known: &[
        must("guard", Shape::Name, "What it is evidence of.", "backup"),
        must(
            "evidence",
            Shape::Templates,
            "What it is known by, when it was taken and how it is known to be good; over the step's outputs. Without `target` it is about the run's.",
            "{id: \"${{ stdout[0] }}\", taken_at: \"${{ stdout[1] }}\", verified_how: restored}",
        ),
    ],
    later: &[],
    refused: &[],
};

pub(crate) static GUARD: Keys = Keys {
    of: "a guard",
    known: &[
        must("guard", Shape::Name, "What the evidence is of.", "backup"),
        key(
            "max_age",
            Shape::Duration,
            "How old the evidence may be when the step starts.",
            "24h",
        ),
    ],
    later: &[],
    refused: &[],
};

/// A check of `assert`.
pub(crate) static CHECK: Keys = Keys {
    of: "a check",
    known: &[
        must(
            "that",
            Shape::Anything,
            "What must hold: `${{ }}` around a condition.",
            "\"${{ steps.look.outputs.row_count > 0 }}\"",
        ),
        key(
            "otherwise",
            Shape::Word(&["stop", "warn"]),
            "What follows where it is false: without this the step fails.",
            "warn",
        ),
        key(
            "say",
            Shape::Note,
            "What is wrong then, in words; values may be filled in.",
            "\"the replica lags by ${{ steps.look.outputs.value }} bytes\"",
        ),
        key(
            "show",
            Shape::Anything,
            "What it was judged by; kept with the result.",
            "\"${{ steps.look.outputs.rows }}\"",
        ),
    ],
    later: &[],
    refused: &[],
};

pub(crate) static UNTIL: Keys = Keys {
    of: "`until`",
    known: &[
        must(
            "that",
            Shape::Expression,
            "What must hold of the step's outputs.",
            "ready",
        ),
        must(
            "every",
            Shape::Duration,
            "The wait between two looks.",
            "5s",
        ),
        must(
            "for",
            Shape::Duration,
            "How long it is looked before the step fails.",
            "10m",
        ),
    ],
    later: &[],
    refused: &[],
};

pub(crate) static RECONCILE: Keys = Keys {
    of: "`reconcile`",
    known: &[
        must(
            "uses",
            Shape::Reads,
            "The action that looks; it changes nothing.",
            "shell",
        ),
        WITH,
        must(
            "happened",
            Shape::Expression,
            "Whether the look shows that the change took effect.",
            "json.state == 'new'",
        ),
        key(
            "not_happened",
            Shape::Expression,
            "Whether it shows that the change did not and will not take effect.",
            "json.state == 'old'",
        ),
        key(
            "in_progress",
            Shape::Expression,
            "Whether it shows that the change still goes on.",
            "json.state == 'changing'",
        ),
        key(
            "settled",
            Shape::Expression,
            "Whether it shows that the change acted and came to a known end that is no success.",
            "json.state == 'failed'",
        ),
        key(
            "settle",
            Shape::DurationOrZero,
            "How long after its send deadline an effect may still show.",
            "30s",
        ),
        key(
            "timeout",
            Shape::Duration,
            "How long one look may take.",
            "10s",
        ),
    ],
    later: &[],
    refused: &[],
};

pub(crate) static UNDO: Keys = Keys {
    of: "`undo`",
    known: &[USES, WITH, RETRY_KEY, TIMEOUT, OBSERVE, RECONCILE_KEY],
    later: &["expect", "needs"],
    refused: &[],
};
