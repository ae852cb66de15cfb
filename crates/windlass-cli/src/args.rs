//! The command line: global options and the list of commands. What each command
//! takes stands in its own file.

use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand};
use windlass_journal::{Access, FilesystemRule};

use crate::command;
use crate::error::Error;
use crate::exit_codes;
use crate::logging::LogFormat;
use crate::place;

/// Run operational runbooks one click at a time: every step is journalled, nothing
/// irreversible happens twice, and nothing risky happens unapproved.
#[derive(Debug, Parser)]
#[command(name = "windlass", version, after_help = exit_codes::HELP)]
#[command(
    infer_subcommands = false,
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    /// The directory with the journal [default: $XDG_STATE_HOME/windlass or ~/.local/state/windlass]
    // Read in `place`, as the variable must not override a default that is not known here.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        help_heading = "Global options"
    )]
    state_dir: Option<PathBuf>,
    /// The policy that says who may do what [default: $WINDLASS_POLICY, then policy.yaml in the
    /// state directory]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        hide_short_help = true,
        help_heading = "Global options"
    )]
    policy: Option<PathBuf>,
    /// The form of windlass's own log on standard error
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        help_heading = "Global options"
    )]
    pub(crate) log_format: LogFormat,
    /// Log more; twice and thrice for still more
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,
    /// Accept a file system that forgets on restart, for tests and rehearsals
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        help_heading = "Global options"
    )]
    allow_volatile_state: bool,
}

/// The state directory, and what is allowed of it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) root: PathBuf,
    filesystem: FilesystemRule,
    /// The policy's file, when the command line names one.
    pub(crate) policy: Option<PathBuf>,
}

impl Global {
    /// The state directory that the command works on.
    pub(crate) fn place(&self) -> Result<Place, Error> {
        Ok(Place {
            root: place::state_dir(self.state_dir.clone())?,
            policy: self.policy.clone(),
            filesystem: if self.allow_volatile_state {
                FilesystemRule::AllowVolatile
            } else {
                FilesystemRule::Durable
            },
        })
    }
}

impl Place {
    /// How the journal of this directory is opened.
    pub(crate) fn journal_options(&self, access: Access) -> windlass_journal::Options {
        windlass_journal::Options {
            access,
            filesystem: self.filesystem,
            ..windlass_journal::Options::default()
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Check(command::check::Args),
    Explain(command::explain::Args),
    Fmt(command::fmt::Args),
    Plan(command::plan::Args),
    Test(command::test::Args),
    Rehearse(command::rehearse::Args),
    Preflight(command::preflight::Args),
    Actions(command::actions::Args),
    Plugin(command::plugin::Args),
    Schema(command::schema::Args),
    Policy(command::policy::Args),
    Run(command::run::Args),
    Resume(command::resume::Args),
    Serve(command::serve::Args),
    Runs(command::runs::Args),
    Show(command::show::Args),
    Why(command::why::Args),
    Handover(command::handover::Args),
    Watch(command::watch::Args),
    Logs(command::logs::Args),
    Approve(command::approve::Args),
    Reject(command::reject::Args),
    Pause(command::pause::Args),
    Cancel(command::cancel::Args),
    Resolve(command::resolve::Args),
    Retry(command::retry::Args),
    Attest(command::attest::Args),
    Decline(command::decline::Args),
    Abandon(command::abandon::Args),
    TakeOver(command::take_over::Args),
    Override(command::override_window::Args),
    Rescue(command::rescue::Args),
    Reviews(command::reviews::Args),
    Review(command::review::Args),
    Acknowledge(command::acknowledge::Args),
    Ack(command::ack::Args),
    Outbox(command::outbox::Args),
    Export(command::export::Args),
    Prune(command::prune::Args),
    Journal(command::journal::Args),
    Doctor(command::doctor::Args),
    Init(command::init::Args),
    Completions(command::completions::Args),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
