//! Gates: how they open, what people decide of them, and whether an approval holds when
//! a step behind it has its intent. Not responsible for who may (`authorise`).

use std::collections::BTreeMap;

use super::Decider;
use super::operator::{ending_reason, stated};
use super::windows::WindowEnd;
use crate::approval::{Approval, Grounds, Seat, Signature, missing, places};
use crate::authorise::{Act, Rule};
use crate::command::Statement;
use crate::event::Event;
use crate::id::{GroupName, StepId};
use crate::operator::{Identity, Operator};
use crate::plan::{Gate, Input, Quorum, StepKind};
use crate::policy::Through;
use crate::rejection::{REASON_BYTES_MAX, Rejection};
use crate::state::{Live, StepPhase, waits_for};

/// How often a gate may open; the first time and three more.
pub const GATE_OPENINGS_MAX: u32 = 4;

impl Decider {
    pub(super) fn open_gate(&self, live: &Live, index: u32) -> Option<Event> {
        let step = live.plan.step(index);
        let StepKind::Gate(Gate {
            expires,
            window_end,
            show,
            facts,
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
                WindowEnd::First(event) => return Some(*event),
                WindowEnd::Refused(why) => return refused(why),
            }
        } else {
            expires.map(|expires| self.now + expires)
        };
        let asks = match self.asks(live, facts) {
            Ok(asks) => asks,
            Err(why) => return refused(why),
        };
        Some(Event::GateOpened {
            step: step.id.clone(),
            attempt,
            expires_at,
            shown,
            target: live.target.clone(),
            asks,
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

    pub(super) fn gate(&self, id: &StepId) -> Result<u32, Rejection> {
        let live = self.live()?;
        let unknown = || Rejection::UnknownStep {
            step: id.to_string(),
        };
        let index = live.plan.index_of(id).ok_or_else(unknown)?;
        match &live.plan.step(index).kind {
            StepKind::Gate(_) => Ok(index),
            StepKind::Action { .. } | StepKind::Wait { .. } => Err(Rejection::NotAGate {
                step: id.to_string(),
            }),
        }
    }

    /// The attempt of an open gate that may still be decided.
    pub(super) fn decidable(&self, id: &StepId, index: u32) -> Result<u32, Rejection> {
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
        signature: Option<Box<Signature>>,
    ) -> Result<(), Rejection> {
        let index = self.gate(&step)?;
        let rule = self.may_decide(index, &by)?;
        let attempt = self.decidable(&step, index)?;
        if let Some(what) = self.state.stale(&step, seen) {
            let gate = step.to_string();
            return Err(Rejection::StaleStatement { gate, what });
        }
        if note.len() > REASON_BYTES_MAX {
            return Err(Rejection::TooLarge {
                max: REASON_BYTES_MAX,
            });
        }
        self.is_signed(&step, &by, &note, signature.as_deref())?;
        let rule = rule.to_string();
        let grounds = Grounds {
            facts: self.decided_on(index)?,
            statement: Some(seen.digest),
            signature,
            ..self.grounds(index, &by)?
        };
        let approval = Approval {
            by: by.clone(),
            at: self.now,
            note: note.clone(),
            rule: rule.clone(),
            grounds: grounds.clone(),
        };
        self.emit(match self.fills(index, approval)? {
            Filled::ThePlaceOfOne => Event::ApprovalGiven {
                step,
                attempt,
                by,
                note,
                rule,
                grounds,
            },
            Filled::TheLastPlace => Event::GateApproved {
                step,
                attempt,
                by,
                note,
                rule,
                grounds,
            },
        });
        Ok(())
    }

    /// Whether an approval is signed as far as it has to be. That the signature was made
    /// over its text by the key that `by` is known by, the engine has seen.
    fn is_signed(
        &self,
        step: &StepId,
        by: &Operator,
        note: &str,
        signature: Option<&Signature>,
    ) -> Result<(), Rejection> {
        let live = self.live()?;
        let gate = step.to_string();
        let bad = |why: String| Rejection::BadSignature {
            gate: step.to_string(),
            why,
        };
        let key = match (&by.identity, signature) {
            (Identity::SshKey { fingerprint }, Some(signature)) => {
                let statement = self.state.statement(step);
                let text = statement.map(|statement| statement.signed_text(note));
                if text.as_ref() != Some(&signature.text) {
                    return Err(bad("it is of another statement".to_owned()));
                }
                fingerprint
            }
            (Identity::SshKey { .. }, None) | (Identity::OsUser { .. }, Some(_)) => {
                return Err(bad("it is not by the one who approves".to_owned()));
            }
            (Identity::OsUser { .. }, None) => {
                return match self.state.takes_signed(step) {
                    true => Err(Rejection::NotSigned { gate }),
                    false => Ok(()),
                };
            }
        };
        let standing = live.standing.as_deref();
        let standing = standing.ok_or_else(|| bad("there is no policy".to_owned()))?;
        match standing.key_fault(key, self.now) {
            Some(why) => Err(bad(why)),
            None => Ok(()),
        }
    }

    /// What becomes of a gate by one more approval.
    fn fills(&self, index: u32, approval: Approval) -> Result<Filled, Rejection> {
        let live = self.live()?;
        let gate = gate_of(live, index);
        let given = live.step(index).approvals();
        let step = || live.plan.step(index).id.to_string();
        let person = approval.grounds.person.as_ref();
        if given.iter().any(|one| one.is_by(&approval.by, person)) {
            return Err(Rejection::ApprovedTwice {
                gate: step(),
                by: approval.by,
            });
        }
        if gate.all_of.is_empty() || !live.knows_groups() {
            return Ok(Filled::TheLastPlace);
        }
        let before = missing(gate, given);
        let all: Vec<Approval> = given.iter().cloned().chain([approval]).collect();
        match missing(gate, &all) {
            0 => Ok(Filled::TheLastPlace),
            after if after < before => Ok(Filled::ThePlaceOfOne),
            _ => Err(Rejection::NoPlaceLeft {
                gate: step(),
                missing: waits_for(gate, given),
                by: all.last().expect("it was put there").by.clone(),
            }),
        }
    }

    /// As whom an approver counts at this gate, by the policy.
    fn grounds(&self, index: u32, by: &Operator) -> Result<Grounds, Rejection> {
        let live = self.live()?;
        let Some(standing) = live.standing.as_deref() else {
            return Ok(Grounds::default());
        };
        let person = standing.person_of(by).cloned();
        let requester = standing.person_of(&live.requester);
        let seat = |quorum: &Quorum| {
            let through = standing.is_in(person.as_ref()?, &quorum.group, self.now);
            let instead_of = match through.ok()? {
                Through::Membership => None,
                // Nobody fills a place for the person who started the run: see `authorise`.
                Through::Delegation { from } if Some(&from) == requester => return None,
                Through::Delegation { from } => Some(from),
            };
            let group = quorum.group.clone();
            Some(Seat { group, instead_of })
        };
        let seats = gate_of(live, index)
            .all_of
            .iter()
            .filter_map(seat)
            .collect();
        Ok(Grounds {
            person,
            seats,
            ..Grounds::default()
        })
    }

    pub(super) fn may_decide(&self, index: u32, by: &Operator) -> Result<Rule, Rejection> {
        let live = self.live()?;
        let gate = gate_of(live, index);
        // As whose member he decides is told by the first that fits: those come first of
        // which somebody is still missing.
        let places = places(gate, live.step(index).approvals());
        let is_missing = |group: &GroupName| {
            let mut of_group = places.iter().filter(|place| place.group == group);
            of_group.any(|place| place.filled_by.is_none())
        };
        let mut groups: Vec<GroupName> = gate.all_of.iter().map(|one| one.group.clone()).collect();
        groups.sort_by_key(|group| !is_missing(group));
        let act = Act::Decide {
            not_requester: gate.not_requester,
            groups: &groups,
        };
        self.authorised(act, by)
    }

    pub(super) fn reject(
        &mut self,
        step: StepId,
        by: Operator,
        reason: String,
    ) -> Result<(), Rejection> {
        let index = self.gate(&step)?;
        // Whoever may approve may reject; the requester may always reject his own.
        if self.direct(&by).is_err() {
            self.may_decide(index, &by)?;
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
        let index = self.gate(&step)?;
        let live = self.live()?;
        let state = live.step(index);
        let attempt = state.gate_attempt;
        if live.ending.is_some() || !state.has_unspent_approvals() {
            return Err(Rejection::GateNotOpen {
                gate: step.to_string(),
                state: state.phase.name(),
            });
        }
        let reason = stated(reason)?;
        self.emit(Event::GateWithdrawn {
            step,
            attempt,
            reason,
        });
        Ok(())
    }
}

/// What an approval does to its gate.
enum Filled {
    /// Others are still to approve.
    ThePlaceOfOne,
    TheLastPlace,
}

pub(super) fn gate_of(live: &Live, index: u32) -> &Gate {
    match &live.plan.step(index).kind {
        StepKind::Gate(gate) => gate,
        StepKind::Action { .. } | StepKind::Wait { .. } => {
            unreachable!("`gate` has seen that it is one")
        }
    }
}
