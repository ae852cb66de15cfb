//! `windlass show`: one run in full.

use serde::Serialize;
use windlass_core::id::RunId;
use windlass_core::time::Timestamp;
use windlass_engine::{Erased, offline};
use windlass_journal::Store as _;
use windlass_server::view::summary;
use windlass_server::wire::RunSummary;

use crate::args::Place;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::look::Look;
use crate::output;
use crate::render::{Paint, run_page};
use crate::time;

/// Show a run: its steps, open gates, doubts and debts, and what to type
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: RunId,
    /// The same as one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let look = Look::open(place).await?;
    let view = match look.view(&args.run).await {
        Ok(view) => view,
        Err(error) => {
            let Some(kept) = pruned(&args.run, place) else {
                return Err(error);
            };
            show_pruned(&kept, args.json);
            return Ok(Exit::Success);
        }
    };
    if args.json {
        output::json(&view);
    } else {
        let lines = run_page(&view, time::now(), &Paint::of_stdout());
        lines.iter().for_each(|line| output::out(line));
    }
    Ok(Exit::Success)
}

/// What is kept of a run whose bodies were erased.
#[derive(Debug, Serialize)]
struct Pruned {
    #[serde(flatten)]
    run: RunSummary,
    /// How many headers of its records are kept.
    records: u64,
    erased_at_ms: i64,
    erased_by: String,
}

/// The row and the erasure of a run that was pruned; `None` of any other run, and where
/// the journal is not this user's to read.
fn pruned(run: &RunId, place: &Place) -> Option<Pruned> {
    let store = Look::journal(place).ok()??;
    let Erased { at, by } = offline::erasure(&store, run).ok()??;
    let row = store.run(&run.as_str().parse().ok()?).ok()??;
    Some(Pruned {
        records: row.next_seq,
        run: summary(row),
        erased_at_ms: at.0,
        erased_by: by,
    })
}

fn show_pruned(kept: &Pruned, json: bool) {
    if json {
        output::json(kept);
    } else {
        let lines = pruned_page(kept, &Paint::of_stdout());
        lines.iter().for_each(|line| output::out(line));
    }
}

/// What the index still tells: how it ended and who erased the rest.
fn pruned_page(kept: &Pruned, paint: &Paint) -> Vec<String> {
    let Pruned { run, .. } = kept;
    let title = if run.title == run.runbook {
        run.runbook.clone()
    } else {
        format!("{}: {}", run.runbook, run.title)
    };
    let (started, ended) = (run.started_at_ms, run.ended_at_ms);
    let took = ended.map(|ended| time::age(Timestamp(started), Timestamp(ended)).to_string());
    let started = format!("{} by {}", time::full(Timestamp(started)), run.requester);
    let erased = format!(
        "{} by {}: inputs, outputs, reasons and logs are gone",
        time::full(Timestamp(kept.erased_at_ms)),
        kept.erased_by
    );
    let records = format!(
        "{} headers are kept; `windlass export {}` writes them out",
        kept.records, run.run
    );
    let target = Some(run.target.clone()).filter(|target| !target.is_empty());
    let mut lines = vec![format!("run       {}", run.run)];
    let rest = [
        ("runbook", Some(title)),
        ("state", Some(run.state.clone())),
        ("target", target),
        ("started", Some(started)),
        ("took", took),
        ("plan", Some(run.plan_digest.clone())),
        ("erased", Some(erased)),
        ("records", Some(records)),
    ];
    for (label, value) in rest {
        lines.extend(value.iter().flat_map(|value| paint.labelled(label, value)));
    }
    lines
}
