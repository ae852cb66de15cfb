//! `dr_remove`: a relation is taken apart, on the DR side first. The warm copy is gone then.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use windlass_plugin::{Action, Answer, Attempt, Doubt, Effect, Failure, Method};

use super::{Both, Input, Kept, in_the_middle, reads};
use crate::cloud::CHANGE_TIMEOUT;
use crate::judge::dr::{Health, Move, Next, remove};
use crate::model::Progress;

/// How long after its send deadline a request may still be carried out.
const SETTLE: Duration = Duration::from_secs(60);

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Output {
    /// Whether there was something to remove.
    changed: bool,
    /// What was done, such as `remove_dr`.
    moves: Vec<String>,
}

pub(crate) fn action() -> Action {
    let delete = "v3/*/instances/*/delete-disaster-recovery";
    let action = Action::new(
        "dr_remove",
        "Removes a DR relation, on the DR side first",
        Effect::Irreversible,
        run,
    )
    .sends(&[Method::Delete], &format!("{{endpoint}}/{delete}"))
    .sends(&[Method::Delete], &format!("{{dr_endpoint}}/{delete}"))
    .reconcile(reconcile)
    .timeout(Duration::from_secs(1800))
    .settle(SETTLE)
    .observe(Duration::from_secs(1800));
    reads(action)
}

fn run(attempt: &Attempt, input: Input) -> Result<Output, Failure> {
    let both = Both::new(attempt, &input.access, &input.far, &input.instance_id)?;
    let mut kept = Kept::default();
    match go(&both, &mut kept) {
        Ok(()) => Ok(output(&kept)),
        Err(failure) => Err(in_the_middle(failure, &kept)),
    }
}

fn output(kept: &Kept) -> Output {
    Output {
        changed: !kept.made.is_empty(),
        moves: kept
            .made
            .iter()
            .map(|made| made.word().to_owned())
            .collect(),
    }
}

fn go(both: &Both<'_>, kept: &mut Kept) -> Result<(), Failure> {
    loop {
        let look = match both.look() {
            Ok(look) => look,
            Err(trouble) if kept.made.is_empty() => return Err(trouble.into()),
            Err(trouble) => {
                both.near.pause_after(&trouble)?;
                continue;
            }
        };
        if !look.offered {
            return Err(Failure::none(
                "not_offered",
                "the cloud offers no endpoints for DR",
            ));
        }
        let sides = look.sides.as_ref();
        let sides = sides.map_err(|what| Failure::none("other_relation", what.as_str()))?;
        match remove(sides, &kept.made) {
            Next::Done => return Ok(()),
            // Nothing was sent, and a build that goes on is nothing to wait for.
            Next::Wait(note) if kept.made.is_empty() => return Err(Failure::none("busy", note)),
            Next::Wait(note) => {
                both.near.attempt().progress(&note);
                both.near.pause()?;
            }
            Next::Make(wanted) => both.make(wanted, &look, None, kept)?,
            Next::Stuck(what) => return Err(Failure::settled("dr_stuck", what)),
        }
    }
}

fn reconcile(attempt: &Attempt, input: Input, doubt: &Doubt) -> Result<Answer<Output>, String> {
    let both = Both::new(attempt, &input.access, &input.far, &input.instance_id)
        .map_err(|failure| failure.message().to_owned())?;
    let look = both.look().map_err(|trouble| trouble.to_string())?;
    let sides = look.sides.as_ref().map_err(String::clone)?;
    if !look.offered {
        return Ok(Answer::Unknown(
            "the cloud offers no endpoints for DR".to_owned(),
        ));
    }
    let Some(kept) = doubt.checkpoint::<Kept>() else {
        // What is sent is kept first.
        return Ok(Answer::NotHappened(
            json!({"sent": false, "sides": sides.said()}),
        ));
    };
    if let (Some(job), Some(last)) = (&kept.job_id, kept.made.last())
        && let Ok(Some(job)) = both.cloud(*last).job(job)
        && job.progress() == Progress::Going
    {
        return Ok(Answer::InProgress(format!(
            "{}: {}",
            last.word(),
            job.said()
        )));
    }
    let is_seen = match kept.made.last() {
        Some(Move::RemoveDr) => sides.dr.is_none(),
        Some(Move::RemovePrimary) => sides.primary.is_none(),
        Some(Move::BuildPrimary | Move::BuildDr) | None => true,
    };
    let is_awaited =
        kept.job_id.is_none() && both.near.now() < kept.asked_at + millis(CHANGE_TIMEOUT + SETTLE);
    Ok(match sides.health() {
        Health::Absent => Answer::Happened(output(&kept)),
        // What is half done now is no end: whoever built upon it would be undone by what comes.
        Health::Half if is_awaited && !is_seen => Answer::InProgress(format!(
            "a request that nobody answered may be on its way; {}",
            sides.said()
        )),
        Health::Building => Answer::InProgress(sides.said()),
        // Only the request of the first move was about to leave, and nothing came of it.
        Health::Normal | Health::Abnormal | Health::Failed
            if sides.dr.is_some() && sides.primary.is_some() && kept.job_id.is_none() =>
        {
            Answer::NotHappened(json!({"sides": sides.said()}))
        }
        Health::Normal | Health::Abnormal | Health::Failed if sides.dr.is_some() => {
            Answer::Unknown(format!("a removal was taken on, and yet: {}", sides.said()))
        }
        Health::Half | Health::Normal | Health::Abnormal | Health::Failed => {
            Answer::Settled(json!({"what": "one side is removed", "sides": sides.said()}))
        }
    })
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
