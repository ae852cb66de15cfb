//! `windlass handover`: a paragraph for the next person on duty.

use windlass_core::id::RunId;
use windlass_server::telling::{Decision, decision, handover};

use crate::args::Place;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::look::Look;
use crate::render::Paint;
use crate::{output, tell};

/// Tell a run in one paragraph, for the next person on duty
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What it is for, who started it, what it has done and owes, what it waits for, who decided
what, and how to look at it and stop it. Works for runs that have ended, too. Times are UTC.

Examples:
  windlass handover RUN
  windlass handover RUN --json
  windlass runs --state live")]
pub(crate) struct Args {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: RunId,
    /// The same as one JSON object: the paragraph, what it waits for and every decision
    #[arg(long)]
    json: bool,
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let look = Look::open(place).await?;
    let view = look.view(&args.run).await?;
    let mut decisions = Vec::new();
    let until = view.next_seq.unwrap_or(0);
    look.each_record(&args.run, until, |recorded| {
        let decided = decision(&recorded.event, &|node| view.spelled(node));
        decisions.extend(decided.map(|text| Decision {
            at_ms: recorded.at.0,
            text,
        }));
    })
    .await?;
    let told = tell::telling(&view, look.is_owned(), |told| handover(told, decisions));
    if args.json {
        output::json(&told);
    } else {
        tell::print(&told.paragraph, &Paint::of_stdout());
    }
    Ok(Exit::Success)
}
