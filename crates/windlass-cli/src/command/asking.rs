//! What all commands that ask something of a run have in common. With an owner alive
//! it is asked; else this process owns the directory for as long as what became
//! runnable is in flight, and leaves.

use windlass_core::id::RunId;
use windlass_server::wire::RunView;

use crate::args::Place;
use crate::ask::Ask;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::follow::{Left, Until, follow};
use crate::link::Link;
use crate::output;
use crate::owner::{Manner, Owned};
use crate::parting;
use crate::render::ending;
use crate::signals::Interrupt;
use crate::terminal::Screen;

/// Asks a run for what `make` makes of its present state. The exit code tells what
/// became of the command, not of the run.
pub(super) async fn ask(
    place: &Place,
    run: &RunId,
    make: impl FnOnce(&RunView) -> Result<Ask, Error>,
) -> Result<Exit, Error> {
    let mut interrupt = Interrupt::listen()?;
    let link = Link::open(place, Manner::passing()).await?;
    let asked = send(&link, run, make).await;
    match (link, asked) {
        (Link::Peer(_), asked) => asked.map(|_| Exit::Success),
        (Link::Own(owned), Err(error)) => {
            parting::leave(*owned).await?;
            Err(error)
        }
        (Link::Own(owned), Ok(next_seq)) => drive(owned, run, next_seq, &mut interrupt).await,
    }
}

/// Where the run's records go on after those that came before the command.
async fn send(
    link: &Link,
    run: &RunId,
    make: impl FnOnce(&RunView) -> Result<Ask, Error>,
) -> Result<u64, Error> {
    let before = link.view(run).await?;
    let ask = make(&before)?;
    let done = ask.done();
    let accepted = link.send(run, ask).await?;
    output::out(&format!("{done}: run {run}"));
    Ok(before.next_seq.unwrap_or(accepted.next_seq))
}

async fn drive(
    owned: Box<Owned>,
    run: &RunId,
    from_seq: u64,
    interrupt: &mut Interrupt,
) -> Result<Exit, Error> {
    let mut screen = Screen::new(false);
    let link = Link::Own(owned);
    let until = Until {
        idle: true,
        person: false,
    };
    let left = follow(&link, run, from_seq, &mut screen, interrupt, until).await;
    let Link::Own(owned) = link else {
        return Err(Error::Bug("an owner became a client".to_owned()));
    };
    match left? {
        Left::Ended(view) => {
            screen.clear();
            screen.say(&ending(&view, &screen.paint()));
            parting::leave(*owned).await?;
        }
        Left::Idle(view) | Left::WaitsForPerson(view) => {
            screen.clear();
            if view.needs.is_empty() {
                screen.say(&[format!(
                    "nobody drives run {run} now; `windlass resume {run}` goes on with it"
                )]);
            }
            parting::leave(*owned).await?;
        }
        Left::Interrupted(signal) => {
            parting::park(*owned, &mut screen, signal).await?;
            return Ok(Exit::Parked);
        }
        Left::OwnerStopped(end) => return Err(Error::Bug(end.message)),
    }
    Ok(Exit::Success)
}
