//! Which runs have a task, and what is kept in memory for those that have none:
//! secrets, a timer, a small cache of states, and why a run may not be driven.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use windlass_core::id::{NodeId, RunId, SecretName};
use windlass_core::time::Timestamp;

use crate::error::CommandError;
use crate::limits::RUNS_CACHED_MAX;
use crate::locks::Locks;
use crate::redact::Redactor;
use crate::run::Message;
use crate::run_secrets::RunSecrets;
use crate::snapshot::{Lacks, Snapshot};
use crate::wheel::Wheel;

/// See the module.
#[derive(Default)]
pub(crate) struct Registry {
    /// The runs that have a task.
    pub(crate) driven: BTreeMap<RunId, Driven>,
    /// How many tasks were ever made: whether one was made meanwhile.
    pub(crate) spawned: u64,
    /// States of runs without a task, the oldest first.
    cache: VecDeque<Arc<Snapshot>>,
    /// Given by clients for one run each, until it ends.
    pub(crate) secrets: BTreeMap<RunId, Arc<RunSecrets>>,
    /// Secrets of messages that are not sent yet: a run may have ended before.
    pub(crate) message_secrets: BTreeMap<RunId, Arc<RunSecrets>>,
    /// Runs with messages that are repeated until their cause is over.
    pub(crate) calling: BTreeSet<RunId>,
    /// Those of them of which something has become new since the sender looked.
    pub(crate) called_anew: BTreeSet<RunId>,
    /// Whether the sender is at work: looks what is due, or has a message on its way.
    pub(crate) is_sending: bool,
    /// What parked runs lack; kept because their states are not.
    pub(crate) lacks: BTreeMap<RunId, Lacks>,
    /// Runs that nothing may be done with, and why.
    contained: BTreeMap<RunId, Contained>,
    pub(crate) wheel: Wheel,
    /// Who holds the locks of targets, and who waits for them.
    pub(crate) locks: Locks,
    /// The newest `seq` for those who follow a run.
    feeds: BTreeMap<RunId, watch::Sender<u64>>,
    /// Runs whose task ended before its time, perhaps with processes in flight.
    pub(crate) halted: BTreeSet<RunId>,
    /// Attempts that a park left in flight.
    pub(crate) left_in_flight: BTreeMap<RunId, Vec<(NodeId, u32)>>,
}

/// A run that has a task.
pub(crate) struct Driven {
    /// The only sender that is kept: a task may leave when there is no other one.
    pub(crate) mailbox: mpsc::Sender<Message>,
    /// `None` until the run is loaded.
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    /// The last line of each attempt in flight.
    pub(crate) progress: BTreeMap<(NodeId, u32), watch::Receiver<String>>,
}

/// Why nothing may be done with a run.
#[derive(Clone, Debug)]
pub(crate) enum Contained {
    Quarantined(Arc<str>),
    Faulted(Arc<str>),
}

impl Registry {
    /// Why nothing may be asked of a run, if nothing may.
    pub(crate) fn refusal(&self, run: &RunId) -> Option<CommandError> {
        let (run, contained) = self.contained.get_key_value(run)?;
        let run = run.clone();
        Some(match contained.clone() {
            Contained::Quarantined(reason) => CommandError::Quarantined { run, reason },
            Contained::Faulted(reason) => CommandError::Faulted { run, reason },
        })
    }

    /// Takes a run out of all doing; the first reason stays.
    ///
    /// A lock that it holds stays with it: nobody knows what it has under way.
    pub(crate) fn contain(&mut self, run: &RunId, contained: Contained) {
        tracing::error!(%run, ?contained, "the run is contained");
        self.contained.entry(run.clone()).or_insert(contained);
        self.driven.remove(run);
        self.forget(run);
        self.cache.retain(|cached| cached.run != *run);
        // Followers read what there is and then find out why there is no more.
        self.feeds.remove(run);
        if let Some(next) = self.locks.withdraw(run) {
            // Long due; who contains a run tells the wheel.
            self.wake_at(&next, Timestamp::default());
        }
    }

    /// All runs that are contained.
    pub(crate) fn contained(&self) -> Vec<(RunId, Contained)> {
        let pair = |(run, why): (&RunId, &Contained)| (run.clone(), why.clone());
        self.contained.iter().map(pair).collect()
    }

    /// The state of a run as far as memory knows it.
    pub(crate) fn snapshot(&self, run: &RunId) -> Option<Arc<Snapshot>> {
        let known = match self.driven.get(run) {
            Some(driven) => driven.snapshot.as_ref(),
            None => self.cache.iter().find(|cached| cached.run == *run),
        };
        known.map(|known| self.without_given(known))
    }

