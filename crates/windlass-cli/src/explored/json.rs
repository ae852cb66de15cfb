//! What an exploration found, for programs. The form is versioned: what is there stays.

use serde_json::{Value, json};

use super::Report;

/// The version of the form.
const VERSION: u32 = 1;

pub(crate) fn document(report: &Report) -> Value {
    let found = &report.explored;
    let ends: Vec<Value> = found
        .ends
        .iter()
        .map(|((end, reason), states)| json!({"end": end, "reason": reason, "states": states}))
        .collect();
    let rules: Vec<Value> = report
        .rules
        .iter()
        .map(|rule| {
            let mut broken = found.broken.iter();
            let broken = broken.find(|broken| broken.what == rule.what);
            let story = broken.map(|broken| {
                let lines = broken.story.iter().map(|line| {
                    let step = line.step.as_ref().map(|step| step.as_str());
                    json!({
                        "at_ms": line.at.0,
                        "text": line.text,
                        "step": step,
                        "line": step.and_then(|step| report.line_of(step)),
                    })
                });
                lines.collect::<Vec<Value>>()
            });
            json!({
                "kind": rule.kind,
                "text": rule.text,
                "place": rule.place,
                "holds": broken.is_none() && found.is_complete,
                "story": story,
            })
        })
        .collect();
    json!({
        "windlass_rehearsal": VERSION,
        "runbook": report.runbook,
        "states": found.states,
        "moves": found.moves,
        "complete": found.is_complete,
        "ends": ends,
        "needs": found.needs,
        "rules": rules,
        "longest": report.longest,
    })
}
