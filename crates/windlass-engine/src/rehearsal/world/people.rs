//! The people of the rehearsed world: their decisions at gates, work by hand, and cues.

use super::*;

/// How often an approver looks whether the facts are there.
const FACTS_LOOK: Millis = Millis::from_secs(1);

impl World<'_> {
    pub(super) fn gate_opened(&mut self, gate: &StepId, opening: u32) {
        match self.cast.gate(gate, opening) {
            None => self.faults.push(Fault::NoGateReply {
                gate: gate.clone(),
                opening,
            }),
            Some(GateReply::Leave) => {}
            Some(GateReply::Decide {
                decision,
                by,
                after,
            }) => {
                let coming = Coming::Decide {
                    gate: gate.clone(),
                    opening,
                    decision: decision.clone(),
                    by: by.clone(),
                };
                self.agenda.put(self.now + *after, coming);
            }
        }
    }

    /// A mock of work by hand is its person's answer.
    pub(super) fn asked_by_hand(&mut self, node: &NodeId, attempt: u32, call: &Dispatch) {
        let reply = match self.cast.reply(node, attempt) {
            Ok(reply) => reply,
            Err(stated) => {
                return self.faults.push(Fault::NoReply {
                    node: node.clone(),
                    attempt,
                    call: Box::new(call.clone()),
                    stated,
                });
            }
        };
        let coming = match &reply.ending {
            Ending::Never => return,
            Ending::Outcome(outcome) => Coming::Answer {
                node: node.clone(),
                attempt,
                outcome: outcome.clone(),
            },
            Ending::Crash { down, .. } => Coming::Crash {
                down: *down,
                left: None,
            },
        };
        self.agenda.put(self.now + reply.takes, coming);
    }

    /// The gate's answer, unless it was closed meanwhile.
    pub(super) fn decide_gate(&mut self, gate: StepId, opening: u32, decision: Decision, by: &str) {
        let open = self.is_open(&gate, opening);
        let ending = self.state.ending_reason().is_some();
        if !open || ending {
            return;
        }
        if self.waits_for_facts(&gate, &decision, by) {
            let coming = Coming::Decide {
                gate,
                opening,
                decision,
                by: by.to_owned(),
            };
            self.agenda.put(self.now + FACTS_LOOK, coming);
            return;
        }
        let note = match decision {
            Decision::Approve { note } => note,
            Decision::Reject { reason } => {
                return self.act(&Act::Reject { gate, reason }, by, None);
            }
        };
        let approve = Act::Approve {
            gate: gate.clone(),
            note,
        };
        self.act(&approve, by, None);
        // One answer stands for as many people as the gate asks for.
        for place in 2..=APPROVALS_MAX {
            if !self.faults.is_empty() || !self.is_open(&gate, opening) {
                return;
            }
            self.act(&approve, &format!("{by} {place}"), None);
        }
    }

    fn is_open(&self, gate: &StepId, opening: u32) -> bool {
        self.state.step(gate).is_some_and(|look| {
            look.state.gate_attempt == opening && look.state.phase.name() == "open"
        })
    }

    /// An approver has old facts read anew, and decides when they are there.
    fn waits_for_facts(&mut self, gate: &StepId, decision: &Decision, by: &str) -> bool {
        let Decision::Approve { note } = decision else {
            return false;
        };
        let (gate, note) = (gate.clone(), note.clone());
        let by = self.cast.person(by);
        let act = Act::Approve {
            gate: gate.clone(),
            note,
        };
        let Some(command) = self.command(&act, by.clone()) else {
            return false;
        };
        let refused = decide(&self.state, command, self.now).err();
        let is_stale = refused.is_some_and(|rejection| rejection.code() == "fact_stale");
        if is_stale {
            self.told(Command::Refresh { gate, by });
        }
        is_stale
    }

    pub(super) fn cue(&mut self, number: usize) {
        let Some(cue) = self.script.cues.get(number) else {
            return;
        };
        self.performed.insert(number);
        self.act(&cue.act, &cue.by, cue.refused.as_deref());
    }

    pub(super) fn act(&mut self, act: &Act, by: &str, refused: Option<&str>) {
        if let Act::Crash { down } = act {
            return self.crash(*down, None);
        }
        let said = said(act, by);
        let by = self.cast.person(by);
        let Some(command) = self.command(act, by) else {
            return;
        };
        let fault = match (self.decide(command), refused) {
            (Ok(()), None) => return,
            (Ok(()), Some(expected)) => Fault::NotRefused {
                act: said,
                expected: expected.to_owned(),
            },
            (Err(rejection), Some(expected)) if rejection.code() == expected => return,
            (Err(rejection), Some(expected)) => Fault::RefusedOtherwise {
                act: said,
                rejection: Box::new(rejection),
                expected: expected.to_owned(),
            },
            (Err(rejection), None) => Fault::Refused {
                act: said,
                rejection: Box::new(rejection),
            },
        };
        self.faults.push(fault);
    }

    /// The command of an act; `None` for what is no command.
    pub(super) fn command(
        &self,
        act: &Act,
        by: windlass_core::operator::Operator,
    ) -> Option<Command> {
        Some(match act.clone() {
            Act::Approve { gate, note } => {
                self.state.digest()?;
                self.state.approval(gate, by, note)
            }
            Act::Reject { gate, reason } => Command::Reject { gate, by, reason },
            Act::Withdraw { gate, reason } => Command::Withdraw { gate, reason },
            Act::Pause { reason } => Command::Pause { by, reason },
            Act::Resume => Command::Resume { by },
            Act::Cancel { reason, undo } => Command::Cancel { by, reason, undo },
            Act::Retry {
                node,
                reason,
                nothing_remains,
            } => Command::Retry {
                node,
                by,
                reason,
                nothing_remains,
            },
            Act::Attest {
                node,
                reason,
                outputs,
            } => Command::Attest {
                attempt: self.state.attempt_of(&node),
                node,
                by,
                reason,
                outputs,
            },
            Act::Decline {
                node,
                reason,
                effect,
            } => Command::Decline {
                attempt: self.state.attempt_of(&node),
                node,
                by,
                reason,
                effect,
            },
            Act::Resolve {
                node,
                reason,
                verdict,
            } => Command::Resolve {
                node,
                by,
                reason,
                verdict,
            },
            Act::Abandon { reason } => Command::Abandon { by, reason },
            Act::TakeOver { step, reason } => Command::TakeOver { step, by, reason },
            Act::Acknowledge { node, reason } => Command::Acknowledge { node, by, reason },
            Act::Crash { .. } => return None,
        })
    }

    pub(super) fn missed_cues(&self) -> Vec<Fault> {
        let cues = self.script.cues.iter().enumerate();
        let missed = cues.filter(|(number, _)| !self.performed.contains(number));
        missed
            .map(|(number, cue)| {
                let act = said(&cue.act, &cue.by);
                match &cue.moment {
                    Moment::After(pattern) if !self.fired.contains(&number) => Fault::CueMissed {
                        act,
                        moment: pattern.to_string(),
                    },
                    Moment::After(_) | Moment::At(_) => Fault::CueTooLate { act },
                }
            })
            .collect()
    }
}

/// An act in words, for a fault.
fn said(act: &Act, by: &str) -> String {
    match act {
        Act::Approve { gate, .. } => format!("the approval of {gate} by {by}"),
        Act::Reject { gate, .. } => format!("the rejection of {gate} by {by}"),
        Act::Withdraw { gate, .. } => format!("the withdrawal of {gate}"),
        Act::Pause { .. } => format!("the pause by {by}"),
        Act::Resume => format!("the resume by {by}"),
        Act::Cancel { .. } => format!("the cancel by {by}"),
        Act::Retry { node, .. } => format!("the retry of {node} by {by}"),
        Act::Attest { node, .. } => format!("the attestation of {node} by {by}"),
        Act::Decline { node, .. } => format!("the word that {node} is not done by {by}"),
        Act::Resolve { node, .. } => format!("the resolution of {node} by {by}"),
        Act::Abandon { .. } => format!("the abandonment by {by}"),
        Act::TakeOver { step, .. } => format!("the taking over of {step} by {by}"),
        Act::Acknowledge { node, .. } => format!("the acknowledgement of {node} by {by}"),
        Act::Crash { .. } => "the crash".to_owned(),
    }
}
