//! At most once, and what every event leaves behind. The formal words are D1's of
//! `reliability.md`, read as the design's first promise reads them.

use super::{Approval, Fate, History, Lock, Node, effect_of, settle_of, step_of};
use windlass_core::event::Event;
use windlass_core::id::{NodeId, Phase, StepId};
use windlass_core::outcome::{Effected, Resolution, Witness};
use windlass_core::plan::{EffectClass, Plan, StepKind};
use windlass_core::time::Timestamp;

/// Attempts come one after another, a change's next one only with a record that the
/// last one took no effect, and no outcome comes twice.
pub(crate) fn judge(plan: &Plan, h: &History, event: &Event, at: Timestamp) -> Result<(), String> {
    let none = Node::default();
    match event {
        Event::AttemptStarted { node, attempt, .. }
        | Event::ManualStepOpened { node, attempt, .. } => {
            let known = h.nodes.get(node).unwrap_or(&none);
            if *attempt != known.attempt + 1 {
                return Err(format!("{node}#{attempt} follows #{}", known.attempt));
            }
            if known.in_flight || known.by_hand || known.in_doubt || known.succeeded {
                return Err(format!("{node}#{attempt} starts beside or after another"));
            }
            if effect_of(plan, node).is_change() && *attempt > 1 && !known.no_effect {
                return Err(format!(
                    "{node}#{attempt} starts without a record of no effect"
                ));
            }
            if known.quiet_at.is_some_and(|quiet| at < quiet) {
                return Err(format!("{node}#{attempt} starts before it is quiet"));
            }
            if h.orphans.iter().any(|(step, _)| *step == node.step) {
                return Err(format!("{node}#{attempt} starts beside a living process"));
            }
            if let Event::AttemptStarted {
                deadline, send_by, ..
            } = event
                && (send_by > deadline || *send_by <= at)
            {
                return Err(format!("{node}#{attempt} has no time to be sent in"));
            }
            let is_manual = step_of(plan, &node.step).kind.manual().is_some();
            let asked = matches!(event, Event::ManualStepOpened { .. });
            if asked != (is_manual && node.phase == Phase::Do) {
                return Err(format!("{node}#{attempt} is begun by the wrong hands"));
            }
        }
        Event::ManualStepAttested { node, attempt, .. }
        | Event::ManualStepDeclined { node, attempt, .. }
        | Event::ManualStepExpired { node, attempt } => {
            let known = h.nodes.get(node).unwrap_or(&none);
            if known.attempt != *attempt || !known.by_hand {
                return Err(format!(
                    "{node}#{attempt} is answered, but nobody was asked"
                ));
            }
            let expired = matches!(event, Event::ManualStepExpired { .. });
            if expired && effect_of(plan, node).is_change() {
                return Err(format!("{node}#{attempt} expires in somebody's hands"));
            }
        }
        Event::AttemptSucceeded { node, attempt, .. }
        | Event::AttemptFailed { node, attempt, .. } => {
            let known = h.nodes.get(node).unwrap_or(&none);
            // A resolved doubt's failure is not recorded a second time.
            if known.attempt != *attempt || !known.in_flight {
                return Err(format!("{node}#{attempt} ends, but is not in flight"));
            }
        }
        Event::DoubtResolved {
            node,
            attempt,
            resolution,
            witness,
        } => {
            let known = h.nodes.get(node).unwrap_or(&none);
            if known.attempt != *attempt || !known.in_doubt {
                return Err(format!("{node}#{attempt} is resolved, but is not in doubt"));
            }
            // An attempt that speaks for itself has no process that outlived its engine.
            if let (Resolution::NotHappened { .. }, false) =
                (resolution, *witness == Witness::Outcome)
                && h.orphans.iter().any(|(step, _)| *step == node.step)
            {
                return Err(format!(
                    "{node}#{attempt} did not happen, says nobody: it lives"
                ));
            }
        }
        _ => {}
    }
    Ok(())
}

