//! `windlass abandon`: gives up what only a person may give up.

use windlass_core::id::{NodeId, RunId};
use windlass_server::wire::{Abandon, Resolve, Verdict};

use super::asking::ask;
use crate::args::Place;
use crate::ask::Ask;
use crate::error::Error;
use crate::exit_codes::Exit;

/// Give up a run that waits for a person, a failed undo, or a doubt
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without NODE: the run that failed after an irreversible step, or the undo that failed;
the run goes to its end as failed, its debts paid first. With NODE: the doubt about it,
the same as `windlass resolve RUN NODE give-up`.")]
pub(crate) struct Args {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: RunId,
    /// The change whose doubt is given up
    #[arg(value_name = "NODE")]
    node: Option<NodeId>,
    /// Why; the record keeps it
    #[arg(long)]
    reason: String,
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let Args { run, node, reason } = args;
    ask(place, &run, |_| {
        Ok(match node {
            Some(node) => Ask::Resolve(Resolve {
                node,
                reason,
                verdict: Verdict::GiveUp {},
            }),
            None => Ask::Abandon(Abandon { reason }),
        })
    })
    .await
}
