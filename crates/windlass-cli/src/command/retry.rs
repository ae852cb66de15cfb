//! `windlass retry`: another attempt of what failed for good.

use windlass_core::id::{NodeId, RunId};
use windlass_server::wire::Retry;

use super::asking::ask;
use crate::args::Place;
use crate::ask::Ask;
use crate::error::Error;
use crate::exit_codes::Exit;

/// Order another attempt of a failed step
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A change that acted before it failed is tried again only with --nothing-remains: you
state that nothing of it is left at the target, and the record says that you did.")]
pub(crate) struct Args {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: RunId,
    /// The step, STEP[ITEM] of a for_each, or undo:STEP
    #[arg(value_name = "NODE")]
    node: NodeId,
    /// Why; the record keeps it
    #[arg(long)]
    reason: String,
    /// You state that nothing of the failed change remains
    #[arg(long)]
    nothing_remains: bool,
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let Args {
        run,
        node,
        reason,
        nothing_remains,
    } = args;
    ask(place, &run, |_| {
        Ok(Ask::Retry(Retry {
            node,
            reason,
            nothing_remains,
        }))
    })
    .await
}
