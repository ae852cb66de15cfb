//! What the people of the random shell do: answers, approvals, and nonsense.

use super::*;

impl Driver {
    /// What people do about the first thing that waits for them.
    pub(super) fn person_answers(&mut self) -> bool {
        let (by, reason) = (person("ann"), "why".to_owned());
        let command = match self.state.status() {
            RunStatus::Paused => Command::Resume { by },
            RunStatus::Waiting { gates, .. }
                if !gates.is_empty() && self.mood == Mood::Wild && self.dice.one_in(6) =>
            {
                let gate = gates[0].clone();
                Command::Reject { gate, by, reason }
            }
            RunStatus::Waiting { gates, .. } if !gates.is_empty() => self.approve(gates[0].clone()),
            RunStatus::Waiting { by_hand, .. } if !by_hand.is_empty() => {
                // He may say nothing until it is too late.
                if self.mood == Mood::Wild && self.dice.one_in(3) {
                    return false;
                }
                let node = by_hand[0].clone();
                self.hand_answers(node)
            }
            RunStatus::Waiting { .. }
                if self.mood == Mood::Wild && self.state.deferred().next().is_some() =>
            {
                let waits = self.state.deferred().next().map(|look| look.step.clone());
                match waits.filter(|_| self.dice.one_in(5)) {
                    Some(step) => Command::Override { step, by, reason },
                    None => return false,
                }
            }
            RunStatus::NeedsOperator { needs } => match needs[0].clone() {
                Need::InDoubt { node } => Command::Resolve {
                    node,
                    by,
                    reason,
                    verdict: match self.dice.below(3) {
                        0 => Verdict::NotHappened,
                        1 => Verdict::GiveUp,
                        _ => Verdict::Happened {
                            outputs: self.outputs(),
                        },
                    },
                },
                Need::FailedAfterIrreversible { step: Some(step) }
                    if self.mood == Mood::Wild && self.dice.one_in(3) =>
                {
                    let node = NodeId::of(step);
                    Command::Attest {
                        attempt: self.state.attempt_of(&node),
                        node,
                        by,
                        reason,
                        outputs: self.outputs(),
                    }
                }
                Need::FailedAfterIrreversible { .. } => Command::Abandon { by, reason },
                Need::UndoFailed { node } => match self.dice.one_in(2) {
                    true => Command::Retry {
                        node,
                        by,
                        reason,
                        nothing_remains: true,
                    },
                    false => Command::Abandon { by, reason },
                },
                Need::Debt { step } => match self.dice.one_in(2) {
                    true => Command::TakeOver { step, by, reason },
                    false => {
                        let (node, nothing_remains) = (NodeId::of(step), true);
                        Command::Retry {
                            node,
                            by,
                            reason,
                            nothing_remains,
                        }
                    }
                },
                Need::Contradicted { node } => Command::Acknowledge { node, by, reason },
            },
            RunStatus::New
            | RunStatus::Running
            | RunStatus::Waiting { .. }
            | RunStatus::Ending
            | RunStatus::Ended(_) => {
                // Gates stand open beside work too.
                let open = self
                    .state
                    .steps()
                    .find(|look| look.state.phase.name() == "open");
                let gate = open.map(|look| look.step.id.clone());
                let by_hand = self.state.by_hand().next();
                match (gate, by_hand) {
                    (Some(gate), _) => self.approve(gate),
                    (None, Some(node)) => self.hand_answers(node),
                    (None, None) => return false,
                }
            }
        };
        let before = self.events.len();
        self.give(command);
        self.events.len() > before
    }

    /// What a person says of what he was asked to do.
    pub(super) fn hand_answers(&mut self, node: NodeId) -> Command {
        let (by, reason) = (person("ann"), "why".to_owned());
        let is_change = self
            .state
            .call_of(&node)
            .is_some_and(|(_, effect)| effect.is_change());
        let effect = match (self.mood, self.dice.below(6)) {
            (Mood::Wild | Mood::Nonsense, 0) => Some(Effected::None),
            (Mood::Wild | Mood::Nonsense, 1) if is_change => Some(Effected::Settled),
            (Mood::Wild | Mood::Nonsense, 2) if is_change => Some(Effected::Unknown),
            (Mood::Kind | Mood::Wild | Mood::Nonsense, _) => None,
        };
        let attempt = self.state.attempt_of(&node);
        match effect {
            Some(effect) => Command::Decline {
                node,
                attempt,
                by,
                reason,
                effect,
            },
            None => Command::Attest {
                node,
                attempt,
                by,
                reason,
                outputs: Value::Null,
            },
        }
    }

