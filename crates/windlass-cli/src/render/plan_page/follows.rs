//! What follows from the order: gates, windows, point of no return, debts, undo, duration,
//! secrets.

use windlass_core::id::WindowName;
use windlass_core::plan::{HostPattern, OnFailure, SecretSource};
use windlass_runbook::outline::{FactOutline, Outline, PreparationOutline, SegmentOutline};

use super::{MARKED_MAX, NAMES_MAX, names_of};
use crate::render::Paint;
use crate::text;

/// The lines of it.
pub(super) fn follows(plan: &Outline, paint: &Paint) -> Vec<String> {
    let mut lines = Vec::new();
    for gate in plan.gates.iter().take(MARKED_MAX) {
        let expires = match gate.expires_ms {
            _ if gate.window_end => "expires with the opening behind it".to_owned(),
            Some(expires) => format!("expires {expires} after it opens"),
            None => "never expires".to_owned(),
        };
        let protects = match (names_of(&gate.protects), gate.protects_more) {
            (names, _) if names.is_empty() => "nothing that changes anything".to_owned(),
            (names, 0) => names,
            (names, more) => format!("{names} and {more} more"),
        };
        let requester = if gate.not_requester {
            "; not by who starts the run"
        } else {
            ""
        };
        let signed = if gate.signed { "; signed" } else { "" };
        let asked: Vec<String> = gate.all_of.iter().map(ToString::to_string).collect();
        let asked = match asked.as_slice() {
            [] => String::new(),
            [one] if gate.all_of[0].count == 1 => format!("; takes one of {one}"),
            asked => format!("; takes {}, each another person", asked.join(", ")),
        };
        lines.extend(paint.labelled(
            "gate",
            &format!(
                "{}: {expires}; protects {protects}{requester}{asked}{signed}",
                gate.step
            ),
        ));
        for fact in &gate.facts {
            let FactOutline {
                name,
                uses,
                accept,
                max_age_ms,
            } = fact;
            let accept = text::line(accept);
            let rests = format!("rests on {name} ({uses}, at most {max_age_ms} old): {accept}");
            lines.extend(paint.labelled("", &rests));
        }
    }
    if !plan.gates.is_empty() {
        lines.extend(paint.labelled("approval", &plan.approval_rule));
        for line in &plan.separation {
            lines.extend(paint.labelled("", line));
        }
    }
    for segment in plan.segments.iter().take(MARKED_MAX) {
        lines.extend(window(segment, paint));
    }
    let no_return = &plan.no_return;
    if no_return.changes_begin.is_empty() {
        lines.extend(paint.labelled("changes", "none: every step only looks"));
    } else {
        let begin = names_of(&no_return.changes_begin);
        lines.extend(paint.labelled("changes", &format!("begin with {begin}")));
    }
    if no_return.at.is_empty() {
        lines.extend(paint.labelled("no return", "no step is irreversible"));
    } else {
        let beyond = match names_of(&no_return.beyond) {
            names if names.is_empty() => String::new(),
            names => format!("; behind it: {names}"),
        };
        lines.extend(paint.labelled(
            "no return",
            &format!(
                "{}{beyond}; from there a failure waits for a person",
                names_of(&no_return.at)
            ),
        ));
    }
    if !no_return.ungated.is_empty() {
        let text = format!("no gate stands before {}", names_of(&no_return.ungated));
        let warned = paint.labelled("", &text);
        lines.extend(warned.iter().map(|line| paint.alarm(line)));
    }
    for debt in plan.debts.iter().take(MARKED_MAX) {
        let text = format!("{} owes {}", debt.change, debt.step);
        lines.extend(paint.labelled("debt", &text));
    }
    lines.extend(paint.labelled("undo", &undo(plan)));
    lines.extend(duration(plan, paint));
    for secret in &plan.secrets {
        let source = match &secret.source {
            Some(SecretSource::Env(name)) => format!(" (environment variable {name})"),
            Some(SecretSource::File(path)) => format!(" (file {path})"),
            Some(SecretSource::Exec(words)) => format!(" (printed by {})", words.join(" ")),
            Some(SecretSource::Vault(place)) => format!(" (Vault: {place})"),
            None => String::new(),
        };
        let to = match names_of(&secret.steps) {
            names if names.is_empty() => "no step".to_owned(),
            names => names,
        };
        let hosts: Vec<&str> = secret.hosts.iter().map(HostPattern::as_str).collect();
        let only = match hosts.as_slice() {
            [] => String::new(),
            hosts => format!(", only for {}", hosts.join(", ")),
        };
        let text = format!("{}{source} to {to}{only}", secret.name);
        lines.extend(paint.labelled("secret", &text));
    }
    lines
}