    /// The state as it is to be looked at: what it says is lacking is as its task saw it
    /// last, and secrets that were brought since are lacking no more.
    fn without_given(&self, known: &Arc<Snapshot>) -> Arc<Snapshot> {
        let given = |name: &SecretName| self.has_secret(&known.run, name);
        if !known.lacks.secrets.iter().any(given) {
            return Arc::clone(known);
        }
        let mut snapshot = Snapshot::clone(known);
        snapshot.lacks.secrets.retain(|name| !given(name));
        Arc::new(snapshot)
    }

    /// What a parked run lacks.
    pub(crate) fn lacks(&self, run: &RunId) -> Lacks {
        let mut lacks = self.lacks.get(run).cloned().unwrap_or_default();
        lacks.secrets.retain(|name| !self.has_secret(run, name));
        lacks
    }

    /// Whether this process was given a secret for a run.
    pub(crate) fn has_secret(&self, run: &RunId, name: &SecretName) -> bool {
        let held = self.secrets.get(run);
        held.is_some_and(|held| held.values.contains_key(name))
    }

    /// Takes a cached state out, for a task that goes on from it.
    pub(crate) fn take_cached(&mut self, run: &RunId) -> Option<Arc<Snapshot>> {
        let at = self.cache.iter().position(|cached| cached.run == *run)?;
        self.cache.remove(at)
    }

    /// Keeps the state of a run whose task leaves.
    pub(crate) fn cache(&mut self, snapshot: Arc<Snapshot>) {
        self.take_cached(&snapshot.run);
        if self.cache.len() >= RUNS_CACHED_MAX {
            self.cache.pop_front();
        }
        self.cache.push_back(snapshot);
    }

    /// Follows the newest `seq` of a run.
    pub(crate) fn feed(&mut self, run: &RunId, next_seq: u64) -> watch::Receiver<u64> {
        self.feeds.retain(|_, feed| feed.receiver_count() > 0);
        self.feeds
            .entry(run.clone())
            .or_insert_with(|| watch::Sender::new(next_seq))
            .subscribe()
    }

    /// Tells followers of a run that it has more records.
    pub(crate) fn publish(&self, run: &RunId, next_seq: u64) {
        if let Some(feed) = self.feeds.get(run) {
            feed.send_replace(next_seq);
        }
    }

    /// Lets a run's task look again: the one that there is, or one that is made for it.
    pub(crate) fn wake_at(&mut self, run: &RunId, at: Timestamp) {
        match self.driven.get(run) {
            // A full mailbox makes the task look again, too.
            Some(driven) => drop(driven.mailbox.try_send(Message::Wake)),
            None => self.wheel.set(run, at),
        }
    }

    /// A run that has ended holds no lock and waits for none. Answers whose turn it is.
    pub(crate) fn leave_locks(&mut self, run: &RunId, target: Option<&str>) -> Option<RunId> {
        let next = self.locks.withdraw(run);
        match target {
            Some(target) => self.locks.release(run, target),
            None => next,
        }
    }

    /// What replaces the secrets of a run.
    pub(crate) fn redactor(&self, run: &RunId) -> Redactor {
        let held = self.secrets.get(run);
        held.map(|held| held.redactor.clone()).unwrap_or_default()
    }

    /// Forgets what is kept for a run that has ended.
    pub(crate) fn forget(&mut self, run: &RunId) {
        self.secrets.remove(run);
        self.lacks.remove(run);
        self.wheel.remove(run);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_core::state::RunState;

    #[test]
    fn what_was_brought_is_lacking_no_more_wherever_the_run_is() {
        let run: RunId = "20261122-0142-k3f9q2".parse().unwrap();
        let name = |name: &str| -> SecretName { name.parse().unwrap() };
        let lacks = Lacks {
            secrets: [name("key"), name("other")].into(),
            ..Lacks::default()
        };
        let snapshot = Arc::new(Snapshot {
            run: run.clone(),
            state: RunState::new(run.clone()),
            next_seq: 1,
            started_at: Timestamp::default(),
            updated_at: Timestamp::default(),
            lacks: lacks.clone(),
        });
        let said = |registry: &Registry| registry.snapshot(&run).unwrap().lacks.to_string();
        let secrets = [(name("key"), "hunter22".to_owned().into())].into();
        let secrets = Arc::new(RunSecrets::new(secrets));

        let mut registry = Registry::default();
        registry.cache(Arc::clone(&snapshot));
        registry.lacks.insert(run.clone(), lacks);
        assert_eq!(said(&registry), "secrets key, other");
        registry.secrets.insert(run.clone(), secrets);
        assert_eq!(said(&registry), "secrets other");
        assert_eq!(registry.lacks(&run).to_string(), "secrets other");
        let driven = Driven {
            mailbox: mpsc::channel(1).0,
            snapshot: Some(snapshot),
            progress: BTreeMap::new(),
        };
        registry.driven.insert(run.clone(), driven);
        assert_eq!(said(&registry), "secrets other");
    }
}
