//! `windlass resolve`: a person's word on a change of which nobody knows whether it
//! took effect.

use clap::ValueEnum;
use windlass_core::id::{NodeId, RunId};
use windlass_server::wire::{Resolve, Verdict};

use super::asking::ask;
use crate::args::Place;
use crate::ask::Ask;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::given::{self, NamedJson};

/// Say what became of a change in doubt
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Look at the target itself before you say anything: your word is the durable record by
which the change is never done twice, or done again.

  happened      it took effect; state its outputs with --output
  not-happened  it did not and will not take effect; its retry policy goes on
  give-up       nobody will ever know; the step fails as \"unknown, given up\"

Examples:
  windlass resolve RUN upgrade happened --output version='\"16.4\"' --reason 'seen in the console'
  windlass resolve RUN 'drain[2]' not-happened --reason 'node 2 was down'

Exit codes: 0 recorded, 3 refused, 7 nobody listens or you may not")]
pub(crate) struct Args {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: RunId,
    /// The step, STEP[ITEM] of a for_each, or undo:STEP
    #[arg(value_name = "NODE")]
    node: NodeId,
    /// What became of it
    #[arg(value_enum)]
    verdict: Said,
    /// Why you know; the record keeps it
    #[arg(long)]
    reason: String,
    /// An output of the change that happened
    #[arg(long, value_name = "NAME=JSON")]
    output: Vec<NamedJson>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Said {
    Happened,
    NotHappened,
    GiveUp,
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let states_outputs = !args.output.is_empty();
    let outputs = given::outputs(args.output)?;
    let verdict = match args.verdict {
        Said::Happened => Verdict::Happened { outputs },
        Said::NotHappened | Said::GiveUp if states_outputs => {
            return Err(Error::Usage("only what happened has outputs".to_owned()));
        }
        Said::NotHappened => Verdict::NotHappened {},
        Said::GiveUp => Verdict::GiveUp {},
    };
    let (node, reason) = (args.node, args.reason);
    ask(place, &args.run, |_| {
        Ok(Ask::Resolve(Resolve {
            node,
            reason,
            verdict,
        }))
    })
    .await
}
