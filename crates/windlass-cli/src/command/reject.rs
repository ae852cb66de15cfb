//! `windlass reject`: refuses a gate, which fails.

use windlass_core::id::{RunId, StepId};
use windlass_server::wire::Reject;

use super::asking::ask;
use crate::args::Place;
use crate::ask::Ask;
use crate::error::Error;
use crate::exit_codes::Exit;

/// Reject an open gate; the run fails in the order of its ending
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: RunId,
    /// The gate's step
    #[arg(value_name = "GATE")]
    gate: StepId,
    /// Why; the record keeps it
    #[arg(long)]
    reason: String,
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let Args { run, gate, reason } = args;
    ask(place, &run, |_| Ok(Ask::Reject(Reject { gate, reason }))).await
}
