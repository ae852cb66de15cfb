//! Passwords where everybody reads them: written into the runbook, put on a command line,
//! or declared as an input, which records keep.

use windlass_core::catalog::{Param, Touch};
use windlass_core::types::Type;

use super::super::fields::Found;
use super::super::place::Located;
use super::super::world::Form;
use super::book::Book;
use super::requests::facts_of;
use crate::codes::{SECRET_AS_INPUT, SECRET_IN_TEXT};
use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Entry, Node, NodeKind};

/// Words that make a name one of something secret.
const SECRET_WORDS: [&str; 9] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
];
/// Last words of a name that tell where a secret is, or something about it, but not itself.
const ABOUT_WORDS: [&str; 14] = [
    "file", "path", "dir", "stdin", "env", "name", "id", "url", "command", "ttl", "length",
    "policy", "version", "store",
];

/// Whether a name such as `PGPASSWORD`, `api-key` or `db_token` is one of something secret.
fn is_secret_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let plain: String = lower
        .chars()
        .filter(|char| char.is_ascii_alphanumeric())
        .collect();
    let last = lower
        .rsplit(|char: char| !char.is_ascii_alphanumeric())
        .next()
        .unwrap_or_default();
    let about = ABOUT_WORDS.contains(&last)
        || lower.starts_with("no-")
        || lower.starts_with("no_")
        || plain.ends_with("secrets") && last == "secrets";
    !about && SECRET_WORDS.iter().any(|word| plain.contains(word))
}

/// Inputs are shown to approvers and kept in the journal for ever.
pub(super) fn inputs(book: &Book<'_>, found: &mut Found) {
    let Some(NodeKind::Map(entries)) = book.top.value("inputs").map(|node| &node.kind) else {
        return;
    };
    for entry in entries {
        let is_text = book
            .world
            .inputs
            .get(&entry.key)
            .is_some_and(|ty| match ty {
                Type::Text => true,
                Type::Nullable(inner) => **inner == Type::Text,
                _ => false,
            });
        if is_text && is_secret_name(&entry.key) {
            let message = format!("the input `{}` looks like a secret", entry.key);
            found.push(
                Diagnostic::warning(SECRET_AS_INPUT, message)
                    .at(entry.key_span, "shown to approvers and kept in the journal")
                    .help(format!(
                        "list it under `secrets` and hand it over as `${{{{ secrets.{} }}}}`",
                        entry.key.to_ascii_lowercase()
                    )),
            );
        }
    }
}

pub(super) fn step(book: &Book<'_>, index: usize, found: &mut Found) {
    let draft = book.draft(index);
    let Some(fields) = &draft.fields else { return };
    if let Form::Action {
        action: Some(action),
        ..
    } = &draft.form
        && let Some(entry) = fields.get("with")
    {
        call(book, entry, &action.params, found);
    }
    let others =
        ["reconcile", "undo"]
            .into_iter()
            .filter_map(|key| match &fields.value(key)?.kind {
                NodeKind::Map(entries) => Some(entries.as_slice()),
                _ => None,
            });
    for entries in others.chain(facts_of(fields)) {
        let of = |key: &str| entries.iter().find(|entry| entry.key == key);
        let name = of("uses").and_then(|entry| entry.value.as_text()?.to_owned().try_into().ok());
        let action = name.and_then(|name| book.world.catalog.get(&name));
        if let (Some(action), Some(with)) = (action, of("with")) {
            call(book, with, &action.params, found);
        }
    }
}

fn call(
    book: &Book<'_>,
    with: &Entry,
    params: &std::collections::BTreeMap<String, Param>,
    found: &mut Found,
) {
    let NodeKind::Map(entries) = &with.value.kind else {
        return;
    };
    for entry in entries {
        let Some(param) = params.get(&entry.key) else {
            continue;
        };
        match &entry.value.kind {
            NodeKind::List(items) if param.touches == Some(Touch::Program) => {
                command_line(items, found);
            }
            NodeKind::Map(variables) => {
                for variable in variables {
                    named(&variable.key, &variable.value, found);
                }
            }
            NodeKind::Text(text) if param.literal => script(book, &entry.value, text, found),
            NodeKind::Text(text) => {
                if param.secret {
                    named(&entry.key, &entry.value, found);
                }
                url(text, entry.value.span, found);
            }
            _ => {}
        }
    }
}

