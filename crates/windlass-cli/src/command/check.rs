//! `windlass check`: mistakes of runbooks, without running anything.

use std::path::PathBuf;

use windlass_runbook::Checked;
use windlass_runbook::diagnostic::Severity;
use windlass_runbook::report::sarif;

use crate::error::Error;
use crate::exit_codes::Exit;
use crate::given::{self, NamedText};
use crate::output;
use crate::runbook::{self, Runbook};
use crate::text;

/// Check runbooks and show their mistakes
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without inputs the runbook alone is checked. With them the plan is made too, and its
digest printed: what an approval of a run with these inputs will bind.

Each mistake has a code; `windlass explain CODE` says more about it.

Examples:
  windlass check upgrade.yaml
  windlass check upgrade.yaml --input instance=db-1
  windlass check --format sarif runbooks/*.yaml > check.sarif

Exit codes: 0 no mistakes (warnings are none), 2 mistakes")]
pub(crate) struct Args {
    /// The runbooks; - reads standard input
    #[arg(value_name = "RUNBOOK", required = true)]
    runbooks: Vec<PathBuf>,
    /// An input of the run
    #[arg(long, value_name = "NAME=VALUE")]
    input: Vec<NamedText>,
    /// A JSON object of inputs
    #[arg(long, value_name = "FILE.json")]
    input_file: Option<PathBuf>,
    /// The form of the output: for people, one JSON object a runbook, or SARIF 2.1.0
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How mistakes are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
    Sarif,
}

pub(crate) fn perform(args: Args) -> Result<Exit, Error> {
    let given = !args.input.is_empty() || args.input_file.is_some();
    if given && args.runbooks.len() > 1 {
        let message = "inputs are for one runbook: check the others without them".to_owned();
        return Err(Error::Usage(message));
    }
    let inputs = given::inputs(args.input, args.input_file)?;
    // All are read before anything is said, so that a list of them is whole or not there.
    let mut runbooks = Vec::with_capacity(args.runbooks.len());
    for path in &args.runbooks {
        runbooks.push(Runbook::read(path)?);
    }
    let mut checked = Vec::with_capacity(runbooks.len());
    for runbook in &runbooks {
        let found = runbook.checked(given.then_some(&inputs));
        match args.format {
            Format::Text => show(&found),
            Format::Json => output::json(&found.report()),
            Format::Sarif => {}
        }
        checked.push(found);
    }
    let wrong = checked
        .iter()
        .filter(|checked| checked.has_errors())
        .count();
    match args.format {
        Format::Text => conclude(&checked, wrong),
        Format::Json => {}
        Format::Sarif => output::json(&sarif(&checked, env!("CARGO_PKG_VERSION"))),
    }
    Ok(if wrong > 0 {
        Exit::Usage
    } else {
        Exit::Success
    })
}

/// One runbook, for people.
fn show(checked: &Checked) {
    runbook::show(checked);
    if checked.has_errors() {
        return;
    }
    let name = text::line(checked.source_name());
    let warnings = match checked.diagnostics.len() + checked.omitted {
        0 => String::new(),
        1 => ", 1 warning".to_owned(),
        count => format!(", {count} warnings"),
    };
    match &checked.plan {
        Some(plan) => output::out(&format!(
            "{name}: ok, {} steps{warnings}, plan {}",
            plan.steps.len(),
            plan.digest()
        )),
        None => output::out(&format!("{name}: ok{warnings}")),
    }
}

/// What is said once, after all of them.
fn conclude(checked: &[Checked], wrong: usize) {
    let found = || checked.iter().flat_map(|checked| &checked.diagnostics);
    let first = found()
        .find(|found| found.severity == Severity::Error)
        .or_else(|| found().next());
    if let Some(first) = first {
        output::err(&format!("`windlass explain {}` says more", first.code));
    }
    if checked.len() > 1 && wrong > 0 {
        output::err(&format!(
            "{wrong} of {} runbooks have mistakes",
            checked.len()
        ));
    }
}
