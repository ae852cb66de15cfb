//! A plan for reading: what `windlass plan` prints. The order with the gates and the point
//! of no return comes first, then what follows from it, then what each step touches. Long
//! lists are cut and say by how much; the JSON form has everything.

mod follows;
mod order;
#[cfg(test)]
mod tests;
mod touching;

use windlass_core::id::StepId;
use windlass_core::plan::shown;
use windlass_runbook::outline::{ChangeOutline, Outline, PluginOutline};

use super::Paint;
use crate::text;

/// The most gates and irreversible steps that are shown above these bounds.
const MARKED_MAX: usize = 60;
/// The names that a list shows.
const NAMES_MAX: usize = 12;
/// The longest value that is shown, in columns.
const VALUE_COLUMNS_MAX: usize = 160;

/// The whole page.
pub(crate) fn plan_page(plan: &Outline, paint: &Paint) -> Vec<String> {
    let mut lines = head(plan, paint);
    lines.push(String::new());
    lines.extend(order::order(plan, paint));
    lines.push(String::new());
    lines.extend(follows::follows(plan, paint));
    lines.push(String::new());
    lines.extend(plugins(plan, paint));
    lines.extend(grants(plan, paint));
    lines.extend(touching::touching(plan, paint));
    lines.push(String::new());
    lines.extend(paint.labelled(
        "preflight",
        &format!(
            "`windlass preflight` can look with {} of {} before anything is changed",
            plan.preflight.len(),
            text::count(plan.counts.steps, "step")
        ),
    ));
    lines
}

/// Which plugins bring actions, and which bytes of them were approved.
fn plugins(plan: &Outline, paint: &Paint) -> Vec<String> {
    let mut lines = Vec::new();
    if !plan.plugins.is_empty() {
        lines.push("plugins".to_owned());
    }
    for plugin in &plan.plugins {
        let PluginOutline {
            name,
            version,
            source,
            digest,
            networks,
        } = plugin;
        let mut text = format!("{name} {version} {source}, SHA-256 {digest}");
        if !networks.is_empty() {
            text += &format!(
                "; its requests may reach {} too, and there without encryption",
                networks.join(", ")
            );
        }
        lines.extend(paint.hanging("  ", "    ", &text));
    }
    lines
}

/// What the actions may do, whatever their parameters say; then what they touch by these.
fn grants(plan: &Outline, paint: &Paint) -> Vec<String> {
    if plan.grants.is_empty() {
        return paint.labelled("grants", "none: no process, no connection");
    }
    let mut lines = vec!["grants".to_owned()];
    for grant in &plan.grants {
        let may = grant.may.join("; ");
        let steps = names_of(&grant.steps);
        let text = format!("{} {may}: {steps}", grant.action);
        lines.extend(paint.hanging("  ", "    ", &text));
    }
    lines
}

fn head(plan: &Outline, paint: &Paint) -> Vec<String> {
    let title = if plan.title == plan.name {
        plan.name.clone()
    } else {
        format!("{}: {}", plan.name, plan.title)
    };
    let mut lines = paint.labelled("plan", &plan.digest.to_string());
    lines.extend(paint.labelled("runbook", &title));
    if !plan.owner.is_empty() {
        lines.extend(paint.labelled("owner", &plan.owner));
    }
    if !plan.labels.is_empty() {
        let labels: Vec<String> = plan
            .labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        lines.extend(paint.labelled("labels", &labels.join(" ")));
    }
    if let Some(target) = &plan.target {
        let target = match &target.value {
            Some(value) => value.clone(),
            None => format!("{} (known at run time)", target.text),
        };
        lines.extend(paint.labelled("target", &target));
    }
    if let Some(change) = &plan.change {
        lines.extend(change_form(change, paint));
    }
    for (name, value) in &plan.inputs {
        let value = shown(value, plan.input_units.get(name));
        let value = paint.cut(&text::line(&value), VALUE_COLUMNS_MAX);
        lines.extend(paint.labelled("input", &format!("{name} = {value}")));
    }
    for notice in &plan.on {
        let to = notice
            .to
            .as_ref()
            .map_or(String::new(), |to| format!(" to {to}"));
        let when = notice
            .when
            .as_ref()
            .map_or(String::new(), |when| format!(", when {}", text::line(when)));
        let told = format!("{} by {}{to}{when}", notice.topic.as_str(), notice.uses);
        lines.extend(paint.labelled("tells", &told));
    }
    for (path, digest) in &plan.includes {
        lines.extend(paint.labelled("includes", &format!("{path} ({})", digest.short())));
    }
    lines
}

/// What the change form asks, as far as the author answered it.
fn change_form(change: &ChangeOutline, paint: &Paint) -> Vec<String> {
    let outage = match change.outage_ms {
        Some(outage) => format!("outage up to {outage}"),
        None => "no outage".to_owned(),
    };
    let risk = match change.risk {
        Some(risk) => format!(", risk {}", risk.as_str()),
        None => String::new(),
    };
    let mut lines = paint.labelled(
        "change",
        &format!("{}{risk}, {outage}", change.class.as_str()),
    );
    let affects = Some(change.affects.join(", ")).filter(|affects| !affects.is_empty());
    for (label, text) in [
        ("reason", &change.reason),
        ("affects", &affects),
        ("impact", &change.impact),
        ("backout", &change.backout),
        ("test", &change.test),
        ("tell", &change.communication),
    ] {
        if let Some(text) = text {
            lines.extend(paint.labelled(label, text));
        }
    }
    lines
}

/// The first names, and how many more.
fn names_of(ids: &[StepId]) -> String {
    let named: Vec<&str> = ids.iter().take(NAMES_MAX).map(StepId::as_str).collect();
    match ids.len().saturating_sub(NAMES_MAX) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