impl History {
    /// Takes an event in.
    pub(super) fn take(&mut self, plan: &Plan, event: &Event, at: Timestamp) {
        match event {
            Event::RunStarted { standing, .. } => {
                (self.started, self.standing) = (true, standing.clone());
            }
            Event::RunEnded { .. } => self.ended = true,
            Event::RunPaused { .. } => self.paused = true,
            Event::RunResumed { .. } => self.paused = false,
            Event::RunSuspended { rescue, .. } => self.suspended = Some(rescue.clone()),
            Event::RunReleased { .. } => self.suspended = None,
            Event::RunCancelRequested { undo, .. } => {
                (self.paused, self.cancelled) = (false, true);
                self.undo_on_cancel = *undo;
            }
            Event::RunTimedOut {} => self.timed_out = true,
            Event::RunAbandoned { .. } => self.abandoned = true,
            Event::ReviewClosed { .. } => {}
            Event::RunEndingBegan { undo, .. } => self.ending = Some(*undo),
            Event::TargetResolved { target } => self.target = Some(target.clone()),
            Event::LockRequested { .. } => self.lock = Lock::Requested,
            Event::LockAcquired { .. } => self.lock = Lock::Held,
            Event::LockForgone { .. } => self.lock = Lock::Forgone,
            Event::StepSkipped { step } => {
                self.steps.insert(step.clone(), Fate::Met);
                self.debts.remove(step);
            }
            Event::StepExpanded { step, items } => {
                self.items.insert(step.clone(), items.len() as u32);
                self.tally(plan, step);
            }
            Event::StepRefused { step, .. }
            | Event::GateRejected { step, .. }
            | Event::GateExpired { step, .. } => {
                self.open.remove(step);
                self.steps.insert(step.clone(), Fate::Failed);
            }
            Event::PolicyChanged { standing, .. } => {
                let known = self.standing.replace(standing.clone());
                if known.is_none_or(|known| known.policy != standing.policy) {
                    self.overridden.clear();
                }
            }
            Event::WindowOverridden { step, .. } => {
                let (first, _) = super::windows::unit(plan, step);
                let seen = self.deferred.get(step).cloned();
                self.overridden.entry(first).or_default().extend(seen);
            }
            Event::StepDeferred { step, until, why } => {
                self.deferred.insert(step.clone(), (why.clone(), *until));
            }
            Event::OpeningChosen { .. }
            | Event::OpeningMissed { .. }
            | Event::StepDue { .. }
            | Event::WindowOverrun { .. }
            | Event::WaitStarted { .. } => {}
            Event::WaitEnded { step } => {
                self.steps.insert(step.clone(), Fate::Met);
            }
            Event::GateOpened {
                step, expires_at, ..
            } => {
                self.open.insert(step.clone(), *expires_at);
                self.given.remove(step);
                self.facts.remove(step);
            }
            Event::FactsAsked { .. } => {}
            Event::FactFetched {
                step,
                fact,
                asked_at,
                finding,
                ..
            } => {
                let seen = (*asked_at, finding.fault().is_none());
                let facts = self.facts.entry(step.clone()).or_default();
                facts.insert(fact.clone(), seen);
            }
            Event::ApprovalGiven {
                step, by, grounds, ..
            } => {
                let given = (by.clone(), grounds.clone());
                self.given.entry(step.clone()).or_default().push(given);
            }
            Event::GateApproved { step, .. } => {
                // What the change begins on is read after this.
                self.facts.remove(step);
                let expires_at = self.open.remove(step).flatten();
                let approval = Approval {
                    at,
                    expires_at,
                    used: false,
                };
                self.approved.insert(step.clone(), approval);
                self.steps.insert(step.clone(), Fate::Met);
            }
            Event::GateWithdrawn { step, .. } => {
                self.open.remove(step);
                self.approved.remove(step);
                *self.reopened.entry(step.clone()).or_default() += 1;
                self.steps.insert(step.clone(), Fate::Open);
                let behind = |first: &StepId| super::ancestors(plan, first).contains(step);
                self.overridden.retain(|first, _| !behind(first));
            }
            Event::DebtTakenOver { step, .. } => {
                self.debts.remove(step);
            }
            Event::AttemptStarted { node, attempt, .. } => {
                let known = self.nodes.entry(node.clone()).or_default();
                (known.attempt, known.in_flight, known.no_effect) = (*attempt, true, false);
                known.kept = false;
                self.intend(plan, node);
            }
            Event::ManualStepOpened { node, attempt, .. } => {
                let known = self.nodes.entry(node.clone()).or_default();
                (known.attempt, known.by_hand, known.no_effect) = (*attempt, true, false);
                self.intend(plan, node);
            }
            Event::ManualStepAttested { node, .. } => self.succeed(plan, node),
            Event::ManualStepDeclined { node, effect, .. } => self.not_done(node, *effect),
            Event::ManualStepExpired { node, .. } => self.not_done(node, Effected::None),
            Event::AttemptCheckpointed { node, .. } => {
                self.nodes.entry(node.clone()).or_default().kept = true;
            }
            Event::RequestRefused { .. }
            | Event::RetryScheduled { .. }
            | Event::DoubtAnswered { .. }
            | Event::DoubtEscalated { .. } => {}
            Event::PollScheduled { node, .. } => {
                let known = self.nodes.entry(node.clone()).or_default();
                (known.in_flight, known.no_effect) = (false, true);
            }
            Event::AttemptSucceeded {
                node,
                nothing_to_do,
                ..
            } => {
                self.nothing_to_do |= nothing_to_do;
                self.succeed(plan, node);
            }
            Event::AttemptFailed { node, failure, .. } => {
                let known = self.nodes.entry(node.clone()).or_default();
                known.in_flight = false;
                known.no_effect = failure.effect == Effected::None;
                let is_open = known.kept && failure.effect == Effected::Unknown;
                if is_open && effect_of(plan, node) == EffectClass::Idempotent {
                    known.quiet_at = Some(at + settle_of(plan, node));
                }
                if failure.effect == Effected::None {
                    self.owe_nothing(node);
                }
            }
            Event::NodeFailed { node, failure } => {
                if failure.effect == Effected::Settled {
                    self.settle(plan, node);
                }
                self.fail(plan, node);
            }
            Event::DoubtOpened { node, quiet_at, .. } => {
                let known = self.nodes.entry(node.clone()).or_default();
                (known.in_doubt, known.quiet_at) = (true, Some(*quiet_at));
            }
            Event::DoubtResolved {
                node, resolution, ..
            } => {
                self.nodes.entry(node.clone()).or_default().in_doubt = false;
                match resolution {
                    Resolution::Happened { .. } => self.succeed(plan, node),
                    Resolution::NotHappened { .. } => {
                        self.nodes.entry(node.clone()).or_default().no_effect = true;
                        self.owe_nothing(node);
                    }
                    Resolution::Settled { .. } => {
                        self.settle(plan, node);
                        self.fail(plan, node);
                    }
                    Resolution::GivenUp => {
                        self.kept.insert(node.clone());
                        self.fail(plan, node);
                    }
                }
            }
            Event::OrphanFound { node, pid, .. } => {
                self.orphans.insert((node.step.clone(), *pid));
            }
            Event::OrphanEnded { node, pid, .. } => {
                self.orphans.remove(&(node.step.clone(), *pid));
            }
            Event::ResolutionContradicted {
                node, resolution, ..
            } => {
                if let (false, Resolution::NotHappened { .. }) = (self.ended, resolution) {
                    self.kept.insert(node.clone());
                    self.owe_unpaid(plan, node);
                }
                self.contradicted.insert(node.clone());
            }
            Event::ContradictionAcknowledged { node, .. } => {
                self.contradicted.remove(node);
            }
            Event::RetryOrdered {
                node,
                nothing_remains,
                ..
            } => {
                let known = self.nodes.entry(node.clone()).or_default();
                known.no_effect |= nothing_remains;
                known.failed = false;
                if *nothing_remains {
                    self.changed.retain(|(changed, ok)| *ok || changed != node);
                }
                self.reopened.remove(&node.step);
                self.tally(plan, &node.step);
            }
            Event::NodeAttested { node, .. } => {
                self.nodes.entry(node.clone()).or_default().failed = false;
                self.owe_unpaid(plan, node);
                self.succeed(plan, node);
            }
            Event::UndoAbandoned { node, .. } => self.undone.push(node.clone()),
        }
        let _ = at;
    }

