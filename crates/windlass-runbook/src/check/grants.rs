//! Whether a secret that may only go to some hosts is handed to others: what can be told
//! before a run. Hosts that only the run knows are judged by the runners, before anything
//! is sent.

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::catalog::Touch;
use windlass_core::id::SecretName;
use windlass_core::plan::{HostPattern, Step, host_in};
use windlass_core::url_template::UrlTemplate;
use windlass_core::value::Value;

use super::fields::{Fields, Found};
use super::secrets::Hosts;
use super::world::{StepDraft, World};
use crate::codes::{SECRET_NOT_GRANTED, SECRET_UNBOUND};
use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Node, NodeKind};
use crate::outline::{Called, Known, Names, calls_of, member};

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
        let place = Place {
            world,
            draft: &world.steps[index],
            step,
        };
        for called in calls_of(step) {
            call(&place, hosts, &called, found);
        }
    }
}

fn call(place: &Place<'_>, hosts: &Hosts, called: &Called<'_>, found: &mut Found) {
    let Some(action) = place.world.catalog.get(called.uses) else {
        return;
    };
    let given: BTreeSet<&SecretName> = called.with.secrets().into_iter().collect();
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
                "the secret `{name}` may only go to some hosts, and `{}` could send it anywhere",
                called.uses
            );
            found.push(
                Diagnostic::error(SECRET_UNBOUND, message)
                    .at(place.of_secret(name), place.label())
                    .at(*declared, "limited here")
                    .help("use an action that names the host itself, or take `hosts` out"),
            );
            continue;
        }
        for param in &to_hosts {
            if let Some(host) = known_host(place, called, param)
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
        .at(place.of_secret(name), place.label())
        .at(declared, format!("it may go to {}", granted.join(", ")))
        .help(format!(
            "add the host to `hosts` of `{name}`, or give this step another secret"
        ))
}

/// The host that a parameter names, as far as the inputs decide it.
fn known_host(place: &Place<'_>, called: &Called<'_>, param: &str) -> Option<String> {
    let nothing = BTreeMap::new();
    let names = Names {
        inputs: place.world.values.as_ref().unwrap_or(&nothing),
        item: None,
    };
    match names.template(&*member(called.with, param)?) {
        // An address may have blanks, and then only the run knows its host.
        Known::Now(Value::Text(text)) => match text.parse::<UrlTemplate>() {
            Ok(template) => template.host(),
            Err(_) => host_in(&text).map(str::to_owned),
        },
        Known::Now(_) | Known::Later(_) | Known::Never(_) => None,
    }
}

/// A step, and where it is written.
struct Place<'a> {
    world: &'a World<'a>,
    /// The step itself, or the one that inlines it.
    draft: &'a StepDraft<'a>,
    step: &'a Step,
}

impl Place<'_> {
    fn label(&self) -> String {
        if self.step.id == self.draft.id {
            "handed over here".to_owned()
        } else {
            format!("by its step `{}`", self.step.id)
        }
    }

    /// Where the secret is handed over: in the step, else in the defaults, else the step.
    fn of_secret(&self, name: &SecretName) -> Span {
        let own = self.draft.fields.iter().flat_map(Fields::values);
        let defaults = self.world.defaults.values().copied();
        own.chain(defaults)
            .find_map(|node| handed_over(node, name))
            .unwrap_or(self.draft.id_span)
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
