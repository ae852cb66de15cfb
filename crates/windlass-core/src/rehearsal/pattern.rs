//! Patterns of events: `attempt_started upgrade[1] 2`, the kind as the journal has it,
//! then what it is about, then which attempt.

use std::fmt;
use std::str::FromStr;

use crate::event::Event;
use crate::id::{BadName, NodeId, Phase, StepId};

/// A step, one item of it, or the undo of either: `upgrade`, `upgrade[1]`, `undo:upgrade`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    pub step: StepId,
    /// `None` for all items.
    pub item: Option<u32>,
    pub phase: Phase,
}

impl Subject {
    /// Whether a node is meant.
    pub fn is(&self, node: &NodeId) -> bool {
        let item = self.item.is_none_or(|item| item == node.item);
        self.step == node.step && self.phase == node.phase && item
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.phase == Phase::Undo {
            f.write_str("undo:")?;
        }
        f.write_str(self.step.as_str())?;
        match self.item {
            Some(item) => write!(f, "[{item}]"),
            None => Ok(()),
        }
    }
}

impl FromStr for Subject {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let node: NodeId = text.parse()?;
        Ok(Self {
            item: text.ends_with(']').then_some(node.item),
            step: node.step,
            phase: node.phase,
        })
    }
}

/// Which events are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// One of [`EVENT_KINDS`].
    pub kind: &'static str,
    pub of: Option<Subject>,
    pub attempt: Option<u32>,
}

impl Pattern {
    /// Whether events of a kind are about a step.
    pub fn is_about_a_step(kind: &str) -> bool {
        !["run_", "policy_", "target_", "lock_"]
            .iter()
            .any(|prefix| kind.starts_with(prefix))
    }

    /// Whether an event is meant.
    pub fn fits(&self, event: &Event) -> bool {
        if event.kind() != self.kind {
            return false;
        }
        let about = event.about();
        let subject = match (&self.of, about.node, about.step) {
            (None, _, _) => true,
            (Some(of), Some(node), _) => of.is(node),
            (Some(of), None, Some(step)) => {
                of.step == *step && of.phase == Phase::Do && of.item.is_none()
            }
            (Some(_), None, None) => false,
        };
        subject && (self.attempt.is_none() || self.attempt == about.attempt)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind)?;
        if let Some(of) = &self.of {
            write!(f, " {of}")?;
        }
        match self.attempt {
            Some(attempt) => write!(f, " {attempt}"),
            None => Ok(()),
        }
    }
}

/// Every kind of event, as records name it.
pub const EVENT_KINDS: &[&str] = &[
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
    "step_skipped",
    "step_expanded",
    "step_refused",
    "opening_chosen",
    "opening_missed",
    "step_deferred",
    "step_due",
    "window_overrun",
    "window_overridden",
    "wait_started",
    "wait_ended",
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
    "debt_taken_over",
    "gate_opened",
    "facts_asked",
    "fact_fetched",
    "approval_given",
    "gate_approved",
    "gate_rejected",
    "gate_expired",
    "gate_withdrawn",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_as_people_write_them() {
        for text in ["a", "a[0]", "a[3]", "undo:a", "undo:a[3]"] {
            assert_eq!(text.parse::<Subject>().unwrap().to_string(), text);
        }
        assert!("a[".parse::<Subject>().is_err());
        let third: NodeId = "a[3]".parse().unwrap();
        let is = |text: &str| text.parse::<Subject>().unwrap().is(&third);
        assert!(is("a") && is("a[3]") && !is("a[0]") && !is("undo:a") && !is("b"));
    }

    #[test]
    fn a_pattern_says_as_much_as_it_says() {
        let event = Event::GateExpired {
            step: "go".parse().unwrap(),
            attempt: 2,
        };
        let fits = |of: Option<&str>, attempt| {
            let of = of.map(|of| of.parse().unwrap());
            let kind = "gate_expired";
            Pattern { kind, of, attempt }.fits(&event)
        };
        assert!(fits(None, None) && fits(Some("go"), Some(2)));
        assert!(!fits(Some("go"), Some(1)) && !fits(Some("other"), None));
        assert!(!fits(Some("undo:go"), None));
    }

    /// The file of the events' schema names the same kinds.
    #[test]
    fn every_kind_of_the_schema_is_known() {
        let schema = include_str!("../../../../docs/events.schema.json");
        let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
        let kinds: Vec<&String> = schema["kinds"].as_object().unwrap().keys().collect();
        let mut known = EVENT_KINDS.to_vec();
        known.sort_unstable();
        assert_eq!(known, kinds);
    }
}
