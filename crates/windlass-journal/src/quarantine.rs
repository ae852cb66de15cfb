//! The runs that may not be written because they cannot be trusted.
//! The marks live as long as the store is open: reading a damaged run makes
//! its mark again, so nothing about them needs to be durable.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::key::RunKey;

/// A run that may not be written, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    pub run: RunKey,
    pub reason: String,
}

#[derive(Debug, Default)]
pub(crate) struct Quarantine(Mutex<BTreeMap<RunKey, String>>);

impl Quarantine {
    fn marks(&self) -> MutexGuard<'_, BTreeMap<RunKey, String>> {
        // A panic elsewhere cannot leave the map half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first reason stays: it is the one that was acted upon.
    pub(crate) fn mark(&self, run: &RunKey, reason: &str) {
        self.marks().entry(run.clone()).or_insert_with(|| {
            tracing::error!(%run, reason, "run quarantined");
            reason.to_owned()
        });
    }

    pub(crate) fn reason(&self, run: &RunKey) -> Option<String> {
        self.marks().get(run).cloned()
    }

    pub(crate) fn list(&self) -> Vec<Quarantined> {
        let marks = self.marks();
        let mark = |(run, reason): (&RunKey, &String)| Quarantined {
            run: run.clone(),
            reason: reason.clone(),
        };
        marks.iter().map(mark).collect()
    }
}
