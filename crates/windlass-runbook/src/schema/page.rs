//! `docs/keys.md`: every key with its value, one line about it and an example.

use std::fmt::Write as _;

use crate::check::keys::{self, Keys};
use crate::policy::keys as policy;
use crate::testing::keys as tests;

/// Each map of the language, with its heading.
fn maps() -> [(&'static str, &'static Keys); 52] {
    [
        ("A runbook", &keys::TOP),
        ("A plugin", &keys::PLUGIN),
        ("What a plugin is granted", &keys::GRANT),
        ("The change block", &keys::CHANGE),
        ("A secret's place", &keys::SECRET),
        ("A secret in a Vault", &keys::VAULT),
        ("How to log in to a Vault", &keys::VAULT_AUTH),
        ("A role of a Vault", &keys::APPROLE),
        ("A place on this machine", &keys::KEPT),
        ("An input, or a field of a map", &keys::FIELD),
        ("What a list or a map holds", &keys::ITEM),
        ("A step that calls an action", &keys::ACTION),
        ("A declared output", &keys::OUTPUT),
        ("A repeated read: `until`", &keys::UNTIL),
        ("Another attempt: `retry`", &keys::RETRY),
        ("Evidence that is given: `provides`", &keys::PROVIDES),
        ("Evidence that is demanded: `guards`", &keys::GUARD),
        ("When a change begins: `window`", &keys::WINDOW),
        ("A look after a doubt: `reconcile`", &keys::RECONCILE),
        ("The way back: `undo`", &keys::UNDO),
        ("A check of `assert`", &keys::CHECK),
        ("A step that uses a runbook", &keys::INLINED),
        ("A step that a person does by hand", &keys::MANUAL),
        ("A value that a person states", &keys::VALUE),
        ("A wait", &keys::WAIT),
        ("A gate", &keys::GATE),
        ("A gate's `approval`", &keys::APPROVAL),
        ("Persons of a group", &keys::QUORUM),
        ("A fact of a gate", &keys::FACT),
        ("A test file", &tests::TOP),
        ("A case", &tests::CASE),
        ("How an attempt ends", &tests::REPLY),
        ("A look by the action itself", &tests::NATIVE_LOOK),
        ("A look by a `reconcile` block", &tests::READ_LOOK),
        ("How a gate is answered", &tests::GATE),
        ("The openings of a window in a test", &tests::OPENINGS),
        ("What a person does", &tests::CUE),
        ("What a case expects", &tests::EXPECT),
        ("A policy", &policy::TOP),
        ("A person", &policy::PERSON),
        ("A key of a person", &policy::SSH_KEY),
        ("A group", &policy::GROUP),
        ("A shift", &policy::SHIFT),
        ("A delegation", &policy::DELEGATION),
        ("A rule", &policy::RULE),
        ("A demand", &policy::DEMAND),
        ("A guard that is demanded", &policy::GUARD),
        ("A relaxation", &policy::RELAXATION),
        ("A window", &policy::WINDOW),
        ("When a window is open", &policy::OPENING),
        ("A freeze", &policy::FREEZE),
        ("The loads of a policy", &policy::LOADS),
    ]
}

/// The page, in Markdown.
pub fn keys_page() -> String {
    let mut page = String::from(
        "# Every key\n\n\
         Each kind of map in a runbook, in a test file and in a policy, its keys and an example of each value.\n\
         The page is made from the grammar that `windlass check` reads with, \
         as is the schema that `windlass schema` prints for editors.\n\
         An expression is bare text such as `rows.size() == 1`; \
         elsewhere `${{ }}` fills a value in.\n",
    );
    for (heading, keys) in maps() {
        let _infallible = write!(
            page,
            "\n## {heading}\n\n| key | value | what it says | example |\n|---|---|---|---|\n"
        );
        for key in keys.known {
            let required = if key.is_required { " (required)" } else { "" };
            let _infallible = writeln!(
                page,
                "| `{}` | {}{required} | {} | `{}` |",
                key.name,
                key.shape.words().replace('|', "\\|"),
                key.doc.replace('|', "\\|"),
                key.example.replace('|', "\\|"),
            );
        }
        if !keys.later.is_empty() {
            let later: Vec<String> = keys.later.iter().map(|key| format!("`{key}`")).collect();
            let _infallible = writeln!(
                page,
                "\nNot supported by this version, and refused: {}.",
                later.join(", ")
            );
        }
    }
    page
}
