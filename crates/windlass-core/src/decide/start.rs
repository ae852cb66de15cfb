//! Starting: which step, node or gate may begin now, and the event that begins it.
//! Every expression is evaluated here, once, and its value goes into the event.

use std::ops::Bound;

use sha2::{Digest as _, Sha256};

use super::Decider;
use super::advance::{CODE_EXPRESSION, CODE_GUARD};
use crate::event::{Dispatch, Event};
use crate::id::{NodeId, Phase, RunId};
use crate::outcome::{Effected, Failure};
use crate::plan::{ITEMS_MAX, Input, StepKind, Template, WAIT_MAX};
use crate::state::{Key, Live, NodePhase, NodeScope, StepPhase, Timer};
use crate::time::{Millis, Timestamp};
use crate::value::Value;

impl Decider {
    /// Gates and waits: they take no slot.
    pub(super) fn start_free(&self, live: &Live) -> Option<Event> {
        // A gate behind another one opens again only after it.
        let mut withdrawn = live.withdrawn_gates.iter();
        if let Some(gate) = withdrawn.find(|gate| live.step(**gate).unmet == 0) {
            return self.open_gate(live, *gate);
        }
        live.eligible_free
            .iter()
            .find_map(|index| self.begin_free(live, *index))
    }

    fn begin_free(&self, live: &Live, index: u32) -> Option<Event> {
        let step = live.plan.step(index);
        match &step.kind {
            StepKind::Gate(_) => self.open_gate(live, index),
            StepKind::Wait { span } => Some(self.skipped(live, index).unwrap_or_else(|| {
                let step = step.id.clone();
                match self.end_of_wait(live, span) {
                    Ok(until) => Event::WaitStarted { step, until },
                    Err(message) => Event::StepRefused { step, message },
                }
            })),
            StepKind::Action { .. } => None,
        }
    }

    /// When a wait ends; now, when that is over already.
    pub(super) fn end_of_wait(&self, live: &Live, span: &Template) -> Result<Timestamp, String> {
        let until = match span.resolve(&self.scope(live, None)) {
            Ok(Input::Value(Value::Int(ms))) => {
                let span = u64::try_from(ms).map_err(|_| format!("a wait of {ms} ms"))?;
                self.now + Millis(span)
            }
            Ok(Input::Value(Value::Text(text))) => {
                let wanted = "a point in time with its offset, such as 2026-11-22T02:00:00+01:00";
                let until = Timestamp::parse(&text);
                until.ok_or_else(|| format!("{text:?} is not {wanted}"))?
            }
            Ok(_) => return Err("a wait takes a duration or a point in time".to_owned()),
            Err(error) => return Err(error.to_string()),
        };
        if until.since(self.now) > WAIT_MAX {
            return Err(format!("a wait until {until}: the longest is {WAIT_MAX}"));
        }
        Ok(until.max(self.now))
    }

    /// Main actions: attempts that are due, items, and steps whose needs are met.
    pub(super) fn start_work(&self, live: &Live) -> Option<Event> {
        if !has_slot(live) {
            return None;
        }
        due_nodes(live, self.now)
            .chain(ready_nodes(live))
            .find_map(|key| self.start_node(live, key))
            .or_else(|| {
                live.eligible
                    .iter()
                    .find_map(|index| self.begin_action(live, *index))
            })
            .or_else(|| self.start_locked(live))
    }

    /// Main actions that need the lock of the target. While the run waits for it, the first
    /// that could begin otherwise speaks for all behind it, however many they are.
    fn start_locked(&self, live: &Live) -> Option<Event> {
        for index in live.eligible_locked.iter() {
            let event = self.begin_action(live, *index);
            let stands_in_line = self.granted.is_none() && live.lock.is_requested();
            let waits = stands_in_line && self.gates(live, *index).is_none();
            if event.is_some() || waits {
                return event;
            }
        }
        None
    }

    /// Steps that a change owes. While the run is not ending yet they need their needs.
    pub(super) fn start_debts(&self, live: &Live, ending: bool) -> Option<Event> {
        if !live.doubts.is_empty() || !has_slot(live) {
            return None;
        }
        live.debts.keys().find_map(|index| {
            let state = live.step(*index);
            if live.nodes.contains_key(&Key::of(*index)) {
                return self.start_node(live, Key::of(*index));
            }
            let pending = matches!(state.phase, StepPhase::Pending);
            let may_begin = pending && (ending || state.unmet == 0);
            may_begin.then(|| self.begin_action(live, *index)).flatten()
        })
    }

