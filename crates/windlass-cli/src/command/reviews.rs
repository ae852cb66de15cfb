//! `windlass reviews`: what of all runs somebody is still to look at.

use serde::Serialize;
use windlass_core::id::RunId;
use windlass_server::wire::{Review, RunFilter};

use crate::args::Place;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::look::Look;
use crate::output;
use crate::render::review_line;
use crate::text;
use crate::time;

/// How many runs are looked at, the newest first.
const RUNS_MAX: usize = 1_000;

/// List what somebody is to look at: failures, doubts, overruns, broken glass, debts taken over
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Also those that are closed
    #[arg(long)]
    all: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// A review with its run.
#[derive(Debug, Serialize)]
struct Row<'a> {
    run: &'a RunId,
    runbook: &'a str,
    #[serde(flatten)]
    review: &'a Review,
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let look = Look::open(place).await?;
    let filter = RunFilter {
        limit: Some(RUNS_MAX),
        ..RunFilter::default()
    };
    let list = look.runs(&filter).await?;
    let now = time::now();
    let mut count = 0;
    for row in &list.runs {
        // A run whose records are erased has nothing left to be looked at.
        let Some(run) = row.run.parse::<RunId>().ok() else {
            continue;
        };
        let Ok(view) = look.view(&run).await else {
            continue;
        };
        let wanted = |review: &&Review| args.all || review.closed.is_none();
        for review in view.reviews.iter().filter(wanted) {
            count += 1;
            if args.json {
                output::json(&Row {
                    run: &run,
                    runbook: &view.name,
                    review,
                });
            } else {
                let line = review_line(review, now);
                output::out(&text::line(&format!("{run} {}: {line}", view.name)));
            }
        }
    }
    if list.more {
        output::err(&format!("only the newest {RUNS_MAX} runs were looked at"));
    }
    if count == 0 && !args.json {
        output::err("no review is open");
    }
    Ok(Exit::Success)
}
