//! Watching over all runs of an owner, one line for each change of state.

use std::collections::BTreeMap;
use std::time::Duration;

use windlass_core::id::RunId;
use windlass_core::time::Timestamp;

use crate::error::Error;
use crate::owner::Owned;
use crate::parting;
use crate::render::Paint;
use crate::signals::Interrupt;
use crate::terminal::Screen;
use crate::{text, time};

/// A burst of changes is looked at once.
const SETTLE: Duration = Duration::from_millis(100);

/// How long the owner stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watching {
    /// Until a signal: `serve`.
    ForEver,
    /// While runs are live that are this owner's.
    WhileLive,
    /// While runs are live, whoever started them: `resume` of them all.
    WhileAnyLive,
    /// While something is in flight.
    WhileBusy,
}

impl Watching {
    /// Whether runs are told of that only wait, untouched by this process.
    fn all_live(self) -> bool {
        match self {
            Watching::ForEver | Watching::WhileAnyLive => true,
            Watching::WhileLive | Watching::WhileBusy => false,
        }
    }
}

/// Stays, then gives the directory up. Answers whether a signal ended it. The run
/// `told_already` has been followed before and is not told again.
pub(super) async fn watch_over(
    owned: Owned,
    screen: &mut Screen,
    interrupt: &mut Interrupt,
    watching: Watching,
    told_already: Option<&RunId>,
) -> Result<bool, Error> {
    let mut changes = owned.engine.changes();
    let mut known = BTreeMap::new();
    let mut told = false;
    loop {
        changes.borrow_and_update();
        report(
            &owned,
            screen,
            &mut known,
            told_already,
            watching.all_live(),
        )
        .await?;
        let done = match watching {
            Watching::ForEver => false,
            Watching::WhileLive => owned.live().await?.is_empty(),
            Watching::WhileAnyLive => owned.engine.live_runs().await?.is_empty(),
            Watching::WhileBusy => !owned.is_busy().await?,
        };
        if done {
            parting::leave(owned).await?;
            return Ok(false);
        }
        if !told && watching == Watching::WhileLive {
            screen.say(&["this process stays for the runs above; Ctrl-C parks them".to_owned()]);
            told = true;
        }
        tokio::select! {
            biased;
            signal = interrupt.asked() => {
                parting::park(owned, screen, signal).await?;
                return Ok(true);
            }
            fatal = owned.engine.fatal() => {
                return Err(windlass_engine::CommandError::Fatal(fatal).into());
            }
            () = owned.told_to_end() => {
                parting::park(owned, screen, "asked over the socket").await?;
                return Ok(true);
            }
            changed = changes.changed() => {
                if changed.is_err() {
                    return Err(Error::Bug("the engine went away".to_owned()));
                }
                tokio::time::sleep(SETTLE).await;
            }
        }
    }
}

/// Says what each run of this owner does now, when that is new.
async fn report(
    owned: &Owned,
    screen: &mut Screen,
    known: &mut BTreeMap<String, String>,
    told_already: Option<&RunId>,
    all_live: bool,
) -> Result<(), Error> {
    let paint = Paint::plain();
    let mut present = BTreeMap::new();
    for row in owned.rows(all_live).await? {
        if told_already.is_some_and(|run| run.as_str() == row.run.as_str()) {
            continue;
        }
        let mut state = row.state.replace('_', " ");
        if !row.waiting_for.is_empty() {
            state = format!("{state}: {}", text::line(&row.waiting_for));
        }
        let owes = if row.owes { ", OWES" } else { "" };
        let line = format!(
            "run {} ({}) {state}{owes}",
            row.run,
            text::line(&row.runbook)
        );
        if known.get(row.run.as_str()) != Some(&line) {
            let at = time::clock(Timestamp(row.updated_at_ms));
            screen.say(&[paint.cut(&format!("{at} {line}"), paint.columns)]);
        }
        present.insert(row.run.to_string(), line);
    }
    *known = present;
    Ok(())
}