/// What begins in which window, and what may begin before it.
fn window(segment: &SegmentOutline, paint: &Paint) -> Vec<String> {
    let names: Vec<&str> = segment.windows.iter().map(WindowName::as_str).collect();
    let names = names.join(" and ");
    let what = match segment.steps.len() {
        1 => format!("{} begins", segment.first),
        _ => format!("{} to {} begin as one", segment.first, segment.last),
    };
    let bound = segment.bounded_ms;
    let mut lines = paint.labelled(
        "window",
        &format!(
            "{what} in an opening of {names} of at least {bound}; nothing of it is parked for time"
        ),
    );
    for PreparationOutline { step, lead_ms } in &segment.preparation {
        let early = format!("{step} prepares it, at most {lead_ms} before the opening");
        lines.extend(paint.labelled("", &early));
    }
    lines
}

fn undo(plan: &Outline) -> String {
    let order = names_of(&plan.undo.order);
    let undone = match (plan.on_failure, order.is_empty()) {
        (OnFailure::Undo, false) => format!("on failure, the last first: {order}"),
        (OnFailure::Undo, true) => "on failure, but no step has one".to_owned(),
        (OnFailure::Stop, false) => {
            format!("only when somebody cancels with undo, the last first: {order}")
        }
        (OnFailure::Stop, true) => "none".to_owned(),
    };
    if plan.undo.stay.is_empty() {
        undone
    } else {
        format!("{undone}; never: {}", names_of(&plan.undo.stay))
    }
}

fn duration(plan: &Outline, paint: &Paint) -> Vec<String> {
    let duration = &plan.duration;
    let mut text = format!(
        "up to {} by {}",
        duration.bounded_ms,
        names_of(&duration.path)
    );
    if duration.people_ms.0 > 0 {
        text += &format!("; {} of it is waiting for people", duration.people_ms);
    }
    if duration.queue_ms.0 > 0 {
        text += &format!(
            "; {} of it is waiting for one of {} places",
            duration.queue_ms, plan.max_parallel
        );
    }
    let mut lines = paint.labelled("duration", &text);
    for none in duration.unbounded.iter().take(NAMES_MAX) {
        lines.extend(paint.labelled("", &format!("no bound for {}: {}", none.step, none.why)));
    }
    if let Some(more) = duration.unbounded.len().checked_sub(NAMES_MAX + 1) {
        lines.extend(paint.labelled("", &format!("no bound for {} more", more + 1)));
    }
    if let (Some(timeout), Some(after)) = (duration.timeout_ms, duration.after_timeout_ms) {
        lines.extend(paint.labelled(
            "",
            &format!(
                "after {timeout} no new step starts; what is in flight and `finally` may take {after} more"
            ),
        ));
    }
    if let Some(undo) = duration.undo_ms.filter(|undo| undo.0 > 0) {
        lines.extend(paint.labelled("", &format!("undoing everything takes up to {undo} more")));
    }
    let changes = plan.counts.reversible + plan.counts.irreversible;
    if changes > 0 {
        lines.extend(paint.labelled(
            "",
            "a doubt that nothing settles, or a failure behind the point of no return, waits for a person without a bound",
        ));
    }
    lines
}
