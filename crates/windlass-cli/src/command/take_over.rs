//! `windlass take-over`: a person takes over the work that a debt demands.

use windlass_core::id::{RunId, StepId};
use windlass_server::wire::TakeOver;

use super::asking::ask;
use crate::args::Place;
use crate::ask::Ask;
use crate::error::Error;
use crate::exit_codes::Exit;

/// Take over the work of a step that a run owes
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The run may end then without the step. The work is yours, and the record says so.")]
pub(crate) struct Args {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: RunId,
    /// The step that is owed
    #[arg(value_name = "STEP")]
    step: StepId,
    /// Why; the record keeps it
    #[arg(long)]
    reason: String,
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let Args { run, step, reason } = args;
    ask(place, &run, |_| {
        Ok(Ask::TakeOver(TakeOver { step, reason }))
    })
    .await
}