    pub(super) fn start_finally(&self, live: &Live) -> Option<Event> {
        let free = live
            .eligible_finally
            .iter()
            .find_map(|index| self.begin_free(live, *index));
        if free.is_some() || !has_slot(live) {
            return free;
        }
        due_nodes(live, self.now)
            .chain(ready_nodes(live))
            .filter(|key| live.is_finally(key.step))
            .find_map(|key| self.start_node(live, key))
            .or_else(|| {
                live.eligible_finally
                    .iter()
                    .find_map(|index| self.begin_action(live, *index))
            })
    }

    /// `when: false` skips; one that cannot be evaluated refuses.
    fn skipped(&self, live: &Live, index: u32) -> Option<Event> {
        let step = live.plan.step(index);
        let when = step.when.as_ref()?;
        match when.eval_bool(&self.scope(live, None)) {
            Ok(true) => None,
            Ok(false) => Some(Event::StepSkipped {
                step: step.id.clone(),
            }),
            Err(error) => {
                let message = format!("`when`: {error}");
                Some(Event::StepRefused {
                    step: step.id.clone(),
                    message,
                })
            }
        }
    }

    fn begin_action(&self, live: &Live, index: u32) -> Option<Event> {
        let step = live.plan.step(index);
        let StepKind::Action { for_each, .. } = &step.kind else {
            return None;
        };
        // A debt waits for doubts of other changes, also when its turn came by its needs.
        if live.debts.contains_key(&index) && !live.doubts.is_empty() {
            return None;
        }
        let gates = self.gates(live, index);
        if let Some(None) = gates {
            return None;
        }
        // A step that is skipped has no intent: it needs no approval that still holds.
        if let Some(event) = self.skipped(live, index) {
            return Some(event);
        }
        if let Some(withdrawn) = gates {
            return withdrawn;
        }
        if let Some(event) = self.barred_by_time(live, index) {
            return event;
        }
        if let Some(event) = self.barred_by_lock(live, index) {
            return event;
        }
        let Some(each) = for_each else {
            return self.start_node(live, Key::of(index));
        };
        let refused = |message| {
            Some(Event::StepRefused {
                step: step.id.clone(),
                message,
            })
        };
        match each.items.eval(&self.scope(live, None)) {
            Ok(Value::List(items)) if items.len() <= ITEMS_MAX => {
                let first = (!items.is_empty()).then(|| Key::of(index));
                if let Some(event) = first.and_then(|first| self.before_lock(live, first)) {
                    return event;
                }
                Some(Event::StepExpanded {
                    step: step.id.clone(),
                    items,
                })
            }
            Ok(Value::List(items)) => refused(format!(
                "`for_each` has {} items, at most {ITEMS_MAX}",
                items.len()
            )),
            Ok(other) => refused(format!("`for_each` is a {}, not a list", other.type_name())),
            Err(error) => refused(format!("`for_each`: {error}")),
        }
    }

    /// Begins the next attempt of a node that may have one now.
    pub(super) fn start_node(&self, live: &Live, key: Key) -> Option<Event> {
        let node = live.nodes.get(&key);
        if !is_startable(live, key) || !has_slot(live) {
            return None;
        }
        // Whatever is undone was done with the lock.
        if key.phase == Phase::Undo && live.is_locked_node(key) && !live.holds_lock() {
            return None;
        }
        match node.map(|node| &node.phase) {
            None | Some(NodePhase::Ready) => {}
            Some(NodePhase::Backoff { at } | NodePhase::Polling { at }) if *at <= self.now => {}
            Some(
                NodePhase::Backoff { .. }
                | NodePhase::Polling { .. }
                | NodePhase::Running { .. }
                | NodePhase::ByHand { .. }
                | NodePhase::AttemptFailed
                | NodePhase::InDoubt(_)
                | NodePhase::Succeeded { .. }
                | NodePhase::Failed
                | NodePhase::Stopped,
            ) => return None,
        }
        if key.phase == Phase::Do
            && let Some(event) = self.gates(live, key.step)
        {
            return event;
        }
        if key.phase == Phase::Do
            && let Some(event) = self.barred_by_time(live, key.step)
        {
            return event;
        }
        if let Some(event) = self.before_lock(live, key) {
            return event;
        }
        let opening = match key.phase {
            Phase::Do => self.opening_of(live, key.step),
            Phase::Undo => None,
        };
        let (call, effect) = live.call_of(key)?;
        let id = live.id_of(key);
        let item = node.map_or(&Value::Null, |node| &node.item);
        let attempt = node.map_or(0, |node| node.attempt) + 1;
        let input = match call.with.resolve(&self.scope(live, Some(item))) {
            Ok(input) => input,
            Err(error) => {
                let failure = Failure {
                    effect: Effected::None,
                    code: CODE_EXPRESSION.to_owned(),
                    message: format!("`with`: {error}"),
                    evidence: None,
                    log: None,
                };
                return Some(Event::NodeFailed { node: id, failure });
            }
        };
        let guards = match key.phase {
            Phase::Do => self.guards_of(live, key.step),
            Phase::Undo => Ok(Vec::new()),
        };
        let guards = match guards {
            Ok(guards) => guards,
            Err(message) => {
                let failure = Failure {
                    effect: Effected::None,
                    code: CODE_GUARD.to_owned(),
                    message,
                    evidence: None,
                    log: None,
                };
                return Some(Event::NodeFailed { node: id, failure });
            }
        };
        // Last, so that nothing but the intent comes after it.
        if let Some(event) = self.facts_before(live, key) {
            return event;
        }
        let deadline = self.now + call.timeout;
        let manual = live.manual(key);
        let own_key = effect.is_change().then_some(attempt);
        let idempotency_key = idempotency_key(self.state.run(), &id, own_key);
        let dispatch = Dispatch {
            uses: call.uses.clone(),
            input,
            idempotency_key,
        };
        if let Some(manual) = manual {
            return Some(Event::ManualStepOpened {
                node: id,
                attempt,
                call: dispatch,
                expires_at: manual.expires.map(|expires| self.now + expires),
                guards,
                opening,
            });
        }
        Some(Event::AttemptStarted {
            attempt,
            call: dispatch,
            deadline,
            send_by: (self.now + call.send_within).min(deadline),
            node: id,
            guards,
            opening,
        })
    }

