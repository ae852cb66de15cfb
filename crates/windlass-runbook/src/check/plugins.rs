//! The plugins that a runbook names, and what its plan pins; what it grants is `granted`'s. Where a
//! plugin is found and what it says of itself is told by [`Files`].

mod granted;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use windlass_core::catalog::Grant;
use windlass_core::id::ActionName;
use windlass_core::plan::{Digest, PLUGINS_MAX, Plugin as Pin, Step};
use windlass_core::types::Type;
use windlass_core::value::Value;

use super::actions::Actions;
use super::fields::{Fields, Found, wrong_shape};
use super::graph::Graph;
use super::inline::{Files, resolve};
use super::keys;
use super::names::{Around, Outputs};
use super::templates::{Wanted, template};
use super::world::{Form, World};
use crate::codes::{
    BAD_NAME, BAD_VALUE, GRANT_MISSING, GRANT_OPEN, PLUGIN_NETWORK, PLUGIN_NOT_BUILT,
    PLUGIN_NOT_LOCKED, PLUGIN_REFUSED, PLUGIN_SOURCE, PLUGIN_UNUSED,
};
use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Entry, Node, NodeKind};
use crate::outline::{Known, Names, calls_of};
use crate::plugin::{NoPlugin, Plugin};
use granted::{Granted, asked, granted};

/// The word for all that a manifest asks for.
const MANIFEST: &str = "manifest";
/// The most entries of `grants` and of `networks`.
const ENTRIES_MAX: usize = 64;
/// The methods that a grant can name; the first two only look.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// The plugins of one runbook.
#[derive(Debug, Default)]
pub(super) struct Declared<'a>(Vec<One<'a>>);

#[derive(Debug)]
struct One<'a> {
    name: &'a str,
    name_span: Span,
    source: &'a str,
    plugin: Plugin,
    grants: Granted,
    grants_span: Span,
    networks: Option<&'a Node>,
}

/// Reads `plugins`, and adds what they bring to the actions. `from` is the path of the
/// runbook as seen from the one that is checked.
pub(super) fn declared<'a>(
    fields: &Fields<'a>,
    actions: &mut Actions,
    (files, from): (&dyn Files, &str),
    found: &mut Found,
) -> Declared<'a> {
    let mut declared = Declared::default();
    let Some(node) = fields.value("plugins") else {
        return declared;
    };
    let NodeKind::Map(entries) = &node.kind else {
        found.push(wrong_shape(
            node,
            "`plugins` is a map from names to where plugins are",
        ));
        return declared;
    };
    if entries.is_empty() || entries.len() > PLUGINS_MAX {
        let message = format!("a runbook names from 1 to {PLUGINS_MAX} plugins");
        found.push(Diagnostic::error(BAD_VALUE, message).at(node.span, "not as many"));
        return declared;
    }
    for entry in entries {
        match one(entry, actions, (files, from), found) {
            Some(one) => {
                actions.add(one.name, &one.plugin);
                declared.0.push(one);
            }
            None => actions.add_broken(&entry.key),
        }
    }
    declared
}

impl Declared<'_> {
    /// The plugins by their names, and where they stand.
    pub(super) fn names(&self) -> BTreeMap<String, (Digest, Span)> {
        let named = |one: &One<'_>| (one.name.to_owned(), (one.plugin.digest, one.name_span));
        self.0.iter().map(named).collect()
    }
}

fn one<'a>(
    entry: &'a Entry,
    actions: &Actions,
    (files, from): (&dyn Files, &str),
    found: &mut Found,
) -> Option<One<'a>> {
    let named = is_name(entry, actions, found);
    let fields = Fields::read(&entry.value, entry.key_span, &keys::PLUGIN, found)?;
    let source = fields.required("source", "a plugin", found);
    let grants = fields.required("grants", "a plugin", found);
    let source_text = fields.text("source", found);
    let (source, source_text) = (source?, source_text?);
    let plugin = found_at(source, source_text, (files, from), found)?;
    let granted = match grants {
        Some(node) => granted(node, &plugin, found),
        None => Granted::Broken,
    };
    named.then_some(One {
        name: &entry.key,
        name_span: entry.key_span,
        source: source_text,
        plugin,
        grants: granted,
        grants_span: grants.map_or(entry.key_span, |node| node.span),
        networks: fields.value("networks"),
    })
}

/// Whether actions can begin with the name.
fn is_name(entry: &Entry, actions: &Actions, found: &mut Found) -> bool {
    let name = &entry.key;
    let fits = !name.contains('/') && format!("{name}/a").parse::<ActionName>().is_ok();
    let (message, help) = match (fits, actions.has_family(name)) {
        (true, false) => return true,
        (true, true) => (
            format!("windlass itself has actions that begin with `{name}`"),
            "give the plugin another name: its actions begin with it",
        ),
        (false, _) => (
            format!("`{}` is no name for a plugin", name.escape_debug()),
            "a lower-case letter, then lower-case letters, digits or _",
        ),
    };
    let said = Diagnostic::error(BAD_NAME, message).at(entry.key_span, "not a plugin's name");
    found.push(said.help(help));
    false
}

