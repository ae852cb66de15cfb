//! Events that belong to no run: loads of policies, and what was refused. They stand in the
//! stream of the store, beside the orders to erase.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use windlass_core::id::{PersonName, RunId};
use windlass_core::operator::Operator;
use windlass_core::plan::Digest;
use windlass_core::time::{Millis, Timestamp};
use windlass_journal::{
    Append, AppendError, Fence, NewRecord, ReadError, RunKey, Store, WriteError,
};

use crate::error::{CommandError, Fatal};
use crate::shared::Shared;

/// The version of their bodies.
const VERSION: u16 = 1;
/// How many records of the store's stream are read at once.
const PAGE_RECORDS: usize = 1_000;
/// How often an append that others were faster than is tried again.
const CONFLICTS_MAX: usize = 8;
/// How many refusals are recorded in a while: who may do nothing must not fill the disk.
pub(crate) const REFUSALS_MAX: u32 = 200;
pub(crate) const REFUSALS_WITHIN: Millis = Millis::from_mins(60);

/// An event that belongs to no run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreEvent {
    PolicyLoaded(PolicyLoaded),
    /// Somebody was not let start a run.
    StartRefused {
        by: Operator,
        runbook: String,
        plan: Digest,
        why: String,
    },
    /// Somebody was not let do something to a run.
    ActRefused {
        run: Option<RunId>,
        by: Operator,
        why: String,
    },
}

/// Another policy took effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyLoaded {
    pub policy: Digest,
    pub previous: Option<Digest>,
    /// Where its file was.
    pub from: String,
    pub by: Operator,
    /// Persons of the policy before who signed it.
    #[serde(default)]
    pub signers: Vec<PersonName>,
    /// What it says otherwise, in lines for people.
    pub difference: Vec<String>,
    /// Rights by which nobody decides before a moment.
    #[serde(default)]
    pub ripening: BTreeMap<String, Timestamp>,
}

impl StoreEvent {
    fn kind(&self) -> &'static str {
        match self {
            StoreEvent::PolicyLoaded(_) => "policy_loaded",
            StoreEvent::StartRefused { .. } => "start_refused",
            StoreEvent::ActRefused { .. } => "act_refused",
        }
    }

    fn record(&self, at: Timestamp) -> NewRecord {
        NewRecord {
            kind: self.kind().to_owned(),
            version: VERSION,
            at_ms: at.0,
            body: serde_json::to_vec(self).expect("texts and lists of them are JSON"),
        }
    }
}

/// All such events, each with its time, in their order.
///
/// # Errors
/// The journal cannot be read.
pub fn store_events(store: &dyn Store) -> Result<Vec<(Timestamp, StoreEvent)>, ReadError> {
    let (stream, mut next, mut events) = (RunKey::store(), 0, Vec::new());
    loop {
        let page = store.read(&stream, next, PAGE_RECORDS)?;
        let Some(last) = page.last() else {
            return Ok(events);
        };
        next = last.header.seq + 1;
        events.extend(page.iter().filter_map(|record| {
            let event = serde_json::from_slice(record.body.as_deref()?).ok()?;
            Some((Timestamp(record.header.at_ms), event))
        }));
    }
}

/// The newest load of a policy.
///
/// # Errors
/// The journal cannot be read.
pub fn last_load(store: &dyn Store) -> Result<Option<(Timestamp, PolicyLoaded)>, ReadError> {
    let mut newest = store_events(store)?.into_iter().rev();
    Ok(newest.find_map(|(at, event)| match event {
        StoreEvent::PolicyLoaded(load) => Some((at, load)),
        StoreEvent::StartRefused { .. } | StoreEvent::ActRefused { .. } => None,
    }))
}

/// Records an event; it is durable when this returns.
pub(crate) async fn record(shared: &Shared, event: &StoreEvent) -> Result<(), CommandError> {
    append(shared, vec![event.record(shared.clock.now())], Vec::new()).await
}

/// One append to the store's stream, with bodies that are erased by it.
pub(crate) async fn append(
    shared: &Shared,
    records: Vec<NewRecord>,
    erase_bodies_of: Vec<RunKey>,
) -> Result<(), CommandError> {
    let mut expected_seq = 0;
    for _ in 0..CONFLICTS_MAX {
        let fence = Fence {
            epoch: shared.epoch,
            expected_seq,
        };
        let mut append = Append::new(RunKey::store(), fence, records.clone());
        append.erase_bodies_of.clone_from(&erase_bodies_of);
        match shared.store.append(append).await {
            Ok(_) => return Ok(()),
            // Where the stream ends is learnt from the store itself.
            Err(AppendError::Conflict { actual, .. }) => expected_seq = actual,
            Err(AppendError::Write(WriteError::Busy(_))) => return Err(CommandError::Busy),
            Err(error @ AppendError::Fenced { .. }) => {
                return Err(stopped(shared, &error.to_string(), true));
            }
            Err(error @ AppendError::Write(WriteError::Storage(_) | WriteError::ReadOnly)) => {
                return Err(stopped(shared, &error.to_string(), false));
            }
            Err(
                error @ (AppendError::TooLarge { .. }
                | AppendError::Invalid { .. }
                | AppendError::Quarantined { .. }),
            ) => return Err(CommandError::NotRecorded(error.to_string().into())),
        }
    }
    Err(CommandError::Busy)
}

/// Ends the engine for a reason of the store.
pub(crate) fn stopped(shared: &Shared, reason: &str, fenced: bool) -> CommandError {
    let reason = reason.into();
    let fatal = Fatal { reason, fenced };
    shared.fail(fatal.clone());
    CommandError::Fatal(fatal)
}
