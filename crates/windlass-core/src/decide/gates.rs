//! Gates: how they open, what people decide of them, and whether an approval holds when
//! a step behind it has its intent. Not responsible for who may (`authorise`).

use std::collections::BTreeMap;

use super::Decider;
use super::operator::{ending_reason, stated};
use super::windows::WindowEnd;
use crate::authorise::Act;
use crate::command::Statement;
use crate::event::Event;
use crate::id::StepId;
use crate::operator::Operator;
use crate::plan::{Gate, Input, StepKind};
use crate::rejection::{REASON_BYTES_MAX, Rejection};
use crate::state::{Live, StepPhase};

/// How often a gate may open; the first time and three more.
pub const GATE_OPENINGS_MAX: u32 = 4;

impl Decider {
    pub(super) fn open_gate(&self, live: &Live, index: u32) -> Option<Event> {
        let step = live.plan.step(index);
        let StepKind::Gate(Gate {
            expires,
            window_end,
            show,
            ..
        }) = &step.kind
        else {
            return None;
        };
        let attempt = live.step(index).gate_attempt + 1;
        if let Some(event) = self.fix_target(live, step) {
            return Some(event);
        }
        let refused = |message| {
            Some(Event::StepRefused {
                step: step.id.clone(),
                message,
            })
        };
        if live.step(index).withdrawals >= GATE_OPENINGS_MAX {
            return refused(format!("it opened {GATE_OPENINGS_MAX} times in vain"));
        }
        let mut shown = BTreeMap::new();
        for (name, template) in show {
            match template
                .resolve(&self.scope(live, None))
                .map(Input::into_value)
            {
                Ok(Some(value)) => shown.insert(name.clone(), value),
                Ok(None) => return refused(format!("`show: {name}` would show a secret")),
                Err(error) => return refused(format!("`show: {name}`: {error}")),
            };
        }
        let expires_at = if *window_end {
            match self.window_end(live, index) {
                WindowEnd::At(at) => Some(at),
                WindowEnd::First(event) => return Some(event),
                WindowEnd::Refused(why) => return refused(why),
            }
        } else {
            expires.map(|expires| self.now + expires)
        };
        Some(Event::GateOpened {
            step: step.id.clone(),
            attempt,
            expires_at,
            shown,
            target: live.target.clone(),
        })
    }

    /// `Some` when the gates before a step forbid its start: with the event that
    /// withdraws an approval which expired unused, or with none.
    pub(super) fn gates(&self, live: &Live, index: u32) -> Option<Option<Event>> {
        if live.debts.contains_key(&index) {
            return None;
        }
        for gate in live.plan.gates_before(index) {
            let state = live.step(*gate);
            match &state.phase {
                StepPhase::GateApproved {
                    spent: false,
                    expires_at: Some(at),
                    ..
                } if *at <= self.now => {
                    return Some(Some(Event::GateWithdrawn {
                        step: live.plan.step(*gate).id.clone(),
                        attempt: state.gate_attempt,
                        reason: "the approval expired before it was used".to_owned(),
                    }));
                }
                StepPhase::GateApproved { .. } => {}
                StepPhase::Pending
                | StepPhase::Begun
                | StepPhase::Waiting { .. }
                | StepPhase::GateOpen { .. }
                | StepPhase::GateWithdrawn
                | StepPhase::Succeeded
                | StepPhase::Skipped
                | StepPhase::Failed
                | StepPhase::Stopped => return Some(None),
            }
        }
        None
    }

    fn gate(&self, id: &StepId) -> Result<(u32, bool), Rejection> {
        let live = self.live()?;
        let unknown = || Rejection::UnknownStep {
            step: id.to_string(),
        };
        let index = live.plan.index_of(id).ok_or_else(unknown)?;
        match &live.plan.step(index).kind {
            StepKind::Gate(Gate { not_requester, .. }) => Ok((index, *not_requester)),
            StepKind::Action { .. } | StepKind::Wait { .. } => Err(Rejection::NotAGate {
                step: id.to_string(),
            }),
        }
    }

