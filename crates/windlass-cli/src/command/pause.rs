//! `windlass pause`: no new step starts until `resume`.

use windlass_core::id::RunId;
use windlass_server::wire::Pause;

use super::asking::ask;
use crate::args::Place;
use crate::ask::Ask;
use crate::error::Error;
use crate::exit_codes::Exit;

/// Pause a run: what is in flight ends, nothing new starts, debts wait too
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: RunId,
    /// Why; the record keeps it
    #[arg(long)]
    reason: String,
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let Args { run, reason } = args;
    ask(place, &run, |_| Ok(Ask::Pause(Pause { reason }))).await
}
