//! What has come of an open gate: whose approvals it has. It begins anew each time that
//! the gate opens.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Live, RunState, StepPhase, StepState};
use crate::approval::{Approval, Place, places};
use crate::fact::FactState;
use crate::id::StepId;
use crate::plan::{Gate, Quorum, StepKind};

/// The state of one attempt of a gate.
#[derive(Clone, Debug, Default)]
pub struct GateState {
    /// In the order in which they were given.
    pub approvals: Vec<Approval>,
    /// By their names; all that the gate has.
    pub facts: BTreeMap<String, FactState>,
    /// How often facts were asked since the gate was approved.
    pub(crate) rounds: u32,
}

impl StepState {
    /// The approvals that the gate has got since it opened last.
    pub fn approvals(&self) -> &[Approval] {
        self.gate.as_ref().map_or(&[], |gate| &gate.approvals)
    }

    /// A fact of the gate as it was read last.
    pub fn fact(&self, name: &str) -> Option<&FactState> {
        self.gate.as_ref()?.facts.get(name)
    }

    /// Whether facts of it are being read.
    pub(crate) fn is_fetching(&self) -> bool {
        let asked = |gate: &Arc<GateState>| gate.facts.values().any(FactState::is_asked);
        self.awaits_facts() && self.gate.as_ref().is_some_and(asked)
    }

    /// Whether approvals rest on a fact that was not accepted, or could not be read.
    pub(crate) fn is_refuted(&self) -> bool {
        let bad = |fact: &FactState| {
            let latest = fact.latest.as_ref();
            latest.is_some_and(|latest| latest.finding.fault().is_some())
        };
        let any = |gate: &Arc<GateState>| gate.facts.values().any(bad);
        self.has_unspent_approvals() && self.gate.as_ref().is_some_and(any)
    }

    /// Whether somebody may still decide on its facts, or a change begin on them.
    pub(crate) fn awaits_facts(&self) -> bool {
        match self.phase {
            StepPhase::GateApproved { spent, .. } => !spent,
            StepPhase::GateOpen { .. } => true,
            StepPhase::Pending
            | StepPhase::Begun
            | StepPhase::Waiting { .. }
            | StepPhase::GateWithdrawn
            | StepPhase::Succeeded
            | StepPhase::Skipped
            | StepPhase::Failed
            | StepPhase::Stopped => false,
        }
    }

    /// Whether there are approvals that no change has used yet: of a gate that is approved,
    /// or still waits for somebody else.
    pub(crate) fn has_unspent_approvals(&self) -> bool {
        match self.phase {
            StepPhase::GateApproved { spent, .. } => !spent,
            StepPhase::GateOpen { .. } => !self.approvals().is_empty(),
            StepPhase::Pending
            | StepPhase::Begun
            | StepPhase::Waiting { .. }
            | StepPhase::GateWithdrawn
            | StepPhase::Succeeded
            | StepPhase::Skipped
            | StepPhase::Failed
            | StepPhase::Stopped => false,
        }
    }
}

impl RunState {
    /// The places of a gate and whose approvals fill them. None where one approval of
    /// anybody is enough: where the gate names no group, and where no policy says who is
    /// in one.
    pub fn gate_places(&self, step: &StepId) -> Vec<Place<'_>> {
        let Some(live) = &self.live else {
            return Vec::new();
        };
        let found = live
            .plan
            .index_of(step)
            .map(|index| (live.plan.step(index), live.step(index)));
        match found.map(|(step, state)| (&step.kind, state)) {
            Some((StepKind::Gate(gate), state)) if live.knows_groups() => {
                places(gate, state.approvals())
            }
            Some((StepKind::Gate(_) | StepKind::Wait { .. } | StepKind::Action { .. }, _))
            | None => Vec::new(),
        }
    }

    /// Of which groups somebody is still to approve an open gate, in words; `None` where
    /// one approval of anybody is enough.
    pub fn gate_waits_for(&self, step: &StepId) -> Option<String> {
        let look = self.step(step)?;
        match &look.step.kind {
            StepKind::Gate(gate) if self.knows_groups() && !gate.all_of.is_empty() => {
                Some(waits_for(gate, look.state.approvals()))
            }
            StepKind::Gate(_) | StepKind::Wait { .. } | StepKind::Action { .. } => None,
        }
    }

    /// Whether a policy says who is in which group; otherwise one person is every group.
    pub fn knows_groups(&self) -> bool {
        self.live.as_ref().is_some_and(Live::knows_groups)
    }
}

/// Of which groups somebody is still to approve: `dba_leads, 2 of change_managers`.
pub(crate) fn waits_for(gate: &Gate, approvals: &[Approval]) -> String {
    let places = places(gate, approvals);
    let missing = gate.all_of.iter().filter_map(|quorum| {
        let empty = places
            .iter()
            .filter(|place| *place.group == quorum.group && place.filled_by.is_none());
        let count = empty.count() as u32;
        (count > 0).then(|| Quorum {
            count,
            ..quorum.clone()
        })
    });
    missing
        .map(|quorum| quorum.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}
