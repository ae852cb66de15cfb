//! `windlass run`: starts a run and follows it, as the owner of the state directory
//! or attached to the one that owns it already.

use std::collections::BTreeMap;
use std::path::PathBuf;

use windlass_server::wire::StartRun;

use super::driving::drive;
use crate::args::Place;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::given::{self, NamedText};
use crate::link::Link;
use crate::output;
use crate::owner::Manner;
use crate::plugins;
use crate::policy;
use crate::runbook::Runbook;
use crate::secrets;
use crate::signals::Interrupt;
use crate::terminal::Screen;

/// Start a run and follow it to its end
#[derive(Debug, clap::Args)]
#[command(after_help = "\
If no process owns the state directory, this one does until its runs have ended; else
the run is handed to the owner and followed from here. Ctrl-C parks the runs that this
process owns and says how to go on; attached to another owner it only detaches.

Examples:
  windlass run upgrade.yaml --input instance=db-1
  windlass run upgrade.yaml --input-file inputs.json --secret pg_password=file:/run/pw
  windlass run nightly.yaml --no-wait --json < /dev/null
  windlass run first.yaml --record plugins/rds/fixtures

Exit codes: 0 succeeded, 1 failed, 2 wrong input or runbook, 4 cancelled,
5 waits for a person (--no-wait), 6 parked or detached by a signal; see windlass --help")]
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
    /// Where a secret's value is: NAME=env:VARIABLE, NAME=file:PATH, NAME=exec:JSON or
    /// NAME=vault:MOUNT/PATH#FIELD; stands above what the runbook says
    #[arg(long, value_name = "NAME=FROM")]
    secret: Vec<String>,
    /// Hand the run to the owner, print its id and leave; needs `windlass serve`
    #[arg(long, conflicts_with = "no_wait")]
    detach: bool,
    /// Stop with code 5 instead of waiting for a person
    #[arg(long)]
    no_wait: bool,
    /// Write down each call of a plugin as a fixture that `windlass plugin test` plays
    #[arg(long, value_name = "DIR", conflicts_with = "detach")]
    record: Option<PathBuf>,
    /// Print each record as a line of JSON, and nothing else
    #[arg(long)]
    json: bool,
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let interrupt = Interrupt::listen()?;
    let runbook = Runbook::read(&args.runbook)?.under(policy::of(place)?);
    let inputs = given::inputs(args.input, args.input_file)?;
    let plan = runbook.plan(&inputs)?;
    let typed = secrets::typed(&args.secret)?;
    let known = plan.plan();
    let sources = secrets::placed(typed, &known.secrets, &known.secret_sources)?;
    let secrets = secrets::read(&sources).await?;
    let link = if args.detach {
        Link::Peer(Link::peer(place).await?)
    } else {
        let manner = Manner {
            record: args.record.clone(),
            ..Manner::staying()
        };
        Link::open(place, manner).await?
    };
    if let (Some(_), Link::Peer(_)) = (&args.record, &link) {
        return Err(Error::Usage(
            "--record needs to own the state directory, and another process does: stop it, or \
             use another --state-dir"
                .to_owned(),
        ));
    }
    let text = runbook.text;
    plugins::keep(plan.plan(), &place.root)?;
    let (run, how) = match &link {
        Link::Own(owned) => (owned.start(plan, text, secrets).await?, String::new()),
        Link::Peer(client) => {
            let start = StartRun {
                plan_digest: plan.plan().digest(),
                plan: Box::new(plan.plan().clone()),
                runbook: text,
                secrets: secrets
                    .into_iter()
                    .map(|(name, value)| (name, value.into()))
                    .collect(),
            };
            let started = client.start(&start, None).await?;
            let owner = client.owner().await?;
            (
                started.run,
                format!(", handed to its owner (process {})", owner.pid),
            )
        }
    };
    if args.detach {
        if args.json {
            output::json(&BTreeMap::from([("run", &run)]));
        } else {
            output::out(&format!("run {run}{how}"));
        }
        return Ok(Exit::Success);
    }
    let mut screen = Screen::new(args.json);
    screen.say_end(&[format!("run {run}{how}")]);
    if let Some(dir) = &args.record {
        let told = format!("what its plugins do is recorded into {}", dir.display());
        screen.say_end(&[told]);
    }
    drive(place, link, &run, 0, screen, interrupt, args.no_wait).await
}
