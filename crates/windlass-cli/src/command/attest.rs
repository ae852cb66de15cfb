//! `windlass attest`: a person states that a failed step's purpose is met, or that what he
//! was asked to do by hand is done.

use windlass_core::id::{NodeId, RunId};
use windlass_server::wire::Attest;

use super::asking::ask;
use crate::args::Place;
use crate::ask::Ask;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::given::{self, NamedJson, NamedText};

/// State that work by hand is done, or that a failed step's purpose is met, and go on
#[derive(Debug, clap::Args)]
#[command(after_help = "\
An attested step never counts as a guard, and a gate cannot be attested.

The values that a step by hand asks for are given by --value: text where text is asked
for, else a number, true, false, or a span or size such as 15m and 1MiB.

Examples:
  windlass attest RUN move_volume --value volume=v7 --reason 'moved, ticket 4711'
  windlass attest RUN verify --output version_ok=true --reason 'checked by hand'")]
pub(crate) struct Args {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: RunId,
    /// The step, STEP[ITEM] of a for_each, or undo:STEP
    #[arg(value_name = "NODE")]
    node: NodeId,
    /// The attempt that you saw; the newest when left out
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,
    /// How you know; the record keeps it
    #[arg(long)]
    reason: String,
    /// An output that later steps read
    #[arg(long, value_name = "NAME=JSON")]
    output: Vec<NamedJson>,
    /// A value that the step asks for
    #[arg(long, value_name = "NAME=VALUE")]
    value: Vec<NamedText>,
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let mut outputs = given::outputs(args.output)?;
    let (node, reason, values) = (args.node, args.reason, args.value);
    ask(place, &args.run, |run| {
        let attempt = args.attempt.unwrap_or_else(|| run.attempt_of(&node));
        let asked = run.by_hand.iter().find(|asked| asked.node.id == node);
        let asked = asked.map_or(&[][..], |asked| &asked.values);
        given::state(&mut outputs, values, asked)?;
        Ok(Ask::Attest(Attest {
            node,
            attempt,
            reason,
            outputs,
        }))
    })
    .await
}
