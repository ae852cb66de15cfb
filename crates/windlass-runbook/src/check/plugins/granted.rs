//! What a runbook grants a plugin, held against what the plugin's actions ask for.

use windlass_core::catalog::Grant;
use windlass_core::request_pattern::RequestPattern;

use super::super::fields::{Fields, Found, text, wrong_shape};
use super::super::keys;
use super::{ENTRIES_MAX, MANIFEST, METHODS};
use crate::codes::GRANT_UNASKED;
use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Node, NodeKind};
use crate::plugin::Plugin;

/// What a runbook grants.
#[derive(Debug)]
pub(super) enum Granted {
    /// What the manifest asks for.
    Manifest,
    List(Vec<Allowed>),
    /// Something is wrong with it that has been said.
    Broken,
}

#[derive(Debug)]
pub(super) struct Allowed {
    methods: Vec<(&'static str, Span)>,
    pattern: RequestPattern,
    span: Span,
}
/// What stands under `grants`, held against what any action of the plugin asks for.
pub(super) fn granted(node: &Node, plugin: &Plugin, found: &mut Found) -> Granted {
    let items = match &node.kind {
        NodeKind::Text(word) if word == MANIFEST => return Granted::Manifest,
        NodeKind::List(items) if items.len() <= ENTRIES_MAX => items,
        NodeKind::Null
        | NodeKind::Bool(_)
        | NodeKind::Int(_)
        | NodeKind::Float(_)
        | NodeKind::Text(_)
        | NodeKind::List(_)
        | NodeKind::Map(_) => {
            let rule =
                format!("`grants` is the word `manifest` or a list of at most {ENTRIES_MAX}");
            found.push(wrong_shape(node, &rule).help(
                "`manifest` grants what the manifest asks for; a list is narrower: \
                 [{methods: [GET], url: \"https://api.example.com/v1/*\"}]",
            ));
            return Granted::Broken;
        }
    };
    let before = found.len();
    let allowed: Vec<Allowed> = items
        .iter()
        .filter_map(|item| allowed(item, found))
        .collect();
    for entry in &allowed {
        for (method, span) in &entry.methods {
            if !plugin
                .actions
                .values()
                .flat_map(|action| asked(&action.grants))
                .any(|asked| asked.methods.contains(method) && asked.pattern.covers(&entry.pattern))
            {
                found.push(unasked(method, entry, *span, plugin));
            }
        }
    }
    match found.len() > before {
        true => Granted::Broken,
        false => Granted::List(allowed),
    }
}

fn allowed(item: &Node, found: &mut Found) -> Option<Allowed> {
    let fields = Fields::read(item, item.span, &keys::GRANT, found)?;
    let (listed, url) = (
        fields.required("methods", "a grant", found),
        fields.required("url", "a grant", found),
    );
    let written = fields.text("url", found);
    let (listed, url, written) = (listed?, url?, written?);
    let NodeKind::List(words) = &listed.kind else {
        found.push(wrong_shape(listed, "`methods` is a list of methods"));
        return None;
    };
    let mut methods = Vec::new();
    for word in words {
        let name = text(word, "`methods` lists methods", found)?;
        let Some(method) = METHODS.into_iter().find(|method| *method == name) else {
            let message = format!("`{}` is no method", name.escape_debug());
            found.push(
                Diagnostic::error(GRANT_UNASKED, message)
                    .at(word.span, "not a method")
                    .help(format!("the methods are {}", METHODS.join(", "))),
            );
            return None;
        };
        methods.push((method, word.span));
    }
    match written.parse() {
        Ok(pattern) => Some(Allowed {
            methods,
            pattern,
            span: url.span,
        }),
        Err(error) => {
            let message = format!("`url` is no pattern of addresses: {error}");
            found.push(Diagnostic::error(GRANT_UNASKED, message).at(url.span, "not a pattern"));
            None
        }
    }
}

fn unasked(method: &str, entry: &Allowed, span: Span, plugin: &Plugin) -> Diagnostic {
    const SHOWN_MAX: usize = 5;
    let mut wanted: Vec<String> = plugin
        .actions
        .values()
        .flat_map(|action| asked(&action.grants))
        .map(|asked| format!("{} {}", asked.methods.join(", "), asked.pattern))
        .collect();
    wanted.sort();
    wanted.dedup();
    let more = wanted.len().saturating_sub(SHOWN_MAX);
    wanted.truncate(SHOWN_MAX);
    let help = match (wanted.is_empty(), more) {
        (true, _) => "its manifest asks for nothing".to_owned(),
        (false, 0) => format!("its manifest asks for {}", wanted.join("; ")),
        (false, more) => format!(
            "its manifest asks for {}; and {more} more",
            wanted.join("; ")
        ),
    };
    let message = format!(
        "no action of the plugin asks for {method} {}",
        entry.pattern
    );
    Diagnostic::error(GRANT_UNASKED, message)
        .at(entry.span, "wider than the manifest, or another thing")
        .at(span, "this method")
        .help(help)
}

/// A manifest's entry.
pub(super) struct Asked<'a> {
    pub(super) methods: Vec<&'a str>,
    pub(super) pattern: RequestPattern,
    reads: bool,
}

