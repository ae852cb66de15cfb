//! `windlass runs`: the list of runs.

use windlass_server::wire::{RunFilter, RunState};

use crate::args::Place;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::look::Look;
use crate::output;
use crate::render::{Paint, run_list};

/// List runs, the newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  windlass runs --state live
  windlass runs --state needs_operator --json")]
pub(crate) struct Args {
    /// live, ended, or a state such as waiting, needs_operator or failed
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Only runs of this runbook
    #[arg(long, value_name = "NAME")]
    runbook: Option<String>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// The words that a run's state can be.
const STATES: [&str; 8] = [
    "running",
    "waiting",
    "paused",
    "needs_operator",
    "ending",
    "succeeded",
    "failed",
    "cancelled",
];

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let (state, status) = match args.state.as_deref() {
        None => (RunState::Any, None),
        Some("live") => (RunState::Live, None),
        Some("ended") => (RunState::Ended, None),
        Some(word) if STATES.contains(&word) => (RunState::Any, Some(word.to_owned())),
        Some(word) => {
            let words = STATES.join(", ");
            return Err(Error::Usage(format!(
                "`{word}` is no state of a run; these are: live, ended, {words}"
            )));
        }
    };
    let filter = RunFilter {
        state,
        status,
        runbook: args.runbook,
        limit: Some(args.limit),
    };
    let runs = Look::open(place).await?.runs(&filter).await?;
    if args.json {
        runs.iter().for_each(output::json);
    } else {
        let lines = run_list(&runs, &Paint::of_stdout());
        lines.iter().for_each(|line| output::out(line));
        if runs.is_empty() {
            output::err("no runs");
        }
    }
    Ok(Exit::Success)
}
