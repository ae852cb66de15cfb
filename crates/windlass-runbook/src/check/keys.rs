//! Which keys a runbook may hold, place by place, and which belong to the
//! language but not to this version: those are refused, never ignored.

/// The keys of one kind of map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys {
    /// What the map is, as diagnostics say it.
    pub(crate) of: &'static str,
    pub(crate) known: &'static [&'static str],
    pub(crate) later: &'static [&'static str],
    /// Keys that a rule refuses later on, with a better reason than "unknown".
    pub(crate) refused: &'static [&'static str],
}

pub(super) const TOP: Keys = Keys {
    of: "a runbook",
    known: &[
        "windlass",
        "name",
        "title",
        "owner",
        "labels",
        "inputs",
        "secrets",
        "change",
        "target",
        "defaults",
        "steps",
        "outputs",
        "finally",
        "on_failure",
        "timeout",
        "max_parallel",
    ],
    later: &[
        "plugins",
        "related_targets",
        "policy",
        "schedule",
        "triggers",
        "on",
        "windows",
        "guards",
    ],
    refused: &[],
};

pub(super) const INPUT: Keys = Keys {
    of: "an input",
    ..FIELD
};

/// A member of a map that is declared with `fields`.
pub(super) const FIELD: Keys = Keys {
    of: "a field",
    known: &[
        "type",
        "title",
        "description",
        "default",
        "enum",
        "pattern",
        "min",
        "max",
        "min_length",
        "max_length",
        "items",
        "fields",
        "values",
    ],
    later: &[],
    refused: &[],
};

/// What a list or a map holds.
pub(super) const ITEM: Keys = Keys {
    of: "an item",
    known: &[
        "type",
        "title",
        "description",
        "enum",
        "pattern",
        "min",
        "max",
        "min_length",
        "max_length",
        "items",
        "fields",
        "values",
    ],
    later: &[],
    refused: &[],
};

/// An output that a step declares: a type without rules.
pub(super) const OUTPUT: Keys = Keys {
    of: "an output",
    known: &[
        "type",
        "title",
        "description",
        "optional",
        "items",
        "fields",
        "values",
    ],
    later: &[],
    refused: &[],
};

pub(super) const CHANGE: Keys = Keys {
    of: "a change",
    known: &[
        "class",
        "risk",
        "reason",
        "affects",
        "impact",
        "outage",
        "backout",
        "test",
        "communication",
    ],
    later: &["ticket", "window"],
    refused: &[],
};

pub(super) const SECRET: Keys = Keys {
    of: "a secret",
    known: &["env", "file", "exec"],
    later: &["vault"],
    refused: &[],
};

pub(super) const ACTION: Keys = Keys {
    of: "a step",
    known: &[
        "uses",
        "with",
        "needs",
        "when",
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
        "title",
    ],
    later: &["window", "covers", "guards", "provides", "lock", "on"],
    refused: &[],
};

/// A step that uses a runbook.
pub(super) const INLINED: Keys = Keys {
    of: "a step that uses a runbook",
    known: &["uses", "with", "needs", "when", "title"],
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

pub(super) const WAIT: Keys = Keys {
    of: "a wait",
    known: &["uses", "with", "needs", "when", "title"],
    later: &["window"],
    refused: &[],
};

pub(super) const GATE: Keys = Keys {
    of: "a gate",
    known: &["approval", "needs", "title"],
    later: &["window", "facts", "all_of"],
    refused: &["when"],
};

pub(super) const APPROVAL: Keys = Keys {
    of: "an approval",
    known: &["expires", "show", "not_requester"],
    later: &["all_of", "any_of", "facts", "message", "count"],
    refused: &[],
};

pub(super) const RETRY: Keys = Keys {
    of: "`retry`",
    known: &["attempts", "backoff", "max_backoff"],
    later: &["on", "jitter"],
    refused: &[],
};

pub(super) const UNTIL: Keys = Keys {
    of: "`until`",
    known: &["that", "every", "for"],
    later: &[],
    refused: &[],
};

pub(super) const RECONCILE: Keys = Keys {
    of: "`reconcile`",
    known: &[
        "uses",
        "with",
        "happened",
        "not_happened",
        "in_progress",
        "settled",
        "settle",
        "timeout",
    ],
    later: &[],
    refused: &[],
};

pub(super) const UNDO: Keys = Keys {
    of: "`undo`",
    known: &["uses", "with", "retry", "timeout", "observe", "reconcile"],
    later: &["expect", "needs"],
    refused: &[],
};
