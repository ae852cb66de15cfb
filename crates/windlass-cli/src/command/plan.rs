//! `windlass plan`: what a run with these inputs would do, without starting anything.

use std::path::PathBuf;

use clap::ValueEnum;
use windlass_runbook::outline::Outline;
use windlass_runbook::picture;

use crate::error::{Error, io};
use crate::exit_codes::Exit;
use crate::given::{self, NamedText};
use crate::output;
use crate::render::{Paint, plan_page};
use crate::runbook::Runbook;

/// The width of the text form where there is no terminal to ask.
const COLUMNS: usize = 80;

/// Show what a run would do, without starting anything
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The order, gates, the point of no return, what each step touches, and how long it can
take. Everything that the inputs decide is resolved; what only the run can know is shown
as its expression. The digest is what an approval of a run with these inputs binds.
docs/plan-json.md describes the JSON form.

Examples:
  windlass plan upgrade.yaml --input instance=db-1
  windlass plan upgrade.yaml --input-file inputs.json --format svg -o plan.svg
  windlass plan upgrade.yaml --input instance=db-1 --format json | jq .no_return.at

Exit codes: 0 planned, 2 wrong input or runbook")]
pub(crate) struct Args {
    /// The runbook; - reads standard input
    #[arg(value_name = "RUNBOOK")]
    runbook: PathBuf,
    /// An input, as its type reads it
    #[arg(long, value_name = "NAME=VALUE")]
    input: Vec<NamedText>,
    /// A JSON object of inputs; --input stands above it
    #[arg(long, value_name = "FILE.json")]
    input_file: Option<PathBuf>,
    /// How to show it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// The forms of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For reading
    #[default]
    Text,
    /// For programs: everything, in a versioned form
    Json,
    /// A Mermaid flowchart, for pages that draw it
    Mermaid,
    /// A picture that stands alone
    Svg,
}

pub(crate) fn perform(args: Args) -> Result<Exit, Error> {
    let runbook = Runbook::read(&args.runbook)?;
    let inputs = given::inputs(args.input, args.input_file)?;
    let (plan, actions) = runbook.planned(&inputs)?;
    let outline = Outline::new(&plan, &actions);
    let text = match args.format {
        Format::Text => {
            let paint = match &args.output {
                Some(_) => Paint::of_file(COLUMNS),
                None => Paint::of_stdout_or(COLUMNS),
            };
            plan_page(&outline, &paint).join("\n") + "\n"
        }
        Format::Json => {
            let text = serde_json::to_string_pretty(&outline)
                .map_err(|error| Error::Bug(format!("an outline has no JSON form: {error}")))?;
            text + "\n"
        }
        Format::Mermaid => picture::mermaid(&outline),
        Format::Svg => picture::svg(&outline),
    };
    match &args.output {
        Some(path) => std::fs::write(path, text).map_err(io("write", path))?,
        None => {
            let text = text.trim_end_matches('\n');
            match args.format {
                Format::Text => output::out(text),
                Format::Json | Format::Mermaid | Format::Svg => output::data(text),
            }
        }
    }
    Ok(Exit::Success)
}
