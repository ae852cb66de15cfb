//! `windlass plugin`: what an author of plugins needs. One file per subcommand; what a
//! plugin's directory holds is in `source`, what builds other languages in `tools`.

mod build;
mod source;
mod tools;

use crate::error::Error;
use crate::exit_codes::Exit;

/// Make and look at plugins
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Build(build::Args),
}

pub(crate) fn perform(args: &Args) -> Result<Exit, Error> {
    match &args.command {
        Command::Build(args) => build::perform(args),
    }
}
