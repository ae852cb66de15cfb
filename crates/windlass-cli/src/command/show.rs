//! `windlass show`: one run in full.

use windlass_core::id::RunId;

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
    let view = Look::open(place).await?.view(&args.run).await?;
    if args.json {
        output::json(&view);
    } else {
        let lines = run_page(&view, time::now(), &Paint::of_stdout());
        lines.iter().for_each(|line| output::out(line));
    }
    Ok(Exit::Success)
}
