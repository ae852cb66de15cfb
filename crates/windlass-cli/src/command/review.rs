//! `windlass review`: what is done with a review.

use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use windlass_core::id::RunId;
use windlass_core::review::ClosureCode;
use windlass_server::wire::CloseReview;

use crate::args::Place;
use crate::ask::Ask;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::link::Link;
use crate::output;
use crate::owner::Manner;
use crate::parting;

/// Close a review, which `windlass reviews` lists
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Close(Close),
}

/// Say what a review came to; also of a run that has ended
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Only who the policy lets review may do this, and nobody closes the review of what he did
himself. Without a policy the owner of the state directory does.")]
struct Close {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: RunId,
    /// The review's number
    #[arg(value_name = "NUMBER")]
    review: u32,
    /// What it came to: `expected` (nothing follows), `mended`, `follow_up` (work goes on
    /// elsewhere) or `accepted` (known, and left as it is)
    #[arg(long, value_parser = codes())]
    code: ClosureCode,
    /// Why; the record keeps it
    #[arg(long)]
    reason: String,
}

fn codes() -> impl clap::builder::TypedValueParser<Value = ClosureCode> {
    PossibleValuesParser::new(ClosureCode::ALL.map(ClosureCode::as_str)).map(|word| {
        let mut codes = ClosureCode::ALL.into_iter();
        let found = codes.find(|code| code.as_str() == word);
        found.expect("the parser takes no other word")
    })
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let What::Close(Close {
        run,
        review,
        code,
        reason,
    }) = args.what;
    let link = Link::open(place, Manner::passing()).await?;
    let close = CloseReview {
        review,
        code,
        reason,
    };
    let sent = link.send(&run, Ask::CloseReview(close)).await;
    if let Link::Own(owned) = link {
        parting::leave(*owned).await?;
    }
    sent?;
    output::out(&format!("closed review {review} of run {run}"));
    Ok(Exit::Success)
}