/// The plugin at a place.
fn found_at(
    node: &Node,
    written: &str,
    (files, from): (&dyn Files, &str),
    found: &mut Found,
) -> Option<Plugin> {
    let shown = written.escape_debug();
    if !written.starts_with("./") && !written.starts_with("../") {
        let message = format!("`{shown}` is no path of a plugin");
        found.push(
            Diagnostic::error(PLUGIN_SOURCE, message)
                .at(node.span, "not relative")
                .help("a path begins with ./ or ../, from the directory of this runbook"),
        );
        return None;
    }
    let refused = match files.plugin(&resolve(from, written)) {
        Ok(plugin) => return Some(plugin),
        Err(refused) => refused,
    };
    found.push(match refused {
        NoPlugin::Unreadable(why) => {
            let message = format!("there is no plugin at `{shown}`: {why}");
            Diagnostic::error(PLUGIN_SOURCE, message)
                .at(node.span, "no plugin")
                .help("a plugin is a directory with its sources, or a .wasm file")
        }
        NoPlugin::NotBuilt { command } => {
            let message = format!("the plugin at `{shown}` is not built");
            Diagnostic::error(PLUGIN_NOT_BUILT, message)
                .at(node.span, "sources without a component")
                .help(format!("run `{command}`"))
        }
        NoPlugin::NotLocked {
            found: digest,
            command,
        } => {
            let message = format!("nothing says which plugin `{shown}` is to be");
            Diagnostic::error(PLUGIN_NOT_LOCKED, message)
                .at(node.span, format!("it is {} now", digest.short()))
                .help(format!(
                    "when you trust it, run `{command}`, which names its digest in the lock"
                ))
        }
        NoPlugin::Changed {
            locked,
            found: digest,
            command,
        } => {
            let message = format!("the plugin at `{shown}` is another one than the locked one");
            Diagnostic::error(PLUGIN_NOT_LOCKED, message)
                .at(
                    node.span,
                    format!("it is {}, locked is {}", digest.short(), locked.short()),
                )
                .help(format!("when the new one is meant, run `{command}`"))
        }
        NoPlugin::BadLock(why) => {
            let message = format!("the lock of `{shown}` cannot be read: {why}");
            Diagnostic::error(PLUGIN_NOT_LOCKED, message).at(node.span, "locked somehow")
        }
        NoPlugin::Refused(why) => {
            let message = format!("the plugin at `{shown}` is refused: {why}");
            Diagnostic::error(PLUGIN_REFUSED, message).at(node.span, "cannot be used")
        }
    });
    None
}

/// What a plan pins: the plugins whose actions its steps use.
pub(super) fn pins(
    declared: &Declared<'_>,
    world: &World<'_>,
    graph: &Graph,
    steps: Option<&[Step]>,
    found: &mut Found,
) -> BTreeMap<String, Pin> {
    let mut pins = BTreeMap::new();
    for one in &declared.0 {
        let networks = one.networks(world, graph, found);
        let Some(steps) = steps else { continue };
        let used = one.used(world, steps);
        if used.is_empty() {
            let message = format!("no step uses an action of the plugin `{}`", one.name);
            found.push(
                Diagnostic::warning(PLUGIN_UNUSED, message)
                    .at(one.name_span, "never used")
                    .help("take it out: what is granted to nobody only worries reviewers"),
            );
            continue;
        }
        let mut actions = BTreeMap::new();
        for (action, span) in used {
            let grants = match one.plugin.actions.get(action) {
                Some(entry) => &entry.grants,
                None => continue,
            };
            let met = one.grants.meet(grants);
            one.judge(action, span, grants, &met, found);
            actions.insert(action.to_owned(), met);
        }
        let pin = Pin {
            source: one.source.to_owned(),
            version: one.plugin.version.clone(),
            digest: one.plugin.digest,
            actions,
            networks: networks.unwrap_or_default(),
        };
        pins.insert(one.name.to_owned(), pin);
    }
    pins
}

