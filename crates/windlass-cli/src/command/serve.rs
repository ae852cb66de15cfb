//! `windlass serve`: the owner without a run of its own, for gates that wait for days.

use super::watch_over::{Watching, watch_over};
use crate::args::Place;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::link::Link;
use crate::output;
use crate::owner::Manner;
use crate::signals::Interrupt;
use crate::terminal::Screen;

/// Own the state directory and drive its runs until told to end
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Other terminals start, watch and direct runs through its socket. With --socket-group
members of that group may look at runs and decide gates; only the directory's own user
may start and direct runs.

Examples:
  windlass serve
  windlass serve --state-dir /var/lib/windlass --socket-group dba

Exit codes: 0 ended in order by a signal, its runs parked; 74 the journal failed;
75 another process owns the directory")]
pub(crate) struct Args {
    /// A group of this machine whose members may come in by the socket
    #[arg(long, value_name = "GROUP")]
    socket_group: Option<String>,
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let mut interrupt = Interrupt::listen()?;
    let manner = Manner {
        socket_group: args.socket_group,
        ..Manner::staying()
    };
    let owned = match Link::open(place, manner).await? {
        Link::Own(owned) => owned,
        Link::Peer(client) => {
            let owner = client.owner().await?;
            let root = place.root.display();
            return Err(Error::Busy(format!(
                "{root} is owned by process {} of uid {} already",
                owner.pid, owner.uid
            )));
        }
    };
    output::out(&format!("serving {}", place.root.display()));
    output::out(&format!("socket {}", owned.socket().await.display()));
    let mut screen = Screen::plain();
    watch_over(*owned, &mut screen, &mut interrupt, Watching::ForEver, None).await?;
    Ok(Exit::Success)
}
