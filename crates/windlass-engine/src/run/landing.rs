//! Taking in what has come back from runners: outcomes, answers, panics.

use std::collections::BTreeSet;

use windlass_core::command::Command;
use windlass_core::effect::Effect;
use windlass_core::id::NodeId;
use windlass_core::outcome::{Answer, Effected, Failure, Outcome};
use windlass_core::outstanding;
use windlass_core::plan::StepKind;
use windlass_core::time::{Millis, Timestamp};

use super::flight::{Landed, Report, Slot, SlotKind};
use super::look::no_answer;
use super::step::{For, Refused};
use super::task::Task;
use crate::limits::REFUSED_LOOK_PAUSE_MS;

impl Task {
    /// Takes in what has come back.
    pub(super) async fn landed(&mut self, landed: Landed) -> Result<(), Refused> {
        let Landed {
            slot,
            was_cancelled,
            report,
            began_at,
        } = landed;
        match slot.kind {
            SlotKind::Attempt | SlotKind::Change => self.forget_progress(&slot),
            SlotKind::Look => {}
        }
        let report = report.unwrap_or_else(|panic| {
            tracing::error!(run = %self.run, node = %slot.node, panic, "a runner panicked");
            match slot.kind {
                SlotKind::Attempt | SlotKind::Change => Report::Ended(unknown("panic", panic)),
                SlotKind::Look => no_answer(began_at, panic),
            }
        });
        let Slot {
            kind: slot_kind,
            node,
            attempt,
        } = slot;
        match report {
            Report::Dropped => Ok(()),
            // It failed because it was told to: that says nothing about the work.
            Report::Ended(Outcome::Failed(_)) if was_cancelled => Ok(()),
            Report::Ended(outcome) => {
                #[cfg(feature = "failpoints")]
                crate::failpoints::arrived(&node);
                if slot_kind == SlotKind::Change && is_unknown(&outcome) {
                    // Before the doubt, so that nothing is looked into or asked meanwhile.
                    self.record_living(BTreeSet::from([node.clone()])).await?;
                }
                self.ended(node, attempt, outcome).await
            }
            Report::Answered { .. } | Report::Observed { .. } if was_cancelled => Ok(()),
            Report::Answered { asked_at, answer } if self.fact_of(&node).is_some() => {
                let message = match answer {
                    Answer::Failed { message } => message,
                    Answer::Happened { .. }
                    | Answer::NotHappened { .. }
                    | Answer::Settled { .. }
                    | Answer::InProgress { .. }
                    | Answer::Unknown { .. } => "no answer".to_owned(),
                };
                let outcome = unknown("no_answer", message);
                self.fetched(node, attempt, asked_at, outcome).await
            }
            Report::Observed { asked_at, outcome } if self.fact_of(&node).is_some() => {
                self.fetched(node, attempt, asked_at, outcome).await
            }
            Report::Answered { asked_at, answer } => {
                let command = Command::Reconciled {
                    node: node.clone(),
                    attempt,
                    asked_at,
                    answer,
                };
                self.looked(node, command).await
            }
            Report::Observed { asked_at, outcome } => {
                let command = Command::Observed {
                    node: node.clone(),
                    attempt,
                    asked_at,
                    outcome,
                };
                self.looked(node, command).await
            }
        }
    }

    /// An outcome that the core refuses, such as one too large to keep, must not leave its
    /// attempt in flight for ever.
    async fn ended(&mut self, node: NodeId, attempt: u32, outcome: Outcome) -> Result<(), Refused> {
        let ended = |outcome| Command::Ended {
            node: node.clone(),
            attempt,
            outcome,
        };
        let is_known = !is_unknown(&outcome);
        match self.step(ended(outcome), For::Engine).await {
            Ok(_) => {
                if is_known {
                    self.forget_session(&node, attempt);
                }
                Ok(())
            }
            Err(Refused::Rejected(rejection)) if self.is_outstanding(&node, attempt) => {
                let failure = unknown("outcome_refused", rejection.to_string());
                self.command(ended(failure)).await
            }
            Err(Refused::Rejected(rejection)) => {
                tracing::info!(run = %self.run, %node, attempt, %rejection, "a late outcome changes nothing");
                Ok(())
            }
            Err(Refused::NotNow(error)) => {
                let failure = unknown("outcome_refused", error.to_string());
                self.command(ended(failure)).await
            }
            Err(halted @ Refused::Halted(_)) => Err(halted),
        }
    }

    fn is_outstanding(&self, node: &NodeId, attempt: u32) -> bool {
        outstanding(&self.snapshot.state)
            .iter()
            .any(|effect| match effect {
                Effect::Attempt {
                    node: of,
                    attempt: number,
                    ..
                } => of == node && *number == attempt,
                Effect::Reconcile { .. }
                | Effect::Fetch { .. }
                | Effect::AcquireLock { .. }
                | Effect::WakeAt { .. } => false,
            })
    }

    async fn looked(&mut self, node: NodeId, command: Command) -> Result<(), Refused> {
        let before = self.snapshot.next_seq;
        self.command(command).await?;
        if before == self.snapshot.next_seq {
            let until = self.shared.clock.now() + Millis(REFUSED_LOOK_PAUSE_MS);
            self.look_pauses.insert(node, until);
        } else {
            self.look_pauses.remove(&node);
        }
        Ok(())
    }

    /// The name of the fact that a node of a gate stands for.
    fn fact_of(&self, node: &NodeId) -> Option<String> {
        let look = self.snapshot.state.step(&node.step)?;
        match &look.step.kind {
            StepKind::Gate(gate) => {
                let fact = gate.facts.get(usize::try_from(node.item).ok()?)?;
                Some(fact.name.clone())
            }
            StepKind::Action { .. } | StepKind::Wait { .. } => None,
        }
    }

    async fn fetched(
        &mut self,
        node: NodeId,
        attempt: u32,
        asked_at: Timestamp,
        outcome: Outcome,
    ) -> Result<(), Refused> {
        let Some(fact) = self.fact_of(&node) else {
            return Ok(());
        };
        self.command(Command::Fetched {
            gate: node.step,
            attempt,
            fact,
            asked_at,
            outcome,
        })
        .await
    }

    fn forget_progress(&self, slot: &Slot) {
        if let Some(driven) = self.shared.registry().driven.get_mut(&self.run) {
            driven.progress.remove(&(slot.node.clone(), slot.attempt));
        }
    }
}

fn is_unknown(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Succeeded { .. } => false,
        Outcome::Failed(failure) => failure.effect == Effected::Unknown,
    }
}

fn unknown(code: &str, message: String) -> Outcome {
    Outcome::Failed(Failure {
        effect: Effected::Unknown,
        code: code.to_owned(),
        message,
        evidence: None,
        log: None,
    })
}
