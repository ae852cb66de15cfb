//! `windlass export`: one run as a file that anybody can keep and check.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use windlass_core::id::RunId;
use windlass_engine::{Erased, StateDir, offline};
use windlass_journal::{ExportError, Exported, RunKey, SqliteStore, export};

use super::export_logs as logs;
use crate::args::Place;
use crate::error::{Error, io};
use crate::exit_codes::Exit;
use crate::look::Look;
use crate::{output, text, time};

/// Write the whole record of a run as JSON lines, for keeping and for others to verify
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The first line names the format, each further one is a record as it is stored, the last
one has the heads; docs/journal-format.md describes all of it. `windlass journal verify
--file` checks the file without the journal. Note the run head that is printed somewhere
else: with it a later check also finds a file that was written anew. Inputs, outputs and
reasons stand in it in the clear; secret values never do. With -o the attempts' logs are
written beside it, into FILE.logs, each held against the digest in its record.

Examples:
  windlass export RUN -o RUN.jsonl
  windlass export RUN | windlass journal verify --file -
  windlass export _store -o store.jsonl    (what belongs to no run, such as erasures)")]
pub(crate) struct Args {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: RunKey,
    /// The file to make, which must not be there; without it standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Leave the attempts' logs out
    #[arg(long)]
    without_logs: bool,
}

pub(crate) fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let Args {
        run,
        output,
        without_logs,
    } = args;
    let Some(store) = Look::journal(place)? else {
        return Err(none(&run));
    };
    let exported = match &output {
        None => written(&store, &run, &mut std::io::stdout().lock(), Path::new("-")),
        Some(path) => to_file(&store, &run, path),
    }?;
    let erased = run.as_str().parse::<RunId>().ok();
    let erased = erased
        .map(|run| offline::erasure(&store, &run))
        .transpose()?;
    tell(&run, &exported, erased.flatten().as_ref());
    let (Some(path), Ok(run), false) = (&output, run.as_str().parse::<RunId>(), without_logs)
    else {
        return Ok(Exit::Success);
    };
    if exported.erased > 0 {
        return Ok(Exit::Success);
    }
    let logs = logs::write(&store, &StateDir::existing(&place.root)?, &run, path)?;
    logs.wrong.iter().for_each(|wrong| output::err(wrong));
    if logs.written > 0 {
        let count = text::count(logs.written, "log");
        output::err(&format!("{count} in {}", logs.folder.display()));
    }
    Ok(if logs.wrong.is_empty() {
        Exit::Success
    } else {
        Exit::Io
    })
}

/// What was exported goes to standard error: standard output is the file.
fn tell(run: &RunKey, exported: &Exported, erasure: Option<&Erased>) {
    let Exported {
        records,
        erased,
        run_head,
        ..
    } = exported;
    output::err(&format!(
        "{records} records of run {run}; run head {run_head}"
    ));
    if *erased > 0 {
        let how = match erasure {
            Some(Erased { at, by }) => format!(" on {} by {}", time::full(*at), text::line(by)),
            None => String::new(),
        };
        output::err(&format!("{erased} bodies were erased{how}"));
    }
    let ended = exported.last_kind == ENDED || exported.last_kind == AFTER_END;
    if !ended && !run.is_store() {
        output::err("the run has not ended: this is what is recorded so far");
    }
}

/// The kind of a run's last record, and of the only one that can come after it.
const ENDED: &str = "run_ended";
const AFTER_END: &str = "resolution_contradicted";

fn to_file(store: &SqliteStore, run: &RunKey, path: &Path) -> Result<Exported, Error> {
    // Bodies are as private as the journal; what is there already is never replaced.
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(io("make the export", path))?;
    let mut out = BufWriter::new(file);
    let done = written(store, run, &mut out, path);
    let done = done.and_then(|exported| {
        let synced = out.get_ref().sync_all();
        synced.map_err(io("write the export", path))?;
        Ok(exported)
    });
    if done.is_err() {
        // Half an export is none; that it cannot be removed is told by the first error.
        let _left = std::fs::remove_file(path);
    }
    done
}

fn written(
    store: &SqliteStore,
    run: &RunKey,
    out: &mut dyn Write,
    path: &Path,
) -> Result<Exported, Error> {
    export(store, run, out).map_err(|error| match error {
        ExportError::NoRecords(run) => none(&run),
        ExportError::Storage(error) => error.into(),
        ExportError::Read(error) => windlass_engine::ReplayError::from(error).into(),
        ExportError::Write(source) => Error::Io {
            operation: "write the export",
            path: path.to_owned(),
            source,
        },
    })
}

fn none(run: &RunKey) -> Error {
    Error::Refused {
        message: format!("there is no run {}", text::line(run.as_str())),
        help: Some("`windlass runs` lists them".to_owned()),
        exit: Exit::Rejected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_core::event::{End, Event};

    #[test]
    fn the_last_kind_is_the_cores() {
        let ended = Event::RunEnded {
            end: End::Failed,
            reason: String::new(),
        };
        assert_eq!(ended.kind(), ENDED);
        let contradicted = Event::ResolutionContradicted {
            node: "a".parse().unwrap(),
            attempt: 1,
            resolution: windlass_core::outcome::Resolution::GivenUp,
            arrived: String::new(),
        };
        assert_eq!(contradicted.kind(), AFTER_END);
    }
}
