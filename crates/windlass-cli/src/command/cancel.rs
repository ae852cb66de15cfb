//! `windlass cancel`: leads a run to its end as cancelled.

use windlass_core::id::RunId;
use windlass_server::wire::Cancel;

use super::asking::ask;
use crate::args::Place;
use crate::ask::Ask;
use crate::error::Error;
use crate::exit_codes::Exit;

/// Cancel a run; changes in flight come to their end and debts are paid first
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: RunId,
    /// Why; the record keeps it
    #[arg(long)]
    reason: String,
    /// Undo the reversible steps that are done
    #[arg(long)]
    undo: bool,
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let Args { run, reason, undo } = args;
    ask(place, &run, |_| Ok(Ask::Cancel(Cancel { reason, undo }))).await
}
