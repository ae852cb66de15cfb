//! Plays a fixture: the real component in the real host, with the targets that the fixture
//! records, and says in what the call was not as it is written.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value as Json;
use tokio::time::Instant;
use windlass_core::id::{NodeId, RunId, SecretName};
use windlass_core::outcome::{Answer, Effected, Outcome};
use windlass_core::time::Timestamp;
use windlass_core::value::Value;
use windlass_engine::attempt::{AttemptLog, CancelSignal, Checkpoints, Progress, Refusals};
use windlass_engine::ports::{Secrets, StepContext};
use windlass_engine::redact::Redactor;

use crate::fixture::{Expect, Failed, Fixture, Phase, secrets_in, to_input};
use crate::plugin::Plugin;
use crate::powers::Powers;
use crate::runner::{Attempt, Runner};
use crate::stage::{Stage, Times};
use crate::state::Kind;

/// How long a guest may compute in a played call.
const PLAY_TIMEOUT: Duration = Duration::from_secs(60);

/// Plays a fixture; its log is written to `log`. What is wrong, in the order in which it
/// was found; nothing when all is as it is written.
pub async fn play(plugin: &Plugin, fixture: &Fixture, log: &Path) -> Vec<String> {
    let times = match times(fixture) {
        Ok(times) => times,
        Err(why) => return vec![why],
    };
    let stage = Stage::playing(times, &fixture.call.seed, &fixture.exchanges);
    let mut came = match call(plugin, fixture, log, stage.clone()).await {
        Ok(came) => came,
        Err(why) => return vec![why],
    };
    let mut wrong = stage.wrong();
    // An unmatched request ended the call: how says nothing more.
    if wrong.is_empty() || fixture.exchanges.is_empty() {
        if fixture.expect.checkpoint.is_some() {
            let kept = stage.checkpoint();
            came.checkpoint =
                kept.map(|text| serde_json::from_str(&text).unwrap_or(Json::String(text)));
        }
        wrong.extend(difference(&fixture.expect, &came));
    }
    wrong
}

pub(crate) fn times(fixture: &Fixture) -> Result<Times, String> {
    let now = fixture.now().ok_or("`call.now` is no time")?;
    let span = i64::try_from(fixture.call.timeout_ms).unwrap_or(i64::MAX);
    let deadline = Timestamp(now.0.saturating_add(span));
    Ok(Times { now, deadline })
}

/// Makes the fixture's call on a stage, and tells how it ended.
pub(crate) async fn call(
    plugin: &Plugin,
    fixture: &Fixture,
    log: &Path,
    stage: Stage,
) -> Result<Expect, String> {
    let kind = match fixture.phase {
        Phase::Run => Kind::Run,
        Phase::Reconcile | Phase::ReconcileUndo => Kind::Reconcile,
        Phase::Undo => Kind::Undo,
    };
    let attempt = match attempt(plugin, fixture, log, stage, kind)? {
        Ok(attempt) => attempt,
        Err(outcome) => return Ok(of_outcome(&outcome)),
    };
    Ok(match kind {
        Kind::Run => of_outcome(&attempt.run().await),
        Kind::Undo => of_outcome(&attempt.undo().await),
        Kind::Reconcile => of_answer(&attempt.reconcile().await),
    })
}

