//! The grammar of test files as data, as `crate::check::keys` is that of runbooks.

use crate::check::keys::{Answer, Key, Keys, Shape, key, must};

const fn keys(of: &'static str, known: &'static [Key]) -> Keys {
    Keys {
        of,
        known,
        later: &[],
        refused: &[],
    }
}

/// How an attempt ends.
static ATTEMPT: Answer = Answer {
    words: &["ok", "timeout", "crash"],
    maps: &[&REPLY],
};
/// How a gate is answered.
static OPENING: Answer = Answer {
    words: &["approve", "reject", "leave"],
    maps: &[&GATE],
};
/// What a look says.
static LOOK: Answer = Answer {
    words: &[
        "happened",
        "not_happened",
        "in_progress",
        "unknown",
        "timeout",
    ],
    maps: &[&NATIVE_LOOK, &READ_LOOK],
};

const INPUTS: Key = key(
    "inputs",
    Shape::Templates,
    "Values of the runbook's inputs; those of a case stand above those of the file.",
    "{whom: ada}",
);
const MOCKS: Key = key(
    "mocks",
    Shape::AnswersByStep(&ATTEMPT),
    "How attempts end, by STEP, STEP[ITEM] or undo:STEP: one answer, or one for each attempt.",
    "{look: {outputs: {stdout: [Ada]}}, greet: [{fails: busy, effect: none}, ok]}",
);
const GATES: Key = key(
    "gates",
    Shape::AnswersByStep(&OPENING),
    "How gates are answered: one answer, or one for each opening.",
    "{go: approve}",
);

const FACTS: Key = key(
    "facts",
    Shape::MapsByStep,
    "What the readings of each gate's facts come to: one answer, or one for each reading.",
    "{go: {lag: [{outputs: {value: 3}}, {fails: no route}]}}",
);

const WINDOWS: Key = key(
    "windows",
    Shape::Members(&OPENINGS),
    "When windows are open; one that is not named here always is.",
    "{off_peak: {opens: 19h, for: 6h, every: 168h}}",
);

/// When a window is open.
pub(crate) static OPENINGS: Keys = keys(
    "the openings of a window",
    &[
        must(
            "opens",
            Shape::DurationOrZero,
            "The first time, so long after the run's start.",
            "19h",
        ),
        must("for", Shape::Duration, "How long it stays open.", "6h"),
        key(
            "every",
            Shape::Duration,
            "How long after an opening begins the next one does; without it there is one.",
            "168h",
        ),
    ],
);

pub(crate) static TOP: Keys = keys(
    "a test file",
    &[
        must(
            "windlass_test",
            Shape::Version,
            "The version of the format.",
            "1",
        ),
        key(
            "runbook",
            Shape::Text,
            "The runbook's path from the test file's folder; without it the file beside it.",
            "upgrade.yaml",
        ),
        INPUTS,
        MOCKS,
        GATES,
        FACTS,
        WINDOWS,
        must(
            "cases",
            Shape::Members(&CASE),
            "The cases by their names, which are free text.",
            "{it succeeds: {expect: {end: succeeded}}}",
        ),
        key(
            "never",
            Shape::TextOrTexts,
            "What never holds in any run, for `windlass rehearse`: expressions over steps and the run.",
            "[\"steps.upgrade.started && steps.backup.state != 'succeeded'\"]",
        ),
        key(
            "at_every_end",
            Shape::TextOrTexts,
            "What holds however a run ends, for `windlass rehearse`.",
            "[\"!steps.upgrade.acted || steps.dr.state == 'succeeded'\"]",
        ),
    ],
);

pub(crate) static CASE: Keys = keys(
    "a case",
    &[
        key(
            "title",
            Shape::Text,
            "What the case shows, for readers.",
            "The greeting is refused once",
        ),
        INPUTS,
        MOCKS,
        GATES,
        FACTS,
        WINDOWS,
        key(
            "operator",
            Shape::ListOf(&CUE),
            "What people do, and at which moment.",
            "[{after: gate_opened go, do: cancel}]",
        ),
        key(
            "target_held",
            Shape::DurationOrZero,
            "For how long another run holds the lock of the target.",
            "20m",
        ),
        must(
            "expect",
            Shape::Map(&EXPECT),
            "What the run must come to.",
            "{end: succeeded}",
        ),
    ],
);

