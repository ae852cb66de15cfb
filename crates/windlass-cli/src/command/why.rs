//! `windlass why`: one sentence on what a run waits for.

use windlass_core::id::RunId;
use windlass_server::telling::why;

use crate::args::Place;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::look::Look;
use crate::output;
use crate::render::{Paint, undelivered};
use crate::tell;

/// Say in one sentence what a run waits for, who unblocks it, and until when it can be stopped
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The last safe time to stop is the last one at which a stop leaves nothing changed, or
nothing that cannot be taken back. Times are UTC.

Examples:
  windlass why RUN
  windlass why RUN --json")]
pub(crate) struct Args {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: RunId,
    /// The same as one JSON object, with everything that is waited for
    #[arg(long)]
    json: bool,
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let look = Look::open(place).await?;
    let view = look.view(&args.run).await?;
    let told = tell::telling(&view, look.is_owned(), why);
    if args.json {
        output::json(&told);
    } else {
        tell::print(&told.sentence, &Paint::of_stdout());
        for refused in &told.refusals {
            let refused = format!("{} was refused {}.", refused.node, refused.refusal);
            tell::print(&refused, &Paint::of_stdout());
        }
        if let Some(undelivered) = undelivered(&told.unsent) {
            let told = format!("{undelivered}; `windlass outbox {}` says why.", args.run);
            tell::print(&told, &Paint::of_stdout());
        }
    }
    Ok(Exit::Success)
}
