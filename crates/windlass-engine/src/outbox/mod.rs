//! The outbox: messages that an append left behind are sent by the process that owns the
//! state directory, at least once, in order for each run and receiver, beside the runs.
//! A slow or dead receiver never delays a run. Which bytes go over the wire is the
//! business of the [`crate::ports::Messenger`].
//!
//! - `letter`: the bytes of a row and of its progress; `course`: the rules between tries.
//! - `sender`: the task that tries; `handle`: what people see and order.

mod course;
mod handle;
mod letter;
mod sender;

use windlass_journal::{StorageError, Store};

pub use handle::{Unsent, UnsentState};
pub(crate) use letter::Letter;
pub(crate) use sender::send;

use crate::shared::Shared;

/// Rows that one look at the outbox reads at most.
pub const UNSENT_LISTED_MAX: usize = 1_000;

/// Whether a message is repeated until somebody acknowledges it.
pub(crate) fn is_call(shared: &Shared, letter: &Letter) -> bool {
    let repeats = |messenger: &dyn crate::ports::Messenger| {
        messenger.repeats(&letter.uses, &letter.input).is_some()
    };
    shared.messenger.as_deref().is_some_and(repeats)
}

/// What is not delivered, of one run or of all, the oldest first; at most
/// [`UNSENT_LISTED_MAX`]. Blocks for a read.
///
/// # Errors
/// The outbox cannot be read.
pub fn unsent(
    store: &dyn Store,
    run: Option<&windlass_core::id::RunId>,
) -> Result<Vec<Unsent>, StorageError> {
    let key = run.map(crate::replay::run_key);
    let rows = store.outbox(key.as_ref(), 0, UNSENT_LISTED_MAX)?;
    Ok(rows.into_iter().map(Unsent::of).collect())
}
