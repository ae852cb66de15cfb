//! Which keys a test file may hold, place by place.

use crate::check::keys::Keys;

const fn keys(of: &'static str, known: &'static [&'static str]) -> Keys {
    Keys {
        of,
        known,
        later: &[],
        refused: &[],
    }
}

pub(super) const TOP: Keys = keys(
    "a test file",
    &[
        "windlass_test",
        "runbook",
        "inputs",
        "mocks",
        "gates",
        "cases",
    ],
);

pub(super) const CASE: Keys = keys(
    "a case",
    &[
        "title",
        "inputs",
        "mocks",
        "gates",
        "operator",
        "target_held",
        "expect",
    ],
);

pub(super) const REPLY: Keys = keys(
    "the answer of an attempt",
    &[
        "outputs",
        "fails",
        "ends",
        "takes",
        "looks",
        "effect",
        "code",
        "evidence",
        "down",
        "process_lives",
    ],
);

pub(super) const NATIVE_LOOK: Keys = keys(
    "the answer of a look",
    &[
        "happened",
        "not_happened",
        "settled",
        "in_progress",
        "unknown",
        "fails",
        "takes",
    ],
);

pub(super) const READ_LOOK: Keys = keys("the answer of a look", &["outputs", "fails", "takes"]);

pub(super) const GATE: Keys = keys(
    "the answer of a gate",
    &["approve", "reject", "by", "after"],
);

pub(super) const CUE: Keys = keys(
    "an entry of `operator`",
    &[
        "after",
        "at",
        "later",
        "do",
        "step",
        "by",
        "reason",
        "note",
        "undo",
        "nothing_remains",
        "outputs",
        "says",
        "down",
        "refused",
    ],
);

pub(super) const EXPECT: Keys = keys(
    "`expect`",
    &[
        "end",
        "reason",
        "within",
        "order",
        "events",
        "never",
        "not_started",
        "states",
        "attempts",
        "calls",
        "shown",
        "owes",
        "needs",
    ],
);
