//! Who answers: finds the scripted answer of an attempt, a look or a gate, and keeps
//! account of what was used, since what a case states must be used.

use std::collections::BTreeMap;

use windlass_core::id::{NodeId, StepId};
use windlass_core::operator::{Door, Identity, Operator};
use windlass_core::rehearsal::{GateReply, LookReply, Mock, REQUESTER, Reply, Script};

use super::fault::Fault;

/// The user id of the person who starts the run and owns the directory.
pub(super) const REQUESTER_UID: u32 = 1000;
/// The user id of the first other person.
pub(super) const OTHERS_UID: u32 = 2000;

#[derive(Debug)]
pub(super) struct Cast<'a> {
    script: &'a Script,
    /// By the mock's number: the highest attempt that it answered.
    replies: BTreeMap<usize, u32>,
    /// By the mock's number and an attempt: how many looks it answered.
    looks: BTreeMap<(usize, u32), u32>,
    /// Looks that were answered, by node and attempt.
    looked: BTreeMap<(NodeId, u32), u32>,
    /// The highest opening that was answered.
    openings: BTreeMap<StepId, u32>,
    /// By a fact of a gate: how often it was read.
    readings: BTreeMap<(StepId, String), u32>,
    people: Vec<String>,
}

impl<'a> Cast<'a> {
    pub(super) fn new(script: &'a Script) -> Self {
        Self {
            script,
            replies: BTreeMap::new(),
            looks: BTreeMap::new(),
            looked: BTreeMap::new(),
            openings: BTreeMap::new(),
            readings: BTreeMap::new(),
            people: Vec::new(),
        }
    }

    /// A person of the script; two names are two people.
    pub(super) fn person(&mut self, name: &str) -> Operator {
        let uid = if name == REQUESTER {
            REQUESTER_UID
        } else {
            let known = self.people.iter().position(|known| known == name);
            let at = known.unwrap_or_else(|| {
                self.people.push(name.to_owned());
                self.people.len() - 1
            });
            OTHERS_UID.saturating_add(u32::try_from(at).unwrap_or(u32::MAX))
        };
        Operator {
            name: name.to_owned(),
            identity: Identity::OsUser { uid },
            door: Door::Terminal,
        }
    }

    fn mock(&self, node: &NodeId) -> Option<(usize, &'a Mock)> {
        let mut mocks = self.script.mocks.iter().enumerate();
        mocks.find(|(_, mock)| mock.of.is(node))
    }

    /// How an attempt ends; `Err` with the number of answers when there is none for it.
    pub(super) fn reply(
        &mut self,
        node: &NodeId,
        attempt: u32,
    ) -> Result<&'a Reply, Option<usize>> {
        let (number, mock) = self.mock(node).ok_or(None)?;
        let reply = mock.replies.nth(attempt).ok_or(mock.replies.count())?;
        let used = self.replies.entry(number).or_default();
        *used = attempt.max(*used);
        Ok(reply)
    }

    /// What the next look at an attempt says.
    pub(super) fn look(&self, node: &NodeId, attempt: u32) -> Result<&'a LookReply, Fault> {
        let look = self
            .looked
            .get(&(node.clone(), attempt))
            .map_or(1, |looked| looked + 1);
        let fault = |stated| Fault::NoLook {
            node: node.clone(),
            attempt,
            look,
            stated,
        };
        let reply = self
            .mock(node)
            .and_then(|(_, mock)| mock.replies.nth(attempt));
        let looks = reply
            .and_then(|reply| reply.looks.as_ref())
            .ok_or_else(|| fault(None))?;
        looks.nth(look).ok_or_else(|| fault(looks.count()))
    }

    /// The look that was asked for has answered.
    pub(super) fn looked(&mut self, node: &NodeId, attempt: u32) {
        let looked = self.looked.entry((node.clone(), attempt)).or_default();
        *looked += 1;
        let looked = *looked;
        if let Some((number, _)) = self.mock(node) {
            let used = self.looks.entry((number, attempt)).or_default();
            *used = looked.max(*used);
        }
    }

    /// How an opening of a gate is answered.
    pub(super) fn gate(&mut self, gate: &StepId, opening: u32) -> Option<&'a GateReply> {
        let script = self
            .script
            .gates
            .iter()
            .find(|script| script.gate == *gate)?;
        let reply = script.replies.nth(opening)?;
        self.openings.insert(gate.clone(), opening);
        Some(reply)
    }

    /// What the next reading of a fact comes to.
    pub(super) fn fact(&mut self, gate: &StepId, fact: &str) -> Result<&'a LookReply, Fault> {
        let read = self
            .readings
            .entry((gate.clone(), fact.to_owned()))
            .or_default();
        *read += 1;
        let mut scripts = self.script.facts.iter();
        let script = scripts.find(|script| script.gate == *gate && script.fact == fact);
        let reply = script.and_then(|script| script.replies.nth(*read));
        reply.ok_or_else(|| Fault::NoFact {
            gate: gate.clone(),
            fact: fact.to_owned(),
            reading: *read,
        })
    }

    /// What the case states and nobody asked for.
    pub(super) fn unused(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (number, mock) in self.script.mocks.iter().enumerate() {
            if mock.own {
                self.unused_of(number, mock, &mut faults);
            }
        }
        for script in self.script.gates.iter().filter(|script| script.own) {
            let gate = script.gate.clone();
            match (self.openings.get(&gate), script.replies.count()) {
                (None, _) => faults.push(Fault::GateNeverOpened { gate }),
                (Some(used), Some(stated)) if stated > *used as usize => {
                    let used = *used;
                    faults.push(Fault::UnusedGateReplies { gate, stated, used });
                }
                (Some(_), Some(_) | None) => {}
            }
        }
        for script in self.script.facts.iter().filter(|script| script.own) {
            let key = (script.gate.clone(), script.fact.clone());
            let used = self.readings.get(&key).copied().unwrap_or(0);
            let stated = script.replies.count().unwrap_or(1);
            if stated > used as usize {
                let of = format!("{} of {}", script.fact, script.gate);
                faults.push(Fault::Unused { of, stated, used });
            }
        }
        faults
    }

    fn unused_of(&self, number: usize, mock: &Mock, faults: &mut Vec<Fault>) {
        let of = mock.of.to_string();
        let Some(used) = self.replies.get(&number).copied() else {
            faults.push(Fault::NeverAsked { of });
            return;
        };
        if let Some(stated) = mock.replies.count()
            && stated > used as usize
        {
            faults.push(Fault::Unused { of, stated, used });
            return;
        }
        let Some(_) = mock.replies.count() else {
            // One answer for all attempts: whichever left a doubt was looked at.
            return;
        };
        for (attempt, reply) in mock.replies.iter().enumerate() {
            let attempt = attempt + 1;
            let stated = reply.looks.as_ref().and_then(|looks| looks.count());
            let key = (number, u32::try_from(attempt).unwrap_or(u32::MAX));
            let used = self.looks.get(&key).copied().unwrap_or(0);
            if let Some(stated) = stated.filter(|stated| *stated > used as usize) {
                faults.push(Fault::UnusedLooks {
                    of: of.clone(),
                    attempt,
                    stated,
                    used,
                });
            }
        }
    }
}
