//! The grammar of policy files as data, as `crate::check::keys` is that of runbooks.

use crate::check::keys::{Key, Keys, Shape, key, must};

const fn keys(of: &'static str, known: &'static [Key]) -> Keys {
    Keys {
        of,
        known,
        later: &[],
        refused: &[],
    }
}

/// How a weekday is written.
pub(crate) const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// What a relaxation lets pass.
pub(crate) const RELAXED: [&str; 1] = ["unapproved"];

const RUNBOOKS: Key = key(
    "runbooks",
    Shape::TextOrTexts,
    "Only runbooks of these names; each `*` stands for anything.",
    "[rds_*]",
);
const LABELS: Key = key(
    "labels",
    Shape::Texts,
    "Only runbooks with these labels.",
    "{risk: high}",
);
const TARGETS: Key = key(
    "targets",
    Shape::TextOrTexts,
    "Only these targets; each `*` stands for anything.",
    "[\"rds:eu-de/*\"]",
);
const ZONE: Key = key(
    "zone",
    Shape::Text,
    "The time zone of its clock; that of the policy without it.",
    "Europe/Berlin",
);
const EXCEPT: Key = key(
    "except",
    Shape::TextOrTexts,
    "Days on which it is not, each a date or two of them with `..` between.",
    "[2026-12-24..2026-12-26]",
);
const PEOPLE: Key = key("people", Shape::TextOrTexts, "These persons.", "[ann]");
const GROUPS: Key = key(
    "groups",
    Shape::TextOrTexts,
    "The members of these groups.",
    "[dba_leads]",
);

pub(crate) static TOP: Keys = Keys {
    of: "a policy",
    known: &[
        must(
            "windlass_policy",
            Shape::Version,
            "The version of the format.",
            "1",
        ),
        key(
            "title",
            Shape::Text,
            "What the policy is for.",
            "Change control of the database team",
        ),
        key(
            "zone",
            Shape::Text,
            "The time zone of all clocks that name none; UTC without it.",
            "Europe/Berlin",
        ),
        must(
            "people",
            Shape::Members(&PERSON),
            "Persons by name, and how each of them comes in.",
            "{ann: {os_user: ann}}",
        ),
        key(
            "groups",
            Shape::Members(&GROUP),
            "Persons under one name, always or at times.",
            "{dba_leads: {members: [ann]}}",
        ),
        key(
            "delegations",
            Shape::ListOf(&DELEGATION),
            "Who stands in for whom, until an end.",
            "[{from: ann, to: bob, groups: dba_leads, until: \"2026-12-24T18:00:00Z\"}]",
        ),
        must(
            "rules",
            Shape::Members(&RULE),
            "Who may do what; what no rule allows is denied.",
            "{dbas_start: {may: start, groups: dba_leads}}",
        ),
        key(
            "demands",
            Shape::Members(&DEMAND),
            "What is demanded of plans; a runbook can only be stricter.",
            "{backups: {targets: \"rds:*\", guards: {backup: {max_age: 24h}}}}",
        ),
        key(
            "relaxations",
            Shape::Members(&RELAXATION),
            "What passes although it is refused otherwise.",
            "{drills: {runbooks: drill_*, allow: unapproved}}",
        ),
        key(
            "windows",
            Shape::Members(&WINDOW),
            "When something may be changed, by the names that runbooks and demands use.",
            "{off_peak: {open: [{weekly: [sat, sun], from: \"22:00\", to: \"04:00\"}]}}",
        ),
        key(
            "freezes",
            Shape::Members(&FREEZE),
            "When nothing may be changed.",
            "{year_end: {reason: The books are closed, dates: 2026-12-24..2027-01-02}}",
        ),
        key(
            "loads",
            Shape::Map(&LOADS),
            "What another policy needs to take this one's place.",
            "{require_signatures: 2, wait: 24h}",
        ),
    ],
    later: &["on", "roles"],
    refused: &[],
};

