//! What a run waits for and who or what unblocks it, one phrase for each.

use serde::Serialize;
use windlass_core::id::RunId;

use super::{Telling, list, quoted};
use crate::wire::{ByHand, Gate, Item, Need, RunView, Step};

/// Most attempts that one phrase names.
const ATTEMPTS_NAMED_MAX: usize = 3;

/// What kind of thing is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Waits {
    /// A decision that only a person can take.
    Person,
    /// An approval.
    Gate,
    /// Work that a person does by hand.
    Hand,
    /// Somebody who drives the run: nobody owns the state directory.
    Owner,
    /// The outcome of attempts in flight.
    Attempt,
    /// A doubt that is being looked into.
    Doubt,
    /// Another run, which holds the lock of the target.
    Lock,
    /// A window, or the end of a freeze.
    Window,
    /// A time.
    Time,
}

/// One thing that a run waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaitsFor {
    pub kind: Waits,
    /// A phrase that reads after "waits for".
    pub text: String,
    /// When time ends the waiting, whatever else does.
    pub until_ms: Option<i64>,
    /// What to type, the usual command first.
    pub next: Vec<String>,
}

/// Everything that the run waits for, a person's part first.
pub(super) fn waits(told: &Telling<'_>) -> Vec<WaitsFor> {
    let run = told.run;
    if run.end.is_some() {
        return Vec::new();
    }
    let told_below = ["gate", "by_hand"];
    let decisions = run.needs.iter();
    let decisions = decisions.filter(|need| !told_below.contains(&need.code.as_str()));
    let mut waits: Vec<WaitsFor> = decisions.map(|need| person(told, need)).collect();
    let decided_by_a_person = !waits.is_empty();
    let alone = alone(told);
    if told.owned {
        waits.extend(alone);
    } else if !decided_by_a_person
        && (!alone.is_empty() || (run.gates.is_empty() && run.by_hand.is_empty()))
    {
        waits.push(nobody(told));
    }
    waits.extend(run.gates.iter().map(|gate| approval(told, gate)));
    waits.extend(run.by_hand.iter().map(|asked| by_hand(told, asked)));
    waits
}

fn person(told: &Telling<'_>, need: &Need) -> WaitsFor {
    let why = quoted(&need.text);
    let (usual, others) = match need.next.split_first() {
        Some((usual, others)) => (Some(usual), others.len()),
        None => (None, 0),
    };
    let or = match others {
        0 => String::new(),
        1 => " (or another command".to_owned(),
        others => format!(" (or {others} other commands"),
    };
    let or = match or.as_str() {
        "" => or,
        _ => format!("{or}, see `windlass show {}`)", told.run.run),
    };
    let text = match usual {
        Some(usual) => {
            format!("the owner of the state directory to type `{usual}`{or}, as {why}")
        }
        None => format!("the owner of the state directory, as {why}"),
    };
    WaitsFor {
        kind: Waits::Person,
        text,
        until_ms: None,
        next: need.next.clone(),
    }
}

fn approval(told: &Telling<'_>, gate: &Gate) -> WaitsFor {
    let who = match (&told.run.requester, told.run.single_user) {
        (Some(person), _) if gate.not_requester => {
            format!("somebody other than {person}")
        }
        (_, true) => "anybody who may decide gates, as there is no second person".to_owned(),
        (Some(person), false) => {
            format!("somebody other than {person}")
        }
        (None, false) => "a second person".to_owned(),
    };
    let until = match gate.expires_at_ms {
        Some(at) => format!(" until {}, when it expires and fails", (told.at)(at)),
        None => String::new(),
    };
    let command = match gate.next.first() {
        Some(command) => format!(" (`{command}`)"),
        None => String::new(),
    };
    let who = match missing(gate) {
        missing if missing.is_empty() => who,
        missing => missing,
    };
    WaitsFor {
        kind: Waits::Gate,
        text: format!("an approval of gate {} by {who}{command}{until}", gate.step),
        until_ms: gate.expires_at_ms,
        next: gate.next.clone(),
    }
}

/// The groups of which somebody is still to approve.
fn missing(gate: &Gate) -> String {
    let empty = gate.places.iter().filter(|place| place.filled_by.is_none());
    let groups: Vec<&str> = empty.map(|place| place.group.as_str()).collect();
    groups.join(" and ")
}

fn by_hand(told: &Telling<'_>, asked: &ByHand) -> WaitsFor {
    let who = match &told.run.requester {
        Some(person) if asked.not_requester => {
            format!("somebody other than {person}")
        }
        Some(_) | None => "a person".to_owned(),
    };
    let until = match asked.expires_at_ms {
        Some(at) => format!(" until {}, when it expires and fails", (told.at)(at)),
        None => String::new(),
    };
    let command = match asked.next.first() {
        Some(command) => format!(" (`{command}`)"),
        None => String::new(),
    };
    WaitsFor {
        kind: Waits::Hand,
        text: format!(
            "{who} to do {} by hand and say so{command}{until}",
            asked.node
        ),
        until_ms: asked.expires_at_ms,
        next: asked.next.clone(),
    }
}

/// The lock of the target, and who has it where that is known.
fn lock(run: &RunView) -> Option<WaitsFor> {
    if let Some(rescue) = suspended_for(run) {
        return Some(WaitsFor {
            kind: Waits::Lock,
            text: format!("the end of run {rescue}, its rescue"),
            until_ms: None,
            next: vec![format!("windlass why {rescue}")],
        });
    }
    let lock = run.lock.as_ref().filter(|lock| lock.state == "waiting")?;
    let target = quoted(run.target.as_deref().unwrap_or_default());
    // One that is held up itself does not stand in line.
    let is_held = matches!(run.state.as_str(), "paused" | "needs_operator" | "ending");
    let (by, next) = match &lock.held_by {
        Some(holder) => (
            format!(", held by run {holder}, until that has ended"),
            vec![format!("windlass why {holder}")],
        ),
        None => (String::new(), Vec::new()),
    };
    (!is_held).then(|| WaitsFor {
        kind: Waits::Lock,
        text: format!("the lock of {target}{by}"),
        until_ms: None,
        next,
    })
}

