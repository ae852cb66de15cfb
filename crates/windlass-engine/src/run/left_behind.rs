//! Processes that an attempt left behind although its engine lives: the process that its
//! runner waited for died, and what it had started did not. They are recorded before
//! anything follows from the attempt's unknown end, and hold its step as the processes
//! do that outlive an engine.

use std::collections::BTreeSet;
use std::pin::Pin;

use windlass_core::command::{Command, Orphan};
use windlass_core::effect::Effect;
use windlass_core::event::Event;
use windlass_core::id::{NodeId, Phase as NodePhase};
use windlass_core::outstanding;
use windlass_core::plan::StepKind;

use super::flight::{Slot, SlotKind};
use super::step::Refused;
use super::task::Task;
use crate::shared::Phase;
use crate::snapshot::Lacks;

impl Task {
    /// Records the living processes of these nodes' attempts, but for attempts that are in
    /// flight. Answers whether anything was recorded.
    ///
    /// Boxed, because recording is a step, and a step comes here.
    pub(super) fn record_living(
        &mut self,
        nodes: BTreeSet<NodeId>,
    ) -> Pin<Box<dyn Future<Output = Result<bool, Refused>> + Send + '_>> {
        Box::pin(async move {
            let before = self.snapshot.next_seq;
            let living = self.living_orphans(true).await?;
            for orphan in living {
                if nodes.contains(&orphan.node) && !self.is_waited_for(&orphan) {
                    self.command(Command::OrphanFound(orphan)).await?;
                }
            }
            self.orphans = self.known_orphans();
            Ok(before != self.snapshot.next_seq)
        })
    }

    /// Changes that the events begin once more: an earlier attempt of them has ended.
    pub(super) fn begun_again(&self, events: &[Event]) -> BTreeSet<NodeId> {
        let begun_again = events.iter().filter_map(|event| match event {
            Event::AttemptStarted { node, attempt, .. } if *attempt > 1 => Some(node),
            _ => None,
        });
        begun_again
            .filter(|node| self.is_change(node))
            .cloned()
            .collect()
    }

    /// Looks once more for what lives of the changes whose look is to begin now.
    pub(super) async fn before_looks(&mut self) -> Result<(), Refused> {
        match self.shared.phase() {
            Phase::Running if self.is_opened => {}
            Phase::Running | Phase::Parking { .. } | Phase::Closed | Phase::Failed(_) => {
                return Ok(());
            }
        }
        let nodes: BTreeSet<NodeId> = outstanding(&self.snapshot.state)
            .iter()
            .filter_map(|effect| self.due_look(effect))
            .collect();
        if !nodes.is_empty() {
            self.record_living(nodes).await?;
        }
        Ok(())
    }

    fn due_look(&self, effect: &Effect) -> Option<NodeId> {
        let Effect::Reconcile {
            node, attempt, at, ..
        } = effect
        else {
            return None;
        };
        let slot = |kind| Slot {
            kind,
            node: node.clone(),
            attempt: *attempt,
        };
        let begins = self.look_time(node, *at) <= self.shared.clock.now()
            && !self.flight.contains(&slot(SlotKind::Look))
            && !self.flight.contains(&slot(SlotKind::Change))
            && Lacks::for_effect(&self.shared, &self.run, &self.snapshot.state, effect)
                .is_nothing();
        begins.then(|| node.clone())
    }

    /// Whether the process is of a change whose runner still waits for it.
    fn is_waited_for(&self, orphan: &Orphan) -> bool {
        self.flight.contains(&Slot {
            kind: SlotKind::Change,
            node: orphan.node.clone(),
            attempt: orphan.attempt,
        })
    }

    fn is_change(&self, node: &NodeId) -> bool {
        let plan = self.snapshot.state.plan();
        let step = plan.and_then(|plan| plan.steps.iter().find(|step| step.id == node.step));
        match step.map(|step| &step.kind) {
            // An undo is a change itself.
            Some(StepKind::Action { effect, .. }) => {
                node.phase == NodePhase::Undo || effect.is_change()
            }
            Some(StepKind::Wait { .. } | StepKind::Gate(_)) | None => false,
        }
    }
}
