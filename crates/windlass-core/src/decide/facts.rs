//! Facts of gates: when they are read, whether people may decide on what was read, and
//! that no change begins on one that is old, refused or unknown.

use std::collections::BTreeMap;

use super::Decider;
use super::gates::gate_of;
use crate::event::{Ask, Event};
use crate::evolve::brief;
use crate::fact::{FACT_BYTES_MAX, Finding, READ_AGAIN_AFTER, ROUNDS_MAX};
use crate::id::StepId;
use crate::operator::Operator;
use crate::outcome::Outcome;
use crate::plan::{Fact, StepKind};
use crate::rejection::{REASON_BYTES_MAX, Rejection};
use crate::state::{Key, Live, NodeScope, StepPhase, StepState};
use crate::time::Timestamp;

impl Decider {
    /// How facts are read, with all values filled in.
    pub(super) fn asks<'a>(
        &self,
        live: &Live,
        facts: impl IntoIterator<Item = &'a Fact>,
    ) -> Result<BTreeMap<String, Ask>, String> {
        let scope = self.scope(live, None);
        let ask = |fact: &Fact| match fact.with.resolve(&scope) {
            Ok(input) => {
                let uses = fact.uses.clone();
                Ok((fact.name.clone(), Ask { uses, input }))
            }
            Err(error) => Err(format!("`facts: {}`: {error}", fact.name)),
        };
        facts.into_iter().map(ask).collect()
    }

    /// Somebody looks at a gate: what is too old to decide on is read anew.
    pub(super) fn refresh(&mut self, step: &StepId, by: &Operator) -> Result<(), Rejection> {
        let index = self.gate(step)?;
        if self.direct(by).is_err() {
            self.may_decide(index, by)?;
        }
        let attempt = self.decidable(step, index)?;
        let live = self.live()?;
        let state = live.step(index);
        let facts = gate_of(live, index).facts.iter();
        let stale = facts.filter(|fact| {
            let known = state.fact(&fact.name);
            let is_asked = known.is_some_and(|known| known.is_asked());
            !is_asked && self.is_worth_reading(state, fact)
        });
        let gate = || step.to_string();
        let asks = self
            .asks(live, stale)
            .map_err(|why| Rejection::FactRefused {
                gate: gate(),
                fact: "facts".to_owned(),
                why,
            })?;
        if !asks.is_empty() {
            self.emit(Event::FactsAsked {
                step: step.clone(),
                attempt,
                asks,
            });
        }
        Ok(())
    }

    /// What became of a look.
    pub(super) fn fetched(
        &mut self,
        step: StepId,
        attempt: u32,
        fact: String,
        asked_at: Timestamp,
        outcome: Outcome,
    ) -> Result<(), Rejection> {
        let index = self.gate(&step)?;
        let live = self.live()?;
        let state = live.step(index);
        let planned = gate_of(live, index)
            .facts
            .iter()
            .find(|one| one.name == fact);
        let is_asked = state.awaits_facts()
            && state.gate_attempt == attempt
            && state.fact(&fact).is_some_and(|known| known.is_asked());
        let Some(planned) = planned.filter(|_| is_asked && live.ended.is_none()) else {
            let gate = step.to_string();
            return Err(Rejection::FactNotAsked { gate, fact });
        };
        let finding = self.judged(live, planned, asked_at, outcome);
        self.emit(Event::FactFetched {
            step,
            attempt,
            fact,
            asked_at,
            finding,
        });
        Ok(())
    }

    fn judged(&self, live: &Live, fact: &Fact, asked_at: Timestamp, outcome: Outcome) -> Finding {
        let outputs = match outcome {
            Outcome::Succeeded { outputs, .. } => outputs,
            Outcome::Failed(failure) => {
                let mut message = format!("it could not be read: {}", failure.message);
                message.truncate(message.floor_char_boundary(REASON_BYTES_MAX / 2));
                return Finding::Failed { message };
            }
        };
        if outputs.weight_bytes() > FACT_BYTES_MAX {
            let message = format!("it read more than {FACT_BYTES_MAX} bytes");
            return Finding::Failed { message };
        }
        if self.now.since(asked_at) > fact.max_age {
            let message = format!(
                "reading it took longer than it may be old ({})",
                fact.max_age
            );
            return Finding::Failed { message };
        }
        let scope = NodeScope {
            run: self.state.run(),
            live,
            item: None,
            outputs: Some(&outputs),
        };
        match fact.accept.eval_bool(&scope) {
            Ok(true) => Finding::Accepted { outputs },
            Ok(false) => {
                let why = format!("`{}` does not hold for {}", fact.rule, brief(&outputs));
                Finding::Refused { outputs, why }
            }
            Err(error) => Finding::Refused {
                outputs,
                why: error.to_string(),
            },
        }
    }

    /// Which reading of each fact an approver decides on.
    pub(super) fn decided_on(&self, index: u32) -> Result<BTreeMap<String, Timestamp>, Rejection> {
        let live = self.live()?;
        let state = live.step(index);
        let mut facts = BTreeMap::new();
        for fact in &gate_of(live, index).facts {
            let gate = || live.plan.step(index).id.to_string();
            if let Some(unfit) = self.unfit(state, fact, state.started_at) {
                let (gate, fact) = (gate(), fact.name.clone());
                return Err(match unfit {
                    Unfit::Stale(why) => Rejection::FactStale { gate, fact, why },
                    Unfit::Refused(why) => Rejection::FactRefused { gate, fact, why },
                });
            }
            let latest = state
                .fact(&fact.name)
                .and_then(|known| known.latest.as_ref());
            let asked_at = latest.map_or(self.now, |latest| latest.asked_at);
            facts.insert(fact.name.clone(), asked_at);
        }
        Ok(facts)
    }

    /// Whether a look reads a fact anew: one that is too old, and one that did not hold a
    /// moment ago, but not at every look.
    fn is_worth_reading(&self, state: &StepState, fact: &Fact) -> bool {
        match self.unfit(state, fact, state.started_at) {
            None => false,
            Some(Unfit::Stale(_)) => true,
            Some(Unfit::Refused(_)) => {
                let known = state.fact(&fact.name);
                let latest = known.and_then(|known| known.latest.as_ref());
                latest.is_none_or(|latest| {
                    self.now.since(latest.asked_at) >= READ_AGAIN_AFTER.min(fact.max_age)
                })
            }
        }
    }

    /// Why nothing may rest on what is known of a fact, when it has to be read no earlier
    /// than `since`.
    fn unfit(&self, state: &StepState, fact: &Fact, since: Option<Timestamp>) -> Option<Unfit> {
        let known = state.fact(&fact.name);
        let latest = known.and_then(|known| known.latest.as_ref());
        let Some(latest) =
            latest.filter(|latest| since.is_none_or(|since| latest.asked_at >= since))
        else {
            return Some(Unfit::Stale("is not read yet".to_owned()));
        };
        if let Some(why) = latest.finding.fault() {
            return Some(Unfit::Refused(why.to_owned()));
        }
        let age = self.now.since(latest.asked_at);
        let old = format!("is {age} old, and may be {} old", fact.max_age);
        (age > fact.max_age).then_some(Unfit::Stale(old))
    }

    /// Approvals that rest on a fact which does not hold any more.
    pub(super) fn withdraw_refuted(&self, live: &Live) -> Option<Event> {
        if live.ending.is_some() {
            return None;
        }
        let index = *live.refuted.first()?;
        let state = live.step(index);
        let faults = state.gate.iter().flat_map(|gate| &gate.facts);
        let faults = faults.filter_map(|(name, fact)| {
            let why = fact.latest.as_ref()?.finding.fault()?;
            Some(format!("{name}: {why}"))
        });
        let reason = faults.collect::<Vec<_>>().join("; ");
        Some(self.withdrawal(live, index, reason))
    }

    fn withdrawal(&self, live: &Live, index: u32, mut reason: String) -> Event {
        reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
        Event::GateWithdrawn {
            step: live.plan.step(index).id.clone(),
            attempt: live.step(index).gate_attempt,
            reason,
        }
    }

    /// `Some` while the facts of a gate keep the first change behind it from its intent:
    /// with the event that asks for them or withdraws the approval, or with none while
    /// they are being read. They are read after the approval, however young they are.
    pub(super) fn facts_before(&self, live: &Live, key: Key) -> Option<Option<Event>> {
        let owed = live.debts.contains_key(&key.step);
        if owed || !live.rests_on_approvals(key) {
            return None;
        }
        for index in live.plan.gates_before(key.step) {
            let state = live.step(*index);
            let StepPhase::GateApproved { spent: false, .. } = state.phase else {
                continue;
            };
            let StepKind::Gate(gate) = &live.plan.step(*index).kind else {
                continue;
            };
            let rounds = state.gate.as_ref().map_or(0, |gate| gate.rounds);
            // Once after the approval in any case, also when that was at the same moment.
            let unfit = |fact: &&Fact| {
                let is_asked = state.fact(&fact.name).is_some_and(|known| known.is_asked());
                rounds == 0 || is_asked || self.unfit(state, fact, state.ended_at).is_some()
            };
            let stale: Vec<&Fact> = gate.facts.iter().filter(unfit).collect();
            if stale.is_empty() {
                continue;
            }
            if state.is_fetching() {
                return Some(None);
            }
            if rounds >= ROUNDS_MAX {
                let reason = "its facts were never all young enough at once".to_owned();
                return Some(Some(self.withdrawal(live, *index, reason)));
            }
            return Some(Some(match self.asks(live, stale) {
                Ok(asks) => Event::FactsAsked {
                    step: live.plan.step(*index).id.clone(),
                    attempt: state.gate_attempt,
                    asks,
                },
                Err(why) => self.withdrawal(live, *index, why),
            }));
        }
        None
    }
}

/// Why nothing may rest on a fact.
enum Unfit {
    /// It is to be read again.
    Stale(String),
    /// It does not hold.
    Refused(String),
}