    pub(super) fn scope<'a>(&'a self, live: &'a Live, item: Option<&'a Value>) -> NodeScope<'a> {
        NodeScope {
            run: self.state.run(),
            live,
            item,
            outputs: None,
        }
    }
}

fn has_slot(live: &Live) -> bool {
    live.running.size() < live.plan.plan().max_parallel as usize
}

/// Nodes whose wait for the next attempt is over.
fn due_nodes(live: &Live, now: Timestamp) -> impl Iterator<Item = Key> + '_ {
    live.timers
        .iter()
        .take_while(move |(at, _)| *at <= now)
        .filter_map(|(_, timer)| match timer {
            Timer::Node(key) => Some(*key),
            Timer::Step(_) | Timer::Run | Timer::Opening(_) => None,
        })
}

/// Whether the run has come to where such a node may have attempts: the same order as
/// `go_on`, asked for one node, so that nobody is woken for what could not start.
pub(crate) fn has_turn(live: &Live, key: Key) -> bool {
    if live.is_held() {
        return false;
    }
    let owed = key.phase == Phase::Do && live.debts.contains_key(&key.step);
    if live.ending.is_some() {
        return match live.undo_head() {
            Some(head) => head == key,
            None if live.owes_main_step() => owed && !live.is_finally(key.step),
            None => live.is_finally(key.step),
        };
    }
    let gates = live.plan.gates_before(key.step);
    let passes = |gate: &u32| live.step(*gate).phase.is_met();
    owed || (!live.is_halting() && gates.iter().all(passes))
}

/// The first ready node of each step. What keeps it from its start, such as the step's
/// own limit, keeps the other items too, however many they are.
fn ready_nodes(live: &Live) -> impl Iterator<Item = Key> + '_ {
    let mut next = live.ready.first().copied();
    std::iter::from_fn(move || {
        let key = next?;
        let last_of_step = Key {
            step: key.step,
            item: u32::MAX,
            phase: Phase::Undo,
        };
        let others = (Bound::Excluded(last_of_step), Bound::Unbounded);
        next = live.ready.range(others).next().copied();
        Some(key)
    })
}

/// Whether nothing but time and slots keeps a node from its next attempt.
pub(crate) fn is_startable(live: &Live, key: Key) -> bool {
    // Nothing of a step restarts or is undone while a process of it lives.
    if live.orphan_of(key.step).is_some() {
        return false;
    }
    if live.debts.contains_key(&key.step) && !live.doubts.is_empty() {
        return false;
    }
    if key.phase == Phase::Do && live.is_deferred(key.step) {
        return false;
    }
    let limit = match &live.plan.step(key.step).kind {
        StepKind::Action {
            for_each: Some(each),
            ..
        } => each.max_parallel,
        StepKind::Action { for_each: None, .. } | StepKind::Wait { .. } | StepKind::Gate(_) => 1,
    };
    live.step(key.step).items_busy < limit
}

/// A key that a target can recognise an attempt by: 32 hex digits. Attempts of a
/// change have their own each; attempts of anything else share one.
fn idempotency_key(run: &RunId, node: &NodeId, attempt: Option<u32>) -> String {
    let text = match attempt {
        Some(attempt) => format!("windlass {run}/{node}/{attempt}"),
        None => format!("windlass {run}/{node}"),
    };
    let digest = Sha256::digest(text);
    let half = digest.first_chunk().expect("SHA-256 has 32 bytes");
    format!("{:032x}", u128::from_be_bytes(*half))
}
