//! What `run`, `resume` and `watch` have in common: following a run to its end, and
//! what the end of the following means for this process and its exit code.

use windlass_core::id::RunId;
use windlass_server::wire::RunView;

use super::watch_over::{Watching, watch_over};
use crate::args::Place;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::follow::{Left, Until, follow};
use crate::link::Link;
use crate::look::Look;
use crate::parting;
use crate::render::ending;
use crate::signals::Interrupt;
use crate::terminal::Screen;
use crate::text;

/// Follows a run from a record on. As the owner, stays for the other live runs too.
pub(super) async fn drive(
    place: &Place,
    link: Link,
    run: &RunId,
    from_seq: u64,
    mut screen: Screen,
    mut interrupt: Interrupt,
    no_wait: bool,
) -> Result<Exit, Error> {
    let until = Until {
        person: no_wait,
        idle: false,
    };
    let left = follow(&link, run, from_seq, &mut screen, &mut interrupt, until).await?;
    match (link, left) {
        (link, Left::Ended(view)) => {
            screen.clear();
            screen.say_end(&ending(&view, &screen.paint()));
            if let Link::Own(owned) = link {
                let watching = if no_wait {
                    Watching::WhileBusy
                } else {
                    Watching::WhileLive
                };
                watch_over(*owned, &mut screen, &mut interrupt, watching, Some(run)).await?;
            }
            Ok(of_end(&view))
        }
        (_, Left::EndedUnseen) => {
            let view = Look::open(place).await?.view(run).await?;
            screen.clear();
            screen.say_end(&ending(&view, &screen.paint()));
            Ok(of_end(&view))
        }
        (Link::Own(owned), Left::WaitsForPerson(_)) => {
            screen.clear();
            screen.say(&[format!(
                "run {run} waits for a person; `windlass resume {run}` goes on with it"
            )]);
            watch_over(
                *owned,
                &mut screen,
                &mut interrupt,
                Watching::WhileBusy,
                Some(run),
            )
            .await?;
            Ok(Exit::WaitsForPerson)
        }
        (Link::Peer(_), Left::WaitsForPerson(_)) => Ok(Exit::WaitsForPerson),
        (Link::Own(owned), Left::Interrupted(signal)) => {
            parting::park(*owned, &mut screen, signal).await?;
            Ok(Exit::Parked)
        }
        (Link::Peer(_), Left::Interrupted(_)) => {
            screen.clear();
            screen.say(&[format!(
                "detached: run {run} goes on with its owner; `windlass watch {run}` shows it"
            )]);
            Ok(Exit::Parked)
        }
        (_, Left::OwnerStopped(end)) => {
            screen.clear();
            let resume = format!("windlass resume {run}");
            let help = text::line(&end.help.unwrap_or(resume));
            screen.say(&[text::line(&end.message), format!("  {help}")]);
            Ok(Exit::Parked)
        }
        (_, Left::Idle(_)) => Err(Error::Bug("a followed run was left idle".to_owned())),
    }
}

/// The exit code of a run that has ended.
pub(super) fn of_end(view: &RunView) -> Exit {
    match view.end.as_deref() {
        Some("succeeded") => Exit::Success,
        Some("cancelled") => Exit::Cancelled,
        // `failed`, and what a newer owner may say.
        Some(_) | None => Exit::Failed,
    }
}
