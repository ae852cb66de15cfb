//! `windlass plan`: what a run with these inputs would do, without starting anything.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use windlass_core::event::Event;
use windlass_core::id::RunId;
use windlass_core::plan::Plan;
use windlass_core::policy::Policy;
use windlass_runbook::outline::Outline;
use windlass_runbook::{Given, picture};

use crate::args::Place;
use crate::error::{Error, io};
use crate::exit_codes::Exit;
use crate::given::{self, NamedText};
use crate::look::Look;
use crate::output;
use crate::policy;
use crate::render::{Paint, plan_difference, plan_page};
use crate::runbook::Runbook;

/// The width of the text form where there is no terminal to ask.
const COLUMNS: usize = 80;
/// The longest plan that is read from a file: no runbook makes a longer one.
const RECORD_BYTES_MAX: u64 = 256 << 20;

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
  windlass plan upgrade.yaml --input instance=db-1 --format record -o approved.json
  windlass plan upgrade.yaml --input instance=db-1 --diff approved.json
  windlass plan upgrade.yaml --input instance=db-1 --diff 20261122-0142-k3f9q2
  windlass plan upgrade.yaml --input instance=db-1 --format digest | sha256sum

Exit codes: 0 planned, or no difference, 1 a difference, 2 wrong input or runbook")]
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
    /// Show only what differs from the plan of a run, or from that of a file: another
    /// runbook, planned with the same inputs, or what --format record wrote
    #[arg(long, value_name = "RUN|FILE", conflicts_with_all = ["format", "output"])]
    diff: Option<String>,
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
    /// As the record of a run's start holds it: what --diff compares with
    Record,
    /// The lines that the digest is of
    Digest,
}

pub(crate) async fn perform(
    args: Args,
    place: impl FnOnce() -> Result<Place, Error>,
) -> Result<Exit, Error> {
    let place = place();
    let policy = policy::at(place.as_ref().ok())?;
    let runbook = Runbook::read(&args.runbook)?.under(policy.clone());
    let inputs = given::inputs(args.input, args.input_file)?;
    let (plan, actions) = runbook.planned(&inputs)?;
    if let Some(other) = &args.diff {
        let before = match Path::new(other) {
            path if path.exists() => of_file(path, &inputs, policy.clone())?,
            _ => of_run(other, &place?).await?,
        };
        let paint = Paint::of_stdout();
        let lines = plan_difference(&before, other, plan.plan(), &paint);
        if lines.is_empty() {
            output::out(&format!("no difference: {}", plan.plan().digest()));
            return Ok(Exit::Success);
        }
        lines.iter().for_each(|line| output::out(line));
        return Ok(Exit::Failed);
    }
    let outline = Outline::new(&plan, &actions);
    let outline = match &policy {
        Some(policy) => outline.under(policy, plan.plan()),
        None => outline,
    };
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
        Format::Record => {
            let text = serde_json::to_string(plan.plan())
                .map_err(|error| Error::Bug(format!("a plan has no JSON form: {error}")))?;
            text + "\n"
        }
        Format::Digest => plan.plan().digest_text(),
    };
    match &args.output {
        Some(path) => std::fs::write(path, text).map_err(io("write", path))?,
        None => {
            let text = text.trim_end_matches('\n');
            match args.format {
                Format::Text => output::out(text),
                Format::Json | Format::Mermaid | Format::Svg | Format::Record | Format::Digest => {
                    output::data(text)
                }
            }
        }
    }
    Ok(Exit::Success)
}

/// The plan of a file: one that `--format record` wrote, or a runbook's.
fn of_file(
    path: &Path,
    inputs: &BTreeMap<String, Given>,
    policy: Option<Policy>,
) -> Result<Plan, Error> {
    let file = std::fs::File::open(path).map_err(io("open", path))?;
    let mut bytes = Vec::new();
    file.take(RECORD_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(io("read", path))?;
    // A runbook may be written as JSON too, and has another first key.
    if bytes.starts_with(b"{\"name\":") {
        return serde_json::from_slice(&bytes).map_err(|error| {
            Error::Usage(format!(
                "{} is no plan as `windlass plan --format record` writes it: {error}",
                path.display()
            ))
        });
    }
    let (plan, _) = Runbook::read(path)?.under(policy).planned(inputs)?;
    Ok(plan.plan().clone())
}

/// The plan of a run, from its first record.
async fn of_run(name: &str, place: &Place) -> Result<Plan, Error> {
    let run: RunId = name.parse().map_err(|_| {
        Error::Usage(format!(
            "{name:?} is neither a file nor a run's id: `windlass runs` lists the runs"
        ))
    })?;
    let look = Look::open(place).await?;
    look.view(&run).await?;
    let mut found = None;
    look.each_record(&run, 1, |record| {
        if let Event::RunStarted { plan, .. } = record.event {
            found = Some(*plan);
        }
    })
    .await?;
    found.ok_or_else(|| Error::Usage(format!("the records of run {run} were erased")))
}
