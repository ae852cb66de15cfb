//! A run's task: the only one that changes the run while it lives. It exists while
//! something of the run is in flight, and leaves when the run only waits.
//!
//! - `task`: its life: load, take over, the loop, leaving.
//! - `step`: command -> decide -> evolve a copy -> one append -> swap -> publish.
//! - `append`: making it durable.
//! - `perform`: the difference between what should be in flight and what is.
//! - `flight`: what is; `launch` and `look`: how it gets there; `forward`: what it tells on
//!   its way; `landing`: how it comes back.
//! - `takeover`: what an earlier process left behind; `left_behind`: what an attempt did.
//! - `lock`: asking for the lock of the target; `rescue`: standing aside with it.
//! - `overtaken`: approvals that a clock set forward has overtaken.
//! - `park`: how it stops in order.

mod append;
mod flight;
mod forward;
mod lacks;
mod landing;
mod launch;
mod left_behind;
mod lock;
mod look;
mod message;
mod overtaken;
mod park;
mod perform;
mod rescue;
mod step;
mod takeover;
mod task;

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, mpsc};
use windlass_core::id::RunId;

pub use message::CommandAnswer;
pub(crate) use message::Message;

use crate::error::CommandError;
use crate::limits::RUN_MESSAGES_MAX;
use crate::registry::{Contained, Driven, Registry};
use crate::replay;
use crate::shared::Shared;

/// How many tasks are made for a message whose run cannot be loaded.
const DELIVERIES_MAX: usize = 3;

/// Hands a message to the run's task, which is made if there is none.
pub(crate) async fn deliver(
    shared: &Arc<Shared>,
    run: &RunId,
    message: Message,
) -> Result<(), CommandError> {
    let mut message = message;
    for _ in 0..DELIVERIES_MAX {
        if let Some(refusal) = shared.refusal(run) {
            return Err(refusal);
        }
        let mailbox = {
            let mut registry = shared.registry();
            match registry.driven.get(run) {
                Some(driven) => driven.mailbox.clone(),
                None => spawn(shared, &mut registry, run, None),
            }
        };
        // The task cannot leave while this sender exists; it can only fail.
        match mailbox.send(message).await {
            Ok(()) => return Ok(()),
            Err(mpsc::error::SendError(back)) => message = back,
        }
        // It failed before it was asked, so nobody was told why.
        if let Some(refusal) = shared.refusal(run) {
            return Err(refusal);
        }
        replay::load(shared, run).await?;
    }
    Err(shared.refusal(run).unwrap_or(CommandError::Stopping))
}

/// Makes a task for a run whose timer is due.
pub(crate) fn wake(
    shared: &Arc<Shared>,
    registry: &mut Registry,
    run: &RunId,
    permit: OwnedSemaphorePermit,
) {
    if !registry.driven.contains_key(run) && registry.refusal(run).is_none() {
        spawn(shared, registry, run, Some(permit));
    }
}

/// Makes the task and watches over it: a panic in it contains the run.
fn spawn(
    shared: &Arc<Shared>,
    registry: &mut Registry,
    run: &RunId,
    permit: Option<OwnedSemaphorePermit>,
) -> mpsc::Sender<Message> {
    let (mailbox, messages) = mpsc::channel(RUN_MESSAGES_MAX);
    registry.wheel.remove(run);
    registry.spawned = registry.spawned.wrapping_add(1);
    let driven = Driven {
        mailbox: mailbox.clone(),
        snapshot: None,
        progress: Default::default(),
    };
    registry.driven.insert(run.clone(), driven);
    let life = task::live(
        Arc::clone(shared),
        run.clone(),
        mailbox.downgrade(),
        messages,
        permit,
    );
    let task = tokio::spawn(life);
    let (shared, run) = (Arc::clone(shared), run.clone());
    tokio::spawn(async move {
        if let Err(error) = task.await {
            if error.is_panic() {
                let mut registry = shared.registry();
                let reason = registry.redactor(&run).text(&flight::panic_text(error));
                registry.contain(&run, Contained::Faulted(reason.into()));
                drop(registry);
                shared.wheel_changed.notify_one();
            }
            shared.changed();
        }
    });
    mailbox
}
