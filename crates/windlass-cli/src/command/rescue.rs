//! `windlass rescue`: a person lets another run change the target in the place of the one that
//! holds its lock.

use windlass_core::id::RunId;
use windlass_server::wire::{Doubt, RunView, Suspend};

use super::asking::ask;
use crate::args::Place;
use crate::ask::Ask;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::output;

/// Suspend the run that holds a target's lock, and let another run have its place
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Start the rescue first, with `windlass run`: it waits for the lock, and can be reviewed and
approved like any run. From here on the holder starts nothing. Once nothing of it is at work
the rescue has the lock, and the holder goes on when the rescue has ended. What the holder
has in doubt and what it owes is shown by `windlass why HOLDER`. Only who the policy lets
rescue may do this.")]
pub(crate) struct Args {
    /// The run that holds the lock
    #[arg(value_name = "HOLDER")]
    holder: RunId,
    /// The run that is to have its place
    #[arg(long, value_name = "RUN")]
    by: RunId,
    /// Why; the record keeps it
    #[arg(long)]
    reason: String,
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let Args { holder, by, reason } = args;
    ask(place, &holder, |view| {
        left_open(view).iter().for_each(|line| output::out(line));
        Ok(Ask::Suspend(Suspend { rescue: by, reason }))
    })
    .await
}

/// What the holder leaves open: the rescue finds the target as this has left it.
fn left_open(holder: &RunView) -> Vec<String> {
    let items = holder.steps.iter().flat_map(|step| &step.items);
    let at_work = items.filter(|item| item.state == "running");
    let at_work = at_work.map(|item| format!("{} is at work, and is waited for", item.node));
    let doubts = holder.doubts.iter();
    let doubts = doubts.map(|doubt| {
        let Doubt { node, attempt, .. } = doubt;
        format!("{node} (attempt {attempt}) is in doubt, and is not looked at until the end")
    });
    let by_hand = holder.by_hand.iter();
    let by_hand = by_hand.map(|asked| format!("{} is in somebody's hands", asked.node));
    let debts = holder.debts.iter();
    let debts = debts.map(|debt| format!("OWES {}", debt.step));
    let all = at_work.chain(doubts).chain(by_hand).chain(debts);
    all.map(|line| format!("run {}: {line}", holder.run))
        .collect()
}
