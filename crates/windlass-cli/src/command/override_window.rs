//! `windlass override`: a person lets a step begin that waits for a window or for the end of
//! a freeze.

use windlass_core::id::{RunId, StepId};
use windlass_server::wire::Override;

use super::asking::ask;
use crate::args::Place;
use crate::ask::Ask;
use crate::error::Error;
use crate::exit_codes::Exit;

/// Break the glass: let a step begin outside of its window or inside of a freeze
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Only who the policy lets override may do this. The record says who did, why, and what the
step waited for. Nothing else is let go: locks, approvals and evidence count as before.")]
pub(crate) struct Args {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: RunId,
    /// The step that waits for its time
    #[arg(value_name = "STEP")]
    step: StepId,
    /// Why; the record keeps it
    #[arg(long)]
    reason: String,
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let Args { run, step, reason } = args;
    ask(place, &run, |_| {
        Ok(Ask::Override(Override { step, reason }))
    })
    .await
}