/// The rescue that has the place of the run.
fn suspended_for(run: &RunView) -> Option<&RunId> {
    let lock = run.lock.as_ref().filter(|lock| lock.state == "suspended")?;
    lock.held_by.as_ref()
}

/// What nobody need do anything about while the directory has an owner.
fn alone(told: &Telling<'_>) -> Vec<WaitsFor> {
    let mut waits = Vec::new();
    let items = |state: &'static str| {
        let steps = told.run.steps.iter();
        steps.flat_map(move |step| {
            let items = step.items.iter().filter(move |item| item.state == state);
            items.map(move |item| (step, item))
        })
    };
    let running: Vec<(&Step, &Item)> = items("running").collect();
    if !running.is_empty() {
        waits.push(attempts(told, &running));
    }
    waits.extend(lock(told.run));
    waits.extend(told.run.deferred.iter().map(|deferred| {
        let (step, why) = (&deferred.step, quoted(&deferred.why));
        let begins = match deferred.until_ms {
            Some(at) => format!(", so that {step} begins at {}", (told.at)(at)),
            None => format!(", before {step} begins"),
        };
        let run = &told.run.run;
        WaitsFor {
            kind: Waits::Window,
            text: format!("{why}{begins}"),
            until_ms: deferred.until_ms,
            next: vec![format!("windlass override {run} {step} --reason ...")],
        }
    }));
    let doubts = told.run.doubts.iter();
    waits.extend(
        doubts
            .filter(|doubt| doubt.escalated.is_none())
            .map(|doubt| {
                let until = (told.at)(doubt.observe_until_ms);
                let lives = match doubt.orphan_pid {
                    Some(pid) => format!(", of which process {pid} still lives"),
                    None => String::new(),
                };
                WaitsFor {
                    kind: Waits::Doubt,
                    text: format!(
                        "windlass to find out whether attempt {} of {} took effect{lives}, \
                         and asks a person after {until}",
                        doubt.attempt, doubt.node
                    ),
                    until_ms: Some(doubt.observe_until_ms),
                    next: Vec::new(),
                }
            }),
    );
    let mut timed = |text: String, until_ms: i64| {
        waits.push(WaitsFor {
            kind: Waits::Time,
            text,
            until_ms: Some(until_ms),
            next: Vec::new(),
        });
    };
    for (_, item) in items("backoff") {
        if let Some(at) = item.until_ms {
            let (next, when) = (item.attempt + 1, (told.at)(at));
            timed(
                format!("{when}, when attempt {next} of {} starts", item.node),
                at,
            );
        }
    }
    for (_, item) in items("polling") {
        if let Some(at) = item.until_ms {
            let when = (told.at)(at);
            timed(format!("{when}, when {} looks again", item.node), at);
        }
    }
    for step in &told.run.steps {
        if let Some(at) = step.until_ms {
            let when = (told.at)(at);
            timed(format!("{when}, when the wait {} is over", step.id), at);
        }
    }
    waits
}

fn attempts(told: &Telling<'_>, running: &[(&Step, &Item)]) -> WaitsFor {
    let one = |(step, item): &(&Step, &Item)| {
        let since = match item.started_at_ms {
            // The first attempt's start is not the latest one's.
            Some(at) if item.attempt == 1 => format!(", in flight since {}", (told.at)(at)),
            Some(_) | None => ", in flight".to_owned(),
        };
        let is_change = item.node.id.phase == windlass_core::id::Phase::Undo
            || matches!(step.effect.as_deref(), Some("reversible" | "irreversible"));
        let then = if is_change { "looked into" } else { "given up" };
        let until = match item.until_ms {
            Some(at) => format!(" and {then} after {}", (told.at)(at)),
            None => String::new(),
        };
        format!("attempt {} of {}{since}{until}", item.attempt, item.node)
    };
    let named: Vec<String> = running.iter().take(ATTEMPTS_NAMED_MAX).map(one).collect();
    let deadlines = running.iter().filter_map(|(_, item)| item.until_ms);
    WaitsFor {
        kind: Waits::Attempt,
        text: list(&named, ATTEMPTS_NAMED_MAX, running.len()),
        until_ms: deadlines.max(),
        next: Vec::new(),
    }
}

fn nobody(told: &Telling<'_>) -> WaitsFor {
    let run = told.run;
    let items = run.steps.iter().flat_map(|step| &step.items);
    let running: Vec<String> = items
        .filter(|item| item.state == "running")
        .map(|item| format!("attempt {} of {}", item.attempt, item.node))
        .collect();
    let (was, count) = (
        if running.len() == 1 { "was" } else { "were" },
        running.len(),
    );
    let left = match count {
        0 => String::new(),
        _ => format!(
            ", and {} {was} in flight when the last owner left",
            list(&running, ATTEMPTS_NAMED_MAX, count)
        ),
    };
    let resume = format!("windlass resume {}", run.run);
    WaitsFor {
        kind: Waits::Owner,
        text: format!(
            "somebody to drive it with `{resume}`, as nobody owns the state directory now{left}"
        ),
        until_ms: None,
        next: vec![resume],
    }
}