pub(crate) static PERSON: Keys = keys(
    "a person",
    &[
        key(
            "title",
            Shape::Text,
            "The person's name in full.",
            "Ann Example",
        ),
        key(
            "os_user",
            Shape::TextOrTexts,
            "Users of the engine's host that are this person.",
            "ann",
        ),
        key(
            "uid",
            Shape::Count(0, u32::MAX - 1),
            "A user of the engine's host, by number.",
            "1003",
        ),
        key(
            "ssh_keys",
            Shape::ListOf(&SSH_KEY),
            "Keys with which this person signs.",
            "[{key: \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPlLuXEW2sJ2fpiMpXxjPr5RhwMCXpkEIbHs0XcCSxwM ann\"}]",
        ),
    ],
);

pub(crate) static SSH_KEY: Keys = keys(
    "an SSH key",
    &[
        must(
            "key",
            Shape::Text,
            "The public key, as the line of its `.pub` file.",
            "\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPlLuXEW2sJ2fpiMpXxjPr5RhwMCXpkEIbHs0XcCSxwM ann\"",
        ),
        key(
            "after",
            Shape::Text,
            "It signs nothing before this.",
            "\"2026-01-01T00:00:00Z\"",
        ),
        key(
            "before",
            Shape::Text,
            "It signs nothing from this on.",
            "\"2027-01-01T00:00:00Z\"",
        ),
    ],
);

pub(crate) static GROUP: Keys = keys(
    "a group",
    &[
        key(
            "title",
            Shape::Text,
            "What the group is for.",
            "Who leads the database team",
        ),
        key(
            "members",
            Shape::TextOrTexts,
            "Persons who always belong to it.",
            "[ann, bob]",
        ),
        key(
            "shifts",
            Shape::ListOf(&SHIFT),
            "Persons who belong to it at times.",
            "[{people: ann, weekly: mon-fri, from: \"08:00\", to: \"18:00\"}]",
        ),
    ],
);

const WEEKLY: Key = key(
    "weekly",
    Shape::TextOrTexts,
    "On these days of each week, each a day or two of them with `-` between.",
    "mon-fri",
);
const MONTHLY: Key = key(
    "monthly",
    Shape::Anything,
    "On these days of each month: a number, `last`, or a weekday such as `2nd tue` or `last sun`.",
    "[1, last, 2nd tue]",
);
const DATES: Key = key(
    "dates",
    Shape::TextOrTexts,
    "On these dates, each a date or two of them with `..` between.",
    "[2026-12-24, 2026-12-31..2027-01-01]",
);
const FROM: Key = key(
    "from",
    Shape::Text,
    "The time of day at which it begins; midnight without it.",
    "\"22:00\"",
);
const TO: Key = key(
    "to",
    Shape::Text,
    "The time of day at which it ends, of the next day when it is no later than `from`.",
    "\"04:00\"",
);

pub(crate) static SHIFT: Keys = keys(
    "a shift",
    &[
        must("people", Shape::TextOrTexts, "Who is on.", "[ann]"),
        WEEKLY,
        MONTHLY,
        DATES,
        FROM,
        TO,
        ZONE,
        EXCEPT,
    ],
);

pub(crate) static OPENING: Keys = keys("an opening", &[WEEKLY, MONTHLY, DATES, FROM, TO]);

pub(crate) static WINDOW: Keys = keys(
    "a window of a policy",
    &[
        key(
            "title",
            Shape::Text,
            "What the window is for.",
            "When nobody works",
        ),
        ZONE,
        must(
            "open",
            Shape::ListOf(&OPENING),
            "When it is open: at each of these.",
            "[{weekly: [sat, sun], from: \"22:00\", to: \"04:00\"}]",
        ),
        EXCEPT,
    ],
);

pub(crate) static FREEZE: Keys = keys(
    "a freeze",
    &[
        must(
            "reason",
            Shape::Text,
            "Why nothing may be changed.",
            "The books are closed",
        ),
        TARGETS,
        WEEKLY,
        MONTHLY,
        DATES,
        FROM,
        TO,
        ZONE,
        EXCEPT,
    ],
);

