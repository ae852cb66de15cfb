//! The table of states and events: which pairs the scenarios visited, and for the others
//! the rule that keeps them apart.

use std::collections::BTreeSet;

use crate::world::Cell;

const RUN: [&str; 9] = [
    "new",
    "running",
    "waiting",
    "paused",
    "needs_operator",
    "ending",
    "succeeded",
    "failed",
    "cancelled",
];
const RUN_EVENTS: [&str; 8] = [
    "run_started",
    "run_paused",
    "run_resumed",
    "run_cancel_requested",
    "run_timed_out",
    "run_abandoned",
    "run_ending_began",
    "run_ended",
];
const STEP: [&str; 7] = [
    "pending",
    "running",
    "waiting",
    "succeeded",
    "skipped",
    "failed",
    "stopped",
];
const STEP_EVENTS: [&str; 6] = [
    "step_skipped",
    "step_expanded",
    "step_refused",
    "wait_started",
    "wait_ended",
    "debt_taken_over",
];
const GATE: [&str; 6] = [
    "pending",
    "open",
    "approved",
    "withdrawn",
    "failed",
    "stopped",
];
const GATE_EVENTS: [&str; 5] = [
    "gate_opened",
    "gate_approved",
    "gate_rejected",
    "gate_expired",
    "gate_withdrawn",
];
const NODE: [&str; 12] = [
    "none",
    "ready",
    "running",
    "attempt_failed",
    "backoff",
    "polling",
    "in_doubt",
    "succeeded",
    "attested",
    "failed",
    "stopped",
    "",
];
const NODE_EVENTS: [&str; 18] = [
    "attempt_started",
    "attempt_checkpointed",
    "attempt_succeeded",
    "attempt_failed",
    "retry_scheduled",
    "poll_scheduled",
    "node_failed",
    "doubt_opened",
    "doubt_answered",
    "doubt_escalated",
    "doubt_resolved",
    "orphan_found",
    "orphan_ended",
    "resolution_contradicted",
    "contradiction_acknowledged",
    "retry_ordered",
    "node_attested",
    "undo_abandoned",
];

/// Why a pair cannot come about, or need not be visited. `*` stands for every state.
/// A rule that names a visited pair is a fault, so the list cannot rot.
const REASONS: &[(&str, &str, &[&str], &str)] = &[];

fn reason(part: &str, state: &str, event: &str) -> Option<usize> {
    REASONS
        .iter()
        .position(|(of, kind, states, _)| *of == part && *kind == event && states.contains(&state))
}

/// The table as text, and the cells that nothing explains.
pub(crate) fn render(cells: &BTreeSet<Cell>) -> (String, Vec<String>) {
    let (mut text, mut unexplained) = (String::new(), Vec::new());
    let parts: [(&str, &[&str], &[&str]); 4] = [
        ("run", &RUN, &RUN_EVENTS),
        ("step", &STEP, &STEP_EVENTS),
        ("gate", &GATE, &GATE_EVENTS),
        ("node", &NODE, &NODE_EVENTS),
    ];
    for (part, states, events) in parts {
        let states: Vec<&str> = states.iter().copied().filter(|s| !s.is_empty()).collect();
        text.push_str(&format!("\n{part:28}"));
        for state in &states {
            text.push_str(&format!("{state:>15}"));
        }
        for event in events {
            text.push_str(&format!("\n  {event:26}"));
            for state in &states {
                let visited = cells.contains(&(part, (*state).to_owned(), *event));
                let mark = match (visited, reason(part, state, event)) {
                    (true, None) => "x".to_owned(),
                    (false, Some(rule)) => format!("({rule})"),
                    (true, Some(rule)) => {
                        unexplained.push(format!("{part} {state} {event}: visited, but ({rule})"));
                        "!".to_owned()
                    }
                    (false, None) => {
                        unexplained.push(format!("{part} {state} {event}"));
                        "?".to_owned()
                    }
                };
                text.push_str(&format!("{mark:>15}"));
            }
        }
        text.push('\n');
    }
    text.push('\n');
    for (rule, (_, _, _, why)) in REASONS.iter().enumerate() {
        text.push_str(&format!("({rule}) {why}\n"));
    }
    // A pair outside the lists above would be lost without this.
    for (part, state, event) in cells {
        let known = parts.iter().any(|(of, states, events)| {
            of == part && states.contains(&state.as_str()) && events.contains(event)
        });
        if !known {
            unexplained.push(format!("{part} {state} {event}: not in the table"));
        }
    }
    (text, unexplained)
}