    /// The attempt of an open gate that may still be decided.
    fn decidable(&self, id: &StepId, index: u32) -> Result<u32, Rejection> {
        let live = self.live()?;
        if live.ending.is_some() || live.cancelled.is_some() {
            return Err(Rejection::RunEnding {
                why: ending_reason(live),
            });
        }
        let state = live.step(index);
        let gate = id.to_string();
        match &state.phase {
            StepPhase::GateOpen {
                expires_at: Some(at),
                ..
            } if *at <= self.now => Err(Rejection::GateExpired { gate, at: *at }),
            StepPhase::GateOpen { .. } => Ok(state.gate_attempt),
            StepPhase::GateApproved { by, .. } => Err(Rejection::GateAlreadyApproved {
                gate,
                by: by.clone(),
            }),
            phase @ (StepPhase::Pending
            | StepPhase::Begun
            | StepPhase::Waiting { .. }
            | StepPhase::GateWithdrawn
            | StepPhase::Succeeded
            | StepPhase::Skipped
            | StepPhase::Failed
            | StepPhase::Stopped) => Err(Rejection::GateNotOpen {
                gate,
                state: phase.name(),
            }),
        }
    }

    pub(super) fn approve(
        &mut self,
        step: StepId,
        by: Operator,
        seen: Statement,
        note: String,
    ) -> Result<(), Rejection> {
        let (index, not_requester) = self.gate(&step)?;
        let rule = self.authorised(
            Act::Decide {
                not_requester,
                groups: &[],
            },
            &by,
        )?;
        let attempt = self.decidable(&step, index)?;
        if seen
            != (Statement {
                plan: self.live()?.digest,
                attempt,
            })
        {
            return Err(Rejection::StaleStatement {
                gate: step.to_string(),
            });
        }
        if note.len() > REASON_BYTES_MAX {
            return Err(Rejection::TooLarge {
                max: REASON_BYTES_MAX,
            });
        }
        let rule = rule.to_string();
        self.emit(Event::GateApproved {
            step,
            attempt,
            by,
            note,
            rule,
        });
        Ok(())
    }

    pub(super) fn reject(
        &mut self,
        step: StepId,
        by: Operator,
        reason: String,
    ) -> Result<(), Rejection> {
        let (index, not_requester) = self.gate(&step)?;
        // Whoever may approve may reject; the requester may always reject his own.
        if self.direct(&by).is_err() {
            self.authorised(
                Act::Decide {
                    not_requester,
                    groups: &[],
                },
                &by,
            )?;
        }
        let attempt = self.decidable(&step, index)?;
        let reason = stated(reason)?;
        self.emit(Event::GateRejected {
            step,
            attempt,
            by,
            reason,
        });
        Ok(())
    }

    pub(super) fn withdraw(&mut self, step: StepId, reason: String) -> Result<(), Rejection> {
        let (index, _) = self.gate(&step)?;
        let live = self.live()?;
        let state = live.step(index);
        let attempt = state.gate_attempt;
        match &state.phase {
            StepPhase::GateApproved { spent: false, .. } if live.ending.is_none() => {
                let reason = stated(reason)?;
                self.emit(Event::GateWithdrawn {
                    step,
                    attempt,
                    reason,
                });
                Ok(())
            }
            StepPhase::GateApproved { .. }
            | StepPhase::GateOpen { .. }
            | StepPhase::Pending
            | StepPhase::Begun
            | StepPhase::Waiting { .. }
            | StepPhase::GateWithdrawn
            | StepPhase::Succeeded
            | StepPhase::Skipped
            | StepPhase::Failed
            | StepPhase::Stopped => {
                let state = state.phase.name();
                Err(Rejection::GateNotOpen {
                    gate: step.to_string(),
                    state,
                })
            }
        }
    }
}
