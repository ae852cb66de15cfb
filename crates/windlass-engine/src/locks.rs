//! Which run holds the lock of which target, and who waits for it. What survives a crash
//! is in the journal: a run holds the lock from its `lock_acquired` to its end. This table
//! is read back from there, a target at a time, when somebody first asks for it.
//!
//! A run is asked for its say when its turn comes, and never given the lock unasked: one
//! that was paused, cancelled or lost its secrets meanwhile leaves the line.

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::id::RunId;
use windlass_core::time::Timestamp;
use windlass_journal::{RunQuery, RunState, StorageError, Store};

use crate::replay::{self, ReplayError};

/// A target's line: one holder, the others in the order in which they asked.
#[derive(Debug, Default)]
struct Line {
    holder: Option<RunId>,
    waiting: BTreeSet<(Timestamp, RunId)>,
}

/// What the journal says of a target.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) holder: Option<RunId>,
    pub(crate) waiting: BTreeSet<(Timestamp, RunId)>,
}

/// The answer to a run that asks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It is the run's until it is given back or the run ends.
    Granted,
    /// Another run holds it, or asked earlier.
    Held { by: RunId },
}

/// See the module. Whatever makes a turn come answers whose: that run must be woken.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    lines: BTreeMap<String, Line>,
    /// The target of each run in a line.
    waits: BTreeMap<RunId, String>,
    /// Counts what makes a reading of the journal stale.
    version: u64,
}

impl Locks {
    /// Whether a target's line is known; otherwise it must be read first.
    pub(crate) fn knows(&self, target: &str) -> bool {
        self.lines.contains_key(target)
    }

    /// Taken before a reading and given to [`Locks::learn`] after it.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Takes a reading in, unless it may be stale: the caller reads again then.
    pub(crate) fn learn(&mut self, target: &str, recorded: Recorded, version: u64) {
        if self.version != version || self.knows(target) {
            return;
        }
        let Recorded { holder, waiting } = recorded;
        for (_, run) in &waiting {
            self.waits.insert(run.clone(), target.to_owned());
        }
        let line = Line { holder, waiting };
        self.lines.insert(target.to_owned(), line);
    }

    /// A run asks for a lock whose line is known. One that waits keeps its place; one that
    /// does not is in no line afterwards.
    pub(crate) fn ask(
        &mut self,
        run: &RunId,
        target: &str,
        since: Timestamp,
        waits: bool,
    ) -> Asked {
        let line = self.lines.entry(target.to_owned()).or_default();
        line.waiting.retain(|(_, other)| other != run);
        self.waits.remove(run);
        let first = line.waiting.first().filter(|first| {
            // Who does not wait comes last.
            !waits || (first.0, &first.1) < (since, run)
        });
        let ahead = line.holder.as_ref().filter(|holder| *holder != run);
        if let Some(by) = ahead.or(first.map(|(_, run)| run)).cloned() {
            if waits {
                line.waiting.insert((since, run.clone()));
                self.waits.insert(run.clone(), target.to_owned());
            }
            return Asked::Held { by };
        }
        line.holder = Some(run.clone());
        Asked::Granted
    }

    /// A run has no use for the lock that it was just granted, or does not wait any more.
    pub(crate) fn withdraw(&mut self, run: &RunId) -> Option<RunId> {
        let target = self.waits.remove(run)?;
        if let Some(line) = self.lines.get_mut(&target) {
            line.waiting.retain(|(_, other)| other != run);
        }
        self.turn(&target)
    }

    /// A run that held a lock has ended, or did not record that it was granted.
    pub(crate) fn release(&mut self, run: &RunId, target: &str) -> Option<RunId> {
        // Who reads the journal meanwhile may have met the run as it held the lock.
        self.version = self.version.wrapping_add(1);
        if let Some(line) = self.lines.get_mut(target) {
            line.holder.take_if(|holder| holder == run);
        }
        self.turn(target)
    }

    /// Whether a run was granted the lock, recorded or not.
    pub(crate) fn is_held_by(&self, run: &RunId, target: &str) -> bool {
        let line = self.lines.get(target);
        line.is_some_and(|line| line.holder.as_ref() == Some(run))
    }

    /// Whose turn it is; a line without anybody is forgotten.
    fn turn(&mut self, target: &str) -> Option<RunId> {
        let line = self.lines.get(target)?;
        if line.holder.is_some() {
            return None;
        }
        let next = line.waiting.first().map(|(_, run)| run.clone());
        if next.is_none() {
            self.lines.remove(target);
            self.version = self.version.wrapping_add(1);
        }
        next
    }

    /// Whether the lock is free and a run that waits has only to take it.
    pub(crate) fn is_turn_of(&self, run: &RunId) -> bool {
        let line = self
            .waits
            .get(run)
            .and_then(|target| self.lines.get(target));
        let first = line.filter(|line| line.holder.is_none());
        first
            .and_then(|line| line.waiting.first())
            .is_some_and(|(_, first)| first == run)
    }