impl One<'_> {
    /// The actions that steps use, each with the place of its first use.
    fn used<'s>(&self, world: &World<'_>, steps: &'s [Step]) -> BTreeMap<&'s str, Span> {
        let mut used = BTreeMap::new();
        for step in steps {
            let segment = step.id.as_str().split('/').next().unwrap_or_default();
            let span = world.index_of(segment).map(|index| {
                let draft = &world.steps[index];
                match &draft.form {
                    Form::Action { uses_span, .. } | Form::Inlined { uses_span, .. } => *uses_span,
                    Form::Wait | Form::Gate | Form::Broken => draft.id_span,
                }
            });
            for called in calls_of(step) {
                if let Some((plugin, action)) = called.uses.as_str().split_once('/')
                    && plugin == self.name
                {
                    used.entry(action).or_insert(span.unwrap_or(self.name_span));
                }
            }
        }
        used
    }

    /// What is said of the grants of an action that is used.
    fn judge(
        &self,
        action: &str,
        span: Span,
        asked_for: &[Grant],
        met: &[Grant],
        found: &mut Found,
    ) {
        let missing = self.grants.missing(asked_for);
        let name = format!("{}/{action}", self.name);
        if !missing.is_empty() {
            let nothing = asked(met).next().is_none();
            let message = format!("`{name}` is not granted {}", missing.join("; "));
            let said = match nothing {
                true => Diagnostic::error(GRANT_MISSING, message),
                false => Diagnostic::warning(GRANT_MISSING, message),
            };
            found.push(
                said.at(span, "used here")
                    .at(self.grants_span, "granted here")
                    .help("add it, or write `grants: manifest`; what is not granted is refused in the run"),
            );
        }
        let open: BTreeSet<String> = asked(met)
            .filter(|met| met.pattern.is_open_ended())
            .filter(|met| {
                met.methods
                    .iter()
                    .any(|method| !METHODS[..2].contains(method))
            })
            .map(|met| format!("{} {}", met.methods.join(", "), met.pattern))
            .collect();
        for open in open {
            let message = format!("`{name}` may send {open}: everything below that path");
            found.push(
                Diagnostic::warning(GRANT_OPEN, message)
                    .at(self.grants_span, "granted here")
                    .at(span, "used here")
                    .help("grant the paths that it needs, with `*` for one segment"),
            );
        }
    }

    /// The ranges of `networks`, as far as the inputs decide them.
    fn networks(&self, world: &World<'_>, graph: &Graph, found: &mut Found) -> Option<Vec<String>> {
        let node = self.networks?;
        let ty = Type::list(Type::Text);
        let wanted = Wanted {
            ty: &ty,
            optional: false,
            ..Wanted::any("networks")
        };
        let step = (0..world.steps.len()).next()?;
        let around = Around {
            step,
            before: graph.before(step),
            when_held: false,
            item: false,
            itself: false,
            outputs: Outputs::None,
        };
        let before = found.len();
        let template = template(world, node, wanted, around, found)?;
        if found.len() > before {
            return None;
        }
        let mut refuse = |message: String, label: &str| {
            found.push(
                Diagnostic::error(PLUGIN_NETWORK, message)
                    .at(node.span, label)
                    .help("such as [\"127.0.0.0/8\"] or [\"10.20.0.0/16\"]; public addresses need none"),
            );
            None
        };
        let nothing = BTreeMap::new();
        let names = Names {
            inputs: world.values.as_ref().unwrap_or(&nothing),
            item: None,
        };
        let ranges = match names.template(&template) {
            Known::Now(Value::List(ranges)) => ranges,
            Known::Now(_) => return None,
            // Without inputs nothing is known, which is no mistake of the runbook's.
            Known::Never(_) if world.values.is_none() => return None,
            Known::Later(_) => {
                return refuse(
                    "`networks` must be known before a run".to_owned(),
                    "only inputs are",
                );
            }
            Known::Never(why) => return refuse(format!("`networks` has no value: {why}"), "none"),
        };
        if ranges.len() > ENTRIES_MAX {
            return refuse(
                format!("`networks` has at most {ENTRIES_MAX} ranges"),
                "more than that",
            );
        }
        let ranges = ranges.iter().filter_map(Value::as_text);
        let ranges: Vec<String> = ranges.map(str::to_owned).collect();
        match ranges.iter().find(|range| !is_range(range)) {
            Some(bad) => refuse(
                format!("`{}` is no range of addresses", bad.escape_debug()),
                "not a range",
            ),
            None => Some(ranges),
        }
    }
}

/// Whether it is an address, or one with a prefix behind which all bits are zero.
fn is_range(text: &str) -> bool {
    let (base, prefix) = match text.split_once('/') {
        Some((base, prefix)) => (base, Some(prefix)),
        None => (text, None),
    };
    let Ok(base) = base.parse::<IpAddr>() else {
        return false;
    };
    let (bits, width) = match base {
        IpAddr::V4(base) => (u128::from(base.to_bits()), 32),
        IpAddr::V6(base) => (base.to_bits(), 128),
    };
    let prefix: Option<u32> = match prefix {
        None => Some(width),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
        Some(_) => None,
    };
    prefix.is_some_and(|prefix| {
        prefix <= width && (prefix == width || bits.trailing_zeros() >= width - prefix)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_no_bits_behind_its_prefix() {
        for (text, expected) in [
            ("127.0.0.0/8", true),
            ("127.0.0.1", true),
            ("fd00::/8", true),
            ("0.0.0.0/0", true),
            ("10.1.2.3/8", false),
            ("10.0.0.0/33", false),
            ("10.0.0.0/+8", false),
            ("localhost", false),
            ("", false),
        ] {
            assert_eq!(is_range(text), expected, "{text}");
        }
    }
}
