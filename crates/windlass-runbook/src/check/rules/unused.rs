//! What is declared and never used: inputs, secrets, defaults.

use std::collections::BTreeSet;

use windlass_core::id::SecretName;

use super::super::fields::Found;
use super::super::world::Form;
use super::book::Book;
use crate::codes::{UNUSED_DEFAULTS, UNUSED_INPUT, UNUSED_SECRET};
use crate::diagnostic::Diagnostic;
use crate::node::NodeKind;

pub(super) fn check(book: &Book<'_>, found: &mut Found) {
    // The runbook's own text: an inlined runbook has inputs of its own. A name in a comment
    // counts as used; that is a small price for not missing a key that may hold one.
    let text = &book.world.source.text;
    if let Some(NodeKind::Map(entries)) = book.top.value("inputs").map(|node| &node.kind) {
        let used = names_after(text, "inputs");
        for entry in entries {
            if !used.contains(entry.key.as_str()) {
                let message = format!("no step reads the input `{}`", entry.key);
                let help = format!("read it as `inputs.{}`, or take it out", entry.key);
                found.push(
                    Diagnostic::warning(UNUSED_INPUT, message)
                        .at(entry.key_span, "never read")
                        .help(help),
                );
            }
        }
    }
    let mut used = names_after(text, "secrets");
    // What an inlined runbook declares it is given by name.
    for draft in &book.world.steps {
        if let Form::Inlined { fragment, .. } = &draft.form {
            used.extend(fragment.secrets.keys().map(SecretName::as_str));
        }
    }
    for (name, span) in secrets(book) {
        if !used.contains(name) {
            let message = format!("no step is given the secret `{name}`");
            let help = format!(
                "hand it over as `${{{{ secrets.{name} }}}}`, or take it out: every run would ask for it"
            );
            found.push(
                Diagnostic::warning(UNUSED_SECRET, message)
                    .at(span, "never used")
                    .help(help),
            );
        }
    }
    defaults(book, found);
}

/// The declared secrets, in whichever form they are declared.
fn secrets<'a>(book: &Book<'a>) -> Vec<(&'a str, crate::diagnostic::Span)> {
    match book.top.value("secrets").map(|node| &node.kind) {
        Some(NodeKind::List(items)) => items
            .iter()
            .filter_map(|item| Some((item.as_text()?, item.span)))
            .collect(),
        Some(NodeKind::Map(entries)) => entries
            .iter()
            .map(|entry| (entry.key.as_str(), entry.key_span))
            .collect(),
        _ => Vec::new(),
    }
}

fn defaults(book: &Book<'_>, found: &mut Found) {
    let Some(NodeKind::Map(entries)) = book.top.value("defaults").map(|node| &node.kind) else {
        return;
    };
    let families: BTreeSet<&str> = book
        .world
        .steps
        .iter()
        .filter_map(|step| match &step.form {
            Form::Action { name, .. } => name.as_str().split('/').next(),
            Form::Wait | Form::Gate | Form::Inlined { .. } | Form::Broken => None,
        })
        .collect();
    let text = &book.world.source.text;
    for entry in entries {
        // A look or an undoing may be the only use.
        let elsewhere = text.contains(&format!("uses: {}", entry.key));
        if !families.contains(entry.key.as_str()) && !elsewhere {
            let message = format!("no step uses an action of `{}`", entry.key);
            found.push(
                Diagnostic::warning(UNUSED_DEFAULTS, message)
                    .at(entry.key_span, "defaults of nothing")
                    .help("take them out, or correct the name"),
            );
        }
    }
}

/// The names that stand after `root.` or in `root["..."]` anywhere in a text.
fn names_after<'t>(text: &'t str, root: &str) -> BTreeSet<&'t str> {
    let mut names = BTreeSet::new();
    for (at, _) in text.match_indices(root) {
        let rest = text[at + root.len()..].trim_start();
        let rest = rest
            .strip_prefix('.')
            .or_else(|| rest.strip_prefix('['))
            .map(|rest| rest.trim_start_matches([' ', '"', '\'', '\\', '\n']));
        let Some(rest) = rest else { continue };
        let end = rest
            .find(|char: char| !char.is_alphanumeric() && char != '_')
            .unwrap_or(rest.len());
        names.insert(&rest[..end]);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_every_spelling() {
        let text = "a: ${{ inputs.one }} inputs['two'] inputs . three\ninputs:\n  four: {}";
        let found = names_after(text, "inputs");
        assert_eq!(found, BTreeSet::from(["one", "two", "three"]));
    }
}