/// The fixture's call, ready to be made; the inner error is its end when its inputs are wrong.
pub(crate) fn attempt(
    plugin: &Plugin,
    fixture: &Fixture,
    log: &Path,
    stage: Stage,
    kind: Kind,
) -> Result<Result<Attempt, Outcome>, String> {
    let times = times(fixture)?;
    let name = &fixture.action;
    let Some(action) = plugin.manifest().actions.get(name) else {
        return Err(format!("the plugin has no action `{name}`"));
    };
    let input = to_input(&fixture.with);
    let mut names = Vec::new();
    secrets_in(&input, &mut names);
    // A stand-in: no fixture holds a value.
    let value = |name: &SecretName| SecretString::from(format!("fixture-value-of-{name}"));
    let secrets: BTreeMap<SecretName, SecretString> = names
        .into_iter()
        .map(|name| (name.clone(), value(&name)))
        .collect();
    let redactor = Redactor::new(secrets.values());
    let (progress, _) = Progress::new(&redactor);
    let step = match fixture.phase {
        Phase::Run | Phase::Reconcile => fixture.call.step.clone(),
        Phase::Undo | Phase::ReconcileUndo => format!("undo:{}", fixture.call.step),
    };
    let node: NodeId = step.parse().map_err(|_| format!("`{step}` is no step"))?;
    let run: RunId = fixture
        .call
        .run
        .parse()
        .map_err(|_| "`call.run` is no run".to_owned())?;
    let uses = format!("{}/{name}", plugin.manifest().name);
    let _ = std::fs::remove_file(log);
    let checkpoint = fixture.checkpoint.as_ref().map(Json::to_string);
    let (_, cancel) = CancelSignal::new();
    let (checkpoints, _) = Checkpoints::new();
    let (refusals, _) = Refusals::new();
    let context = StepContext {
        run,
        node,
        attempt: fixture.call.attempt,
        uses: uses.parse().map_err(|_| format!("`{uses}` is no action"))?,
        effect: action.effect,
        input,
        secrets: Secrets::new(secrets),
        idempotency_key: fixture.call.idempotency_key.clone(),
        fence: None,
        deadline: times.deadline,
        deadline_instant: Instant::now() + PLAY_TIMEOUT,
        cancel,
        checkpoints,
        checkpoint,
        refusals,
        log: AttemptLog::new(log.to_owned(), &redactor, progress.clone()),
        progress,
    };
    let powers = Powers::asked(action, plugin.host());
    let runner = Runner::new(plugin.clone(), name, powers);
    let runner = runner.ok_or_else(|| format!("the plugin has no action `{name}`"))?;
    Ok(Attempt::of(&runner.on(stage), kind, None, context))
}

fn json(value: &Value) -> Json {
    serde_json::to_value(value).unwrap_or(Json::Null)
}

/// Of evidence what the plugin itself said.
fn claimed(evidence: &Value) -> Json {
    json(evidence.get("plugin").unwrap_or(evidence))
}

pub(crate) fn of_outcome(outcome: &Outcome) -> Expect {
    match outcome {
        Outcome::Succeeded { outputs, .. } => Expect {
            output: Some(json(outputs)),
            ..Expect::default()
        },
        Outcome::Failed(failure) => Expect {
            failure: Some(Failed {
                effect: match failure.effect {
                    Effected::None => "none",
                    Effected::Settled => "settled",
                    Effected::Unknown => "unknown",
                }
                .to_owned(),
                code: failure.code.clone(),
                message: failure.message.clone(),
            }),
            ..Expect::default()
        },
    }
}

pub(crate) fn of_answer(answer: &Answer) -> Expect {
    let mut expect = Expect::default();
    match answer {
        Answer::Happened { outputs } => expect.happened = Some(json(outputs)),
        Answer::NotHappened { evidence } => expect.not_happened = Some(claimed(evidence)),
        Answer::Settled { state } => expect.settled = Some(claimed(state)),
        Answer::InProgress { note } => expect.in_progress = Some(note.clone()),
        Answer::Unknown { note } => expect.unknown = Some(note.clone()),
        Answer::Failed { message } => expect.error = Some(message.clone()),
    }
    expect
}

/// In what an end is not the expected one. Messages are expected in part, and outputs that
/// are null count as left out.
fn difference(expected: &Expect, came: &Expect) -> Option<String> {
    let held = |expected: &Option<String>, came: &Option<String>| match (expected, came) {
        (Some(expected), Some(came)) if came.contains(expected.as_str()) => Some(expected.clone()),
        _ => came.clone(),
    };
    let mut seen = came.clone();
    seen.in_progress = held(&expected.in_progress, &came.in_progress);
    seen.unknown = held(&expected.unknown, &came.unknown);
    seen.error = held(&expected.error, &came.error);
    if let (Some(expected), Some(seen)) = (&expected.failure, &mut seen.failure)
        && seen.message.contains(&expected.message)
    {
        seen.message.clone_from(&expected.message);
    }
    let mut expected = expected.clone();
    for ends in [&mut expected, &mut seen] {
        for outputs in [&mut ends.output, &mut ends.happened] {
            if let Some(Json::Object(map)) = outputs {
                map.retain(|_, value| !value.is_null());
            }
        }
    }
    let text = |expect: &Expect| serde_json::to_string(expect).unwrap_or_default();
    (expected != seen).then(|| {
        format!(
            "it ended {}, and the fixture has {}",
            text(&seen),
            text(&expected)
        )
    })
}