    fn intend(&mut self, plan: &Plan, node: &NodeId) {
        let step = step_of(plan, &node.step);
        if super::windows::rests_on_approvals(plan, node) {
            for gate in super::ancestors(plan, &node.step) {
                if let Some(approval) = self.approved.get_mut(&gate) {
                    approval.used |= !super::windows::spares(plan, &gate, &node.step);
                }
            }
        }
        if node.phase == Phase::Undo || !effect_of(plan, node).is_change() {
            return;
        }
        if let Some(owed) = &step.ensure {
            let owed_by = self.debts.entry(owed.clone()).or_default();
            owed_by.insert(node.clone());
        }
    }

    /// The node may have taken effect: it owes, unless what it owes has begun already.
    fn owe_unpaid(&mut self, plan: &Plan, node: &NodeId) {
        let owed = step_of(plan, &node.step).ensure.clone();
        let owed = owed.filter(|owed| {
            let of_step = |(of, known): (&NodeId, &Node)| of.step == *owed && known.attempt > 0;
            self.fate(owed) == Fate::Open && !self.nodes.iter().any(of_step)
        });
        if let (Some(owed), Phase::Do) = (owed, node.phase) {
            let owed_by = self.debts.entry(owed).or_default();
            owed_by.insert(node.clone());
        }
    }

