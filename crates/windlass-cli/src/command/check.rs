//! `windlass check`: a runbook's mistakes, without running anything.

use std::path::PathBuf;

use crate::error::Error;
use crate::exit_codes::Exit;
use crate::given::{self, NamedText};
use crate::output;
use crate::runbook::Runbook;
use crate::text;

/// Check a runbook and show its mistakes
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without inputs the runbook alone is checked. With them the plan is made too, and its
digest printed: what an approval of a run with these inputs will bind.

Examples:
  windlass check upgrade.yaml
  windlass check upgrade.yaml --input instance=db-1

Exit codes: 0 no mistakes, 2 mistakes")]
pub(crate) struct Args {
    /// The runbook; - reads standard input
    #[arg(value_name = "RUNBOOK")]
    runbook: PathBuf,
    /// An input of the run
    #[arg(long, value_name = "NAME=VALUE")]
    input: Vec<NamedText>,
    /// A JSON object of inputs
    #[arg(long, value_name = "FILE.json")]
    input_file: Option<PathBuf>,
}

pub(crate) fn perform(args: Args) -> Result<Exit, Error> {
    let runbook = Runbook::read(&args.runbook)?;
    let given = !args.input.is_empty() || args.input_file.is_some();
    let inputs = given::inputs(args.input, args.input_file)?;
    let checked = runbook.check(given.then_some(&inputs));
    if checked.has_errors() {
        return Ok(Exit::Usage);
    }
    let name = text::line(&runbook.name);
    match &checked.plan {
        Some(plan) => output::out(&format!(
            "{name}: ok, {} steps, plan {}",
            plan.steps.len(),
            plan.digest()
        )),
        None => output::out(&format!("{name}: ok")),
    }
    Ok(Exit::Success)
}
