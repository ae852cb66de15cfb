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
    /// Those who hold it too and stand aside, the last one for the holder.
    aside: Vec<RunId>,
    waiting: BTreeSet<(Timestamp, RunId)>,
}

/// What the journal says of a target.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) holder: Option<RunId>,
    pub(crate) aside: Vec<RunId>,
    pub(crate) suspended: BTreeMap<RunId, Suspended>,
    pub(crate) waiting: BTreeSet<(Timestamp, RunId)>,
}

/// A run that stands aside for another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Suspended {
    pub(crate) rescue: RunId,
    /// Whether nothing of it is at work any more.
    pub(crate) is_at_rest: bool,
}

/// The answer to a run that asks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It is the run's until it is given back or the run ends.
    Granted {
        /// Whoever holds it too and stands aside for the run.
        instead_of: Option<RunId>,
    },
    /// Another run holds it, or asked earlier.
    Held { by: RunId },
}

/// See the module. Whatever makes a turn come answers whose: that run must be woken.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    lines: BTreeMap<String, Line>,
    /// The target of each run in a line.
    waits: BTreeMap<RunId, String>,
    suspended: BTreeMap<RunId, Suspended>,
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
        let Recorded {
            holder,
            aside,
            suspended,
            waiting,
        } = recorded;
        for (_, run) in &waiting {
            self.waits.insert(run.clone(), target.to_owned());
        }
        for (run, suspended) in suspended {
            // What the run itself has said since is newer.
            self.suspended.entry(run).or_insert(suspended);
        }
        let line = Line {
            holder,
            aside,
            waiting,
        };
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
        let makes_way = |holder: &&RunId| {
            let suspended = self.suspended.get(*holder);
            suspended.is_some_and(|it| it.is_at_rest && it.rescue == *run)
        };
        if let Some(holder) = line.holder.as_ref().filter(makes_way) {
            line.aside.push(holder.clone());
            line.holder = Some(run.clone());
        }
        let first = line.waiting.first().filter(|first| {
            // Who does not wait comes last.
            !waits || (first.0, &first.1) < (since, run)
        });
        let ahead = match &line.holder {
            Some(holder) if holder == run => None,
            Some(holder) => Some(holder),
            None => first.map(|(_, run)| run),
        };
        if let Some(by) = ahead.cloned() {
            if waits {
                line.waiting.insert((since, run.clone()));
                self.waits.insert(run.clone(), target.to_owned());
            }
            return Asked::Held { by };
        }
        line.holder = Some(run.clone());
        let instead_of = line.aside.last().cloned();
        Asked::Granted { instead_of }
    }

    /// A run stands aside for another one. Answers that one once it can have the place.
    pub(crate) fn suspend(&mut self, run: &RunId, suspended: Suspended) -> Option<RunId> {
        let before = self.suspended.insert(run.clone(), suspended.clone());
        let is_news = before.as_ref() != Some(&suspended);
        (is_news && suspended.is_at_rest).then_some(suspended.rescue)
    }

    /// A run stands aside for nobody any more.
    pub(crate) fn resume(&mut self, run: &RunId) {
        self.suspended.remove(run);
    }

    /// The runs that stand aside for one.
    pub(crate) fn rescued_by(&self, run: &RunId) -> Vec<RunId> {
        let suspended = self.suspended.iter();
        let rescued = suspended.filter(|(_, it)| it.rescue == *run);
        rescued.map(|(rescued, _)| rescued.clone()).collect()
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
        if let Some(line) = self.lines.get_mut(target)
            && line.holder.take_if(|holder| holder == run).is_some()
        {
            line.holder = line.aside.pop();
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
    let mut holders = Vec::new();
    let mut query = RunQuery {
        ended: RunState::Live,
        target: Some(target.to_owned()),
        ..RunQuery::default()
    };
    loop {
        let rows = store.runs(&query)?;
        let Some(last) = rows.last() else {
            (recorded.holder, recorded.aside) = in_order(holders, &recorded.suspended);
            return Ok(recorded);
        };
        query.after = query.order_key(last).map(|at| (at, last.run.clone()));
        for row in &rows {
            // The journal's alphabet is wider: a name that is no run's is not ours.
            let Ok(run) = row.run.as_str().parse::<RunId>() else {
                continue;
            };
            match replay::replay(store, &run) {
                Ok(snapshot) if snapshot.state.holds_lock() => {
                    if let Some(suspension) = snapshot.state.suspended() {
                        let suspended = Suspended {
                            rescue: suspension.rescue.clone(),
                            is_at_rest: false,
                        };
                        recorded.suspended.insert(run.clone(), suspended);
                    }
                    holders.push(run);
                }
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
                ) => holders.push(run),
            }
        }
    }
}

