//! The end of an owner: parking what is live, and telling what is left behind.

use std::time::Duration;

use windlass_engine::outbox::Unsent;
use windlass_server::wire::RunView;

use crate::error::Error;
use crate::owner::{Owned, PARK_WITHIN, ParkedView};
use crate::render::{owes, undelivered};
use crate::terminal::Screen;
use crate::{output, text, time};

/// Parks all runs because of `why`, and says for each how to go on.
pub(crate) async fn park(owned: Owned, screen: &mut Screen, why: &str) -> Result<(), Error> {
    screen.clear();
    if owned.is_busy().await? {
        let wait = PARK_WITHIN.as_secs();
        screen.say(&[format!(
            "{why}: parking; what is in flight has {wait}s to end (Ctrl-C again ends at once)"
        )]);
    }
    let left = owned.drain().await?;
    let parked = owned.park(PARK_WITHIN).await?;
    screen.say(&left_unsent(&left));
    for run in &parked {
        screen.say(&left_behind(run));
    }
    Ok(())
}

/// Gives the directory up when nothing is in flight; says only what is not delivered.
pub(crate) async fn leave(owned: Owned) -> Result<(), Error> {
    let left = send_and_leave(owned).await?;
    left_unsent(&left).iter().for_each(|line| output::err(line));
    Ok(())
}

/// The same; answers which messages nobody has taken.
pub(crate) async fn send_and_leave(owned: Owned) -> Result<Vec<Unsent>, Error> {
    let left = owned.drain().await?;
    owned.park(Duration::ZERO).await?;
    Ok(left)
}

/// What an owner that ends says of its messages.
fn left_unsent(left: &[Unsent]) -> Vec<String> {
    match undelivered(left) {
        Some(told) => vec![
            format!("{told}: the next owner sends what is not given up"),
            "  windlass outbox".to_owned(),
        ],
        None => Vec::new(),
    }
}

fn left_behind(left: &ParkedView) -> Vec<String> {
    let ParkedView { parked, view } = left;
    let mut state = parked.row.state.replace('_', " ");
    if !parked.row.waiting_for.is_empty() {
        state = format!("{state}: {}", text::line(&parked.row.waiting_for));
    }
    let mut lines = vec![format!("parked run {} ({state})", parked.run)];
    for (node, attempt) in &parked.in_flight {
        lines.push(format!(
            "  {node} attempt {attempt} is in flight: its work goes on without windlass"
        ));
    }
    match view {
        Some(view) => lines.extend(debts(view)),
        None if parked.row.owes => lines.push("  OWES a step".to_owned()),
        None => {}
    }
    lines.push(format!("  windlass resume {}", parked.run));
    lines
}

fn debts(view: &RunView) -> impl Iterator<Item = String> {
    owes(view, time::now())
        .into_iter()
        .map(|line| format!("  {line}"))
}
