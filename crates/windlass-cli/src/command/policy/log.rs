//! `windlass policy log`: which policies took effect in a state directory, and who was
//! refused what. Read from the journal, which keeps both beside the runs.

use serde_json::json;
use windlass_core::time::Timestamp;
use windlass_engine::store_events::{PolicyLoaded, StoreEvent, store_events};

use crate::args::Place;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::look::Look;
use crate::policy::unreadable;
use crate::{output, text, time};

/// Show which policies were loaded, by whom, with what difference, and what was refused
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Only the user whose state directory it is may ask. The oldest line comes first. Of refusals
at most 200 an hour are recorded.

Examples:
  windlass policy log
  windlass policy log --json | jq 'select(.event.act_refused)'")]
pub(crate) struct Args {
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn perform(
    args: &Args,
    place: impl FnOnce() -> Result<Place, Error>,
) -> Result<Exit, Error> {
    let events = match Look::journal(&place()?)? {
        Some(store) => store_events(&store).map_err(unreadable)?,
        None => Vec::new(),
    };
    if args.json {
        for (at, event) in &events {
            output::json(&json!({"at_ms": at.0, "event": event}));
        }
        return Ok(Exit::Success);
    }
    if events.is_empty() {
        output::out("no policy was loaded, and nothing was refused");
    }
    for (at, event) in &events {
        tell(*at, event);
    }
    Ok(Exit::Success)
}

fn tell(at: Timestamp, event: &StoreEvent) {
    let at = time::full(at);
    match event {
        StoreEvent::PolicyLoaded(load) => loaded(&at, load),
        StoreEvent::StartRefused {
            by,
            runbook,
            plan,
            why,
        } => output::out(&text::line(&format!(
            "{at} {by} was not let start {runbook} (plan {}): {why}",
            plan.short()
        ))),
        StoreEvent::ActRefused { run, by, why } => {
            let run = run.as_ref().map(|run| format!(" to run {run}"));
            let run = run.unwrap_or_default();
            output::out(&text::line(&format!("{at} refused{run}: {by}: {why}")));
        }
    }
}

fn loaded(at: &str, load: &PolicyLoaded) {
    let instead = load.previous.as_ref();
    let instead = instead.map(|before| format!(" instead of {}", before.short()));
    let signers: Vec<&str> = load.signers.iter().map(|person| person.as_str()).collect();
    let signed = match signers.is_empty() {
        true => String::new(),
        false => format!(", signed by {}", signers.join(", ")),
    };
    output::out(&text::line(&format!(
        "{at} policy {}{} from {}, loaded by {}{signed}",
        load.policy.short(),
        instead.unwrap_or_default(),
        load.from,
        load.by
    )));
    for line in &load.difference {
        output::out(&format!("    {}", text::line(line)));
    }
    for (right, from) in &load.ripening {
        let line = format!("    {right} holds from {} UTC on", time::full(*from));
        output::out(&text::lines(&line));
    }
}
