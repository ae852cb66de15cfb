//! Work by hand: what the person who was asked may say about it. That it is asked for is
//! `start`'s, that nobody answered in time `advance`'s.

use super::Decider;
use super::operator::{attested, stated};
use crate::authorise::{Act, Rule};
use crate::event::Event;
use crate::id::NodeId;
use crate::operator::Operator;
use crate::outcome::Effected;
use crate::plan::StepKind;
use crate::rejection::Rejection;
use crate::state::{Key, Live, NodePhase, NodeScope};
use crate::time::Timestamp;
use crate::value::Value;

/// A node that a person was asked to do.
pub(super) struct ByHand {
    key: Key,
    attempt: u32,
    expires_at: Option<Timestamp>,
}

impl Decider {
    /// What is open of a node, if it is done by hand and open.
    pub(super) fn by_hand(&self, node: &NodeId) -> Result<Option<ByHand>, Rejection> {
        let live = self.live()?;
        let Some(key) = live.key_of(node) else {
            return Ok(None);
        };
        Ok(live.nodes.get(&key).and_then(|state| match state.phase {
            NodePhase::ByHand { expires_at, .. } => Some(ByHand {
                key,
                attempt: state.attempt,
                expires_at,
            }),
            NodePhase::Ready
            | NodePhase::Running { .. }
            | NodePhase::AttemptFailed
            | NodePhase::Backoff { .. }
            | NodePhase::Polling { .. }
            | NodePhase::InDoubt(_)
            | NodePhase::Succeeded { .. }
            | NodePhase::Failed
            | NodePhase::Stopped => None,
        }))
    }

    /// The same for somebody who may answer, while he may.
    fn answerable(&self, node: &NodeId, by: &Operator) -> Result<(ByHand, Rule), Rejection> {
        let live = self.live()?;
        let Some(open) = self.by_hand(node)? else {
            let key = live.key_of(node).ok_or_else(|| Rejection::UnknownStep {
                step: node.to_string(),
            })?;
            let state = match live.nodes.get(&key) {
                Some(state) => state.phase.name(),
                None => live.step(key.step).phase.name(),
            };
            return Err(Rejection::WrongState {
                node: node.clone(),
                state,
                expected: "something that a person was asked to do by hand",
            });
        };
        let manual = live.manual(open.key);
        let not_requester = manual.is_some_and(|manual| manual.not_requester);
        let rule = self.authorised(Act::Perform { not_requester }, by)?;
        if let Some(at) = open.expires_at.filter(|at| *at <= self.now) {
            let node = node.clone();
            return Err(Rejection::ManualExpired { node, at });
        }
        Ok((open, rule))
    }

    /// It is done, with values that later steps read.
    pub(super) fn attest_by_hand(
        &mut self,
        node: NodeId,
        attempt: u32,
        by: Operator,
        reason: String,
        outputs: Value,
    ) -> Result<(), Rejection> {
        let (open, rule) = self.answerable(&node, &by)?;
        self.seen(&node, attempt)?;
        let live = self.live()?;
        let outputs = attested(live, open.key, outputs)?;
        if let Some(why) = self.unexpected(live, open.key, &outputs) {
            return Err(Rejection::WrongOutputs { node, why });
        }
        let reason = stated(reason)?;
        self.emit(Event::ManualStepAttested {
            node,
            attempt: open.attempt,
            by,
            reason,
            outputs,
            rule: rule.to_string(),
        });
        Ok(())
    }

    /// It is not done.
    pub(super) fn decline(
        &mut self,
        node: NodeId,
        attempt: u32,
        by: Operator,
        reason: String,
        effect: Effected,
    ) -> Result<(), Rejection> {
        let (open, rule) = self.answerable(&node, &by)?;
        self.seen(&node, attempt)?;
        if effect != Effected::None && !self.live()?.is_change(open.key) {
            return Err(Rejection::NoEffectToState { node });
        }
        let reason = stated(reason)?;
        self.emit(Event::ManualStepDeclined {
            node,
            attempt: open.attempt,
            by,
            reason,
            effect,
            rule: rule.to_string(),
        });
        Ok(())
    }

    /// Why the values do not hold what the step expects of them. They are refused then, and
    /// the step stays open: a person can be asked again at once.
    fn unexpected(&self, live: &Live, key: Key, outputs: &Value) -> Option<String> {
        let StepKind::Action { expect, .. } = &live.plan.step(key.step).kind else {
            return None;
        };
        let expect = expect.as_ref()?;
        let scope = NodeScope {
            run: self.state.run(),
            live,
            item: live.nodes.get(&key).map(|node| &node.item),
            outputs: Some(outputs),
        };
        match expect.eval_bool(&scope) {
            Ok(true) => None,
            Ok(false) => Some(format!("`{}` must hold", expect.source())),
            Err(error) => Some(format!("`expect`: {error}")),
        }
    }
}
