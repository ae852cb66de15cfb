//! `backup`: a full backup, evidence for the guard of the same name.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use windlass_plugin::{Action, Answer, Attempt, Doubt, Effect, Failure, Method};

use crate::access::{Access, with_identity};
use crate::cloud::Cloud;
use crate::judge::backup::{Kept, Start, State, start, state};
use crate::judge::upgrade::GRACE_MS;
use crate::model::{Backup, Made, said};
use crate::time;

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Input {
    #[serde(flatten)]
    access: Access,
    /// The primary instance's id: replicas cannot be backed up.
    instance_id: String,
    /// What the guard is for; `rds:REGION/ID` when left out.
    target: Option<String>,
}

/// The first four are the evidence for the guard.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Output {
    target: String,
    /// The backup's id.
    id: String,
    /// When it was begun: what was written later is not in it.
    taken_at: String,
    /// `completed`: the cloud says that it is whole; nobody restored it.
    verified_how: String,
    name: String,
    completed_at: Option<String>,
    size_kb: Option<f64>,
}

pub(crate) fn action() -> Action {
    let action = Action::new(
        "backup",
        "Takes a full backup of an instance and waits until it is completed",
        Effect::Idempotent,
        run,
    )
    .reads(&[Method::Get], "{endpoint}/v3/*/backups")
    .sends(&[Method::Post], "{endpoint}/v3/*/backups")
    .reconcile(reconcile)
    .provides("backup")
    .timeout(Duration::from_secs(2 * 3600))
    .settle(Duration::from_secs(60))
    .observe(Duration::from_secs(2 * 3600));
    with_identity(action, false)
}

fn run(attempt: &Attempt, input: Input) -> Result<Output, Failure> {
    let cloud = Cloud::new(attempt, &input.access, input.access.near())?;
    let existing = cloud.backups(&input.instance_id)?;
    let kept = match start(attempt.idempotency_key(), &existing) {
        Start::Adopt(own) => {
            attempt.log(&format!(
                "the backup {} of an earlier attempt is there",
                own.name
            ));
            Kept {
                instance_id: input.instance_id.clone(),
                name: own.name,
                id: Some(own.id),
            }
        }
        Start::Make(name) => make(attempt, &cloud, &input, name)?,
        Start::Spent => {
            let what = "every name that this step may use belongs to a backup that failed";
            return Err(Failure::none("names_spent", what));
        }
    };
    wait(&cloud, &input, &kept)
}

fn make(
    attempt: &Attempt,
    cloud: &Cloud<'_>,
    input: &Input,
    name: String,
) -> Result<Kept, Failure> {
    let mut kept = Kept {
        instance_id: input.instance_id.clone(),
        name,
        id: None,
    };
    attempt.checkpoint(&kept)?;
    let description = format!("windlass run {}, step {}", attempt.run(), attempt.step());
    let plain = |c: &char| !">!<\"&'=".contains(*c);
    let description: String = description.chars().filter(plain).take(256).collect();
    let body = json!({
        "instance_id": input.instance_id,
        "name": kept.name,
        "description": description,
    });
    let response = cloud.change(Method::Post, "/backups", &body)?;
    if let Ok(made) = response.json::<Made>()
        && !made.backup.id.is_empty()
    {
        kept.id = Some(made.backup.id);
        attempt.checkpoint(&kept)?;
    }
    Ok(kept)
}

fn wait(cloud: &Cloud<'_>, input: &Input, kept: &Kept) -> Result<Output, Failure> {
    let begun = cloud.now();
    loop {
        match own(cloud, kept) {
            Ok(Some(backup)) => match state(&backup) {
                State::Completed => return Ok(output(cloud, input, &backup)),
                State::Failed => {
                    let what = format!("the backup {} failed", backup.name);
                    return Err(Failure::settled("backup_failed", what));
                }
                State::Leaving => {
                    let what = format!("the backup {} is being deleted", backup.name);
                    return Err(Failure::settled("backup_deleted", what));
                }
                State::Going => {
                    let line = format!("the backup {} is {}", kept.name, said(&backup.status));
                    cloud.attempt().progress(&line);
                    cloud.pause()?;
                }
            },
            Ok(None) if cloud.now() > begun + GRACE_MS => {
                let what = format!("the backup {} is not in the list", kept.name);
                return Err(Failure::unknown("backup_lost", what));
            }
            Ok(None) => cloud.pause()?,
            Err(trouble) => cloud.pause_after(&trouble)?,
        }
    }
}

fn own(cloud: &Cloud<'_>, kept: &Kept) -> Result<Option<Backup>, crate::cloud::Trouble> {
    let found = cloud.backups(&kept.instance_id)?;
    Ok(found.into_iter().find(|backup| match &kept.id {
        Some(id) => backup.id == *id,
        None => backup.name == kept.name,
    }))
}

fn output(cloud: &Cloud<'_>, input: &Input, backup: &Backup) -> Output {
    let target = input.target.clone();
    Output {
        target: target
            .unwrap_or_else(|| format!("rds:{}/{}", cloud.place.region, input.instance_id)),
        id: backup.id.clone(),
        taken_at: time::parse(&backup.begin_time)
            .map_or_else(|| backup.begin_time.clone(), time::text),
        verified_how: "completed".to_owned(),
        name: backup.name.clone(),
        completed_at: time::parse(&backup.end_time).map(time::text),
        size_kb: backup.size,
    }
}

fn reconcile(attempt: &Attempt, input: Input, doubt: &Doubt) -> Result<Answer<Output>, String> {
    let cloud = Cloud::new(attempt, &input.access, input.access.near())
        .map_err(|failure| failure.message().to_owned())?;
    let Some(kept) = doubt.checkpoint::<Kept>() else {
        // What is sent is kept first.
        let seen = cloud
            .backups(&input.instance_id)
            .map_err(|trouble| trouble.to_string())?;
        return Ok(Answer::NotHappened(
            json!({"sent": false, "backups": seen.len()}),
        ));
    };
    let own = own(&cloud, &kept).map_err(|trouble| trouble.to_string())?;
    let Some(backup) = own else {
        return Ok(match &kept.id {
            None => Answer::NotHappened(json!({"name": kept.name, "listed": false})),
            Some(id) => Answer::Unknown(format!("the backup {id} was made and is not listed")),
        });
    };
    Ok(match state(&backup) {
        State::Completed => Answer::Happened(output(&cloud, &input, &backup)),
        State::Going => Answer::InProgress(format!("the backup is {}", said(&backup.status))),
        State::Failed | State::Leaving => {
            Answer::Settled(json!({"name": backup.name, "status": backup.status}))
        }
    })
}
