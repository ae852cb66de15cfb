//! What is to come in a rehearsal, by time; what comes at one time comes in the order
//! in which it was put down.

use std::collections::BTreeMap;

use windlass_core::command::Orphan;
use windlass_core::id::{NodeId, StepId};
use windlass_core::outcome::Outcome;
use windlass_core::rehearsal::{Decision, Said};
use windlass_core::time::{Millis, Timestamp};

/// Something that will happen.
#[derive(Clone, Debug)]
pub(super) enum Coming {
    /// An attempt ends.
    Ended {
        node: NodeId,
        attempt: u32,
        outcome: Outcome,
    },
    /// An attempt takes the engine with it.
    Crash {
        down: Millis,
        /// The attempt's own process, and how long it lives on.
        left: Option<(NodeId, u32, Millis)>,
    },
    /// A look at the target ends.
    Looked {
        node: NodeId,
        attempt: u32,
        asked_at: Timestamp,
        said: Said,
    },
    /// A fact of a gate is read.
    Fetched {
        gate: StepId,
        attempt: u32,
        fact: String,
        asked_at: Timestamp,
        outcome: Outcome,
    },
    OrphanEnded(Orphan),
    /// The lock of the target was asked for.
    Lock {
        granted: bool,
    },
    /// A gate is answered.
    Decide {
        gate: StepId,
        opening: u32,
        decision: Decision,
        by: String,
    },
    /// A person answers for work by hand.
    Answer {
        node: NodeId,
        attempt: u32,
        outcome: Outcome,
    },
    /// A cue, by its number in the script.
    Cue(usize),
}

impl Coming {
    /// Whether it happens although the engine died: what people do.
    fn outlives_the_engine(&self) -> bool {
        match self {
            Coming::Decide { .. } | Coming::Answer { .. } | Coming::Cue(_) => true,
            Coming::Ended { .. }
            | Coming::Crash { .. }
            | Coming::Looked { .. }
            | Coming::Fetched { .. }
            | Coming::Lock { .. }
            | Coming::OrphanEnded(_) => false,
        }
    }
}

/// The place of something in the agenda.
pub(super) type Place = (Timestamp, u64);

#[derive(Debug, Default)]
pub(super) struct Agenda {
    coming: BTreeMap<Place, Coming>,
    next: u64,
}

impl Agenda {
    pub(super) fn put(&mut self, at: Timestamp, coming: Coming) -> Place {
        let place = (at, self.next);
        self.next += 1;
        self.coming.insert(place, coming);
        place
    }

    pub(super) fn strike(&mut self, place: Place) {
        self.coming.remove(&place);
    }

    /// When the next thing happens.
    pub(super) fn next_at(&self) -> Option<Timestamp> {
        self.coming.keys().next().map(|(at, _)| *at)
    }

    pub(super) fn take_first(&mut self) -> Option<Coming> {
        self.coming.pop_first().map(|(_, coming)| coming)
    }

    /// The engine died: what it waited for, nobody hears.
    pub(super) fn forget_the_engines(&mut self) {
        self.coming.retain(|_, coming| coming.outlives_the_engine());
    }
}
