//! The secrets that steps may use: where their values are found when the runbook says so,
//! and the hosts that they may go to. The values themselves are never seen here. Which step
//! hands which secret to which host is `grants`'.

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::id::SecretName;
use windlass_core::plan::{HostPattern, SECRET_HOSTS_MAX, SecretSource};

use super::fields::{Fields, Found, text, wrong_shape};
use super::vault::vault;
use super::{hints, keys};
use crate::codes::{BAD_NAME, EXPR_IN_SCRIPT, SECRET_HOST, SECRET_SOURCE};
use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Entry, Node, NodeKind};

/// The most words of a program that prints a secret, the program counted.
const EXEC_WORDS_MAX: usize = 64;
/// The longest place of a secret: a path, or all words of a program.
const PLACE_BYTES_MAX: usize = 4096;

/// What a runbook declares.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    pub(super) names: BTreeSet<SecretName>,
    pub(super) sources: BTreeMap<SecretName, SecretSource>,
    /// Where each is declared.
    pub(super) spans: BTreeMap<SecretName, Span>,
    pub(super) hosts: Hosts,
}

/// The hosts that secrets are limited to, and where that is said.
pub(super) type Hosts = BTreeMap<SecretName, (Vec<HostPattern>, Span)>;

/// The list or map under `secrets`.
pub(super) fn secrets(fields: &Fields<'_>, found: &mut Found) -> Secrets {
    let mut secrets = Secrets::default();
    let Some(node) = fields.value("secrets") else {
        return secrets;
    };
    match &node.kind {
        NodeKind::List(items) => {
            for item in items {
                if let Some(word) = text(item, "`secrets` lists names", found) {
                    secrets.add(word, item.span, found);
                }
            }
        }
        NodeKind::Map(entries) => {
            for entry in entries {
                let name = secrets.add(&entry.key, entry.key_span, found);
                // A name with nothing behind it is one whose value is given at the start.
                if entry.value.kind == NodeKind::Null {
                    continue;
                }
                let (source, hosts) = about(entry, found);
                let Some(name) = name else { continue };
                secrets
                    .sources
                    .extend(source.map(|source| (name.clone(), source)));
                secrets.hosts.extend(hosts.map(|hosts| (name, hosts)));
            }
        }
        NodeKind::Null
        | NodeKind::Bool(_)
        | NodeKind::Int(_)
        | NodeKind::Float(_)
        | NodeKind::Text(_) => found.push(wrong_shape(
            node,
            "`secrets` is a list of names, or a map from names to where their values are",
        )),
    }
    secrets
}

impl Secrets {
    fn add(&mut self, word: &str, span: Span, found: &mut Found) -> Option<SecretName> {
        match SecretName::try_from(word.to_owned()) {
            Ok(name) => {
                self.names.insert(name.clone());
                self.spans.insert(name.clone(), span);
                Some(name)
            }
            Err(error) => {
                let label = "not a secret's name";
                found.push(
                    Diagnostic::error(BAD_NAME, error.to_string())
                        .at(span, label)
                        .maybe_help(hints::respelled(word)),
                );
                None
            }
        }
    }
}

const HELP: &str =
    "write {env: VARIABLE}, {file: /path}, {exec: [program, argument]} or {vault: {address: …}}";

/// What stands behind a secret's name: where its value is, and where it may go.
fn about(
    entry: &Entry,
    found: &mut Found,
) -> (Option<SecretSource>, Option<(Vec<HostPattern>, Span)>) {
    if let NodeKind::Text(_) = &entry.value.kind {
        let message = format!("`{}` says no place", entry.key.escape_debug());
        found.push(
            Diagnostic::error(SECRET_SOURCE, message)
                .at(entry.key_span, "a secret's value never stands in a runbook")
                .help(HELP),
        );
        return (None, None);
    }
    let Some(fields) = Fields::read(&entry.value, entry.key_span, &keys::SECRET, found) else {
        return (None, None);
    };
    let hosts = fields
        .get("hosts")
        .and_then(|hosts| Some((hosts_in(&hosts.value, found)?, hosts.key_span)));
    (source(entry, &fields, found), hosts)
}

