//! `windlass completions`: the script by which a shell completes commands and options.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::Cli;
use crate::exit_codes::Exit;
use crate::output;

/// Print the script that lets a shell complete this command line
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  windlass completions bash > ~/.local/share/bash-completion/completions/windlass
  windlass completions zsh > ~/.zfunc/_windlass      (with ~/.zfunc in $fpath)
  windlass completions fish > ~/.config/fish/completions/windlass.fish

Exit codes: 0 printed, 2 unknown shell")]
pub(crate) struct Args {
    /// The shell that will read it
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

pub(crate) fn perform(args: &Args) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "windlass", &mut script);
    output::data(String::from_utf8_lossy(&script).trim_end());
    Exit::Success
}
