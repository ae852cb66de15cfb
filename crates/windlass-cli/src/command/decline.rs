//! `windlass decline`: a person states that what he was asked to do by hand is not done.

use windlass_core::id::{NodeId, RunId};
use windlass_core::outcome::Effected;
use windlass_server::wire::Decline;

use super::asking::ask;
use crate::args::Place;
use crate::ask::Ask;
use crate::error::Error;
use crate::exit_codes::Exit;

/// State that work by hand is not done
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The step fails. Without an option nothing was done to the world, which undoes the intent
and what it owes. A change that was begun says so: --acted when you know how things stand
now, --unknown when nobody does; then it is in doubt and looked into.

Examples:
  windlass decline RUN move_volume --reason 'the array is locked'
  windlass decline RUN move_volume --acted --reason 'half of the volumes are moved'")]
pub(crate) struct Args {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: RunId,
    /// The step, or STEP[ITEM] of a for_each
    #[arg(value_name = "NODE")]
    node: NodeId,
    /// The attempt that you were asked for; the newest when left out
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,
    /// Why; the record keeps it
    #[arg(long)]
    reason: String,
    /// It was begun, and it is known how things stand now
    #[arg(long, conflicts_with = "unknown")]
    acted: bool,
    /// Nobody knows whether it took effect
    #[arg(long)]
    unknown: bool,
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let effect = match (args.acted, args.unknown) {
        (true, _) => Effected::Settled,
        (false, true) => Effected::Unknown,
        (false, false) => Effected::None,
    };
    let (node, reason) = (args.node, args.reason);
    ask(place, &args.run, |run| {
        let attempt = args.attempt.unwrap_or_else(|| run.attempt_of(&node));
        Ok(Ask::Decline(Decline {
            node,
            attempt,
            reason,
            effect,
        }))
    })
    .await
}