fn source(entry: &Entry, fields: &Fields<'_>, found: &mut Found) -> Option<SecretSource> {
    let given: Vec<&Entry> = keys::SECRET
        .names()
        .filter(|key| *key != "hosts")
        .filter_map(|key| fields.get(key))
        .collect();
    let [only] = given.as_slice() else {
        if let [_, second, ..] = given.as_slice() {
            let message = format!("the secret `{}` has two places", entry.key.escape_debug());
            found.push(
                Diagnostic::error(SECRET_SOURCE, message)
                    .at(second.key_span, "a second one")
                    .help(HELP),
            );
        } else if matches!(&entry.value.kind, NodeKind::Map(map) if map.is_empty()) {
            let message = format!("the secret `{}` has no place", entry.key.escape_debug());
            found.push(
                Diagnostic::error(SECRET_SOURCE, message)
                    .at(entry.value.span, "empty")
                    .help(HELP),
            );
        }
        return None;
    };
    match only.key.as_str() {
        "env" => {
            let name = place(&only.value, "env", found)?;
            let valid = !name.is_empty() && !name.contains(['=', '\0']) && !name.contains('$');
            if !valid {
                let message = "`env` is the name of a variable, without `$`";
                found.push(
                    Diagnostic::error(SECRET_SOURCE, message).at(only.value.span, "no variable"),
                );
            }
            valid.then(|| SecretSource::Env(name.to_owned()))
        }
        "file" => {
            let path = place(&only.value, "file", found)?;
            if !path.starts_with('/') {
                let message = "`file` is an absolute path";
                found.push(
                    Diagnostic::error(SECRET_SOURCE, message)
                        .at(only.value.span, "relative")
                        .help("a run is resumed from other directories than it was started in"),
                );
                return None;
            }
            Some(SecretSource::File(path.to_owned()))
        }
        "vault" => vault(&only.value, only.key_span, found)
            .map(|place| SecretSource::Vault(Box::new(place))),
        _ => exec(&only.value, found).map(SecretSource::Exec),
    }
}

fn exec(node: &Node, found: &mut Found) -> Option<Vec<String>> {
    let NodeKind::List(items) = &node.kind else {
        found.push(
            wrong_shape(node, "`exec` is a list: a program and its arguments")
                .help("no shell reads it; write [pass, show, db/admin]"),
        );
        return None;
    };
    let words: Vec<Option<&str>> = items
        .iter()
        .map(|item| place(item, "exec", found))
        .collect();
    let words: Vec<&str> = words.into_iter().collect::<Option<_>>()?;
    let bytes: usize = words.iter().map(|word| word.len()).sum();
    let wrong = if words.first().is_none_or(|program| program.is_empty()) {
        Some("`exec` names no program".to_owned())
    } else if words.len() > EXEC_WORDS_MAX || bytes > PLACE_BYTES_MAX {
        Some(format!(
            "`exec` has at most {EXEC_WORDS_MAX} words of {PLACE_BYTES_MAX} bytes together"
        ))
    } else {
        None
    };
    if let Some(message) = wrong {
        found.push(Diagnostic::error(SECRET_SOURCE, message).at(node.span, "not a program"));
        return None;
    }
    Some(words.into_iter().map(str::to_owned).collect())
}

/// The list under `hosts`.
fn hosts_in(node: &Node, found: &mut Found) -> Option<Vec<HostPattern>> {
    let NodeKind::List(items) = &node.kind else {
        found.push(
            wrong_shape(node, "`hosts` is a list of strings")
                .help("write [api.example.com, \"*.internal.example\"]"),
        );
        return None;
    };
    if items.is_empty() || items.len() > SECRET_HOSTS_MAX {
        let message = format!("`hosts` names 1 to {SECRET_HOSTS_MAX} hosts");
        found.push(
            Diagnostic::error(SECRET_HOST, message)
                .at(node.span, format!("{} hosts", items.len()))
                .help("without `hosts` the secret goes wherever a step sends it"),
        );
        return None;
    }
    let hosts: Vec<Option<HostPattern>> = items.iter().map(|item| host(item, found)).collect();
    hosts.into_iter().collect()
}

fn host(node: &Node, found: &mut Found) -> Option<HostPattern> {
    let word = place(node, "hosts", found)?;
    word.parse::<HostPattern>()
        .map_err(|why| {
            let message = format!("`{}` is no host", word.escape_debug());
            found.push(
                Diagnostic::error(SECRET_HOST, message)
                    .at(node.span, "not a host")
                    .help(why.to_string()),
            );
        })
        .ok()
}

/// A literal string within the bound.
pub(super) fn place<'a>(node: &'a Node, key: &str, found: &mut Found) -> Option<&'a str> {
    let word = text(node, &format!("`{key}` is text"), found)?;
    if word.contains("${{") {
        let message = format!("expressions are not filled into `{key}` of a secret");
        found.push(
            Diagnostic::error(EXPR_IN_SCRIPT, message)
                .at(node.span, "stays as it is written")
                .help("a secret's place is known before the run: write it out"),
        );
        return None;
    }
    if word.len() > PLACE_BYTES_MAX || word.contains('\0') {
        let message = format!("`{key}` is text of at most {PLACE_BYTES_MAX} bytes");
        found.push(Diagnostic::error(SECRET_SOURCE, message).at(node.span, "too long"));
        return None;
    }
    Some(word)
}