    /// Who is ahead of a run that waits: the holder, or whose turn it is.
    pub(crate) fn ahead_of(&self, run: &RunId) -> Option<&RunId> {
        let line = self.lines.get(self.waits.get(run)?)?;
        let first = line.waiting.first().map(|(_, first)| first);
        line.holder.as_ref().or(first).filter(|ahead| *ahead != run)
    }
}

/// Reads who holds the lock of a target and who waits for it, from the runs that have not
/// ended. Blocks; replays each of them.
///
/// # Errors
/// The index or the journal cannot be read.
pub(crate) fn read(store: &dyn Store, target: &str) -> Result<Recorded, StorageError> {
    let mut recorded = Recorded::default();
    let mut query = RunQuery {
        ended: RunState::Live,
        target: Some(target.to_owned()),
        ..RunQuery::default()
    };
    loop {
        let rows = store.runs(&query)?;
        let Some(last) = rows.last() else {
            return Ok(recorded);
        };
        query.after = query.order_key(last).map(|at| (at, last.run.clone()));
        for row in &rows {
            // The journal's alphabet is wider: a name that is no run's is not ours.
            let Ok(run) = row.run.as_str().parse::<RunId>() else {
                continue;
            };
            match replay::replay(store, &run) {
                Ok(snapshot) if snapshot.state.holds_lock() => recorded.holder = Some(run),
                Ok(snapshot) => {
                    let wanted = snapshot.state.wants_lock().filter(|wanted| wanted.waits);
                    let place = wanted.map(|wanted| (wanted.since, run));
                    recorded.waiting.extend(place);
                }
                Err(ReplayError::Storage(error)) => return Err(error),
                // Nobody knows what it has under way: its target is left alone.
                Err(
                    ReplayError::Damaged(_)
                    | ReplayError::Undecodable { .. }
                    | ReplayError::Illegal { .. }
                    | ReplayError::Erased(_)
                    | ReplayError::Panicked,
                ) => recorded.holder = Some(run),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str) -> RunId {
        name.parse().unwrap()
    }

    fn held(by: &str) -> Asked {
        Asked::Held { by: run(by) }
    }

    #[test]
    fn who_asked_first_has_it_first_and_one_at_a_time() {
        let mut locks = Locks::default();
        let at = Timestamp;
        assert_eq!(locks.ask(&run("a"), "t", at(5), true), Asked::Granted);
        assert_eq!(locks.ask(&run("c"), "t", at(7), true), held("a"));
        assert_eq!(locks.ask(&run("b"), "t", at(6), true), held("a"));
        assert_eq!(locks.ask(&run("a"), "t", at(5), true), Asked::Granted);
        assert_eq!(locks.ask(&run("z"), "u", at(1), true), Asked::Granted);
        assert_eq!(locks.ahead_of(&run("c")), Some(&run("a")));
        assert_eq!(locks.release(&run("a"), "t"), Some(run("b")));
        // Whose turn it is has the place, also before he comes.
        assert_eq!(locks.ahead_of(&run("c")), Some(&run("b")));
        assert_eq!(locks.ahead_of(&run("b")), None);
        assert_eq!(locks.ask(&run("c"), "t", at(7), true), held("b"));
        assert_eq!(locks.ask(&run("d"), "t", at(1), false), held("b"));
        assert_eq!(locks.ask(&run("b"), "t", at(6), true), Asked::Granted);
        assert_eq!(locks.ask(&run("c"), "t", at(7), true), held("b"));
        assert_eq!(locks.withdraw(&run("c")), None);
        assert_eq!(locks.release(&run("b"), "t"), None);
        assert!(!locks.knows("t"));
    }

    #[test]
    fn who_leaves_the_line_lets_the_next_one_in() {
        let mut locks = Locks::default();
        let at = Timestamp;
        assert_eq!(locks.ask(&run("a"), "t", at(1), true), Asked::Granted);
        assert_eq!(locks.ask(&run("b"), "t", at(2), true), held("a"));
        assert_eq!(locks.ask(&run("c"), "t", at(3), true), held("a"));
        assert_eq!(locks.release(&run("a"), "t"), Some(run("b")));
        assert_eq!(locks.withdraw(&run("b")), Some(run("c")));
        assert_eq!(locks.withdraw(&run("b")), None);
        assert_eq!(locks.ask(&run("c"), "t", at(3), true), Asked::Granted);
    }

    #[test]
    fn a_stale_reading_is_not_taken_in() {
        let mut locks = Locks::default();
        let version = locks.version();
        let reading = || Recorded {
            holder: Some(run("a")),
            waiting: BTreeSet::new(),
        };
        assert_eq!(locks.release(&run("a"), "t"), None);
        locks.learn("t", reading(), version);
        assert!(!locks.knows("t"));
        locks.learn("t", reading(), locks.version());
        assert_eq!(locks.ask(&run("b"), "t", Timestamp(1), true), held("a"));
    }
}
