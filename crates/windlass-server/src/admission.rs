//! How many connections and requests are served at once. The owner's are counted
//! apart from everybody else's, so that nobody can keep the owner from his own runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::limits::{CONNECTIONS_OF_OTHERS_MAX, CONNECTIONS_PER_USER_MAX, REQUESTS_MAX};
use crate::peer::Peer;

/// Counts connections by user.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    owner_uid: u32,
    counts: Arc<Mutex<BTreeMap<u32, usize>>>,
}

/// The right to one connection; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Admitted {
    uid: u32,
    counts: Arc<Mutex<BTreeMap<u32, usize>>>,
}

impl Admission {
    pub(crate) fn new(owner_uid: u32) -> Self {
        Self {
            owner_uid,
            counts: Arc::default(),
        }
    }

    /// Room for one more connection of this user, if there is any.
    pub(crate) fn admit(&self, uid: u32) -> Option<Admitted> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let others = counts.iter().filter(|(uid, _)| **uid != self.owner_uid);
        let others: usize = others.map(|(_, count)| count).sum();
        let is_full = uid != self.owner_uid && others >= CONNECTIONS_OF_OTHERS_MAX;
        let held = counts.get(&uid).copied().unwrap_or(0);
        if is_full || held >= CONNECTIONS_PER_USER_MAX {
            return None;
        }
        counts.insert(uid, held + 1);
        Some(Admitted {
            uid,
            counts: Arc::clone(&self.counts),
        })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.uid) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.uid);
            }
        }
    }
}

/// Turns for requests that are worked on.
#[derive(Debug)]
pub(crate) struct Turns {
    owner: Semaphore,
    others: Semaphore,
}

impl Turns {
    pub(crate) fn new() -> Self {
        Self {
            owner: Semaphore::new(REQUESTS_MAX),
            others: Semaphore::new(REQUESTS_MAX),
        }
    }

    /// Waits for a turn.
    pub(crate) async fn take(&self, peer: Peer, owner_uid: u32) -> Option<SemaphorePermit<'_>> {
        let turns = if peer.uid == owner_uid {
            &self.owner
        } else {
            &self.others
        };
        turns.acquire().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_cannot_keep_the_owner_out() {
        let admission = Admission::new(1);
        let mut held = Vec::new();
        for uid in 2..100 {
            held.extend((0..CONNECTIONS_PER_USER_MAX + 5).map_while(|_| admission.admit(uid)));
        }
        assert_eq!(held.len(), CONNECTIONS_OF_OTHERS_MAX);
        let mine: Vec<_> = (0..CONNECTIONS_PER_USER_MAX)
            .map(|_| admission.admit(1))
            .collect();
        assert!(mine.iter().all(Option::is_some));
        assert!(admission.admit(1).is_none());
        held.pop();
        assert!(admission.admit(200).is_some());
        drop((held, mine));
        assert!(admission.counts.lock().unwrap().is_empty());
    }
}
