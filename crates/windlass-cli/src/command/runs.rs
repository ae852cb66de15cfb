//! `windlass runs`: the list of runs.

use windlass_server::limits::{LIST_ROWS_DEFAULT, LIST_ROWS_MAX};
use windlass_server::wire::{Labels, RunFilter, RunState};

use crate::args::Place;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::given::NamedText;
use crate::look::Look;
use crate::moment::moment;
use crate::render::{Paint, run_list};
use crate::{output, time};

/// List runs, the newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  windlass runs --state live
  windlass runs --needs-me
  windlass runs --target postgres:db-1/orders --state live
  windlass runs --runbook upgrade --since 2d --requester ann
  windlass runs --label service=rds --label risk=high
  windlass runs --since 2026-11-01 --until 2026-12-01 --state failed --json

A time is a span ago (90s, 30m, 4h, 2d, 3w), a day, or 2026-11-20T14:30; always UTC.")]
pub(crate) struct Args {
    /// live, ended, or a state such as waiting, needs_operator or failed
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Only runs of this runbook
    #[arg(long, value_name = "NAME")]
    runbook: Option<String>,
    /// Only runs that started at or after this time
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only runs that started before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only runs that this person started, such as ann or `ann (uid 1000)`
    #[arg(long, value_name = "NAME")]
    requester: Option<String>,
    /// Only runs that change this target, such as postgres:db-1/orders
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    /// Only runs whose runbook has this label; given several times, all of them
    #[arg(long, value_name = "KEY=VALUE")]
    label: Vec<NamedText>,
    /// Only runs that wait for a person: a gate, a pause, a doubt, a failure, secrets
    #[arg(long)]
    needs_me: bool,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = LIST_ROWS_DEFAULT as u64,
        value_parser = clap::value_parser!(u64).range(1..=LIST_ROWS_MAX as u64))]
    limit: u64,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// The words that a run's state can be.
const STATES: [&str; 8] = [
    "running",
    "waiting",
    "paused",
    "needs_operator",
    "ending",
    "succeeded",
    "failed",
    "cancelled",
];

fn labels(given: Vec<NamedText>) -> Result<Labels, Error> {
    let mut labels = Labels::default();
    for NamedText { name, text } in given {
        if let Some(before) = labels.0.insert(name.clone(), text.clone())
            && before != text
        {
            return Err(Error::Usage(format!(
                "no run has the label {name} twice, as `{before}` and as `{text}`"
            )));
        }
    }
    Ok(labels)
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let (state, status) = match args.state.as_deref() {
        None => (RunState::Any, None),
        Some("live") => (RunState::Live, None),
        Some("ended") => (RunState::Ended, None),
        Some(word) if STATES.contains(&word) => (RunState::Any, Some(word.to_owned())),
        Some(word) => {
            let words = STATES.join(", ");
            return Err(Error::Usage(format!(
                "`{word}` is no state of a run; these are: live, ended, {words}"
            )));
        }
    };
    let now = time::now();
    let at = |text: Option<String>| -> Result<Option<i64>, Error> {
        let at = text.map(|text| moment(&text, now)).transpose();
        Ok(at.map_err(Error::Usage)?.map(|at| at.0))
    };
    let filter = RunFilter {
        state,
        status,
        runbook: args.runbook,
        requester: args.requester,
        target: args.target,
        labels: labels(args.label)?,
        since_ms: at(args.since)?,
        until_ms: at(args.until)?,
        needs_person: args.needs_me,
        limit: usize::try_from(args.limit).ok(),
    };
    let look = Look::open(place).await?;
    let list = look.runs(&filter).await?;
    if args.json {
        list.runs.iter().for_each(output::json);
    } else {
        let lines = run_list(&list.runs, look.is_owned(), &Paint::of_stdout());
        lines.iter().for_each(|line| output::out(line));
        if list.runs.is_empty() {
            output::err("no runs");
        }
    }
    if list.more {
        output::err(&format!(
            "more runs than the {} shown: narrow the list, or raise --limit (at most {LIST_ROWS_MAX})",
            list.runs.len()
        ));
    }
    Ok(Exit::Success)
}
