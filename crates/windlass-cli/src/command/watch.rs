//! `windlass watch`: follows a run without owning anything.

use windlass_core::event::Event;
use windlass_core::id::RunId;
use windlass_server::wire::{EventLine, StreamEnd};

use super::driving::{drive, of_end};
use crate::args::Place;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::link::Link;
use crate::look::Look;
use crate::render::ending;
use crate::signals::Interrupt;
use crate::terminal::Screen;

/// Follow a run from its first record, without driving it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
With no owner alive it shows what is recorded, and says that nobody drives the run.
Ctrl-C only detaches.

Exit codes: 0 succeeded, 1 failed, 4 cancelled, 5 nobody drives it, 6 detached")]
pub(crate) struct Args {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: RunId,
    /// Print each record as a line of JSON, and nothing else
    #[arg(long)]
    json: bool,
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let interrupt = Interrupt::listen()?;
    let run = args.run;
    let look = Look::open(place).await?;
    if let Look::Peer(client) = look {
        // The answer tells at once when there is no such run.
        client.run(&run).await?;
        let screen = Screen::new(args.json);
        return drive(place, Link::Peer(client), &run, 0, screen, interrupt, false).await;
    }
    let view = look.view(&run).await?;
    let mut screen = Screen::unattended(args.json);
    let mut from_seq = 0;
    loop {
        let page = look.records(&run, from_seq)?;
        if page.is_empty() {
            break;
        }
        for recorded in page {
            from_seq = recorded.seq + 1;
            let line = EventLine::new(recorded.seq, recorded.at, &recorded.event);
            screen.event(&line);
            if matches!(recorded.event, Event::RunEnded { .. }) {
                screen.end(&StreamEnd {
                    code: "run_ended".to_owned(),
                    message: "the run has ended".to_owned(),
                    help: None,
                });
            }
        }
    }
    screen.show(&view);
    if view.end.is_some() {
        screen.say_end(&ending(&view, &screen.paint()));
        return Ok(of_end(&view));
    }
    screen.say(&[format!(
        "nobody drives run {run} now; `windlass resume {run}` goes on with it"
    )]);
    Ok(Exit::WaitsForPerson)
}
