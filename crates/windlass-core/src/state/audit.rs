//! Holds the state's tables against the phases that they index. For tests of this
//! crate and of its callers: it costs a walk over the whole plan, so no run pays for it.

use std::collections::BTreeSet;

use super::{Key, Live, NodePhase, RunState, StepPhase, Timer};
use crate::id::Phase;
use crate::plan::StepKind;
use crate::time::Timestamp;

impl RunState {
    /// Every table that does not say what the phases say; empty when all do.
    #[doc(hidden)]
    pub fn audit(&self) -> Vec<String> {
        let Some(live) = self.live.as_ref().filter(|live| live.ended.is_none()) else {
            return Vec::new();
        };
        let mut faults = Vec::new();
        live.audit_nodes(&mut faults);
        live.audit_steps(&mut faults);
        live.audit_timers(&mut faults);
        faults
    }
}

fn same<T: Ord + Copy + std::fmt::Debug>(
    faults: &mut Vec<String>,
    name: &str,
    table: impl Iterator<Item = T>,
    truth: impl Iterator<Item = T>,
) {
    let (table, truth): (BTreeSet<T>, BTreeSet<T>) = (table.collect(), truth.collect());
    if table != truth {
        faults.push(format!("{name} is {table:?}, should be {truth:?}"));
    }
}

impl Live {
    fn audit_nodes(&self, faults: &mut Vec<String>) {
        let of = |want: fn(&NodePhase) -> bool| {
            self.nodes
                .iter()
                .filter(move |(_, node)| want(&node.phase))
                .map(|(key, _)| *key)
        };
        let tables = [
            ("ready", &self.ready, of(|p| matches!(p, NodePhase::Ready))),
            (
                "running",
                &self.running,
                of(|p| matches!(p, NodePhase::Running { .. })),
            ),
            (
                "by_hand",
                &self.by_hand,
                of(|p| matches!(p, NodePhase::ByHand { .. })),
            ),
            (
                "settling",
                &self.settling,
                of(|p| matches!(p, NodePhase::AttemptFailed)),
            ),
            (
                "doubts",
                &self.doubts,
                of(|p| matches!(p, NodePhase::InDoubt(_))),
            ),
        ];
        for (name, table, truth) in tables {
            same(faults, name, table.iter().copied(), truth);
        }
    }

    fn audit_steps(&self, faults: &mut Vec<String>) {
        let of = |want: &dyn Fn(u32, &StepPhase) -> bool| -> Vec<u32> {
            (0u32..)
                .zip(self.steps.iter())
                .filter(|(index, step)| want(*index, &step.phase))
                .map(|(index, _)| index)
                .collect()
        };
        let pending = |index: u32, phase: &StepPhase| {
            let step = self.step(index);
            matches!(phase, StepPhase::Pending) && step.unmet == 0 && step.deferred.is_none()
        };
        let action = |index: u32| matches!(self.plan.step(index).kind, StepKind::Action { .. });
        let tables = [
            (
                "eligible",
                &self.eligible,
                of(&|i, p| {
                    pending(i, p) && !self.is_finally(i) && action(i) && !self.is_locked_step(i)
                }),
            ),
            (
                "eligible_locked",
                &self.eligible_locked,
                of(&|i, p| pending(i, p) && !self.is_finally(i) && self.is_locked_step(i)),
            ),
            (
                "eligible_free",
                &self.eligible_free,
                of(&|i, p| pending(i, p) && !self.is_finally(i) && !action(i)),
            ),
            (
                "eligible_finally",
                &self.eligible_finally,
                of(&|i, p| pending(i, p) && self.is_finally(i)),
            ),
            (
                "open_gates",
                &self.open_gates,
                of(&|_, p| matches!(p, StepPhase::GateOpen { .. })),
            ),
            (
                "fetching",
                &self.fetching,
                of(&|i, _| self.step(i).is_fetching()),
            ),
            (
                "refuted",
                &self.refuted,
                of(&|i, _| self.step(i).is_refuted()),
            ),
            (
                "withdrawn_gates",
                &self.withdrawn_gates,
                of(&|_, p| matches!(p, StepPhase::GateWithdrawn)),
            ),
            (
                "failed",
                &self.failed,
                of(&|i, p| matches!(p, StepPhase::Failed) && !self.is_finally(i)),
            ),
        ];
        for (name, table, truth) in tables {
            same(faults, name, table.iter().copied(), truth.into_iter());
        }
        let unfinished = of(&|i, p| !p.is_met() && !self.is_finally(i)).len();
        if self.unfinished as usize != unfinished {
            faults.push(format!(
                "unfinished is {}, not {unfinished}",
                self.unfinished
            ));
        }
        for (index, step) in (0u32..).zip(self.steps.iter()) {
            self.audit_step(index, step, faults);
        }
    }