    fn not_done(&mut self, node: &NodeId, effect: Effected) {
        let known = self.nodes.entry(node.clone()).or_default();
        (known.by_hand, known.no_effect) = (false, effect == Effected::None);
        if effect == Effected::None {
            self.owe_nothing(node);
        }
    }

    fn owe_nothing(&mut self, node: &NodeId) {
        if self.kept.contains(node) {
            return;
        }
        for owed_by in self.debts.values_mut() {
            owed_by.remove(node);
        }
        self.debts.retain(|_, owed_by| !owed_by.is_empty());
    }

    fn settle(&mut self, plan: &Plan, node: &NodeId) {
        if effect_of(plan, node).is_change() && node.phase == Phase::Do {
            self.changed.push((node.clone(), false));
            self.kept.insert(node.clone());
        }
    }

    fn succeed(&mut self, plan: &Plan, node: &NodeId) {
        let known = self.nodes.entry(node.clone()).or_default();
        (known.in_flight, known.succeeded, known.failed) = (false, true, false);
        known.by_hand = false;
        if node.phase == Phase::Undo {
            self.undone.push(node.clone());
            return;
        }
        if effect_of(plan, node).is_change() {
            self.changed.retain(|(changed, _)| changed != node);
            self.changed.push((node.clone(), true));
        }
        self.tally(plan, &node.step);
    }

    fn fail(&mut self, plan: &Plan, node: &NodeId) {
        let known = self.nodes.entry(node.clone()).or_default();
        (known.in_flight, known.failed) = (false, true);
        if node.phase == Phase::Do {
            self.tally(plan, &node.step);
        }
    }

    /// How a step of items stands.
    fn tally(&mut self, plan: &Plan, step: &StepId) {
        let budget = match &step_of(plan, step).kind {
            StepKind::Action {
                for_each: Some(each),
                ..
            } => each.failure_budget,
            StepKind::Action { for_each: None, .. } | StepKind::Wait { .. } | StepKind::Gate(_) => {
                0
            }
        };
        let items = self.items.get(step).copied().unwrap_or(1);
        let of = |want: fn(&Node) -> bool| {
            let nodes = self.nodes.iter();
            nodes
                .filter(|(node, known)| {
                    node.step == *step && node.phase == Phase::Do && want(known)
                })
                .count() as u32
        };
        let (succeeded, failed) = (of(|node| node.succeeded), of(|node| node.failed));
        let fate = if failed > budget {
            Fate::Failed
        } else if succeeded + failed == items {
            Fate::Met
        } else {
            Fate::Open
        };
        self.steps.insert(step.clone(), fate);
        if fate == Fate::Met {
            self.debts.remove(step);
        }
    }
}
