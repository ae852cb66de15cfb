//! `windlass plugin`: what an author of plugins needs. One file per subcommand; what a
//! plugin's directory holds is in `source`, what builds other languages in `tools`, how a
//! component is loaded in `load`.

mod build;
mod inspect;
mod load;
mod lock;
mod new;
mod source;
mod test;
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
    New(new::Args),
    Build(build::Args),
    Inspect(inspect::Args),
    Test(test::Args),
    Lock(lock::Args),
}

pub(crate) async fn perform(args: &Args) -> Result<Exit, Error> {
    match &args.command {
        Command::New(args) => new::perform(args),
        Command::Build(args) => build::perform(args),
        Command::Inspect(args) => inspect::perform(args).await,
        Command::Test(args) => test::perform(args).await,
        Command::Lock(args) => lock::perform(args),
    }
}