    fn audit_step(&self, index: u32, step: &super::StepState, faults: &mut Vec<String>) {
        let needs = self.plan.needs(index).iter();
        let unmet = needs
            .filter(|need| !self.step(**need).phase.is_met())
            .count();
        let (from, to) = (
            Key::of(index),
            Key {
                step: index,
                item: u32::MAX,
                phase: Phase::Undo,
            },
        );
        let nodes = || self.nodes.range(from..=to);
        let count = |want: fn(&NodePhase) -> bool| {
            nodes()
                .filter(|(key, node)| key.phase == Phase::Do && want(&node.phase))
                .count()
        };
        let is_busy = |phase: &NodePhase| match phase {
            NodePhase::Running { .. } | NodePhase::ByHand { .. } | NodePhase::InDoubt(_) => true,
            NodePhase::Ready
            | NodePhase::AttemptFailed
            | NodePhase::Backoff { .. }
            | NodePhase::Polling { .. }
            | NodePhase::Succeeded { .. }
            | NodePhase::Failed
            | NodePhase::Stopped => false,
        };
        let busy = nodes().filter(|(_, node)| is_busy(&node.phase)).count();
        let counts = [
            ("unmet", step.unmet, unmet),
            ("items_busy", step.items_busy, busy),
            (
                "items_failed",
                step.items_failed,
                count(|p| matches!(p, NodePhase::Failed)),
            ),
            (
                "items_succeeded",
                step.items_succeeded,
                count(|p| matches!(p, NodePhase::Succeeded { .. })),
            ),
        ];
        for (name, table, truth) in counts {
            if table as usize != truth {
                let step = &self.plan.step(index).id;
                faults.push(format!("{name} of {step} is {table}, not {truth}"));
            }
        }
    }

    fn audit_timers(&self, faults: &mut Vec<String>) {
        let nodes = self.nodes.iter().filter_map(|(key, node)| {
            let at = match &node.phase {
                NodePhase::Running { deadline, .. } => Some(*deadline),
                NodePhase::ByHand { expires_at, .. } => *expires_at,
                NodePhase::Backoff { at } | NodePhase::Polling { at } => Some(*at),
                NodePhase::InDoubt(doubt) if doubt.escalated.is_none() => Some(doubt.observe_until),
                NodePhase::InDoubt(_)
                | NodePhase::Ready
                | NodePhase::AttemptFailed
                | NodePhase::Succeeded { .. }
                | NodePhase::Failed
                | NodePhase::Stopped => None,
            };
            at.map(|at| (at, Timer::Node(*key)))
        });
        let steps = (0u32..).zip(self.steps.iter()).filter_map(|(index, step)| {
            let at: Option<Timestamp> = match &step.phase {
                StepPhase::Waiting { until } => Some(*until),
                StepPhase::GateOpen { expires_at, .. } => *expires_at,
                StepPhase::Pending | StepPhase::Begun => {
                    step.deferred.as_ref().and_then(|deferred| deferred.until)
                }
                StepPhase::GateApproved { .. }
                | StepPhase::GateWithdrawn
                | StepPhase::Succeeded
                | StepPhase::Skipped
                | StepPhase::Failed
                | StepPhase::Stopped => None,
            };
            at.map(|at| (at, Timer::Step(index)))
        });
        let run = self.deadline.filter(|_| !self.timed_out);
        let run = run.map(|at| (at, Timer::Run));
        let begun = self.windows.begun.iter();
        let openings =
            begun.filter_map(|(unit, begun)| Some((begun.until?, Timer::Opening(*unit))));
        let truth = nodes.chain(steps).chain(run).chain(openings);
        same(faults, "timers", self.timers.iter().copied(), truth);
    }
}
