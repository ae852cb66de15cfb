//! One sentence: what a run waits for, who or when unblocks it, and the last safe time to
//! stop it.

use serde::Serialize;
use windlass_core::id::RunId;
use windlass_core::refusal::Refusal;
use windlass_engine::outbox::Unsent;

use super::waits::{WaitsFor, waits};
use super::{Telling, quoted, stopping};
use crate::wire::{NodeName, Stop};

/// Most things that the sentence names.
const NAMED_MAX: usize = 3;

/// Why a run stands where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Why {
    pub run: RunId,
    /// The status word.
    pub state: String,
    /// One sentence for people.
    pub sentence: String,
    /// Everything that is waited for; the sentence names the first ones.
    pub waits: Vec<WaitsFor>,
    /// What a stop would still prevent; absent once the run has ended.
    pub stop: Option<Stop>,
    /// Whether a process owns the state directory.
    pub owned: bool,
    /// What plugins asked for and were not granted, in the latest attempt of each node.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<Refused>,
    /// Messages of the run that are not delivered or not done with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unsent: Vec<Unsent>,
}

/// Tells why a run stands where it stands.
pub fn why(told: &Telling<'_>) -> Why {
    let waits = waits(told);
    Why {
        run: told.run.run.clone(),
        state: told.run.state.clone(),
        sentence: format!("{}.", sentence(told, &waits)),
        waits,
        stop: told.run.stop.clone(),
        owned: told.owned,
        refusals: refusals(told),
        unsent: told.run.unsent.clone(),
    }
}

/// Something that a plugin was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    pub node: NodeName,
    pub attempt: u32,
    pub refusal: Refusal,
}

fn refusals(told: &Telling<'_>) -> Vec<Refused> {
    let items = told.run.steps.iter().flat_map(|step| &step.items);
    let refusals = items.flat_map(|item| {
        let refused = |refusal: &Refusal| Refused {
            node: item.node.clone(),
            attempt: item.attempt,
            refusal: refusal.clone(),
        };
        item.refusals.iter().map(refused)
    });
    refusals.collect()
}

fn sentence(told: &Telling<'_>, waits: &[WaitsFor]) -> String {
    let run = told.run;
    let head = format!("Run {} ({}) waits for", run.run, quoted(&run.name));
    if let Some(end) = &run.end {
        return format!("{head} nothing: it {}", ended(told, end));
    }
    let what = what(waits);
    match stopping::clause(told) {
        Some(stopping) => format!("{head} {what}; {stopping}"),
        None => format!("{head} {what}"),
    }
}

/// `succeeded at 01:42 UTC (every step succeeded)`.
pub(super) fn ended(told: &Telling<'_>, end: &str) -> String {
    let run = told.run;
    let end = match end {
        "cancelled" => "was cancelled",
        other => other,
    };
    let at = match run.ended_at_ms {
        Some(at) => format!(" at {}", (told.at)(at)),
        None => String::new(),
    };
    let reason = match run.reason.as_deref().map(quoted) {
        Some(reason) if !reason.is_empty() => format!(" ({reason})"),
        Some(_) | None => String::new(),
    };
    format!("{end}{at}{reason}")
}

/// The first things that are waited for. Phrases with commas of their own need more than
/// a comma between them.
pub(super) fn what(waits: &[WaitsFor]) -> String {
    let mut parts: Vec<String> = waits
        .iter()
        .take(NAMED_MAX)
        .map(|wait| wait.text.clone())
        .collect();
    if parts.is_empty() {
        return "nothing outside itself, as its next step is about to start".to_owned();
    }
    if waits.len() > NAMED_MAX {
        parts.push(format!("{} more things", waits.len() - NAMED_MAX));
    }
    parts.join("; and for ")
}
