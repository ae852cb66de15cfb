//! `windlass resume`: whatever a run needs to go on: somebody who drives it, the end
//! of a pause, secrets.

use windlass_core::id::RunId;
use windlass_server::wire::{BringSecrets, RunFilter, RunState, RunView};

use super::driving::drive;
use super::watch_over::{Watching, watch_over};
use crate::args::Place;
use crate::ask::Ask;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::link::Link;
use crate::look::Look;
use crate::output;
use crate::owner::{Manner, Owned};
use crate::secrets::{self, Secrets, Sources};
use crate::signals::Interrupt;
use crate::terminal::Screen;

/// Go on with a run: drive it, lift its pause, bring its secrets
#[derive(Debug, clap::Args)]
#[command(after_help = "\
If no process owns the state directory, this one does, and goes on with all its runs.
Without RUN the only live run is meant; with several, all are watched over.

Examples:
  windlass resume
  windlass resume 20261122-0142-k3f9q2 --secret pg_password=env:PGPASSWORD

Exit codes: as of `windlass run`")]
pub(crate) struct Args {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: Option<RunId>,
    /// Where a secret's value is: NAME=env:VARIABLE, NAME=file:PATH, NAME=exec:JSON or
    /// NAME=vault:MOUNT/PATH#FIELD; stands above what the runbook says
    #[arg(long, value_name = "NAME=FROM", requires = "run")]
    secret: Vec<String>,
    /// Stop with code 5 instead of waiting for a person
    #[arg(long)]
    no_wait: bool,
    /// Print each further record as a line of JSON, and nothing else
    #[arg(long)]
    json: bool,
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let interrupt = Interrupt::listen()?;
    let typed = secrets::typed(&args.secret)?;
    let run = match args.run {
        Some(run) => run,
        None => match the_live_one(place).await? {
            Live::None => {
                output::out("no run is live");
                return Ok(Exit::Success);
            }
            Live::One(run) => run,
            Live::Several(runs) => return all(place, &runs, interrupt, args.no_wait).await,
        },
    };
    // Before this process owns the directory: from then on the run goes on, perhaps to its end.
    let look = Look::open(place).await?;
    let before = look.view(&run).await?;
    if before.end.is_some() {
        return Err(Error::Refused {
            message: format!("run {run} has ended: {}", before.state),
            help: Some(format!("`windlass show {run}` shows it")),
            exit: Exit::Rejected,
        });
    }
    let secrets = secrets::read(&sources(typed, &look, &before)).await?;
    let link = Link::open(place, Manner::staying()).await?;
    let view = match link.view(&run).await {
        Ok(view) => view,
        Err(error) => return give_up(link, error).await,
    };
    // What a run waits for may be there again: it looks when it is given something.
    if !secrets.is_empty() || waits_for_plugin(&link, &view) {
        bring(&link, &run, secrets).await?;
    }
    if view.needs.iter().any(|need| need.code == "paused") {
        link.send(&run, Ask::Resume).await?;
    }
    let from_seq = before.next_seq.unwrap_or(0);
    let mut screen = Screen::new(args.json);
    screen.say_end(&[format!("run {run}: {}", crate::text::line(&view.title))]);
    drive(place, link, &run, from_seq, screen, interrupt, args.no_wait).await
}

/// Whether the run may wait for a plugin. An owner that has just begun has not looked yet.
fn waits_for_plugin(link: &Link, view: &RunView) -> bool {
    match link {
        Link::Own(_) => true,
        Link::Peer(_) => view.needs.iter().any(|need| need.code == "plugin"),
    }
}

/// Where the values are that the run is to be given. Those that only the runbook says the
/// place of are left alone where the run has them: its owner lives and lacks nothing.
fn sources(typed: Sources, look: &Look, view: &RunView) -> Sources {
    let has_all = match look {
        Look::Peer(_) => view.needs.iter().all(|need| need.code != "secrets"),
        Look::Records { .. } | Look::Nothing => false,
    };
    let mut sources = if has_all {
        Sources::new()
    } else {
        view.secret_sources.clone()
    };
    sources.extend(typed);
    sources
}

async fn bring(link: &Link, run: &RunId, secrets: Secrets) -> Result<(), Error> {
    match link {
        Link::Own(owned) => owned.bring(run, secrets).await?,
        Link::Peer(client) => {
            let secrets = secrets
                .into_iter()
                .map(|(name, value)| (name, value.into()))
                .collect();
            client.bring_secrets(run, &BringSecrets { secrets }).await?;
        }
    }
    Ok(())
}

/// Gives a run the secrets that its runbook says the place of.
async fn bring_own(owned: &Owned, run: &RunId) -> Result<(), Error> {
    let sources = owned.view(run).await?.secret_sources;
    if sources.is_empty() {
        return Ok(());
    }
    owned.bring(run, secrets::read(&sources).await?).await
}

/// Leaves a directory that was taken for a run that cannot be gone on with.
async fn give_up(link: Link, error: Error) -> Result<Exit, Error> {
    if let Link::Own(owned) = link {
        crate::parting::leave(*owned).await?;
    }
    Err(error)
}

enum Live {
    None,
    One(RunId),
    Several(Vec<RunId>),
}

async fn the_live_one(place: &Place) -> Result<Live, Error> {
    let filter = RunFilter {
        state: RunState::Live,
        ..RunFilter::default()
    };
    let runs = Look::open(place).await?.runs(&filter).await?;
    let ids = runs.runs.iter().filter_map(|run| run.run.parse().ok());
    let mut ids: Vec<RunId> = ids.collect();
    Ok(match ids.len() {
        0 => Live::None,
        1 => Live::One(ids.remove(0)),
        _ => Live::Several(ids),
    })
}

/// Owns the directory and drives everything that is live.
async fn all(
    place: &Place,
    runs: &[RunId],
    mut interrupt: Interrupt,
    no_wait: bool,
) -> Result<Exit, Error> {
    match Link::open(place, Manner::staying()).await? {
        Link::Own(owned) => {
            for run in runs {
                // A run whose secrets cannot be read waits for them; the others go on.
                if let Err(error) = bring_own(&owned, run).await {
                    output::err(&format!("run {run}: {error}"));
                }
            }
            let mut screen = Screen::new(false);
            let watching = if no_wait {
                Watching::WhileBusy
            } else {
                Watching::WhileAnyLive
            };
            let parked = watch_over(*owned, &mut screen, &mut interrupt, watching, None).await?;
            Ok(if parked { Exit::Parked } else { Exit::Success })
        }
        Link::Peer(client) => {
            let owner = client.owner().await?;
            output::out(&format!(
                "process {} drives them already; `windlass runs` lists them, `windlass watch RUN` follows one",
                owner.pid
            ));
            Ok(Exit::Success)
        }
    }
}
