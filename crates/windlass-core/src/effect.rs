//! Effects: the work that the shell must have in flight for a run, derived from
//! its state by `outstanding`. Never stored; the shell compares them with what it
//! has in flight.

use crate::event::{Ask, Dispatch};
use crate::id::{NodeId, StepId};
use crate::plan::{EffectClass, Verb};
use crate::time::{Millis, Timestamp};

/// One piece of outstanding work.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Hand an attempt to its runner, unless that was done in this process already.
    /// For a change the attempt is never handed over twice and never cancelled:
    /// when it leaves the list, its runner goes on and its late outcome still counts.
    Attempt {
        node: NodeId,
        attempt: u32,
        verb: Verb,
        effect: EffectClass,
        call: Dispatch,
        deadline: Timestamp,
        /// After this the shell answers `Failed(none)` instead of handing it over.
        send_by: Timestamp,
        /// What an earlier part of the attempt kept.
        checkpoint: Option<String>,
    },
    /// Look whether a change in doubt happened, no earlier than `at`.
    Reconcile {
        node: NodeId,
        attempt: u32,
        verb: Verb,
        at: Timestamp,
        timeout: Millis,
        how: Look,
    },
    /// Read a fact of a gate, answered with `Command::Fetched`.
    Fetch {
        gate: StepId,
        attempt: u32,
        fact: String,
        /// Which of the gate's facts it is.
        number: u32,
        ask: Ask,
        timeout: Millis,
    },
    /// Get the lock of the target for the run: answered with `Command::LockGranted` as soon
    /// as no other run holds it.
    AcquireLock {
        target: String,
        /// When the run asked; who asked first has it first.
        since: Timestamp,
        /// A run that is ending does not wait: when another run holds the lock, the answer
        /// is `Command::LockHeld` at once.
        waits: bool,
    },
    /// Send `Command::Tick` at this time; the earliest of all timers.
    WakeAt { at: Timestamp },
}

/// How to look at the target.
#[derive(Clone, Debug, PartialEq)]
pub enum Look {
    /// By the action's own reconcile, which is given what the attempt was given.
    Native {
        call: Dispatch,
        checkpoint: Option<String>,
    },
    /// By a read action, answered with `Command::Observed`.
    Read { ask: Ask },
}