pub(crate) static REPLY: Keys = keys(
    "the answer of an attempt",
    &[
        key(
            "outputs",
            Shape::Templates,
            "It succeeds with these outputs; those left out are blank.",
            "{stdout: [Ada]}",
        ),
        key(
            "fails",
            Shape::Note,
            "It fails with this message.",
            "connection refused",
        ),
        key(
            "ends",
            Shape::Word(&["ok", "timeout", "crash"]),
            "It succeeds, is never heard of, or the engine dies in its midst.",
            "crash",
        ),
        key(
            "takes",
            Shape::DurationOrZero,
            "How long the attempt takes.",
            "5m",
        ),
        key(
            "looks",
            Shape::Answers(&LOOK),
            "What the looks at the target say after a doubt: one answer, or one for each look.",
            "[in_progress, happened]",
        ),
        key(
            "effect",
            Shape::Word(&["none", "settled", "unknown"]),
            "What a failed change did to the world.",
            "none",
        ),
        key("code", Shape::Text, "The failure's code.", "refused"),
        key(
            "evidence",
            Shape::Anything,
            "What the failure has for proof.",
            "{status: 409}",
        ),
        key(
            "down",
            Shape::DurationOrZero,
            "After a crash, how long until another engine opens the run.",
            "30m",
        ),
        key(
            "process_lives",
            Shape::DurationOrZero,
            "After a crash, how long a process of the attempt lives on.",
            "5m",
        ),
    ],
);

const FAILS: Key = key(
    "fails",
    Shape::Note,
    "The look fails with this message.",
    "connection refused",
);
const TAKES: Key = key(
    "takes",
    Shape::DurationOrZero,
    "How long the look takes.",
    "10s",
);

pub(crate) static NATIVE_LOOK: Keys = keys(
    "the answer of a look",
    &[
        key(
            "happened",
            Shape::Templates,
            "The change took effect, with these outputs.",
            "{version: '15.18'}",
        ),
        key(
            "not_happened",
            Shape::Anything,
            "It did not and will not take effect; the evidence.",
            "{state: old}",
        ),
        key(
            "settled",
            Shape::Anything,
            "It came to a known end that is no success; the state.",
            "{state: failed}",
        ),
        key(
            "in_progress",
            Shape::Note,
            "It still goes on; a note.",
            "half of the disk",
        ),
        key(
            "unknown",
            Shape::Note,
            "It cannot be told; a note.",
            "no such job",
        ),
        FAILS,
        TAKES,
    ],
);

pub(crate) static READ_LOOK: Keys = keys(
    "the answer of a look that reads",
    &[
        key(
            "outputs",
            Shape::Templates,
            "What the look reads; `happened` and `not_happened` of the step judge it.",
            "{json: {site: new}}",
        ),
        FAILS,
        TAKES,
    ],
);

pub(crate) static GATE: Keys = keys(
    "the answer of a gate",
    &[
        key(
            "approve",
            Shape::TextOrNothing,
            "The gate is approved, with this note.",
            "looks good",
        ),
        key(
            "reject",
            Shape::TextOrNothing,
            "The gate is rejected, for this reason.",
            "not today",
        ),
        key(
            "by",
            Shape::Text,
            "Who answers; without it `approver`, who is not the requester.",
            "Bob",
        ),
        key(
            "after",
            Shape::DurationOrZero,
            "How long after the gate opened.",
            "5m",
        ),
    ],
);

