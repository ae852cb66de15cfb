//! The fold of what people decide at gates, and of the facts that they decide on.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Fold, IllegalEvent};
use crate::approval::{Approval, Grounds};
use crate::event::Ask;
use crate::fact::{FactState, Fetched, Finding};
use crate::id::StepId;
use crate::operator::Operator;
use crate::plan::StepKind;
use crate::state::{GateState, StepPhase};
use crate::time::Timestamp;

impl Fold<'_> {
    pub(super) fn approval(
        &self,
        by: &Operator,
        note: &str,
        rule: &str,
        grounds: &Grounds,
    ) -> Approval {
        Approval {
            by: by.clone(),
            at: self.at,
            note: note.to_owned(),
            rule: rule.to_owned(),
            grounds: grounds.clone(),
        }
    }

    /// Takes one person's approval of an open gate. Nobody counts twice, whatever a journal
    /// says.
    pub(super) fn approve(
        &mut self,
        step: &StepId,
        attempt: u32,
        approval: Approval,
    ) -> Result<(u32, Option<Timestamp>), IllegalEvent> {
        let (index, expires_at) = self.open_gate(step, attempt)?;
        let person = approval.grounds.person.as_ref();
        let given = self.live.step(index).approvals();
        if given.iter().any(|one| one.is_by(&approval.by, person)) {
            return Err(self.wrong(step.to_string(), "approved by the same person already"));
        }
        self.live.update_step(index, |state| {
            let gate = state.gate.get_or_insert_default();
            Arc::make_mut(gate).approvals.push(approval);
        });
        Ok((index, expires_at))
    }

    /// The state of a gate that opens: all its facts are asked, and no others.
    pub(super) fn with_facts(
        &self,
        index: u32,
        asks: &BTreeMap<String, Ask>,
    ) -> Result<GateState, IllegalEvent> {
        let step = self.live.plan.step(index);
        let StepKind::Gate(gate) = &step.kind else {
            return Err(self.wrong(step.id.to_string(), "no gate"));
        };
        let all = gate.facts.iter().all(|fact| asks.contains_key(&fact.name));
        if !all || asks.len() != gate.facts.len() {
            return Err(self.wrong(step.id.to_string(), "a gate with other facts"));
        }
        let asked = |ask: &Ask| FactState {
            ask: Some(ask.clone()),
            latest: None,
        };
        let facts = asks.iter().map(|(name, ask)| (name.clone(), asked(ask)));
        Ok(GateState {
            facts: facts.collect(),
            ..GateState::default()
        })
    }

    pub(super) fn ask_facts(
        &mut self,
        step: &StepId,
        attempt: u32,
        asks: &BTreeMap<String, Ask>,
    ) -> Result<(), IllegalEvent> {
        let index = self.fact_gate(step, attempt)?;
        let state = self.live.step(index);
        let may_ask = |name: &String| state.fact(name).is_some_and(|fact| !fact.is_asked());
        if asks.is_empty() || !asks.keys().all(may_ask) {
            return Err(self.wrong(step.to_string(), "asked for these facts already"));
        }
        let is_approved = matches!(state.phase, StepPhase::GateApproved { .. });
        self.live.update_step(index, |state| {
            let gate = Arc::make_mut(state.gate.get_or_insert_default());
            gate.rounds += u32::from(is_approved);
            for (name, ask) in asks {
                gate.facts.entry(name.clone()).or_default().ask = Some(ask.clone());
            }
        });
        Ok(())
    }

    pub(super) fn fetch_fact(
        &mut self,
        step: &StepId,
        attempt: u32,
        fact: &str,
        asked_at: Timestamp,
        finding: &Finding,
    ) -> Result<(), IllegalEvent> {
        let index = self.fact_gate(step, attempt)?;
        let known = self.live.step(index).fact(fact);
        if !known.is_some_and(FactState::is_asked) {
            return Err(self.wrong(step.to_string(), "not asked for this fact"));
        }
        let fetched = FactState {
            ask: None,
            latest: Some(Fetched {
                asked_at,
                finding: finding.clone(),
            }),
        };
        self.live.update_step(index, |state| {
            let gate = Arc::make_mut(state.gate.get_or_insert_default());
            gate.facts.insert(fact.to_owned(), fetched);
        });
        Ok(())
    }

    /// What prepares a segment begins on facts that were all young enough at once: from here
    /// the readings before the next intent are counted anew.
    pub(super) fn found_facts_young(&mut self, gate: u32) {
        self.live.update_step(gate, |state| {
            if let Some(gate) = state.gate.as_mut().filter(|gate| gate.rounds > 1) {
                Arc::make_mut(gate).rounds = 1;
            }
        });
    }

    /// Another run has changed the target: every fact that a change is still to rest on is
    /// read once more before it, as right after the approval.
    pub(super) fn forget_readings(&mut self) {
        for index in 0..self.live.steps.len() as u32 {
            let state = self.live.step(index);
            let is_unspent = matches!(state.phase, StepPhase::GateApproved { spent: false, .. });
            if is_unspent && state.gate.as_ref().is_some_and(|gate| gate.rounds > 0) {
                self.live.update_step(index, |state| {
                    if let Some(gate) = &mut state.gate {
                        Arc::make_mut(gate).rounds = 0;
                    }
                });
            }
        }
    }

    /// A gate on whose facts somebody may still decide, or a change begin.
    fn fact_gate(&self, step: &StepId, attempt: u32) -> Result<u32, IllegalEvent> {
        let index = self.step(step)?;
        let state = self.live.step(index);
        if !state.awaits_facts() {
            return Err(self.wrong(step.to_string(), state.phase.name()));
        }
        self.is_attempt(step.to_string(), attempt, state.gate_attempt)?;
        Ok(index)
    }
}
