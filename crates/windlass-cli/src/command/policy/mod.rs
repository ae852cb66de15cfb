//! `windlass policy`: what somebody who keeps a policy asks of it.

mod check;
mod explain;
mod log;

use crate::args::Place;
use crate::error::Error;
use crate::exit_codes::Exit;

/// Check policies and ask what they say
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Check(check::Args),
    Explain(explain::Args),
    Log(log::Args),
}

pub(crate) fn perform(
    args: &Args,
    place: impl FnOnce() -> Result<Place, Error>,
) -> Result<Exit, Error> {
    match &args.command {
        Command::Check(args) => check::perform(args),
        Command::Explain(args) => explain::perform(args, place),
        Command::Log(args) => log::perform(args, place),
    }
}
