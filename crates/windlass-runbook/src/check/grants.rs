//! Whether a secret that may only go to some hosts is handed to others: what can be told
//! before a run. Hosts that only the run knows are judged by the runners, before anything
//! is sent.

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::catalog::Touch;
use windlass_core::id::{ActionName, SecretName};
use windlass_core::plan::{HostPattern, Notice, Step, Template, host_in};
use windlass_core::url_template::UrlTemplate;
use windlass_core::value::Value;

use super::fields::{Fields, Found};
use super::secrets::Hosts;
use super::world::World;
use crate::codes::{SECRET_NOT_GRANTED, SECRET_UNBOUND};
use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Node, NodeKind};
use crate::outline::{Known, Names, calls_of, member};

/// Checks every call of the steps, those of inlined runbooks among them.
pub(super) fn check(world: &World<'_>, hosts: &Hosts, steps: &[Step], found: &mut Found) {
    if hosts.is_empty() {
        return;
    }
    for step in steps {
        let segment = step.id.as_str().split('/').next().unwrap_or_default();
        let Some(index) = world.index_of(segment) else {
            continue;
        };
        let draft = &world.steps[index];
        let place = Place {
            world,
            own: draft.fields.iter().flat_map(Fields::values).collect(),
            otherwise: draft.id_span,
            label: match step.id == draft.id {
                true => HERE.to_owned(),
                // By a step of the runbook that it inlines.
                false => format!("by its step `{}`", step.id),
            },
        };
        for called in calls_of(step) {
            call(&place, hosts, (called.uses, called.with), found);
        }
    }
}

/// Checks a notice of `on`, which is written at `node`.
pub(super) fn notice(world: &World<'_>, node: &Node, notice: &Notice, found: &mut Found) {
    let place = Place {
        world,
        own: vec![node],
        otherwise: node.span,
        label: HERE.to_owned(),
    };
    let (uses, with) = (&notice.uses, &notice.with);
    call(&place, &world.secret_hosts, (uses, with), found);
}

fn call(
    place: &Place<'_>,
    hosts: &Hosts,
    (uses, with): (&ActionName, &Template),
    found: &mut Found,
) {
    let Some(action) = place.world.catalog.get(uses) else {
        return;
    };
    let given: BTreeSet<&SecretName> = with.secrets().into_iter().collect();
    let to_hosts: Vec<&String> = action
        .params
        .iter()
        .filter(|(_, param)| matches!(param.touches, Some(Touch::Host | Touch::Url)))
        .map(|(name, _)| name)
        .collect();
    for name in given {
        let Some((granted, declared)) = hosts.get(name) else {
            continue;
        };
        // An action with a parameter for hosts gives a secret to no other host.
        if to_hosts.is_empty() {
            let message = format!(
                "the secret `{name}` may only go to some hosts, and `{uses}` could send it anywhere"
            );
            found.push(
                Diagnostic::error(SECRET_UNBOUND, message)
                    .at(place.of_secret(name), place.label.as_str())
                    .at(*declared, "limited here")
                    .help("use an action that names the host itself, or take `hosts` out"),
            );
            continue;
        }
        for param in &to_hosts {
            if let Some(host) = known_host(place, with, param)
                && !granted.iter().any(|pattern| pattern.permits(&host))
            {
                found.push(refused(place, name, &host, granted, *declared));
            }
        }
    }
}

fn refused(
    place: &Place<'_>,
    name: &SecretName,
    host: &str,
    granted: &[HostPattern],
    declared: Span,
) -> Diagnostic {
    let shown = host.escape_debug();
    let granted: Vec<&str> = granted.iter().map(HostPattern::as_str).collect();
    let message = format!("the secret `{name}` may not go to `{shown}`");
    Diagnostic::error(SECRET_NOT_GRANTED, message)
        .at(place.of_secret(name), place.label.as_str())
        .at(declared, format!("it may go to {}", granted.join(", ")))
        .help(format!(
            "add the host to `hosts` of `{name}`, or give another secret"
        ))
}

/// The host that a parameter names, as far as the inputs decide it.
fn known_host(place: &Place<'_>, with: &Template, param: &str) -> Option<String> {
    let nothing = BTreeMap::new();
    let names = Names {
        inputs: place.world.values.as_ref().unwrap_or(&nothing),
        item: None,
    };
    match names.template(&*member(with, param)?) {
        // An address may have blanks, and then only the run knows its host.
        Known::Now(Value::Text(text)) => match text.parse::<UrlTemplate>() {
            Ok(template) => template.host(),
            Err(_) => host_in(&text).map(str::to_owned),
        },
        Known::Now(_) | Known::Later(_) | Known::Never(_) => None,
    }
}

/// What is said of the place where a secret is handed over.
const HERE: &str = "handed over here";

/// Where a call is written.
struct Place<'a> {
    world: &'a World<'a>,
    /// What stands in its step, or in the step that inlines it, or in its notice.
    own: Vec<&'a Node>,
    /// Where it is said when none of them hands the secret over.
    otherwise: Span,
    label: String,
}

impl Place<'_> {
    /// Where the secret is handed over: in the step, else in the defaults, else the step.
    fn of_secret(&self, name: &SecretName) -> Span {
        let own = self.own.iter().copied();
        let defaults = self.world.defaults.values().copied();
        own.chain(defaults)
            .find_map(|node| handed_over(node, name))
            .unwrap_or(self.otherwise)
    }
}

fn handed_over(node: &Node, name: &SecretName) -> Option<Span> {
    match &node.kind {
        NodeKind::Text(text) => {
            let inner = text.trim().strip_prefix("${{")?.strip_suffix("}}")?;
            let of = inner.trim().strip_prefix("secrets.")?;
            (of.trim() == name.as_str()).then_some(node.span)
        }
        NodeKind::List(items) => items.iter().find_map(|item| handed_over(item, name)),
        NodeKind::Map(entries) => entries
            .iter()
            .find_map(|entry| handed_over(&entry.value, name)),
        NodeKind::Null | NodeKind::Bool(_) | NodeKind::Int(_) | NodeKind::Float(_) => None,
    }
}
