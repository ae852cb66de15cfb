//! `windlass ack`: somebody has seen to the pages of a run.

use windlass_core::id::RunId;

use crate::args::Place;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::link::Link;
use crate::owner::Manner;
use crate::{output, parting};

/// Acknowledge the pages of a run: they are not repeated any more
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every other command to the run acknowledges them, too. Whoever was paged is told that
somebody has seen to it, and told again when its cause is over.

Examples:
  windlass ack RUN")]
pub(crate) struct Args {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: RunId,
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let link = Link::open(place, Manner::passing()).await?;
    let calls = link.acknowledge(&args.run).await;
    if let Link::Own(owned) = link {
        parting::leave(*owned).await?;
    }
    output::out(&match calls? {
        0 => format!("run {} pages nobody", args.run),
        1 => format!("acknowledged: 1 page of run {}", args.run),
        calls => format!("acknowledged: {calls} pages of run {}", args.run),
    });
    Ok(Exit::Success)
}
