//! `windlass acknowledge`: a person has seen that a resolution was contradicted.

use windlass_core::id::{NodeId, RunId};
use windlass_server::wire::Acknowledge;

use super::asking::ask;
use crate::args::Place;
use crate::ask::Ask;
use crate::error::Error;
use crate::exit_codes::Exit;

/// Acknowledge that a late outcome contradicts how a doubt was settled
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: RunId,
    /// The step, STEP[ITEM] of a for_each, or undo:STEP
    #[arg(value_name = "NODE")]
    node: NodeId,
    /// What you made of it; the record keeps it
    #[arg(long)]
    reason: String,
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let Args { run, node, reason } = args;
    ask(place, &run, |_| {
        Ok(Ask::Acknowledge(Acknowledge { node, reason }))
    })
    .await
}
