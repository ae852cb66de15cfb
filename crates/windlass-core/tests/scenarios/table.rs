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
const RUN_EVENTS: [&str; 16] = [
    "run_started",
    "policy_changed",
    "run_paused",
    "run_resumed",
    "run_cancel_requested",
    "run_suspended",
    "run_released",
    "run_timed_out",
    "run_abandoned",
    "run_ending_began",
    "run_ended",
    "review_closed",
    "target_resolved",
    "lock_requested",
    "lock_acquired",
    "lock_forgone",
];
const STEP: [&str; 8] = [
    "pending",
    "running",
    "waiting",
    "succeeded",
    "skipped",
    "withdrawn",
    "failed",
    "stopped",
];
const STEP_EVENTS: [&str; 12] = [
    "opening_chosen",
    "opening_missed",
    "step_deferred",
    "step_due",
    "window_overrun",
    "window_overridden",
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
const GATE_EVENTS: [&str; 8] = [
    "gate_opened",
    "facts_asked",
    "fact_fetched",
    "approval_given",
    "gate_approved",
    "gate_rejected",
    "gate_expired",
    "gate_withdrawn",
];
const NODE: [&str; 12] = [
    "none",
    "ready",
    "running",
    "by_hand",
    "attempt_failed",
    "backoff",
    "polling",
    "in_doubt",
    "succeeded",
    "attested",
    "failed",
    "stopped",
];
const NODE_EVENTS: [&str; 23] = [
    "attempt_started",
    "attempt_checkpointed",
    "request_refused",
    "attempt_succeeded",
    "attempt_failed",
    "retry_scheduled",
    "poll_scheduled",
    "node_failed",
    "manual_step_opened",
    "manual_step_attested",
    "manual_step_declined",
    "manual_step_expired",
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

/// The states in which the state accepts each event. `evolve` refuses every other pair;
/// `world` tries a sample of each against every state that the scenarios come to.
const LEGAL: &[(&str, &str, &[&str])] = &[
    ("run", "run_started", &["new"]),
    ("run", "policy_changed", LIVE),
    (
        "run",
        "run_paused",
        &["running", "waiting", "needs_operator", "ending"],
    ),
    ("run", "run_suspended", LIVE),
    ("run", "run_released", LIVE),
    ("run", "run_resumed", &["paused", "needs_operator"]),
    (
        "run",
        "run_cancel_requested",
        &["running", "waiting", "paused", "needs_operator", "ending"],
    ),
    (
        "run",
        "run_timed_out",
        &["running", "waiting", "paused", "needs_operator"],
    ),
    ("run", "run_abandoned", &["needs_operator", "paused"]),
    (
        "run",
        "run_ending_began",
        &["running", "waiting", "needs_operator", "paused"],
    ),
    ("run", "run_ended", &["ending", "needs_operator", "paused"]),
    (
        "run",
        "review_closed",
        &[
            "running",
            "waiting",
            "paused",
            "needs_operator",
            "ending",
            "succeeded",
            "failed",
            "cancelled",
        ],
    ),
    ("run", "target_resolved", LIVE),
    ("run", "lock_requested", LIVE),
    ("run", "lock_acquired", LIVE),
    (
        "run",
        "lock_forgone",
        &["paused", "needs_operator", "ending"],
    ),
    ("step", "opening_chosen", &["pending", "running", "skipped"]),
    ("step", "opening_missed", &["pending", "running", "skipped"]),
    ("step", "step_deferred", &["pending", "running"]),
    ("step", "step_due", &["pending", "running"]),
    (
        "step",
        "window_overrun",
        &["running", "succeeded", "failed", "stopped", "skipped"],
    ),
    ("step", "window_overridden", &["pending", "running"]),
    ("step", "step_skipped", &["pending"]),
    ("step", "step_expanded", &["pending"]),
    ("step", "step_refused", &["pending", "withdrawn"]),
    ("step", "wait_started", &["pending"]),
    ("step", "wait_ended", &["waiting"]),
    ("step", "debt_taken_over", &["pending", "running", "failed"]),
    ("gate", "gate_opened", &["pending", "withdrawn"]),
    ("gate", "facts_asked", &["open", "approved"]),
    ("gate", "fact_fetched", &["open", "approved"]),
    ("gate", "approval_given", &["open"]),
    ("gate", "gate_approved", &["open"]),
    ("gate", "gate_rejected", &["open"]),
    ("gate", "gate_expired", &["open"]),
    ("gate", "gate_withdrawn", &["open", "approved"]),
    (
        "node",
        "attempt_started",
        &["none", "ready", "backoff", "polling"],
    ),
    ("node", "attempt_checkpointed", &["running"]),
    ("node", "request_refused", &["running", "in_doubt"]),
    ("node", "attempt_succeeded", &["running"]),
    ("node", "attempt_failed", &["running"]),
    ("node", "retry_scheduled", &["attempt_failed"]),
    ("node", "poll_scheduled", &["running"]),
    (
        "node",
        "node_failed",
        &["none", "ready", "attempt_failed", "backoff", "polling"],
    ),
    (
        "node",
        "manual_step_opened",
        &["none", "ready", "backoff", "polling"],
    ),
    ("node", "manual_step_attested", &["by_hand"]),
    ("node", "manual_step_declined", &["by_hand"]),
    ("node", "manual_step_expired", &["by_hand"]),
    ("node", "doubt_opened", &["attempt_failed"]),
    ("node", "doubt_answered", &["in_doubt"]),
    ("node", "doubt_escalated", &["in_doubt"]),
    ("node", "doubt_resolved", &["in_doubt"]),
    ("node", "orphan_found", ANY),
    ("node", "orphan_ended", ANY),
    ("node", "resolution_contradicted", ANY),
    ("node", "contradiction_acknowledged", ANY),
    ("node", "retry_ordered", &["none", "failed"]),
    ("node", "node_attested", &["none", "failed"]),
    ("node", "undo_abandoned", &["failed"]),
];

/// An event about a fact beside the phase, such as a living process: any node may have it.
const ANY: &[&str] = &[
    "ready",
    "running",
    "by_hand",
    "attempt_failed",
    "backoff",
    "polling",
    "in_doubt",
    "succeeded",
    "attested",
    "failed",
    "stopped",
];

/// A run that has begun and not ended.
const LIVE: &[&str] = &["running", "waiting", "paused", "needs_operator", "ending"];

/// Why a pair that `evolve` accepts never comes from `decide`, or need not be visited.
/// A rule that names a visited pair is a fault, so that the list cannot rot.
const REASONS: &[(&str, &str, &[&str], &str)] = &[
    (
        "run",
        "run_abandoned",
        &["paused"],
        "a paused run that waits for a person shows needs_operator",
    ),
    (
        "run",
        "run_ending_began",
        &["needs_operator", "paused"],
        "what begins the ending has settled the need, and a pause holds it",
    ),
    (
        "run",
        "run_ended",
        &["needs_operator", "paused"],
        "an end with a need or in a pause is held by decide, not by the fold",
    ),
    (
        "run",
        "review_closed",
        &["waiting", "paused", "ending", "cancelled"],
        "whether a review is closed is no matter of where the run stands",
    ),
    (
        "run",
        "target_resolved",
        &["paused", "needs_operator"],
        "a pause and a need hold what would come to need the target",
    ),
    (
        "run",
        "lock_requested",
        &["paused", "needs_operator"],
        "a pause and a need hold what would come to need the lock",
    ),
    (
        "run",
        "lock_acquired",
        &["paused", "needs_operator"],
        "a paused run takes no lock, and one without the lock has done nothing that needs a person",
    ),
    (
        "run",
        "lock_forgone",
        &["paused", "needs_operator"],
        "a paused run gives up nothing, and one without the lock has done nothing that needs a person",
    ),
    (
        "node",
        "node_failed",
        &["backoff", "polling"],
        "inputs that could be evaluated once give the same again",
    ),
    (
        "node",
        "manual_step_opened",
        &["polling"],
        "what a person does has no `until`",
    ),
    (
        "node",
        "orphan_found",
        &[
            "ready",
            "by_hand",
            "attempt_failed",
            "backoff",
            "polling",
            "attested",
            "failed",
            "stopped",
        ],
        "processes are looked for before anything else; the phase does not matter to the rule",
    ),
    (
        "node",
        "orphan_ended",
        &[
            "ready",
            "by_hand",
            "running",
            "attempt_failed",
            "polling",
            "attested",
            "failed",
            "stopped",
        ],
        "the end of a process matters only to what it held; the phase does not matter to the rule",
    ),
    (
        "node",
        "resolution_contradicted",
        &[
            "ready",
            "by_hand",
            "attempt_failed",
            "backoff",
            "polling",
            "in_doubt",
            "attested",
            "stopped",
        ],
        "a late outcome is held against the recorded resolution; the phase does not matter to the rule",
    ),
    (
        "node",
        "contradiction_acknowledged",
        &[
            "ready",
            "by_hand",
            "running",
            "attempt_failed",
            "backoff",
            "polling",
            "in_doubt",
            "attested",
            "stopped",
        ],
        "an acknowledgement looks at the contradiction; the phase does not matter to the rule",
    ),
];

/// Whether the fold accepts an event in a state.
pub(crate) fn is_legal(part: &str, state: &str, event: &str) -> bool {
    LEGAL
        .iter()
        .any(|(of, kind, states)| *of == part && *kind == event && states.contains(&state))
}

fn reason(part: &str, state: &str, event: &str) -> Option<usize> {
    REASONS
        .iter()
        .position(|(of, kind, states, _)| *of == part && *kind == event && states.contains(&state))
}

/// The mark of a cell: visited, refused by the fold, or the number of a reason.
fn mark(visited: bool, legal: bool, rule: Option<usize>) -> Result<String, &'static str> {
    match (visited, legal, rule) {
        (true, true, None) => Ok("x".to_owned()),
        (false, false, None) => Ok("-".to_owned()),
        (false, true, Some(rule)) => Ok(format!("({rule})")),
        (true, true, Some(_)) => Err("visited, although there is a reason why not"),
        (true, false, _) => Err("visited, although the fold refuses it"),
        (false, true, None) => Err("not visited, without a reason"),
        (false, false, Some(_)) => Err("refused by the fold, needs no reason"),
    }
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
        text.push_str(&format!("\n{part:28}"));
        for state in states {
            text.push_str(&format!("{state:>15}"));
        }
        for event in events {
            text.push_str(&format!("\n  {event:26}"));
            for state in states {
                let visited = cells.contains(&(part, (*state).to_owned(), *event));
                let (legal, rule) = (is_legal(part, state, event), reason(part, state, event));
                let mark = mark(visited, legal, rule).unwrap_or_else(|fault| {
                    unexplained.push(format!("{part} {state} {event}: {fault}"));
                    "?".to_owned()
                });
                text.push_str(&format!("{mark:>15}"));
            }
        }
        text.push('\n');
    }
    text.push_str("\nx visited, - refused by the fold\n");
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
