//! The last safe time to stop, in words.

use super::{Telling, list};
use crate::wire::{Stop, StopCode};

/// A clause about stopping the run; `None` where there is nothing to stop, or an older
/// owner does not tell.
pub(super) fn clause(told: &Telling<'_>) -> Option<String> {
    let stop = told.run.stop.as_ref()?;
    let owes = owes(told);
    Some(format!("{}{owes}", words(told, stop)))
}

fn words(told: &Telling<'_>, stop: &Stop) -> String {
    let change = change(stop);
    let at = stop.at_ms.map(|at| (told.at)(at));
    let when = |before: &str| match &at {
        Some(at) => format!(" {before} {at}"),
        None => String::new(),
    };
    let irreversible = stop.effect.as_deref() == Some("irreversible");
    match stop.code {
        StopCode::Nothing => {
            "every step of it may be repeated, so it can be stopped at any time".to_owned()
        }
        StopCode::Before => format!(
            "nothing has been changed yet, and the last safe time to stop is {}",
            last_time(told, stop)
        ),
        StopCode::Changed => {
            let changed = changed(stop);
            let back = if stop.undoable {
                format!(
                    "{changed} changed something, which `windlass cancel {} --undo --reason '...'` takes back",
                    told.run.run
                )
            } else {
                format!("{changed} changed something that a stop does not take back")
            };
            match stop.step {
                Some(_) => format!(
                    "{back}, and the last time to stop before the point of no return is {}",
                    last_time(told, stop)
                ),
                None => format!("{back}, and nothing irreversible is to come"),
            }
        }
        StopCode::InFlight if irreversible => format!(
            "{change} is in flight, so no time to stop is safe any more: a stop lets it come to its end{}",
            when("by")
        ),
        StopCode::InFlight => format!(
            "{change} is in flight, and a stop lets it come to its end{} first",
            when("by")
        ),
        StopCode::InDoubt if irreversible => format!(
            "the point of no return may be passed, as {change} is in doubt{}",
            when("since")
        ),
        StopCode::InDoubt => format!(
            "a stop waits until it is known whether {change} took effect, in doubt{}",
            when("since")
        ),
        StopCode::GivenUp => format!(
            "no time to stop is safe any more, as nobody will know whether {change} took effect"
        ),
        StopCode::Passed => format!(
            "the point of no return is passed: {change} took effect{}, and no stop takes it back",
            when("at")
        ),
        StopCode::Ending => {
            "it is being led to its end already, and a stop changes nothing of that".to_owned()
        }
    }
}

/// When the next change can still be prevented.
fn last_time(told: &Telling<'_>, stop: &Stop) -> String {
    let change = change(stop);
    let count = stop.gates.len();
    match stop.gates.as_slice() {
        [] => {}
        [gate] => return format!("before gate {gate} is approved, as {change} follows"),
        gates => {
            let gates = list(gates, count, count);
            return format!("before gates {gates} are approved, as {change} follows");
        }
    }
    let held = !told.owned
        || run_is(told, &["paused", "needs_operator"])
        || told.run.needs.iter().any(|need| need.code != "gate");
    if held {
        return format!("before it goes on, as {change} may follow at once");
    }
    if let Some(at) = stop.at_ms {
        return format!("{}, when {change} may start", (told.at)(at));
    }
    let waits_for_lock = run_is(told, &["waiting"])
        && told
            .run
            .lock
            .as_ref()
            .is_some_and(|lock| lock.state == "waiting");
    let count = stop.after.len();
    match count {
        0 if waits_for_lock => format!("before it gets the lock, as {change} follows"),
        0 => format!("now, as {change} may start at any moment"),
        1 => format!("before {} ends, as {change} follows", stop.after[0]),
        _ => {
            let after = list(&stop.after, count, count);
            format!("before {after} have ended, as {change} follows")
        }
    }
}

fn run_is(told: &Telling<'_>, states: &[&str]) -> bool {
    states.contains(&told.run.state.as_str())
}

/// `the irreversible change upgrade`.
fn change(stop: &Stop) -> String {
    let class = match &stop.effect {
        Some(effect) => format!("{effect} "),
        None => String::new(),
    };
    match &stop.step {
        Some(step) => format!("the {class}change {step}"),
        None => format!("a {class}change"),
    }
}

fn changed(stop: &Stop) -> String {
    list(&stop.changed, stop.changed.len(), stop.changed_count)
}

fn owes(told: &Telling<'_>) -> String {
    let owed: Vec<String> = told
        .run
        .debts
        .iter()
        .map(|debt| format!("{} since {}", debt.step, (told.at)(debt.since_ms)))
        .collect();
    match owed.len() {
        0 => String::new(),
        count => format!(
            ", and it owes {}, which a stop does not cancel",
            list(&owed, 3, count)
        ),
    }
}
