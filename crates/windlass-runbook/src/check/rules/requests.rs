//! Rules for calls that send a request: how the address is written, what fills its blanks,
//! and what its method says about the effect. They hold for every action with a parameter
//! that is an address ([`Touch::Url`]), whichever crate brings it.

use std::collections::BTreeMap;

use windlass_core::catalog::{Action, Touch};
use windlass_core::plan::EffectClass;
use windlass_core::url_template::UrlTemplate;

use super::super::fields::{Fields, Found};
use super::super::place::Located;
use super::super::world::World;
use crate::codes::{
    BAD_VALUE, METHOD_EFFECT, REPEATED_UNKNOWN, URL_BLANKS, URL_PLAINTEXT, URL_TEMPLATE,
};
use crate::diagnostic::Diagnostic;
use crate::node::{Entry, Node, NodeKind};
use crate::suggest::nearest;

const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
/// Fits wherever a blank may stand, for values that only the run knows.
const ANY_VALUE: &str = "1";

/// Checks the calls of one step.
pub(super) fn check(
    world: &World<'_>,
    fields: &Fields<'_>,
    action: Option<&Action>,
    effect: Option<EffectClass>,
    found: &mut Found,
) {
    let uses = fields.value("uses").and_then(Node::as_text);
    if let (Some(action), Some(uses)) = (action, uses) {
        let own = Call::of(world, uses, action, fields.get("with"));
        own.check(effect, found);
    }
    for (key, effect) in [("reconcile", Some(EffectClass::Read)), ("undo", None)] {
        let Some(NodeKind::Map(entries)) = fields.value(key).map(|node| &node.kind) else {
            continue;
        };
        let of = |key: &str| entries.iter().find(|entry| entry.key == key);
        let uses = of("uses").and_then(|entry| entry.value.as_text());
        let name = uses.and_then(|uses| uses.to_owned().try_into().ok());
        let action = name.and_then(|name| world.catalog.get(&name));
        if let (Some(action), Some(uses)) = (action, uses) {
            Call::of(world, uses, action, of("with")).check(effect, found);
        }
    }
}

/// Checks what the facts of a gate request.
pub(super) fn facts(world: &World<'_>, gate: &Fields<'_>, found: &mut Found) {
    for fact in facts_of(gate) {
        let of = |key: &str| fact.iter().find(|entry| entry.key == key);
        let uses = of("uses").and_then(|entry| entry.value.as_text());
        let name = uses.and_then(|uses| uses.to_owned().try_into().ok());
        let action = name.and_then(|name| world.catalog.get(&name));
        if let (Some(action), Some(uses)) = (action, uses) {
            Call::of(world, uses, action, of("with")).check(Some(EffectClass::Read), found);
        }
    }
}

/// The entries of each fact of a gate, whether they are right or not.
pub(super) fn facts_of<'a>(gate: &Fields<'a>) -> Vec<&'a [Entry]> {
    let entries = |node: &'a Node| match &node.kind {
        NodeKind::Map(entries) => entries.as_slice(),
        _ => &[],
    };
    let approval = gate.value("approval").map_or(&[][..], entries);
    let facts = approval.iter().find(|entry| entry.key == "facts");
    let facts = facts.map_or(&[][..], |entry| entries(&entry.value));
    facts.iter().map(|fact| entries(&fact.value)).collect()
}

/// What a call is given, the defaults of its family behind its own.
struct Call<'a> {
    world: &'a World<'a>,
    action: &'a Action,
    given: Vec<&'a Entry>,
}

