//! The essence of a state: all of it that can matter for what still comes, as bytes. Two
//! states of one plan with the same essence go the same ways, so whoever explores a plan
//! follows one of them. What only people read is left out, and so is what nothing reads any
//! more: attempts' numbers, past times, messages, outputs that no condition will ask for.
//! Places and facts of gates are not written: whoever explores a plan blanks them.
//! Items of one step that stand alike are alike: they are put in an order of their own.

use super::{Deferred, Key, Live, Lock, NodePhase, NodeState, RunState, StepPhase};
use crate::event::End;
use crate::id::Phase;
use crate::outcome::Effected;
use crate::plan::Window;
use crate::time::{Millis, Timestamp};
use crate::value::Value;

/// A value that conditions of the plan read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The step whose output it is; `None` for an input.
    pub from: Option<u32>,
    pub name: String,
    /// The steps whose conditions read it, until they have begun or were passed over.
    pub readers: Vec<u32>,
}

/// What an essence is written for.
#[derive(Clone, Copy)]
pub struct Regard<'a> {
    /// All conditions of the plan that read outputs or inputs read these.
    pub readings: &'a [Reading],
    /// The steps that matter also when the run goes to its end and will not come back to
    /// them: for each step, whether it does.
    pub lasting: &'a [bool],
    /// What lies further ahead than this is told apart by how many times this it does:
    /// whoever explores lets less time than this pass in all until then.
    pub far: Millis,
    pub mark: Mark<'a>,
}

/// What is added to a node's essence by whoever keeps account of more than the state does.
pub type Mark<'a> = &'a dyn Fn(u32, u32, Phase) -> u8;

impl RunState {
    /// Writes the essence at `now`.
    pub fn essence(&self, now: Timestamp, regard: Regard<'_>, out: &mut Vec<u8>) {
        match &self.live {
            None => out.push(0),
            Some(live) => Writing { live, now, regard }.write(out),
        }
    }
}

impl std::fmt::Debug for Regard<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Regard")
            .field("readings", &self.readings)
            .field("lasting", &self.lasting)
            .field("far", &self.far)
            .finish_non_exhaustive()
    }
}

struct Writing<'a> {
    live: &'a Live,
    now: Timestamp,
    regard: Regard<'a>,
}