pub(crate) static DELEGATION: Keys = keys(
    "a delegation",
    &[
        must("from", Shape::Text, "Who is away.", "ann"),
        must("to", Shape::Text, "Who stands in.", "bob"),
        must(
            "groups",
            Shape::TextOrTexts,
            "As a member of these groups.",
            "[dba_leads]",
        ),
        key(
            "since",
            Shape::Text,
            "When it begins; at once without it.",
            "\"2026-12-20T00:00:00+01:00\"",
        ),
        must(
            "until",
            Shape::Text,
            "When it ends.",
            "\"2026-12-24T18:00:00+01:00\"",
        ),
    ],
);

pub(crate) static RULE: Keys = keys(
    "a rule",
    &[
        must(
            "may",
            Shape::TextOrTexts,
            "What they may: start, approve, direct, perform, override, rescue, review.",
            "[start, direct]",
        ),
        PEOPLE,
        GROUPS,
        RUNBOOKS,
        LABELS,
        TARGETS,
        key(
            "effects",
            Shape::TextOrTexts,
            "Only plans that do nothing worse to the world than these.",
            "[read, idempotent]",
        ),
        key(
            "own_runs",
            Shape::Boolean,
            "Whether one may also approve what one started.",
            "true",
        ),
    ],
);

pub(crate) static DEMAND: Keys = keys(
    "a demand",
    &[
        RUNBOOKS,
        LABELS,
        TARGETS,
        key(
            "effects",
            Shape::TextOrTexts,
            "The steps that it is about; those that are irreversible without it.",
            "[reversible, irreversible]",
        ),
        key(
            "guards",
            Shape::Members(&GUARD),
            "Evidence that must precede each such step.",
            "{backup: {max_age: 24h}}",
        ),
        key(
            "no_claims",
            Shape::Boolean,
            "Whether evidence that an author only claims is refused.",
            "true",
        ),
        key(
            "not_requester",
            Shape::Boolean,
            "Whether no gate before such a step is approved by who started the run.",
            "true",
        ),
        key(
            "signed",
            Shape::Boolean,
            "Whether gates before such a step take only approvals that are signed.",
            "true",
        ),
        key(
            "windows",
            Shape::TextOrTexts,
            "Such a step begins only while all of these are open.",
            "[off_peak]",
        ),
        key("timeout", Shape::Duration, "The run takes no longer.", "8h"),
        key(
            "max_parallel",
            Shape::Count(1, 64),
            "No more steps run at a time.",
            "4",
        ),
        key(
            "actions",
            Shape::TextOrTexts,
            "Only these actions are used; each `*` stands for anything.",
            "[rds/*, postgres/query]",
        ),
    ],
);

pub(crate) static GUARD: Keys = keys(
    "a guard that is demanded",
    &[key(
        "max_age",
        Shape::Duration,
        "How old the evidence may be when the step begins.",
        "24h",
    )],
);

pub(crate) static RELAXATION: Keys = keys(
    "a relaxation",
    &[
        must(
            "allow",
            Shape::Word(&RELAXED),
            "What passes: irreversible steps that nobody approves.",
            "unapproved",
        ),
        RUNBOOKS,
        LABELS,
        TARGETS,
        key(
            "effects",
            Shape::TextOrTexts,
            "Only plans that do nothing worse to the world than these.",
            "[irreversible]",
        ),
    ],
);

pub(crate) static LOADS: Keys = keys(
    "the loads of a policy",
    &[
        key(
            "require_signatures",
            Shape::Count(0, 9),
            "So many persons of this policy sign the file that takes its place.",
            "2",
        ),
        key(
            "wait",
            Shape::Duration,
            "How long nobody decides by a right that a load gave him, unless another signed it.",
            "24h",
        ),
    ],
);