pub(crate) static CUE: Keys = keys(
    "an entry of `operator`",
    &[
        key(
            "after",
            Shape::Text,
            "The event with which it comes.",
            "gate_opened go",
        ),
        key(
            "at",
            Shape::DurationOrZero,
            "How long after the run's start, instead of `after`.",
            "5m",
        ),
        key(
            "later",
            Shape::DurationOrZero,
            "How long after that moment.",
            "1h",
        ),
        must(
            "do",
            Shape::Word(&super::operator::ACT_WORDS),
            "What is done.",
            "cancel",
        ),
        key(
            "step",
            Shape::Text,
            "The step, item or gate that it is about.",
            "upgrade[1]",
        ),
        key("by", Shape::Text, "Who does it.", "Bob"),
        key("reason", Shape::Text, "Why it is done.", "the disk is gone"),
        key(
            "note",
            Shape::Text,
            "What is added to an approval.",
            "looks good",
        ),
        key(
            "undo",
            Shape::Boolean,
            "Whether a cancel undoes what is done.",
            "true",
        ),
        key(
            "nothing_remains",
            Shape::Boolean,
            "Whether a retry states that nothing of the first attempt remains.",
            "true",
        ),
        key(
            "outputs",
            Shape::Templates,
            "What a person states that the step gave.",
            "{version: '15.18'}",
        ),
        key(
            "effect",
            Shape::Word(&["none", "settled", "unknown"]),
            "What declined work by hand did to the world; none when left out.",
            "settled",
        ),
        key(
            "says",
            Shape::Word(&["happened", "not_happened", "give_up"]),
            "How a doubt is resolved.",
            "happened",
        ),
        key(
            "down",
            Shape::DurationOrZero,
            "After a crash, how long until another engine opens the run.",
            "5m",
        ),
        key(
            "refused",
            Shape::Text,
            "The code with which the command must be refused.",
            "not_authorised",
        ),
    ],
);

pub(crate) static EXPECT: Keys = keys(
    "`expect`",
    &[
        must(
            "end",
            Shape::Word(&super::expect::ENDS),
            "What the run comes to.",
            "succeeded",
        ),
        key(
            "reason",
            Shape::Text,
            "A part of the end's reason.",
            "no room",
        ),
        key(
            "within",
            Shape::Duration,
            "The longest time from start to end.",
            "4h",
        ),
        key(
            "order",
            Shape::TextOrTexts,
            "Steps that began in this order; others may begin between them.",
            "[look, go, greet]",
        ),
        key(
            "events",
            Shape::TextOrTexts,
            "Events that came in this order; others may come between them.",
            "[gate_opened go, run_ended]",
        ),
        key(
            "never",
            Shape::TextOrTexts,
            "Events of which none came.",
            "[attempt_started greet 2]",
        ),
        key(
            "not_started",
            Shape::TextOrTexts,
            "Steps of which none began.",
            "greet",
        ),
        key(
            "states",
            Shape::WordsByStep(&super::expect::STATES),
            "The last states of steps, items and undos.",
            "{warn: skipped}",
        ),
        key(
            "attempts",
            Shape::CountsByStep(super::expect::ATTEMPTS_MAX),
            "How many attempts a step had, or an item.",
            "{greet: 2}",
        ),
        key(
            "calls",
            Shape::MapsByStep,
            "The part of `with` that attempts were given, after expressions were evaluated.",
            "{greet: {argv: [greet, Ada]}}",
        ),
        key(
            "outputs",
            Shape::MapByStep,
            "The part of the outputs that steps, items and undos gave.",
            "{look: {stdout: [Ada]}}",
        ),
        key(
            "shown",
            Shape::MapByStep,
            "The part of `show` that gates showed.",
            "{go: {who: Ada}}",
        ),
        key(
            "owes",
            Shape::TextOrTexts,
            "Exactly what is owed at the end.",
            "[reconnect]",
        ),
        key(
            "needs",
            Shape::TextOrTexts,
            "Exactly why a person is needed.",
            "[in_doubt upgrade]",
        ),
        key(
            "announced",
            Shape::TextOrTexts,
            "Every message by `on`, in this order: its topic, with or without what it is about.",
            "[gate_opened go, ended succeeded]",
        ),
    ],
);

/// Of each of these maps exactly one of some keys is there.
pub(crate) static ONE_OF: [(&Keys, &[&str]); 3] = [
    (&GATE, &DECISIONS),
    (&NATIVE_LOOK, &FINDINGS),
    (&READ_LOOK, &READINGS),
];

/// How a gate is decided.
pub(super) const DECISIONS: [&str; 2] = ["approve", "reject"];
/// What a look by the action itself can say.
pub(super) const FINDINGS: [&str; 6] = [
    "happened",
    "not_happened",
    "settled",
    "in_progress",
    "unknown",
    "fails",
];
/// What a look that reads can say.
pub(super) const READINGS: [&str; 2] = ["outputs", "fails"];
