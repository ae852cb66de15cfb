//! `windlass preflight`: looks with the read steps of a runbook that no other step
//! precedes, and changes nothing.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use windlass_core::catalog::Catalog;
use windlass_core::event::Event;
use windlass_core::id::{RunId, SecretName, StepId};
use windlass_core::operator::Door;
use windlass_core::plan::{IndexedPlan, Plan, StepKind};
use windlass_engine::{Recorded, Start};
use windlass_runbook::preflight::Preflight;
use windlass_server::view::{Overlay, view};
use windlass_server::wire::RunView;

use crate::error::Error;
use crate::exit_codes::Exit;
use crate::findings::Report;
use crate::given::{self, NamedText};
use crate::output;
use crate::owner::{PARK_WITHIN, operator};
use crate::plugins;
use crate::private::Private;
use crate::render::{Loops, Paint, note, preflight_page};
use crate::runbook::Runbook;
use crate::secrets::{self, Secrets, Sources};
use crate::signals::Interrupt;

/// Look with the read steps that precede every change; changes nothing
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Runs the read steps all of whose predecessors are reads, as a run would, and tells for
each other step why it is left out: gates, waits, and everything that is no read or is
behind such a step. It has its own journal in memory: the state directory, its owner and
the lock of the target are left alone. A shell step that says `effect: read` is trusted
to be what its author says. Ctrl-C stops the looks.

Examples:
  windlass preflight upgrade.yaml --input instance=db-1 --secret pw=env:PGPASSWORD
  windlass preflight upgrade.yaml --input-file inputs.json --json

Exit codes: 0 every look is well, 1 a look failed, 2 wrong input or runbook,
4 stopped by a signal")]
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
    /// Print one JSON object at the end, and nothing else
    #[arg(long)]
    json: bool,
}

pub(crate) async fn perform(args: Args) -> Result<Exit, Error> {
    let mut interrupt = Interrupt::listen()?;
    let runbook = Runbook::read(&args.runbook)?;
    let inputs = given::inputs(args.input, args.input_file)?;
    let (plan, actions) = runbook.planned(&inputs)?;
    let preflight = Preflight::of(&plan);
    let sources = sources(&args.secret, plan.plan(), &preflight)?;
    let secrets = secrets::read(&sources).await?;
    let mut report = Report::new(plan.plan(), &preflight, trusted(&preflight, &actions));
    let screen = (!args.json).then(Paint::of_stdout);
    if screen.is_some() {
        report.beginning().iter().for_each(|line| output::out(line));
    }
    if let Some(part) = preflight.plan {
        let part = IndexedPlan::new(part)
            .map_err(|error| Error::Bug(format!("a part of a plan is no plan: {error}")))?;
        look(
            part,
            runbook.text,
            secrets,
            &screen,
            &mut interrupt,
            &mut report,
        )
        .await?;
    }
    match screen {
        Some(paint) => preflight_page(&report, &paint)
            .iter()
            .for_each(|line| output::out(line)),
        None => output::json(&report),
    }
    Ok(if report.interrupted {
        Exit::Cancelled
    } else if report.failed > 0 {
        Exit::Failed
    } else {
        Exit::Success
    })
}

/// Runs the looking part to its end, or until a signal.
async fn look(
    part: Arc<IndexedPlan>,
    runbook: String,
    secrets: Secrets,
    screen: &Option<Paint>,
    interrupt: &mut Interrupt,
    report: &mut Report,
) -> Result<(), Error> {
    let private = Private::open().await?;
    let engine = &private.engine;
    plugins::keep(part.plan(), engine.state_dir().root())?;
    let start = Start {
        plan: part,
        runbook,
        requester: operator(Door::Terminal),
        single_user: true,
        secrets,
        idempotency_key: None,
    };
    let run = engine.start(start).await?;
    let mut records = engine.subscribe(&run, 0).await?;
    let mut loops = Loops::default();
    loop {
        tokio::select! {
            biased;
            signal = interrupt.asked() => {
                if screen.is_some() {
                    output::out(&format!("{signal}: the looks are stopped"));
                }
                report.interrupted = true;
                break;
            }
            recorded = records.next() => {
                let Some(recorded) = recorded? else {
                    return Err(Error::Bug("the engine of a preflight has stopped".to_owned()));
                };
                tell(&recorded, &mut loops, screen);
                report.event(&recorded.event);
                if matches!(recorded.event, Event::RunEnded { .. }) {
                    break;
                }
            }
        }
    }
    // Reads that are in flight are stopped, with the processes that they started.
    engine.park(PARK_WITHIN).await?;
    report.ended(&seen(&private, &run).await?, engine.state_dir());
    Ok(())
}

async fn seen(private: &Private, run: &RunId) -> Result<RunView, Error> {
    let snapshot = private.engine.view(run).await?;
    let overlay = Overlay::of(&snapshot, Vec::new(), None);
    Ok(view(&snapshot.state, &overlay))
}

fn tell(recorded: &Recorded, loops: &mut Loops, screen: &Option<Paint>) {
    loops.learn(&recorded.event);
    let Some(paint) = screen else { return };
    if let Some(note) = note(&recorded.event, recorded.at, loops).filter(|note| note.lasting) {
        let glyph = paint.glyph(note.state);
        output::out(&format!("  {glyph} {}", note.text));
    }
}

/// The places of the secrets that the looks need. Others of the runbook may be given; they
/// are not read.
fn sources(texts: &[String], plan: &Plan, preflight: &Preflight) -> Result<Sources, Error> {
    let typed = secrets::typed(texts)?;
    let mut sources = secrets::placed(typed, &plan.secrets, &plan.secret_sources)?;
    let needed: BTreeSet<SecretName> = preflight
        .plan
        .iter()
        .flat_map(|part| part.secrets.iter().cloned())
        .collect();
    sources.retain(|name, _| needed.contains(name));
    let missing: Vec<&str> = needed
        .iter()
        .filter(|name| !sources.contains_key(name))
        .map(SecretName::as_str)
        .collect();
    if missing.is_empty() {
        return Ok(sources);
    }
    Err(Error::Refused {
        message: format!("the looks need the secrets {}", missing.join(", ")),
        help: Some("say where each is, as in --secret NAME=env:VARIABLE".to_owned()),
        exit: Exit::Usage,
    })
}

/// The looks whose action could do anything: that they only read is their author's word.
fn trusted(preflight: &Preflight, actions: &Catalog) -> Vec<StepId> {
    let steps = preflight.plan.iter().flat_map(|part| &part.steps);
    let trusted = steps.filter(|step| match &step.kind {
        StepKind::Action { call, .. } => actions
            .get(&call.uses)
            .is_none_or(|action| action.effect.is_none()),
        StepKind::Wait { .. } | StepKind::Gate(_) => false,
    });
    trusted.map(|step| step.id.clone()).collect()
}
