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

/// The event of an approval that others are still to follow.
const GIVEN: &str = "approval_given";

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
        (Link::Own(owned), Ok(before)) => drive(owned, &before, &mut interrupt).await,
    }
}

/// Sends the command; answers how the run was before it.
async fn send(
    link: &Link,
    run: &RunId,
    make: impl FnOnce(&RunView) -> Result<Ask, Error>,
) -> Result<RunView, Error> {
    let before = link.view(run).await?;
    let ask = make(&before)?;
    let done = ask.done();
    let gate = match &ask {
        Ask::Approve(approve) => Some(approve.gate.clone()),
        _ => None,
    };
    let accepted = link.send(run, ask).await?;
    output::out(&format!("{done}: run {run}"));
    if let Some(gate) = gate.filter(|_| accepted.events.iter().any(|kind| kind == GIVEN)) {
        let view = link.view(run).await?;
        let open = view.gates.iter().find(|open| open.step == gate);
        let places = open.map_or(&[][..], |open| &open.places);
        let missing = places.iter().filter(|place| place.filled_by.is_none());
        let missing: Vec<&str> = missing.map(|place| place.group.as_str()).collect();
        output::out(&format!(
            "the gate still waits for {}",
            missing.join(" and ")
        ));
    }
    Ok(before)
}

async fn drive(
    owned: Box<Owned>,
    before: &RunView,
    interrupt: &mut Interrupt,
) -> Result<Exit, Error> {
    let run = &before.run;
    let mut screen = Screen::new(false);
    screen.know(before);
    let from_seq = before.next_seq.unwrap_or(0);
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
        Left::EndedUnseen => {
            return Err(Error::Bug("an owner found itself gone".to_owned()));
        }
    }
    Ok(Exit::Success)
}
