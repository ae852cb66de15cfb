//! What should be in flight for a run right now, derived from its state.

use crate::decide::{has_turn, is_startable};
use crate::effect::{Effect, Look};
use crate::id::Phase;
use crate::plan::{Reconcile, StepKind, Verb};
use crate::state::{Key, Live, NodePhase, RunState, Timer};
use crate::time::Timestamp;

/// All work that must be in flight. Its size grows with what is in flight or due,
/// not with the plan.
pub fn outstanding(state: &RunState) -> Vec<Effect> {
    let Some(live) = state.live.as_ref().filter(|live| live.ended.is_none()) else {
        return Vec::new();
    };
    let attempts = live.running.iter().filter_map(|key| attempt(live, *key));
    // While another run changes the target, what is seen there proves nothing.
    let looks = live.doubts.iter().filter(|_| live.suspended.is_none());
    let looks = looks.filter_map(|key| look(live, *key));
    let facts = live.fetching.iter().flat_map(|gate| facts(live, *gate));
    let lock = state.wants_lock().map(|wanted| Effect::AcquireLock {
        target: wanted.target.to_owned(),
        since: wanted.since,
        waits: wanted.waits,
    });
    let wake = next_wake(live).map(|at| Effect::WakeAt { at });
    attempts
        .chain(looks)
        .chain(facts)
        .chain(lock)
        .chain(wake)
        .collect()
}

fn attempt(live: &Live, key: Key) -> Option<Effect> {
    let node = live.nodes.get(&key)?;
    let NodePhase::Running {
        call,
        deadline,
        send_by,
    } = &node.phase
    else {
        return None;
    };
    let (planned, effect) = live.call_of(key)?;
    Some(Effect::Attempt {
        node: live.id_of(key),
        attempt: node.attempt,
        verb: planned.verb,
        effect,
        call: call.clone(),
        deadline: *deadline,
        send_by: *send_by,
        checkpoint: kept(live, key, planned.verb),
    })
}

/// What the attempt kept. An action that takes back what it did itself has what it kept when
/// it did that, until it keeps something of the taking back.
fn kept(live: &Live, key: Key, verb: Verb) -> Option<String> {
    let of = |key: Key| live.nodes.get(&key)?.checkpoint.clone();
    let done = match (key.phase, verb) {
        (Phase::Undo, Verb::Undo) => Some(Key {
            phase: Phase::Do,
            ..key
        }),
        (Phase::Undo, Verb::Run) | (Phase::Do, Verb::Run | Verb::Undo) => None,
    };
    of(key).or_else(|| of(done?))
}

fn look(live: &Live, key: Key) -> Option<Effect> {
    let node = live.nodes.get(&key)?;
    let NodePhase::InDoubt(doubt) = &node.phase else {
        return None;
    };
    // A living process of the step counts as in progress: nothing of it is looked into.
    if doubt.escalated.is_some() || live.orphan_of(key.step).is_some() {
        return None;
    }
    let (planned, _) = live.call_of(key)?;
    let (timeout, how) = match &planned.reconcile {
        Reconcile::None => return None,
        Reconcile::Native { timeout } => {
            let call = doubt.call.clone();
            let checkpoint = kept(live, key, planned.verb);
            (*timeout, Look::Native { call, checkpoint })
        }
        Reconcile::Read { timeout, .. } => (
            *timeout,
            Look::Read {
                ask: doubt.ask.clone()?,
            },
        ),
    };
    Some(Effect::Reconcile {
        node: live.id_of(key),
        attempt: node.attempt,
        verb: planned.verb,
        at: doubt.look_at,
        timeout,
        how,
    })
}

/// The facts of a gate that are asked for; nobody decides on them once the run halts.
fn facts(live: &Live, index: u32) -> Vec<Effect> {
    let step = live.plan.step(index);
    let StepKind::Gate(gate) = &step.kind else {
        return Vec::new();
    };
    if live.is_halting() || live.ending.is_some() {
        return Vec::new();
    }
    let state = live.step(index);
    let asked = (0u32..).zip(&gate.facts).filter_map(|(number, fact)| {
        let ask = state.fact(&fact.name)?.ask.clone()?;
        Some(Effect::Fetch {
            gate: step.id.clone(),
            attempt: state.gate_attempt,
            fact: fact.name.clone(),
            number,
            ask,
            timeout: fact.timeout,
        })
    });
    asked.collect()
}

/// The earliest timer that would change something when it comes: an attempt that a
/// pause, a full house or a living process holds back is woken by what ends that.
pub(crate) fn next_wake(live: &Live) -> Option<Timestamp> {
    let full = live.running.size() >= live.plan.plan().max_parallel as usize;
    live.timers
        .iter()
        .find(|(_, timer)| match timer {
            Timer::Run => live.ending.is_none(),
            Timer::Step(_) | Timer::Opening(_) => true,
            Timer::Node(key) => match live.nodes.get(key).map(|node| &node.phase) {
                Some(NodePhase::InDoubt(_)) => live.suspended.is_none(),
                Some(NodePhase::Backoff { .. } | NodePhase::Polling { .. }) => {
                    !full && has_turn(live, *key) && is_startable(live, *key)
                }
                Some(
                    NodePhase::Ready
                    | NodePhase::Running { .. }
                    | NodePhase::ByHand { .. }
                    | NodePhase::AttemptFailed
                    | NodePhase::Succeeded { .. }
                    | NodePhase::Failed
                    | NodePhase::Stopped,
                )
                | None => true,
            },
        })
        .map(|(at, _)| *at)
}