pub(super) fn asked(grants: &[Grant]) -> impl Iterator<Item = Asked<'_>> {
    grants.iter().filter_map(|grant| match grant {
        Grant::Requests {
            methods,
            url,
            reads,
        } => Some(Asked {
            methods: methods.iter().map(String::as_str).collect(),
            pattern: url.parse().ok()?,
            reads: *reads,
        }),
        Grant::Processes | Grant::Connects(_) | Grant::Signs(_) => None,
    })
}

impl Granted {
    /// What an action may do: what it asks for, as far as it is granted.
    pub(super) fn meet(&self, grants: &[Grant]) -> Vec<Grant> {
        let list = match self {
            Granted::Manifest => return grants.to_vec(),
            Granted::List(list) => list,
            Granted::Broken => return Vec::new(),
        };
        let mut met = Vec::new();
        for asked in asked(grants) {
            for allowed in list {
                let methods: Vec<String> = allowed
                    .methods
                    .iter()
                    .filter(|(method, _)| asked.methods.contains(method))
                    .map(|(method, _)| (*method).to_owned())
                    .collect();
                let grant = Grant::Requests {
                    url: allowed.pattern.to_string(),
                    reads: asked.reads,
                    methods,
                };
                let is_some = |grant: &Grant| matches!(grant, Grant::Requests { methods, .. } if !methods.is_empty());
                if is_some(&grant)
                    && asked.pattern.covers(&allowed.pattern)
                    && !met.contains(&grant)
                {
                    met.push(grant);
                }
            }
        }
        // What it signs goes into requests, and those are granted one by one.
        let signs = grants.iter();
        met.extend(
            signs
                .filter(|grant| matches!(grant, Grant::Signs(_)))
                .cloned(),
        );
        met
    }

    /// What an action asks for and is not granted at all.
    pub(super) fn missing(&self, grants: &[Grant]) -> Vec<String> {
        let list = match self {
            Granted::Manifest | Granted::Broken => return Vec::new(),
            Granted::List(list) => list,
        };
        let mut missing = Vec::new();
        for asked in asked(grants) {
            let is_missing = |method: &&str| {
                !list.iter().any(|allowed| {
                    allowed.methods.iter().any(|(given, _)| given == method)
                        && asked.pattern.covers(&allowed.pattern)
                })
            };
            let methods: Vec<&str> = asked.methods.iter().copied().filter(is_missing).collect();
            if !methods.is_empty() {
                missing.push(format!("{} {}", methods.join(", "), asked.pattern));
            }
        }
        missing
    }
}
