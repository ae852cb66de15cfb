//! The timer wheel: when a run that has no task must be looked at again.
//! One entry a waiting run and nothing else: no task, no state.

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::id::RunId;
use windlass_core::time::Timestamp;

/// Which run is due when; each run has one time at most.
#[derive(Debug, Default)]
pub(crate) struct Wheel {
    by_time: BTreeSet<(Timestamp, RunId)>,
    by_run: BTreeMap<RunId, Timestamp>,
}

impl Wheel {
    /// Sets or replaces the time of a run.
    pub(crate) fn set(&mut self, run: &RunId, at: Timestamp) {
        self.remove(run);
        self.by_time.insert((at, run.clone()));
        self.by_run.insert(run.clone(), at);
    }

    pub(crate) fn remove(&mut self, run: &RunId) {
        if let Some((run, at)) = self.by_run.remove_entry(run) {
            self.by_time.remove(&(at, run));
        }
    }

    /// The earliest time.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes the earliest run out, when its time has come.
    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<RunId> {
        if self.next()? > now {
            return None;
        }
        let (_, run) = self.by_time.pop_first()?;
        self.by_run.remove(&run);
        Some(run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_one_time_and_comes_when_it_is_due() {
        let (a, b): (RunId, RunId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let mut wheel = Wheel::default();
        wheel.set(&a, Timestamp(10));
        wheel.set(&b, Timestamp(20));
        wheel.set(&a, Timestamp(30));
        assert_eq!(wheel.next(), Some(Timestamp(20)));
        assert_eq!(wheel.pop_due(Timestamp(19)), None);
        assert_eq!(wheel.pop_due(Timestamp(20)), Some(b));
        wheel.remove(&a);
        assert_eq!(wheel.pop_due(Timestamp(99)), None);
    }
}