impl<'a> Call<'a> {
    fn of(world: &'a World<'a>, uses: &str, action: &'a Action, with: Option<&'a Entry>) -> Self {
        let family = uses.split('/').next().unwrap_or_default();
        let own = with.map(|entry| &entry.value);
        let defaults = world.defaults.get(family).copied();
        let entries = |node: &'a Node| match &node.kind {
            NodeKind::Map(entries) => entries.as_slice(),
            _ => &[],
        };
        Self {
            world,
            action,
            given: own.into_iter().chain(defaults).flat_map(entries).collect(),
        }
    }

    fn entry(&self, name: &str) -> Option<&'a Entry> {
        let of_action = self.action.params.contains_key(name);
        let mut given = self.given.iter().filter(|_| of_action);
        given.find(|entry| entry.key == name).copied()
    }

    fn check(&self, effect: Option<EffectClass>, found: &mut Found) {
        let urls = self.action.params.iter();
        let urls = urls.filter(|(_, param)| param.touches == Some(Touch::Url));
        for (name, _) in urls {
            // An expression in it has been refused already.
            let Some(entry) = self.entry(name) else {
                continue;
            };
            let Some(text) = entry.value.as_text().filter(|text| !text.contains("${{")) else {
                continue;
            };
            match text.parse::<UrlTemplate>() {
                Ok(template) => {
                    self.blanks(entry, &template, found);
                    self.plaintext(entry, &template, found);
                }
                Err(error) => self.unreadable(entry, text, &error.to_string(), found),
            }
            self.method(effect, found);
        }
    }

    fn unreadable(&self, entry: &Entry, text: &str, why: &str, found: &mut Found) {
        let node = &entry.value;
        let mut shown = node.span;
        if let Some(at) = text.find(['?', '#']) {
            let located = Located::new(self.world.text(node.span), node, text);
            shown = located.place(at..at + 1);
        }
        let help = match text.contains('?') && self.action.params.contains_key("query") {
            true => "write what stands behind the `?` as `query: {name: value}`",
            false => {
                "write https://HOST/PATH, with a blank such as {project} for each value that differs, and fill it by `parts`"
            }
        };
        let message = format!("`{}` is no address: {why}", entry.key);
        found.push(
            Diagnostic::error(URL_TEMPLATE, message)
                .at(shown, "not an address")
                .help(help),
        );
    }

    /// Every blank is given something that fits there, and nothing is given to no blank.
    fn blanks(&self, url: &Entry, template: &UrlTemplate, found: &mut Found) {
        let parts = self.entry("parts");
        let given: &[Entry] = match parts.map(|parts| &parts.value.kind) {
            Some(NodeKind::Map(entries)) => entries,
            // A map that an expression gives is judged in the run.
            Some(_) => return,
            None => &[],
        };
        let values: BTreeMap<String, String> = given
            .iter()
            .map(|entry| {
                let known = match &entry.value.kind {
                    NodeKind::Text(text) if text.contains("${{") => None,
                    NodeKind::Text(text) => Some(text.clone()),
                    NodeKind::Int(_) | NodeKind::Bool(_) | NodeKind::Float(_) => {
                        Some(entry.value.to_value().to_string())
                    }
                    NodeKind::Null | NodeKind::List(_) | NodeKind::Map(_) => None,
                };
                (
                    entry.key.clone(),
                    known.unwrap_or_else(|| ANY_VALUE.to_owned()),
                )
            })
            .collect();
        if let Err(error) = template.fill(&values) {
            let span = parts.map_or(url.value.span, |parts| parts.value.span);
            let message = format!("the blanks of `{}` are not filled: {error}", url.key);
            found.push(
                Diagnostic::error(URL_BLANKS, message)
                    .at(span, "does not fit")
                    .help("`parts` gives each blank one value: a label of the host, the port, or one segment of the path"),
            );
        }
    }

    fn plaintext(&self, url: &Entry, template: &UrlTemplate, found: &mut Found) {
        let may = self.action.params.contains_key("insecure_reason");
        if template.is_encrypted() || !may || self.entry("insecure_reason").is_some() {
            return;
        }
        let message = "the request is not encrypted, and nothing says why";
        found.push(
            Diagnostic::error(URL_PLAINTEXT, message)
                .at(url.value.span, "everybody on the way reads and changes it")
                .help("write https://, or say why not as `insecure_reason: TEXT`, which approvers are shown"),
        );
    }

    fn method(&self, effect: Option<EffectClass>, found: &mut Found) {
        let Some(entry) = self.entry("method") else {
            return;
        };
        let Some(method) = entry.value.as_text().filter(|text| !text.contains("${{")) else {
            return;
        };
        if !METHODS.contains(&method) {
            let upper = method.to_ascii_uppercase();
            let help = match nearest(&upper, METHODS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the methods are {}", METHODS.join(", ")),
            };
            let message = format!("`{}` is no method", method.escape_debug());
            found.push(
                Diagnostic::error(BAD_VALUE, message)
                    .at(entry.value.span, "not a method")
                    .help(help),
            );
        }
        match effect {
            Some(EffectClass::Read) if matches!(method, "PUT" | "PATCH" | "DELETE") => {
                let message = format!("a read does not send {method}");
                found.push(
                    Diagnostic::error(METHOD_EFFECT, message)
                        .at(entry.value.span, "changes what it is sent to")
                        .help("state what it does to the world: `effect: idempotent`, `reversible` or `irreversible`"),
                );
            }
            Some(EffectClass::Idempotent)
                if matches!(method, "POST" | "PATCH")
                    && self.entry("idempotency_key").is_none() =>
            {
                let message = format!("{method} is repeated, and the target cannot know it again");
                found.push(
                    Diagnostic::warning(REPEATED_UNKNOWN, message)
                        .at(entry.value.span, "done twice when it is sent twice, as a rule")
                        .help("where the target knows requests by a key, name its header: `idempotency_key: Idempotency-Key`; else it is a change"),
                );
            }
            Some(_) | None => {}
        }
    }
}