/// A value that stands beside a secret's name.
fn named(name: &str, value: &Node, found: &mut Found) {
    let Some(text) = value.as_text() else { return };
    if is_secret_name(name) && is_written_out(text) {
        found.push(written(name, value.span));
    } else {
        url(text, value.span, found);
    }
}

/// Whether a text is a value itself, and not a place to take one from.
fn is_written_out(text: &str) -> bool {
    !text.is_empty() && !text.contains("${{") && !text.starts_with(['$', '<', '`'])
}

/// What is on a command line can be read by every user of the machine while it runs,
/// wherever it came from.
fn command_line(items: &[Node], found: &mut Found) {
    let mut items = items.iter().peekable();
    while let Some(item) = items.next() {
        let Some(text) = item.as_text() else { continue };
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let option = name
            .strip_prefix('-')
            .map(|name| name.trim_start_matches('-'));
        let is_name = |name: &str| {
            let fits = |char: char| char.is_ascii_alphanumeric() || "_-".contains(char);
            !name.is_empty() && name.chars().all(fits)
        };
        let named = option.unwrap_or(name);
        if is_name(named) && is_secret_name(named) {
            let next = items.peek().and_then(|next| next.as_text());
            let given = match (value, option) {
                (Some(value), _) => {
                    !value.is_empty() && !value.starts_with('$') || value.starts_with("${{")
                }
                (None, Some(_)) => next.is_some_and(|next| !next.starts_with('-')),
                (None, None) => false,
            };
            if given {
                let message = format!("the command line shows the value of `{name}`");
                found.push(
                    Diagnostic::warning(SECRET_IN_TEXT, message)
                        .at(item.span, "")
                        .help("every user of the machine can read it: hand a secret over by `env` or `stdin`"),
                );
                continue;
            }
        }
        url(text, item.span, found);
    }
}

/// `NAME=value` at the start of a command of a script.
fn script(book: &Book<'_>, node: &Node, text: &str, found: &mut Found) {
    let mut start = 0;
    for whole in text.split_inclusive('\n') {
        let at = start;
        start += whole.len();
        let line = whole.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let is_variable = name
            .chars()
            .all(|char| char.is_ascii_alphanumeric() || char == '_');
        let value = value.trim_start_matches(['"', '\'']);
        let is_word = value.starts_with(|char: char| char.is_alphanumeric());
        if is_variable && is_word && is_secret_name(name) {
            let located = Located::new(book.world.text(node.span), node, text);
            let at = at + whole.find(name).unwrap_or_default();
            found.push(written(name, located.place(at..at + name.len())));
        }
    }
}

/// `scheme://user:password@host`, or `password=...` in a connection text.
fn url(text: &str, span: Span, found: &mut Found) {
    let in_url = text.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', ' ', '?', '#']).next().unwrap_or_default();
        let user = authority.rsplit_once('@').map(|(user, _)| user);
        let password = user.and_then(|user| user.split_once(':'));
        password.is_some_and(|(_, password)| is_written_out(password))
    });
    let in_words = text.split_whitespace().any(|word| {
        let value = word.strip_prefix("password=");
        value.is_some_and(is_written_out)
    });
    if in_url || in_words {
        let message = "a connection text has a password in it";
        found.push(
            Diagnostic::warning(SECRET_IN_TEXT, message)
                .at(span, "")
                .help("leave it out there, and hand it over as `${{ secrets.NAME }}` beside it"),
        );
    }
}

fn written(name: &str, span: Span) -> Diagnostic {
    let message = format!(
        "the value of `{}` is written into the runbook",
        name.escape_debug()
    );
    Diagnostic::warning(SECRET_IN_TEXT, message)
        .at(span, "")
        .help("list a name under `secrets` and write `${{ secrets.NAME }}` here; then change the value, because it was in a file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_told_from_names_about_them() {
        for name in [
            "password",
            "PGPASSWORD",
            "db-password",
            "api_key",
            "GITHUB_TOKEN",
            "clientSecret",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "password_file",
            "no-password",
            "token_url",
            "host",
            "PASSWORD_STDIN",
            "secret-name",
            "key",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
