//! Following one run until there is a reason to stop: its end, a signal, the owner's
//! end, or a person who is needed and not waited for.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};
use windlass_core::id::RunId;
use windlass_server::wire::{RunView, StreamEnd, StreamLine};

use crate::error::Error;
use crate::link::{Link, Stream};
use crate::signals::Interrupt;
use crate::terminal::Screen;

/// After so long without a record the run is looked at: a burst is looked at once.
const QUIET: Duration = Duration::from_millis(25);
/// How often the live view is drawn anew while nothing is recorded.
const REDRAW: Duration = Duration::from_millis(250);

/// What ends the following, besides the run's own end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Until {
    /// Stop when only a person can bring the run on.
    pub(crate) person: bool,
    /// Stop when this process's engine has nothing in flight and no timer due.
    pub(crate) idle: bool,
}

/// Why the following ended.
#[derive(Debug)]
pub(crate) enum Left {
    Ended(Box<RunView>),
    /// The run has ended and its owner is gone: only the journal can be looked at.
    EndedUnseen,
    Interrupted(&'static str),
    /// The owner ends, or is gone; what it said.
    OwnerStopped(StreamEnd),
    WaitsForPerson(Box<RunView>),
    Idle(Box<RunView>),
}

/// Follows a run from its record `from_seq` on, showing it on `screen`.
pub(crate) async fn follow(
    link: &Link,
    run: &RunId,
    from_seq: u64,
    screen: &mut Screen,
    interrupt: &mut Interrupt,
    until: Until,
) -> Result<Left, Error> {
    let mut stream = link.follow(run, from_seq).await?;
    let mut next_seq = from_seq;
    let mut look_at = Some(Instant::now() + QUIET);
    let mut redraw = tokio::time::interval(REDRAW);
    redraw.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            signal = interrupt.asked() => return Ok(Left::Interrupted(signal)),
            fatal = link.failed() => return Err(fatal),
            () = link.told_to_end() => return Ok(Left::Interrupted("asked over the socket")),
            line = stream.next() => match line? {
                StreamLine::Event(line) => {
                    screen.event(&line);
                    next_seq = line.seq + 1;
                    look_at = Some(Instant::now() + QUIET);
                }
                StreamLine::End(end) => return over(link, run, screen, end).await,
            },
            () = sleep_until(look_at) => {
                look_at = None;
                let view = match link.view(run).await {
                    // The stream says what there is to say about it.
                    Err(error) if error.is_owner_gone() => continue,
                    view => view?,
                };
                if view.next_seq.is_some_and(|newest| newest > next_seq) {
                    // Its records come first, and the look is repeated after them.
                    continue;
                }
                screen.show(&view);
                if until.person && waits_for_person(&view) {
                    return Ok(Left::WaitsForPerson(Box::new(view)));
                }
            }
            typed = screen.typed() => {
                if let Some(ask) = typed.and_then(|typed| screen.answer(&typed)) {
                    let refused = link.send(run, ask).await.err();
                    screen.answered(refused.as_ref());
                    look_at = Some(Instant::now());
                }
                screen.redraw();
            }
            _ = redraw.tick(), if screen.is_live() => look_at = Some(Instant::now()),
            () = link.idle(), if until.idle => {
                return idle(link, run, screen, &mut stream, next_seq).await;
            }
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The stream's last line has come.
async fn over(
    link: &Link,
    run: &RunId,
    screen: &mut Screen,
    end: StreamEnd,
) -> Result<Left, Error> {
    screen.end(&end);
    if end.code != "run_ended" {
        return Ok(Left::OwnerStopped(end));
    }
    match link.view(run).await {
        // An owner that stayed for this run only has left with it.
        Err(error) if error.is_owner_gone() => Ok(Left::EndedUnseen),
        view => Ok(Left::Ended(Box::new(view?))),
    }
}

/// Nothing is in flight: shows the records that have not been shown yet.
async fn idle(
    link: &Link,
    run: &RunId,
    screen: &mut Screen,
    stream: &mut Stream,
    mut next_seq: u64,
) -> Result<Left, Error> {
    let view = link.view(run).await?;
    while view.next_seq.is_some_and(|newest| newest > next_seq) {
        match stream.next().await? {
            StreamLine::Event(line) => {
                screen.event(&line);
                next_seq = line.seq + 1;
            }
            StreamLine::End(end) => return over(link, run, screen, end).await,
        }
    }
    screen.show(&view);
    let view = Box::new(view);
    Ok(if view.end.is_some() {
        Left::Ended(view)
    } else {
        Left::Idle(view)
    })
}

/// Whether the run stands still until somebody decides something.
fn waits_for_person(view: &RunView) -> bool {
    let still = matches!(view.state.as_str(), "waiting" | "paused" | "needs_operator");
    still && !view.needs.is_empty()
}
