//! What a run is doing, in one word and one reason: what lists and people see first.

use super::{Live, NodePhase, RunState, StepPhase};
use crate::event::End;
use crate::id::{NodeId, StepId};
use crate::time::Timestamp;

/// A run's status.
#[derive(Clone, Debug, PartialEq)]
pub enum RunStatus {
    /// No event yet.
    New,
    /// Something is in flight.
    Running,
    /// Nothing is in flight; a person, a timer, a wait or another run decides what comes.
    Waiting {
        gates: Vec<StepId>,
        /// What people were asked to do by hand.
        by_hand: Vec<NodeId>,
        until: Option<Timestamp>,
        /// The target whose lock another run holds, or that nobody has granted yet.
        lock: Option<String>,
    },
    Paused,
    /// Nothing goes on until a person decides.
    NeedsOperator {
        needs: Vec<Need>,
    },
    /// Undo, debts or `finally` are at work.
    Ending,
    Ended(End),
}

/// Why a person is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    InDoubt { node: NodeId },
    FailedAfterIrreversible { step: Option<StepId> },
    UndoFailed { node: NodeId },
    Debt { step: StepId },
    Contradicted { node: NodeId },
}

impl Need {
    /// A stable word for machines, and for the `runs` list.
    pub fn code(&self) -> &'static str {
        match self {
            Need::InDoubt { .. } => "in_doubt",
            Need::FailedAfterIrreversible { .. } => "failed_after_irreversible",
            Need::UndoFailed { .. } => "undo_failed",
            Need::Debt { .. } => "debt",
            Need::Contradicted { .. } => "contradicted",
        }
    }
}

impl RunStatus {
    /// The word of the design page.
    pub fn as_str(&self) -> &'static str {
        match self {
            RunStatus::New => "new",
            RunStatus::Running => "running",
            RunStatus::Waiting { .. } => "waiting",
            RunStatus::Paused => "paused",
            RunStatus::NeedsOperator { .. } => "needs_operator",
            RunStatus::Ending => "ending",
            RunStatus::Ended(end) => end.as_str(),
        }
    }
}

impl RunState {
    /// What the run is doing.
    pub fn status(&self) -> RunStatus {
        let Some(live) = &self.live else {
            return RunStatus::New;
        };
        if let Some((end, _)) = live.ended {
            return RunStatus::Ended(end);
        }
        let needs = live.needs();
        if !needs.is_empty() {
            return RunStatus::NeedsOperator { needs };
        }
        if live.paused.is_some() {
            return RunStatus::Paused;
        }
        let stands_aside = live.suspended.is_some() && live.running.is_empty();
        let is_left = live.is_left_to_people() || stands_aside;
        if live.ending.is_some() && !stands_aside && (live.by_hand.is_empty() || !is_left) {
            return RunStatus::Ending;
        }
        if !is_left {
            return RunStatus::Running;
        }
        let gates = live
            .open_gates
            .iter()
            .map(|gate| live.plan.step(*gate).id.clone())
            .collect();
        RunStatus::Waiting {
            gates,
            by_hand: self.by_hand().collect(),
            until: self.next_wake(),
            lock: self.wants_lock().map(|wanted| wanted.target.to_owned()),
        }
    }

    /// The earliest time at which the run goes on by itself.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let live = self.live.as_ref().filter(|live| live.ended.is_none())?;
        let looks = live
            .doubts
            .iter()
            .filter(|_| live.suspended.is_none())
            .filter_map(|key| match &live.nodes.get(key)?.phase {
                NodePhase::InDoubt(doubt) if doubt.escalated.is_none() => Some(doubt.look_at),
                NodePhase::InDoubt(_)
                | NodePhase::Ready
                | NodePhase::Running { .. }
                | NodePhase::ByHand { .. }
                | NodePhase::AttemptFailed
                | NodePhase::Backoff { .. }
                | NodePhase::Polling { .. }
                | NodePhase::Succeeded { .. }
                | NodePhase::Failed
                | NodePhase::Stopped => None,
            });
        looks.chain(crate::outstanding::next_wake(live)).min()
    }

    /// The steps that are owed, and since when.
    pub fn debts(&self) -> Vec<(StepId, Timestamp)> {
        let Some(live) = &self.live else {
            return Vec::new();
        };
        let named =
            |(index, debt): (&u32, &super::Debt)| (live.plan.step(*index).id.clone(), debt.since);
        live.debts.iter().map(named).collect()
    }
}

impl Live {
    /// Whether nothing is at work but people.
    fn is_left_to_people(&self) -> bool {
        let begins = |gate: &u32| matches!(self.step(*gate).phase, StepPhase::GateApproved { .. });
        self.running.is_empty() && self.doubts.is_empty() && !self.fetching.iter().any(begins)
    }

    /// Everything that only a person can settle.
    fn needs(&self) -> Vec<Need> {
        let mut needs = Vec::new();
        for key in self.doubts.iter() {
            let escalated = match self.nodes.get(key).map(|node| &node.phase) {
                Some(NodePhase::InDoubt(doubt)) => doubt.escalated.is_some(),
                Some(
                    NodePhase::Ready
                    | NodePhase::Running { .. }
                    | NodePhase::ByHand { .. }
                    | NodePhase::AttemptFailed
                    | NodePhase::Backoff { .. }
                    | NodePhase::Polling { .. }
                    | NodePhase::Succeeded { .. }
                    | NodePhase::Failed
                    | NodePhase::Stopped,
                )
                | None => false,
            };
            if escalated {
                needs.push(Need::InDoubt {
                    node: self.id_of(*key),
                });
            }
        }
        for key in self.contradicted.iter() {
            needs.push(Need::Contradicted {
                node: self.id_of(*key),
            });
        }
        if !self.is_quiet() {
            return needs;
        }
        if self.waits_after_irreversible() {
            let step = self
                .failed
                .iter()
                .min_by_key(|step| self.step(**step).ended_at);
            let step = step.map(|step| self.plan.step(*step).id.clone());
            needs.push(Need::FailedAfterIrreversible { step });
        }
        if let Some(head) = self.undo_head() {
            let failed = self.nodes.get(&head).map(|node| &node.phase);
            if matches!(failed, Some(NodePhase::Failed)) {
                needs.push(Need::UndoFailed {
                    node: self.id_of(head),
                });
            }
        } else if self.ending.is_some() {
            for index in self.debts.keys() {
                if matches!(self.step(*index).phase, StepPhase::Failed) {
                    needs.push(Need::Debt {
                        step: self.plan.step(*index).id.clone(),
                    });
                }
            }
        }
        needs
    }
}
