//! `windows`: when the windows are open that the runbook names.

use std::collections::BTreeMap;

use windlass_core::id::WindowName;
use windlass_core::plan::{Plan, Window};
use windlass_core::rehearsal::Openings;

use super::keys;
use crate::check::fields::{Fields, Found, wrong_shape};
use crate::codes::{BAD_VALUE, TEST_MISFIT};
use crate::diagnostic::Diagnostic;
use crate::node::{Entry, NodeKind};
use crate::suggest::did_you_mean;

pub(super) fn windows(
    entry: &Entry,
    plan: &Plan,
    found: &mut Found,
) -> BTreeMap<WindowName, Openings> {
    let NodeKind::Map(entries) = &entry.value.kind else {
        let rule = "`windows` is a map from windows to their openings";
        found.push(wrong_shape(&entry.value, rule));
        return BTreeMap::new();
    };
    if entries.is_empty() {
        let message = "`windows` names windows; without any, all of them are always open";
        found.push(Diagnostic::error(BAD_VALUE, message).at(entry.value.span, "none"));
    }
    let windows = entries.iter();
    windows
        .filter_map(|entry| window(entry, plan, found))
        .collect()
}

fn window(entry: &Entry, plan: &Plan, found: &mut Found) -> Option<(WindowName, Openings)> {
    let windows = plan.steps.iter().filter_map(|step| step.window.as_ref());
    let named: Vec<&WindowName> = windows.flat_map(Window::names).collect();
    let Some(name) = named.iter().find(|name| name.as_str() == entry.key) else {
        let message = format!("the runbook names no window `{}`", entry.key.escape_debug());
        let known = named.iter().map(|name| name.as_str());
        found.push(
            Diagnostic::error(TEST_MISFIT, message)
                .at(entry.key_span, "no step waits for it")
                .maybe_help(did_you_mean(&entry.key, known)),
        );
        return None;
    };
    let fields = Fields::read(&entry.value, entry.key_span, &keys::OPENINGS, found)?;
    fields.required("opens", "a window", found)?;
    fields.required("for", "a window", found)?;
    let openings = Openings {
        opens: fields.duration_or_zero("opens", found)?,
        length: fields.duration("for", found)?,
        every: fields.duration("every", found),
    };
    Some(((*name).clone(), openings))
}