    /// The attempt that somebody saw, mostly the newest.
    pub(super) fn seen(&mut self, node: &NodeId) -> u32 {
        match self.dice.one_in(4) {
            true => 1,
            false => self.state.attempt_of(node),
        }
    }

    pub(super) fn approve(&self, gate: StepId) -> Command {
        let by = person("bob");
        let approve = self.state.approval(gate.clone(), by.clone(), String::new());
        // Who finds old facts looks anew.
        let refused = decide(&self.state, approve.clone(), self.now).err();
        match refused.map(|rejection| rejection.code()) {
            Some("fact_stale" | "fact_refused") => Command::Refresh { gate, by },
            Some(_) | None => approve,
        }
    }

    /// Any command about anything.
    pub(super) fn nonsense(&mut self) -> Command {
        let steps = &self.plan.plan().steps;
        let step = steps[self.dice.below(steps.len() as u64) as usize]
            .id
            .clone();
        let mut node = NodeId::of(step.clone());
        node.item = if self.dice.one_in(4) {
            self.dice.below(3) as u32
        } else {
            0
        };
        if self.dice.one_in(4) {
            node.phase = windlass_core::id::Phase::Undo;
        }
        let attempt = self.dice.below(4) as u32;
        let by = person(if self.dice.one_in(8) { "bob" } else { "ann" });
        let reason = if self.dice.one_in(9) {
            String::new()
        } else {
            "why".to_owned()
        };
        let flag = self.dice.one_in(2);
        let asked_at = Timestamp(self.now.0 - self.dice.below(40_000) as i64);
        match self.dice.below(27) {
            0 => Command::Ended {
                node,
                attempt,
                outcome: self.outcome(),
            },
            1 => Command::Checkpoint {
                node,
                attempt,
                data: "x".to_owned(),
            },
            2 => Command::Reconciled {
                node,
                attempt,
                asked_at,
                answer: self.look(),
            },
            3 => Command::Observed {
                node,
                attempt,
                asked_at,
                outcome: self.outcome(),
            },
            4 => Command::OrphanEnded(Orphan {
                node,
                attempt,
                pid: 7,
            }),
            5 => self.approve(step),
            6 => Command::Reject {
                gate: step,
                by,
                reason,
            },
            7 => Command::Withdraw { gate: step, reason },
            8 => Command::Pause { by, reason },
            9 => Command::Resume { by },
            10 if self.dice.one_in(3) => Command::Cancel {
                by,
                reason,
                undo: flag,
            },
            11 => Command::Resolve {
                node,
                by,
                reason,
                verdict: Verdict::NotHappened,
            },
            12 => Command::Resolve {
                node,
                by,
                reason,
                verdict: Verdict::GiveUp,
            },
            13 | 14 => Command::Retry {
                node,
                by,
                reason,
                nothing_remains: flag,
            },
            15 | 16 => Command::Attest {
                attempt: self.seen(&node),
                node,
                by,
                reason,
                outputs: self.outputs(),
            },
            17 => Command::Abandon { by, reason },
            18 => Command::TakeOver { step, by, reason },
            19 => Command::Acknowledge { node, by, reason },
            // A late word of an attempt that may have been settled since.
            20 => Command::Ended {
                node,
                attempt: 1,
                outcome: self.outcome(),
            },
            21 => Command::LockGranted {
                fence: 2,
                instead_of: None,
            },
            22 => Command::LockHeld {
                by: "r3".parse().expect("a run's id"),
            },
            23 => Command::Decline {
                attempt: self.seen(&node),
                node,
                by,
                reason,
                effect: match self.dice.below(3) {
                    0 => Effected::None,
                    1 => Effected::Settled,
                    _ => Effected::Unknown,
                },
            },
            24 => Command::Refused {
                node,
                attempt,
                refusal: self.refusal(),
            },
            25 => Command::Override { step, by, reason },
            _ => Command::Tick,
        }
    }
}
