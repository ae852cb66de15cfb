//! `upgrade_minor`: the instance and its replicas go to the newest minor version. Nothing
//! takes that back.

use std::cmp::Ordering;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use windlass_plugin::{Action, Answer, Attempt, Doubt, Effect, Failure, Method, Response};

use crate::access::{Access, id, with_identity};
use crate::cloud::{Cloud, Trouble};
use crate::judge::upgrade::{Kept, Look, Seen, Verdict, judge};
use crate::model::{Instance, Progress, said};
use crate::version;

/// How far back tasks are looked at.
const TASKS_SPAN_MS: i64 = 86_400_000;

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Input {
    #[serde(flatten)]
    access: Access,
    /// The primary instance's id.
    instance_id: String,
    /// The version that is expected to run before; on another one nothing is done.
    from_version: Option<String>,
    /// When the servers were started, as a query told: kept for people who look into a doubt.
    servers_started: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Output {
    /// Whether this step upgraded it; false when there was nothing newer.
    upgraded: bool,
    from_version: String,
    version: String,
    /// When it was asked for, in milliseconds since 1970.
    asked_at_ms: i64,
    job_id: Option<String>,
}

pub(crate) fn action() -> Action {
    let rds = |path: &str| format!("{{endpoint}}/v3/*/{path}");
    let get = &[Method::Get];
    let action = Action::new(
        "upgrade_minor",
        "Upgrades an instance and its replicas to the newest minor version; it reboots",
        Effect::Irreversible,
        run,
    )
    .reads(get, &rds("instances"))
    .reads(get, &rds("tasklist"))
    .reads(get, &rds("jobs"))
    .reads(get, &rds("datastores/postgresql/small-version"))
    .sends(&[Method::Post], &rds("instances/*/db-upgrade"))
    .reconcile(reconcile)
    .timeout(Duration::from_secs(3600))
    .settle(Duration::from_secs(60))
    .observe(Duration::from_secs(3600));
    with_identity(action, false)
}

fn run(attempt: &Attempt, input: Input) -> Result<Output, Failure> {
    let cloud = Cloud::new(attempt, &input.access, input.access.near())?;
    let instance_id = id("instance_id", &input.instance_id)?;
    let instance = cloud.instance(instance_id)?;
    let Some(instance) = instance else {
        let what = format!("there is no instance {instance_id} in this project");
        return Err(Failure::none("not_found", what));
    };
    if let Some(kept) = begun_before(&cloud, &input, &instance)? {
        return adopt(&cloud, kept);
    }
    let kept = before(&cloud, &input, &instance)?;
    if cloud.newer(instance.version())? == Some(None) {
        return Ok(output(&kept, false, kept.version.clone()));
    }
    attempt.checkpoint(&kept)?;
    let path = format!("/instances/{instance_id}/db-upgrade");
    let response = match cloud.change(Method::Post, &path, &json!({"is_delayed": false})) {
        Ok(response) => response,
        Err(refusal) if refusal.is_none() => return refused(&cloud, &kept, refusal),
        Err(failure) => return Err(failure),
    };
    let job_id = job_id(&response);
    adopt(&cloud, Kept { job_id, ..kept })
}

/// Waits for what the cloud took on.
fn adopt(cloud: &Cloud<'_>, kept: Kept) -> Result<Output, Failure> {
    let kept = Kept {
        accepted: true,
        ..kept
    };
    cloud.attempt().checkpoint(&kept)?;
    wait(cloud, &kept)
}

/// What a refusal is worth. A request that a gateway delivered twice is answered as busy, by
/// its own first delivery: an instance that was at rest before and is at work now is waited
/// for, and the refusal stands once nothing came of it in two looks, one after the other.
fn refused(cloud: &Cloud<'_>, kept: &Kept, refusal: Failure) -> Result<Output, Failure> {
    let mut was_at_rest = false;
    loop {
        let note = match judge(kept, &look(cloud, kept)) {
            Verdict::Happened(version) => return Ok(output(kept, true, version)),
            Verdict::Settled { code, state } => return Err(went_back(kept, code, &state)),
            Verdict::InProgress(note) => {
                was_at_rest = false;
                note
            }
            Verdict::NotHappened(_) | Verdict::Unknown(_) if was_at_rest => return Err(refusal),
            Verdict::NotHappened(_) | Verdict::Unknown(_) => {
                was_at_rest = true;
                refusal.message().to_owned()
            }
        };
        cloud.attempt().progress(&note);
        cloud.pause()?;
    }
}

fn went_back(kept: &Kept, code: &str, state: &Value) -> Failure {
    let what = format!("the upgrade ended on {} again", kept.version);
    Failure::settled(code, what).with_evidence(state)
}

/// What an earlier attempt of this step began although it was refused: since the version that
/// the runbook saw, the instance was upgraded or is being upgraded.
fn begun_before(
    cloud: &Cloud<'_>,
    input: &Input,
    instance: &Instance,
) -> Result<Option<Kept>, Failure> {
    let Some(expected) = &input.from_version else {
        return Ok(None);
    };
    if cloud.attempt().number() == 1 {
        return Ok(None);
    }
    let now = cloud.now();
    let since = i64::try_from(now).unwrap_or(i64::MAX) - TASKS_SPAN_MS;
    let upgrading = cloud
        .tasks(&instance.id, since)?
        .iter()
        .any(|task| task.is_upgrade() && task.progress() == Progress::Going);
    let newer = version::order(instance.version(), expected) == Some(Ordering::Greater);
    Ok((upgrading || newer).then(|| Kept {
        instance_id: instance.id.clone(),
        version: expected.clone(),
        servers_started: input.servers_started.clone(),
        updated: instance.updated.clone(),
        tasks: Vec::new(),
        asked_at: now,
        accepted: true,
        job_id: None,
    }))
}

/// What is there before: refuses what cannot be upgraded, before anything is sent.
fn before(cloud: &Cloud<'_>, input: &Input, instance: &Instance) -> Result<Kept, Failure> {
    let refuse = |code: &str, what: String| Err(Failure::none(code, what));
    if !instance.is_postgres() || instance.is_replica() {
        return refuse(
            "not_supported",
            "only a primary of PostgreSQL is upgraded".to_owned(),
        );
    }
    if !instance.is_at_rest() {
        let sick = instance.sick_nodes().join(", ");
        let what = format!("the instance is {} {sick}", said(&instance.status));
        return refuse("state_forbids", what.trim_end().to_owned());
    }
    if let Some(expected) = &input.from_version
        && expected != instance.version()
    {
        let what = format!("it runs {}, not {expected}", instance.version());
        return refuse("other_version", what);
    }
    let now = cloud.now();
    let since = i64::try_from(now).unwrap_or(i64::MAX) - TASKS_SPAN_MS;
    let tasks = cloud.tasks(&instance.id, since)?;
    if let Some(task) = tasks.iter().find(|task| task.progress() == Progress::Going) {
        let what = format!("the task {} is {}", task.name, said(&task.status));
        return refuse("busy", what);
    }
    Ok(Kept {
        instance_id: instance.id.clone(),
        version: instance.version().to_owned(),
        servers_started: input.servers_started.clone(),
        updated: instance.updated.clone(),
        tasks: tasks.into_iter().map(|task| task.id).collect(),
        asked_at: now,
        accepted: false,
        job_id: None,
    })
}

pub(crate) fn job_id(response: &Response) -> Option<String> {
    let told: Value = response.json().ok()?;
    let id = told.get("job_id").and_then(Value::as_str);
    id.filter(|id| !id.is_empty()).map(str::to_owned)
}

fn output(kept: &Kept, upgraded: bool, version: String) -> Output {
    Output {
        upgraded,
        from_version: kept.version.clone(),
        version,
        asked_at_ms: i64::try_from(kept.asked_at).unwrap_or(i64::MAX),
        job_id: kept.job_id.clone(),
    }
}

fn wait(cloud: &Cloud<'_>, kept: &Kept) -> Result<Output, Failure> {
    loop {
        let note = match judge(kept, &look(cloud, kept)) {
            Verdict::Happened(version) => return Ok(output(kept, true, version)),
            Verdict::Settled { code, state } => return Err(went_back(kept, code, &state)),
            // The request was taken on, so this can still change.
            Verdict::NotHappened(_) => "nothing is seen of it yet".to_owned(),
            Verdict::InProgress(note) | Verdict::Unknown(note) => note,
        };
        cloud.attempt().progress(&note);
        cloud.pause()?;
    }
}

/// Asks every witness. One that does not answer is none.
fn look(cloud: &Cloud<'_>, kept: &Kept) -> Look {
    let told = |trouble: &Trouble| cloud.attempt().log(&format!("asked in vain: {trouble}"));
    let instance = cloud.instance(&kept.instance_id).inspect_err(told);
    let job = match kept.job_id.as_deref().map(|id| cloud.job(id)) {
        None => Seen::NotKnown,
        Some(Ok(Some(job))) => Seen::Job(job),
        Some(Ok(None)) => Seen::Missing,
        Some(Err(trouble)) => {
            told(&trouble);
            Seen::Unreadable
        }
    };
    let since = i64::try_from(kept.asked_at).unwrap_or(i64::MAX) - TASKS_SPAN_MS;
    let tasks = cloud.tasks(&kept.instance_id, since).inspect_err(told);
    Look {
        now: cloud.now(),
        instance: instance.ok().flatten(),
        job,
        tasks: tasks.ok(),
    }
}

fn reconcile(attempt: &Attempt, input: Input, doubt: &Doubt) -> Result<Answer<Output>, String> {
    let cloud = Cloud::new(attempt, &input.access, input.access.near())
        .map_err(|failure| failure.message().to_owned())?;
    let Some(kept) = doubt.checkpoint::<Kept>() else {
        // What is sent is kept first.
        let seen = cloud
            .instance(&input.instance_id)
            .map_err(|trouble| trouble.to_string())?;
        let version = seen.map(|instance| instance.version().to_owned());
        return Ok(Answer::NotHappened(
            json!({"sent": false, "version": version}),
        ));
    };
    Ok(match judge(&kept, &look(&cloud, &kept)) {
        Verdict::Happened(version) => Answer::Happened(output(&kept, true, version)),
        Verdict::Settled { code, state } => {
            Answer::Settled(json!({"what": code, "state": state, "before": kept}))
        }
        Verdict::InProgress(note) => Answer::InProgress(note),
        Verdict::NotHappened(evidence) => Answer::NotHappened(evidence),
        Verdict::Unknown(note) => Answer::Unknown(note),
    })
}
