//! Manual backups: made, listed, deleted. They are full; a backup's name is used once.

use serde_json::{Value, json};

use super::super::time::Time;
use super::operation::Doing;
use super::{Cloud, Kind, Refusal, Trouble, Work};

const NAME_CHARS: std::ops::RangeInclusive<usize> = 4..=64;
const DESCRIPTION_CHARS_MAX: usize = 256;

/// What a finished backup of the lab is said to weigh.
const SIZE_KB: u64 = 43_250;

/// A backup.
#[derive(Debug, Clone)]
pub(crate) struct Backup {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) instance: String,
    pub(crate) status: &'static str,
    pub(crate) begun: Time,
    pub(crate) ended: Option<Time>,
}

/// What the list of backups is asked for.
#[derive(Debug, Default)]
pub(crate) struct BackupFilter {
    pub(crate) instance: String,
    pub(crate) id: Option<String>,
    pub(crate) kind: Option<String>,
}

impl Cloud {
    /// Begins a manual backup; the answer has no job.
    pub(crate) fn create_backup(
        &mut self,
        now: Time,
        project: &str,
        instance: &str,
        name: &str,
        description: &str,
    ) -> Result<Value, Refusal> {
        name_is_good(name)?;
        description_is_good(description)?;
        let found = self.instance(project, instance)?;
        if found.kind == Kind::Replica {
            return Err(Refusal::not_supported("Read replicas cannot be backed up."));
        }
        if let Some(operation) = self.operation_on(instance)
            && matches!(operation.doing, Doing::Backup { .. })
        {
            return Err(Refusal::backup_is_running());
        }
        self.must_be_free(found)?;
        let taken =
            |backup: &Backup| backup.name == name && self.in_project(&backup.instance, project);
        if self.backups.iter().any(taken) {
            return Err(Refusal::name_is_taken(name));
        }
        let fails = self
            .troubles
            .strikes(Trouble::BackupFails)
            .then(|| "The backup could not be completed.".to_owned());
        let backup = Backup {
            id: self.ids.with("br03"),
            name: name.to_owned(),
            description: description.to_owned(),
            instance: instance.to_owned(),
            status: "BUILDING",
            begun: now,
            ended: None,
        };
        let work = match fails {
            Some(_) => Work::Nothing,
            None => Work::Backup {
                instance: instance.to_owned(),
                backup: backup.id.clone(),
            },
        };
        let doing = Doing::Backup {
            backup: backup.id.clone(),
        };
        self.begin(now, doing, vec![instance.to_owned()], fails, work);
        let answer = json!({"backup": {
            "id": backup.id, "instance_id": backup.instance, "name": backup.name,
            "description": backup.description, "begin_time": backup.begun.rds(),
            "status": backup.status, "type": "manual",
        }});
        self.backups.push(backup);
        Ok(answer)
    }

    pub(super) fn backup_ends(
        &mut self,
        at: Time,
        id: &str,
        asked: Result<(), String>,
    ) -> Result<(), String> {
        let backup = self.backups.iter_mut().find(|backup| backup.id == id);
        // One that runs cannot be deleted.
        let backup = backup.expect("a running backup is kept");
        backup.ended = Some(at);
        backup.status = if asked.is_ok() { "COMPLETED" } else { "FAILED" };
        asked
    }

    /// The answer to the list of backups; the caller has checked that an instance is named.
    pub(crate) fn backups(
        &self,
        project: &str,
        filter: &BackupFilter,
        (offset, limit): (usize, usize),
    ) -> Result<Value, Refusal> {
        let instance = self.instance(project, &filter.instance)?;
        let matching: Vec<&Backup> = self
            .backups
            .iter()
            .rev()
            .filter(|backup| {
                backup.instance == instance.id
                    && filter.id.as_ref().is_none_or(|id| *id == backup.id)
                    && filter.kind.as_ref().is_none_or(|kind| kind == "manual")
            })
            .collect();
        let shown: Vec<Value> = matching
            .iter()
            .skip(offset)
            .take(limit)
            .map(|backup| {
                json!({
                    "id": backup.id, "name": backup.name, "type": "manual",
                    "size": if backup.status == "COMPLETED" { SIZE_KB } else { 0 },
                    "status": backup.status, "begin_time": backup.begun.rds(),
                    "end_time": backup.ended.map(Time::rds), "instance_id": backup.instance,
                    "datastore": {"type": instance.engine, "version": instance.major()},
                })
            })
            .collect();
        Ok(json!({"backups": shown, "total_count": matching.len()}))
    }

    /// Deletes a manual backup at once.
    pub(crate) fn delete_backup(&mut self, project: &str, id: &str) -> Result<(), Refusal> {
        let found = self
            .backups
            .iter()
            .position(|backup| backup.id == id && self.in_project(&backup.instance, project))
            .ok_or_else(|| Refusal::no_such_backup(id))?;
        if self.backups[found].status == "BUILDING" {
            return Err(Refusal::backup_is_running());
        }
        self.backups.remove(found);
        Ok(())
    }
}

fn name_is_good(name: &str) -> Result<(), Refusal> {
    let good = NAME_CHARS.contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    good.then_some(())
        .ok_or_else(|| Refusal::bad_parameter("The name of the backup is invalid."))
}

fn description_is_good(description: &str) -> Result<(), Refusal> {
    let good = description.chars().count() <= DESCRIPTION_CHARS_MAX
        && !description.contains(['>', '!', '<', '"', '&', '\'', '=']);
    good.then_some(())
        .ok_or_else(|| Refusal::bad_parameter("The description of the backup is invalid."))
}
