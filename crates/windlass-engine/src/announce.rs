//! What an append announces to the outside, at least once, through the outbox.

use serde_json::json;
use windlass_core::event::Event;
use windlass_core::state::RunStatus;
use windlass_journal::OutboxRow;

use crate::index::need;
use crate::snapshot::Snapshot;

/// A gate has opened: `{run, title, seq, step, attempt}`.
pub const TOPIC_GATE_OPENED: &str = "gate_opened";
/// A person is needed who was not needed before: `{run, title, seq, needs}`.
pub const TOPIC_NEEDS_OPERATOR: &str = "needs_operator";
/// A run has ended: `{run, title, seq, end, reason}`.
pub const TOPIC_RUN_ENDED: &str = "run_ended";

/// The outbox rows for events that led from one state to the next. Each row's key is
/// `RUN/SEQ`, by which a receiver tells repeats.
pub(crate) fn rows(before: &Snapshot, events: &[Event], after: &Snapshot) -> Vec<OutboxRow> {
    let run = &after.run;
    let title = after.state.plan().map_or("", |plan| plan.title.as_str());
    let row = |topic: &str, seq: u64, mut body: serde_json::Value| {
        body["run"] = json!(run.as_str());
        body["title"] = json!(title);
        body["seq"] = json!(seq);
        OutboxRow {
            topic: topic.to_owned(),
            key: format!("{run}/{seq}"),
            body: body.to_string().into_bytes(),
        }
    };
    let mut rows = Vec::new();
    for (seq, event) in (before.next_seq..).zip(events) {
        if let Event::GateOpened { step, attempt, .. } = event {
            let body = json!({"step": step.as_str(), "attempt": attempt});
            rows.push(row(TOPIC_GATE_OPENED, seq, body));
        }
        if let Event::RunEnded { end, reason } = event {
            let body = json!({"end": end.as_str(), "reason": reason});
            rows.push(row(TOPIC_RUN_ENDED, seq, body));
        }
    }
    let needs = |snapshot: &Snapshot| match snapshot.state.status() {
        RunStatus::NeedsOperator { needs } => needs,
        RunStatus::New
        | RunStatus::Running
        | RunStatus::Waiting { .. }
        | RunStatus::Paused
        | RunStatus::Ending
        | RunStatus::Ended(_) => Vec::new(),
    };
    let known = needs(before);
    let new: Vec<String> = needs(after)
        .iter()
        .filter(|need| !known.contains(need))
        .map(need)
        .collect();
    if !new.is_empty() {
        let seq = after.next_seq.saturating_sub(1);
        rows.push(row(TOPIC_NEEDS_OPERATOR, seq, json!({"needs": new})));
    }
    rows
}