/// Of those who hold a lock: the one that stands aside for none of the others, and the
/// others, the last one for it.
fn in_order(
    mut holders: Vec<RunId>,
    suspended: &BTreeMap<RunId, Suspended>,
) -> (Option<RunId>, Vec<RunId>) {
    let mut order = Vec::new();
    while !holders.is_empty() {
        let makes_way = |run: &RunId| {
            let rescue = suspended.get(run).map(|it| &it.rescue);
            rescue.is_some_and(|rescue| holders.contains(rescue))
        };
        let top = holders.iter().position(|run| !makes_way(run)).unwrap_or(0);
        order.push(holders.remove(top));
    }
    order.reverse();
    (order.pop(), order)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str) -> RunId {
        name.parse().unwrap()
    }

    fn granted() -> Asked {
        Asked::Granted { instead_of: None }
    }

    fn held(by: &str) -> Asked {
        Asked::Held { by: run(by) }
    }

    #[test]
    fn who_asked_first_has_it_first_and_one_at_a_time() {
        let mut locks = Locks::default();
        let at = Timestamp;
        assert_eq!(locks.ask(&run("a"), "t", at(5), true), granted());
        assert_eq!(locks.ask(&run("c"), "t", at(7), true), held("a"));
        assert_eq!(locks.ask(&run("b"), "t", at(6), true), held("a"));
        assert_eq!(locks.ask(&run("a"), "t", at(5), true), granted());
        assert_eq!(locks.ask(&run("z"), "u", at(1), true), granted());
        assert_eq!(locks.ahead_of(&run("c")), Some(&run("a")));
        assert_eq!(locks.release(&run("a"), "t"), Some(run("b")));
        // Whose turn it is has the place, also before he comes.
        assert_eq!(locks.ahead_of(&run("c")), Some(&run("b")));
        assert_eq!(locks.ahead_of(&run("b")), None);
        assert_eq!(locks.ask(&run("c"), "t", at(7), true), held("b"));
        assert_eq!(locks.ask(&run("d"), "t", at(1), false), held("b"));
        assert_eq!(locks.ask(&run("b"), "t", at(6), true), granted());
        assert_eq!(locks.ask(&run("c"), "t", at(7), true), held("b"));
        assert_eq!(locks.withdraw(&run("c")), None);
        assert_eq!(locks.release(&run("b"), "t"), None);
        assert!(!locks.knows("t"));
    }

    #[test]
    fn who_leaves_the_line_lets_the_next_one_in() {
        let mut locks = Locks::default();
        let at = Timestamp;
        assert_eq!(locks.ask(&run("a"), "t", at(1), true), granted());
        assert_eq!(locks.ask(&run("b"), "t", at(2), true), held("a"));
        assert_eq!(locks.ask(&run("c"), "t", at(3), true), held("a"));
        assert_eq!(locks.release(&run("a"), "t"), Some(run("b")));
        assert_eq!(locks.withdraw(&run("b")), Some(run("c")));
        assert_eq!(locks.withdraw(&run("b")), None);
        assert_eq!(locks.ask(&run("c"), "t", at(3), true), granted());
    }

    #[test]
    fn a_stale_reading_is_not_taken_in() {
        let mut locks = Locks::default();
        let version = locks.version();
        let reading = || Recorded {
            holder: Some(run("a")),
            ..Recorded::default()
        };
        assert_eq!(locks.release(&run("a"), "t"), None);
        locks.learn("t", reading(), version);
        assert!(!locks.knows("t"));
        locks.learn("t", reading(), locks.version());
        assert_eq!(locks.ask(&run("b"), "t", Timestamp(1), true), held("a"));
    }

    #[test]
    fn a_rescue_has_the_place_of_the_holder_and_gives_it_back() {
        let mut locks = Locks::default();
        let at = Timestamp;
        let aside_for = |rescue: &str, is_at_rest| Suspended {
            rescue: run(rescue),
            is_at_rest,
        };
        assert_eq!(locks.ask(&run("h"), "t", at(1), true), granted());
        assert_eq!(locks.ask(&run("w"), "t", at(2), true), held("h"));
        assert_eq!(locks.ask(&run("r"), "t", at(3), true), held("h"));
        // Not while something of the holder is at work, and nobody but the rescue.
        assert_eq!(locks.suspend(&run("h"), aside_for("r", false)), None);
        assert_eq!(locks.ask(&run("r"), "t", at(3), true), held("h"));
        assert_eq!(
            locks.suspend(&run("h"), aside_for("r", true)),
            Some(run("r"))
        );
        assert_eq!(locks.suspend(&run("h"), aside_for("r", true)), None);
        assert_eq!(locks.ask(&run("w"), "t", at(2), true), held("h"));
        let instead_of = Some(run("h"));
        assert_eq!(
            locks.ask(&run("r"), "t", at(3), true),
            Asked::Granted { instead_of }
        );
        assert_eq!(locks.rescued_by(&run("r")), [run("h")]);
        // The place is the holder's again, and not of who waits.
        assert_eq!(locks.release(&run("r"), "t"), None);
        locks.resume(&run("h"));
        assert_eq!(locks.ask(&run("w"), "t", at(2), true), held("h"));
        assert_eq!(locks.release(&run("h"), "t"), Some(run("w")));
    }

    #[test]
    fn holders_are_put_in_the_order_in_which_they_stand_aside() {
        let aside = |rescue: &str| Suspended {
            rescue: run(rescue),
            is_at_rest: true,
        };
        let suspended = BTreeMap::from([(run("a"), aside("c")), (run("c"), aside("b"))]);
        let holders = vec![run("a"), run("b"), run("c")];
        let (holder, rest) = in_order(holders, &suspended);
        assert_eq!((holder, rest), (Some(run("b")), vec![run("a"), run("c")]));
        assert_eq!(in_order(Vec::new(), &suspended), (None, Vec::new()));
    }
}
