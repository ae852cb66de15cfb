//! `windlass prune`: erases the bodies and logs of runs that have ended.

use windlass_core::id::RunId;
use windlass_engine::prune::{PRUNE_RUNS_MAX, choose};
use windlass_engine::state_dir::StateDir;
use windlass_server::view::pruned;
use windlass_server::wire::{Prune, Pruned, PrunedRun, SpaceGiven};

use crate::args::Place;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::link::Link;
use crate::look::Look;
use crate::moment::{before, span};
use crate::owner::{Manner, which};
use crate::render::{Paint, run_list};
use crate::{output, parting, text, time};

/// Erase the bodies and logs of runs that have ended; their headers stay for ever
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["runs", "older_than"]))]
#[command(after_help = "\
Inputs, outputs, reasons and logs are gone then, and nothing brings them back: export what
must be kept first. What is left still verifies, `windlass runs` still lists the run and
its end, and the journal records who erased what, and when. A run that has not ended, or
is damaged, is never pruned; of runs asked for by name all are, or none. Only the
directory's own user may. The texts of runbooks stay.

Bodies are overwritten in the journal's file; what the disk, its snapshots and backups
still hold of them is not windlass's to erase.

Examples:
  windlass prune --older-than 90d --dry-run
  windlass prune --older-than 90d
  windlass prune RUN RUN

Exit codes: 0 done, 3 a named run is kept and nothing was erased, 7 you may not")]
pub(crate) struct Args {
    /// The runs' ids
    #[arg(value_name = "RUN", num_args = 1..=PRUNE_RUNS_MAX)]
    runs: Vec<RunId>,
    /// Instead: all that ended longer ago than this, such as 90d
    #[arg(long, value_name = "SPAN")]
    older_than: Option<String>,
    /// Say what would be erased, and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let ended_by_ms = args.older_than.as_deref().map(span).transpose();
    let ended_by_ms = ended_by_ms.map_err(Error::Usage)?;
    let ask = Prune {
        runs: args.runs,
        ended_by_ms: ended_by_ms.map(|span| before(time::now(), span).0),
    };
    let Some(store) = Look::journal(place)? else {
        return match ask.runs.first() {
            Some(run) => Err(kept_back(&format!(
                "run {run} is kept: there is no such run"
            ))),
            None => Ok(nothing()),
        };
    };
    if args.dry_run {
        let dir = StateDir::existing(&place.root)?;
        // An ended run that is still in flight is seen by its owner only.
        let chosen = choose(&dir, &store, &which(&ask), &|_| false)?;
        return tell(&ask, &pruned(chosen), true);
    }
    drop(store);
    let link = Link::open(place, Manner::passing()).await?;
    let done = erase(&link, &ask).await;
    if let Link::Own(owned) = link {
        parting::leave(*owned).await?;
    }
    done
}

async fn erase(link: &Link, ask: &Prune) -> Result<Exit, Error> {
    loop {
        let done = link.prune(ask).await?;
        let (erased, more) = (done.runs.len(), done.more);
        let exit = tell(ask, &done, false)?;
        if more && erased > 0 {
            continue;
        }
        // Also what an earlier prune left to be given back.
        let given = link.compact().await?;
        if erased > 0 {
            tell_space(&given);
        }
        return Ok(exit);
    }
}

fn tell(ask: &Prune, done: &Pruned, dry_run: bool) -> Result<Exit, Error> {
    let kept: Vec<String> = done
        .kept
        .iter()
        .map(|kept| format!("run {} is kept: {}", kept.run, text::line(&kept.why)))
        .collect();
    if let Some(first) = kept
        .first()
        .filter(|_| !ask.runs.is_empty() && done.runs.is_empty())
    {
        kept[1..].iter().for_each(|line| output::err(line));
        return Err(kept_back(first));
    }
    kept.iter().for_each(|line| output::err(line));
    if done.runs.is_empty() {
        return Ok(nothing());
    }
    let verb = if dry_run { "would erase" } else { "erased" };
    let (again, first): (Vec<&PrunedRun>, Vec<&PrunedRun>) =
        done.runs.iter().partition(|run| run.erased_before);
    for (runs, what) in [(first, "bodies and logs"), (again, "left-over logs")] {
        if runs.is_empty() {
            continue;
        }
        output::out(&format!("{verb} {what} of {}:", count(runs.len())));
        let rows: Vec<_> = runs.iter().map(|run| run.run.clone()).collect();
        let lines = run_list(&rows, true, &Paint::of_stdout());
        lines.iter().for_each(|line| output::out(line));
    }
    if dry_run && done.more {
        output::err("and more");
    }
    Ok(Exit::Success)
}

fn count(runs: usize) -> String {
    match runs {
        1 => "1 run".to_owned(),
        runs => format!("{runs} runs"),
    }
}

fn nothing() -> Exit {
    output::err("nothing to erase");
    Exit::Success
}

fn kept_back(message: &str) -> Error {
    Error::Refused {
        message: message.to_owned(),
        help: Some(
            "nothing was erased; `windlass runs --state ended` lists what can be".to_owned(),
        ),
        exit: Exit::Rejected,
    }
}

fn tell_space(given: &SpaceGiven) {
    if given.in_flight {
        output::err(
            "runs are in flight, so the journal's file keeps its size for now; the next prune shrinks it",
        );
        return;
    }
    match given.room_needed_bytes {
        Some(needed) => output::err(&format!(
            "the journal's file keeps its size: shrinking it needs {} of free room, here or for \
             temporary files; what comes next uses the erased space",
            size(needed)
        )),
        None => output::out(&format!(
            "the journal had {} and has {}",
            size(given.before_bytes),
            size(given.after_bytes)
        )),
    }
    if given.held_by_reader {
        output::err(
            "another process reads the journal: erased bodies leave its -wal file when it has finished",
        );
    }
}

/// A number of bytes as people read it.
fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(size(512), "512 B");
        assert_eq!(size(1_536), "1.5 KiB");
        assert_eq!(size(20 << 20), "20.0 MiB");
        assert_eq!(size(u64::MAX), "17179869183.9 GiB");
    }
}
