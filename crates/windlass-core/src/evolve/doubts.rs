//! Doubts: how one opens, what looks at the target said, how it is settled.

use crate::evolve::{CODE_GIVEN_UP, CODE_NOT_HAPPENED, Fold, IllegalEvent, brief};
use crate::outcome::{Answer, Effected, Failure, Resolution, Witness};
use crate::state::{Doubt, Key, NodePhase};
use crate::time::Timestamp;
use crate::value::Value;

impl Fold<'_> {
    pub(super) fn open_doubt(
        &mut self,
        key: Key,
        quiet_at: Timestamp,
        observe_until: Timestamp,
        ask: Option<crate::event::Ask>,
    ) -> Result<(), IllegalEvent> {
        let in_flight = self
            .live
            .nodes
            .get(&key)
            .and_then(|state| state.in_flight.clone());
        let Some((call, _, _)) = in_flight else {
            let name = self.live.id_of(key).to_string();
            return Err(self.wrong(name, "without an attempt"));
        };
        let since = self.at;
        self.live.update_node(key, |state| {
            state.not_before = quiet_at;
            state.phase = NodePhase::InDoubt(Doubt {
                call,
                since,
                quiet_at,
                observe_until,
                ask,
                looks: 0,
                look_at: since,
                said: None,
                escalated: None,
            });
        });
        Ok(())
    }

    pub(super) fn doubt(&mut self, key: Key, change: impl FnOnce(&mut Doubt, Timestamp)) {
        let at = self.at;
        self.live.update_node(key, |state| {
            if let NodePhase::InDoubt(doubt) = &mut state.phase {
                change(doubt, at);
            }
        });
    }

    pub(super) fn resolve(
        &mut self,
        key: Key,
        attempt: u32,
        resolution: &Resolution,
        witness: &Witness,
    ) {
        self.live.update_node(key, |state| {
            state.resolved.push((attempt, resolution.clone()));
            state.in_flight = None;
        });
        let failure = |effect, code: &str, message: String, evidence: Option<Value>| Failure {
            effect,
            code: code.to_owned(),
            message,
            // Null is how JSON says that there is none.
            evidence: evidence.filter(|evidence| *evidence != Value::Null),
            log: None,
        };
        match resolution {
            Resolution::Happened { outputs } => self.succeed(key, outputs, false),
            Resolution::NotHappened { evidence } => {
                let message = "it did not happen".to_owned();
                let evidence = Some(evidence.clone());
                self.live.update_node(key, |state| {
                    if state.interrupted {
                        // The end of an engine is not the step's fault.
                        state.tries = state.tries.saturating_sub(1);
                        state.interruptions += 1;
                    }
                });
                let failure = failure(Effected::None, CODE_NOT_HAPPENED, message, evidence);
                self.fail_attempt(key, &failure);
            }
            Resolution::Settled { state } => {
                let message = format!("it came to a known end: {}", brief(state));
                let failure = failure(Effected::Settled, "settled", message, Some(state.clone()));
                self.fail(key, &failure);
            }
            Resolution::GivenUp => {
                let by = match witness {
                    Witness::Operator { by, reason } => format!("{by}: {reason}"),
                    Witness::Outcome | Witness::Reconcile => "nobody".to_owned(),
                };
                let message = format!("unknown, given up by {by}");
                self.fail(
                    key,
                    &failure(Effected::Unknown, CODE_GIVEN_UP, message, None),
                );
            }
        }
    }

    /// "Not happened" was wrong: the change may have acted after all, so that it owes,
    /// and no undo goes past it when it is irreversible.
    pub(super) fn doubt_again(&mut self, key: Key) {
        if self.live.ended.is_some() {
            return;
        }
        self.live.update_node(key, |state| state.acted = true);
        if self.is_irreversible(key) {
            self.live.changed.push_back_mut(key);
        }
        if self.live.would_owe(key) {
            self.open_debt(key);
        }
    }
}

/// What a look said, for people.
pub(super) fn describe(answer: &Answer) -> String {
    match answer {
        Answer::Happened { outputs } => format!("happened: {}", brief(outputs)),
        Answer::NotHappened { evidence } => format!("not happened so far: {}", brief(evidence)),
        Answer::Settled { state } => format!("settled: {}", brief(state)),
        Answer::InProgress { note } => format!("in progress: {note}"),
        Answer::Unknown { note } => format!("unknown: {note}"),
        Answer::Failed { message } => format!("the look failed: {message}"),
    }
}
