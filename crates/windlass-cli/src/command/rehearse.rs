//! `windlass rehearse`: every outcome of every step of a runbook.

use std::path::PathBuf;

use windlass_engine::explore::STATES_MAX;

use crate::error::Error;
use crate::exit_codes::Exit;
use crate::explored;
use crate::given::{self, NamedText};
use crate::output;
use crate::render::Paint;
use crate::runbook::Runbook;

/// Go through every outcome of every step, and say how a run can end
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The decisions are those of a real run; the work, people and time are made up: each `when`
both ways, `for_each` with no, one and several items, a crash in each attempt of a change,
every answer of its reconcile, gates approved, rejected and expired, windows closed and
missed, and whatever a person can choose. Nothing is started. Some promises are held always;
the runbook's test file adds its own under `never` and `at_every_end`. docs/rehearse.md says
what is left out.

Examples:
  windlass rehearse upgrade.yaml
  windlass rehearse upgrade.yaml --input-file inputs.json
  windlass rehearse upgrade.yaml --json | jq .rules

Exit codes: 0 all holds in every state, 1 something does not or not every state was looked
at, 2 the runbook, its test file or the inputs are wrong")]
pub(crate) struct Args {
    /// The runbook; - reads standard input
    #[arg(value_name = "RUNBOOK")]
    runbook: PathBuf,
    /// An input, as its type reads it; without any, all inputs are left open
    #[arg(long, value_name = "NAME=VALUE")]
    input: Vec<NamedText>,
    /// A JSON object of inputs; --input stands above it
    #[arg(long, value_name = "FILE.json")]
    input_file: Option<PathBuf>,
    /// The most states that are looked at
    #[arg(long, value_name = "N", default_value_t = STATES_MAX as u64, value_parser = clap::value_parser!(u64).range(1..))]
    states: u64,
    /// Leave out that somebody cancels the run
    #[arg(long)]
    no_cancel: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn perform(args: Args) -> Result<Exit, Error> {
    let runbook = Runbook::read(&args.runbook)?;
    let is_given = !args.input.is_empty() || args.input_file.is_some();
    let inputs = given::inputs(args.input, args.input_file)?;
    let wanted = explored::Wanted {
        inputs: is_given.then_some(inputs),
        states: usize::try_from(args.states).unwrap_or(usize::MAX),
        cancels: !args.no_cancel,
    };
    let report = explored::report(&args.runbook, &runbook, &wanted)?;
    if args.json {
        output::json(&explored::json::document(&report));
    } else {
        for line in explored::page::lines(&report, &Paint::of_stdout()) {
            output::out(&line);
        }
    }
    Ok(if report.is_good() {
        Exit::Success
    } else {
        Exit::Failed
    })
}