impl Writing<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        self.run(out);
        for (index, step) in (0u32..).zip(self.live.steps.iter()) {
            if !self.matters(index) {
                continue;
            }
            out.push(code(&step.phase));
            if let Some(deferred) = &step.deferred {
                out.push(1);
                self.time(deferred.until, out);
            }
            match &step.phase {
                StepPhase::Waiting { until } => self.time(Some(*until), out),
                StepPhase::GateOpen { expires_at, .. } => {
                    out.push(byte(step.withdrawals));
                    self.time(*expires_at, out);
                }
                StepPhase::GateApproved {
                    expires_at,
                    spent: false,
                    ..
                } => {
                    out.push(1 + byte(step.withdrawals));
                    self.time(*expires_at, out);
                }
                StepPhase::GateWithdrawn => out.push(byte(step.withdrawals)),
                StepPhase::Begun => out.push(byte(step.items)),
                StepPhase::GateApproved { spent: true, .. }
                | StepPhase::Pending
                | StepPhase::Succeeded
                | StepPhase::Skipped
                | StepPhase::Failed
                | StepPhase::Stopped => {}
            }
            self.nodes(index, out);
        }
        for reading in self.regard.readings {
            self.reading(reading, out);
        }
    }

    /// Whether the run can still come back to a step, or to what it has done.
    fn matters(&self, step: u32) -> bool {
        let live = self.live;
        live.ending.is_none()
            || self
                .regard
                .lasting
                .get(step as usize)
                .is_none_or(|lasting| *lasting)
            || live.ended.is_none() && (live.is_finally(step) || live.debts.contains_key(&step))
    }

    fn run(&self, out: &mut Vec<u8>) {
        let live = self.live;
        let first_failed = live
            .failed
            .iter()
            .min_by_key(|step| live.step(**step).ended_at);
        out.push(first_failed.map_or(0, |step| byte(step + 1)));
        out.push(match &live.lock {
            Lock::None => 0,
            Lock::Requested { .. } => 1,
            Lock::Held { .. } => 2,
            Lock::Forgone { .. } => 3,
        });
        let flags = [
            live.target.is_some(),
            live.irreversible > 0,
            live.paused.is_some(),
            live.cancelled.is_some(),
            live.cancelled.as_ref().is_some_and(|cancel| cancel.undo),
            live.timed_out,
            live.abandoned.is_some(),
            live.ended.is_some(),
        ];
        let set = flags.iter().zip(0..).filter(|(flag, _)| **flag);
        out.push(set.map(|(_, place)| 1u8 << place).sum());
        out.push(u8::from(live.suspended.is_some()));
        out.push(live.nothing_to_do.map_or(0, |step| byte(step + 1)));
        let ending = live.ending.as_ref();
        out.push(ending.map_or(0, |ending| match ending.end {
            End::Succeeded => 1,
            End::Failed => 2,
            End::Cancelled => 3,
        }));
        // A debt is known by the changes that owe it, and those stand with their nodes; one
        // that is paid by none of them any more is known by its step.
        for index in live.debts.keys() {
            out.push(byte(*index));
        }
        out.push(u8::MAX);
        if live.ending.is_none() {
            self.segments(out);
        }
    }

    /// The openings of what has not begun, and what somebody let begin all the same.
    fn segments(&self, out: &mut Vec<u8>) {
        let live = self.live;
        let Some(standing) = live.standing.as_deref() else {
            return;
        };
        for (number, segment) in (0u32..).zip(live.plan.segments()) {
            if live.windows.begun.contains_key(&segment.first) {
                out.push(1);
                continue;
            }
            out.push(0);
            if let Some(opening) = live.windows.openings.get(&number) {
                out.push(2);
                self.time(Some(opening.from), out);
                self.time(Some(opening.to), out);
                continue;
            }
            let window = live.plan.step(segment.first).window.as_ref();
            for name in window.into_iter().flat_map(Window::names) {
                let open = standing.window(name);
                let next = open.and_then(|open| open.from(self.now));
                self.time(next.map(|next| next.from), out);
                self.time(next.map(|next| next.to), out);
            }
        }
        for (unit, seen) in live.windows.overridden.iter() {
            let still = |seen: &&Deferred| seen.until.is_none_or(|until| self.now < until);
            let count = seen.iter().filter(still).count();
            out.extend([byte(*unit), byte(u32::try_from(count).unwrap_or(u32::MAX))]);
        }
        out.push(u8::MAX);
    }

    /// The nodes of a step, its items in an order that does not depend on their numbers.
    fn nodes(&self, step: u32, out: &mut Vec<u8>) {
        let first = Key::of(step);
        let last = Key {
            item: u32::MAX,
            phase: Phase::Undo,
            ..first
        };
        let mut items: Vec<(u32, Vec<u8>)> = Vec::new();
        for (key, node) in self.live.nodes.range(first..=last) {
            if items.last().is_none_or(|(item, _)| *item != key.item) {
                items.push((key.item, Vec::with_capacity(16)));
            }
            if let Some((_, bytes)) = items.last_mut() {
                self.node(*key, node, bytes);
            }
        }
        items.sort_by(|(_, left), (_, right)| left.cmp(right));
        for (_, bytes) in items {
            out.push(byte(u32::try_from(bytes.len()).unwrap_or(u32::MAX)));
            out.extend_from_slice(&bytes);
        }
    }

    fn node(&self, key: Key, node: &NodeState, out: &mut Vec<u8>) {
        let live = self.live;
        out.push((self.regard.mark)(key.step, key.item, key.phase));
        let counts = |out: &mut Vec<u8>| {
            out.push(byte(node.tries));
            out.push(byte(node.interruptions) << 1 | u8::from(node.interrupted));
        };
        match &node.phase {
            NodePhase::Ready => out.push(0),
            NodePhase::Running { .. } => {
                out.push(1);
                counts(out);
            }
            NodePhase::ByHand { expires_at, .. } => {
                out.push(2);
                counts(out);
                self.time(*expires_at, out);
            }
            NodePhase::AttemptFailed => out.push(3),
            NodePhase::Backoff { at } => {
                out.push(4);
                counts(out);
                self.time(Some(*at), out);
            }
            NodePhase::Polling { at } => {
                out.push(5);
                counts(out);
                self.time(Some(*at), out);
                let polled = node.poll_since.map_or(0, |since| self.now.since(since).0);
                out.extend_from_slice(&polled.to_le_bytes());
            }
            NodePhase::InDoubt(doubt) => {
                out.push(6);
                counts(out);
                out.push(u8::from(doubt.escalated.is_some()));
                self.time(Some(doubt.quiet_at), out);
            }
            NodePhase::Succeeded { outputs, attested } => {
                out.push(7);
                if let Some(provides) = &live.plan.step(key.step).provides
                    && self.is_demanded(key.step)
                {
                    let target = live.target.as_deref();
                    let given = provides.claimed.is_none().then(|| outputs.get("target"));
                    let fits = match given.flatten() {
                        Some(Value::Text(given)) => target.is_none_or(|target| target == given),
                        _ => false,
                    };
                    out.push(u8::from(*attested) << 1 | u8::from(fits));
                }
            }
            NodePhase::Failed => {
                out.push(8);
                out.push(match node.failure.as_ref().map(|failure| failure.effect) {
                    None => 0,
                    Some(Effected::None) => 1,
                    Some(Effected::Settled) => 2,
                    Some(Effected::Unknown) => 3,
                });
            }
            NodePhase::Stopped => out.push(9),
        }
        if node.not_before > self.now {
            self.time(Some(node.not_before), out);
        }
        let owes = live.debts.values().any(|debt| debt.owed_by.contains(&key));
        out.push(u8::from(node.acted) << 1 | u8::from(owes));
        self.places(key, out);
    }

    /// A change's places in the order of undo, where the plan can undo anything.
    fn places(&self, key: Key, out: &mut Vec<u8>) {
        let live = self.live;
        let undoes = live
            .changed
            .iter()
            .any(|key| live.call_of(key.undo()).is_some());
        if undoes && live.ended.is_none() {
            let mut changed = (0u32..).zip(live.changed.iter());
            for (place, _) in changed.by_ref().filter(|(_, changed)| **changed == key) {
                out.push(byte(place));
            }
        }
        if let Some(ending) = &live.ending {
            let queue = (0usize..).zip(ending.undo.iter());
            for (place, _) in queue.filter(|(_, queued)| **queued == key) {
                out.push(if place < ending.undone {
                    254
                } else {
                    byte(u32::try_from(place).unwrap_or(253))
                });
            }
        }
    }

    /// Whether a step that has not begun demands the evidence that this one gives.
    fn is_demanded(&self, by: u32) -> bool {
        let live = self.live;
        let Some(provides) = &live.plan.step(by).provides else {
            return false;
        };
        (0u32..).zip(&live.plan.plan().steps).any(|(index, step)| {
            let mut demands = step.guards.iter();
            let over = match &live.step(index).phase {
                StepPhase::Succeeded | StepPhase::Skipped => true,
                StepPhase::Pending
                | StepPhase::Begun
                | StepPhase::Waiting { .. }
                | StepPhase::GateOpen { .. }
                | StepPhase::GateApproved { .. }
                | StepPhase::GateWithdrawn
                | StepPhase::Failed
                | StepPhase::Stopped => false,
            };
            demands.any(|demand| demand.guard == provides.guard)
                && !over
                && live.plan.providers_before(index).contains(&by)
        })
    }

    /// A value, as long as a condition that has not been decided reads it.
    fn reading(&self, reading: &Reading, out: &mut Vec<u8>) {
        let live = self.live;
        let mut readers = reading.readers.iter();
        let is_read = live.ended.is_none()
            && readers.any(|reader| match &live.step(*reader).phase {
                // The ending begins no other steps than these.
                _ if live.ending.is_some()
                    && !live.is_finally(*reader)
                    && !live.debts.contains_key(reader) =>
                {
                    false
                }
                StepPhase::Pending => true,
                // One that never began may be tried again, its conditions with it.
                StepPhase::Failed => !live.nodes.contains_key(&Key::of(*reader)),
                StepPhase::Begun
                | StepPhase::Waiting { .. }
                | StepPhase::GateOpen { .. }
                | StepPhase::GateApproved { .. }
                | StepPhase::GateWithdrawn
                | StepPhase::Succeeded
                | StepPhase::Skipped
                | StepPhase::Stopped => false,
            });
        if !is_read {
            out.push(0);
            return;
        }
        let value = match reading.from {
            None => live.plan.plan().inputs.get(&reading.name),
            Some(step) => match live.nodes.get(&Key::of(step)).map(|node| &node.phase) {
                Some(NodePhase::Succeeded { outputs, .. }) => outputs.get(&reading.name),
                _ => None,
            },
        };
        out.push(match value {
            None | Some(Value::Null) => 1,
            Some(Value::Bool(held)) => 2 + u8::from(*held),
            Some(Value::List(items)) => 4 + byte(u32::try_from(items.len()).unwrap_or(99)),
            Some(Value::Int(_) | Value::Float(_) | Value::Text(_) | Value::Map(_)) => 255,
        });
    }

    /// A time as what is left until then; what is past is past.
    fn time(&self, at: Option<Timestamp>, out: &mut Vec<u8>) {
        let left = at.map_or(u64::MAX, |at| at.since(self.now).0);
        let far = self.regard.far.0;
        let left = match left {
            u64::MAX => left,
            left if left > far => far + left / far,
            left => left,
        };
        out.extend_from_slice(&left.to_le_bytes());
    }
}

fn code(phase: &StepPhase) -> u8 {
    match phase {
        StepPhase::Pending => 0,
        StepPhase::Begun => 1,
        StepPhase::Waiting { .. } => 2,
        StepPhase::GateOpen { .. } => 3,
        StepPhase::GateApproved { spent: false, .. } => 4,
        StepPhase::GateApproved { spent: true, .. } => 5,
        StepPhase::GateWithdrawn => 6,
        StepPhase::Succeeded => 7,
        StepPhase::Skipped => 8,
        StepPhase::Failed => 9,
        StepPhase::Stopped => 10,
    }
}

/// Small numbers; a plan with more than this is explored by nobody.
fn byte(number: u32) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}
