//! `windlass attest`: a person states that a failed step's purpose is met.

use windlass_core::id::{NodeId, RunId};
use windlass_server::wire::Attest;

use super::asking::ask;
use crate::args::Place;
use crate::ask::Ask;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::given::{self, NamedJson};

/// State that a failed step's purpose is met, and go on
#[derive(Debug, clap::Args)]
#[command(after_help = "\
An attested step never counts as a guard, and a gate cannot be attested.

Examples:
  windlass attest RUN verify --output version_ok=true --reason 'checked by hand'")]
pub(crate) struct Args {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: RunId,
    /// The step, STEP[ITEM] of a for_each, or undo:STEP
    #[arg(value_name = "NODE")]
    node: NodeId,
    /// How you know; the record keeps it
    #[arg(long)]
    reason: String,
    /// An output that later steps read
    #[arg(long, value_name = "NAME=JSON")]
    output: Vec<NamedJson>,
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let outputs = given::outputs(args.output)?;
    let (node, reason) = (args.node, args.reason);
    ask(place, &args.run, |_| {
        Ok(Ask::Attest(Attest {
            node,
            reason,
            outputs,
        }))
    })
    .await
}
