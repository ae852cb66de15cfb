//! What a run has in flight: attempts and looks, each in its own task.
//! A task is only ever told to stop; a change's task is never dropped.

use std::collections::{BTreeMap, HashMap};

use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use windlass_core::id::NodeId;
use windlass_core::outcome::{Answer, Outcome};
use windlass_core::time::Timestamp;

use crate::redact::Redactor;

/// One piece of work in flight.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    pub(super) kind: SlotKind,
    pub(super) node: NodeId,
    pub(super) attempt: u32,
}

/// Doing it, or looking what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SlotKind {
    /// A read or idempotent attempt, which may be cancelled.
    Attempt,
    /// A change, which never is.
    Change,
    Look,
}

/// How a piece of work came back.
#[derive(Debug)]
pub(super) enum Report {
    Ended(Outcome),
    Answered {
        asked_at: Timestamp,
        answer: Answer,
    },
    Observed {
        asked_at: Timestamp,
        outcome: Outcome,
    },
    /// It was cancelled and did not stop in time; nobody waits for it.
    Dropped,
}

/// Work that has come back.
#[derive(Debug)]
pub(super) struct Landed {
    pub(super) slot: Slot,
    pub(super) was_cancelled: bool,
    /// The report, or the text of the panic that took its place.
    pub(super) report: Result<Report, String>,
    /// When it began, for a look that panicked.
    pub(super) began_at: Timestamp,
}

#[derive(Debug)]
struct InFlight {
    began_at: Timestamp,
    cancel: watch::Sender<bool>,
    was_cancelled: bool,
    /// For what it says when it panics.
    redactor: Redactor,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Flight {
    tasks: JoinSet<Report>,
    slots: BTreeMap<Slot, InFlight>,
    by_task: HashMap<Id, Slot>,
}

impl Drop for Flight {
    /// A change whose run has lost its task goes on: stopping it half way helps nobody.
    fn drop(&mut self) {
        self.cancel_all();
        self.tasks.detach_all();
    }
}

impl Flight {
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.slots.keys()
    }

    pub(super) fn contains(&self, slot: &Slot) -> bool {
        self.slots.contains_key(slot)
    }

    pub(super) fn launch(
        &mut self,
        slot: Slot,
        began_at: Timestamp,
        cancel: watch::Sender<bool>,
        redactor: Redactor,
        work: impl Future<Output = Report> + Send + 'static,
    ) {
        let task = self.tasks.spawn(work);
        self.by_task.insert(task.id(), slot.clone());
        let in_flight = InFlight {
            began_at,
            cancel,
            was_cancelled: false,
            redactor,
        };
        self.slots.insert(slot, in_flight);
    }

    /// Tells a read or a look to stop, once. A change is left alone.
    pub(super) fn cancel(&mut self, slot: &Slot) {
        if let (SlotKind::Attempt | SlotKind::Look, Some(flying)) =
            (slot.kind, self.slots.get_mut(slot))
        {
            flying.was_cancelled = true;
            flying.cancel.send_replace(true);
        }
    }

    /// Tells all reads and looks to stop.
    pub(super) fn cancel_all(&mut self) {
        let slots: Vec<Slot> = self.slots.keys().cloned().collect();
        slots.iter().for_each(|slot| self.cancel(slot));
    }

    /// The next piece of work that comes back; never, when nothing is in flight.
    pub(super) async fn landed(&mut self) -> Landed {
        loop {
            let Some(joined) = self.tasks.join_next_with_id().await else {
                return std::future::pending().await;
            };
            let (id, report) = match joined {
                Ok((id, report)) => (id, Ok(report)),
                Err(error) => (error.id(), Err(panic_text(error))),
            };
            let slot = self.by_task.remove(&id);
            let flying = slot.as_ref().and_then(|slot| self.slots.remove(slot));
            if let (Some(slot), Some(flying)) = (slot, flying) {
                return Landed {
                    slot,
                    was_cancelled: flying.was_cancelled,
                    report: report.map_err(|panic| flying.redactor.text(&panic)),
                    began_at: flying.began_at,
                };
            }
        }
    }
}

/// What a panicked task said.
pub(super) fn panic_text(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            format!("panicked: {}", text.unwrap_or("without a message"))
        }
        Err(error) => error.to_string(),
    }
}
