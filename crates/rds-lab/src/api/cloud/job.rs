//! Jobs, which the service calls tasks: what is known of each, and from when on.

use serde_json::{Value, json};

use super::super::time::Time;
use super::{Cloud, Refusal};

/// A job.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// Dashed or not.
    pub id: String,
    /// What it does. No document names the jobs of upgrades and of disaster recovery; these
    /// names are the lab's own.
    pub name: &'static str,
    /// The instance that it works on.
    pub instance: String,
    /// When it began.
    pub created: Time,
    /// From when on it can be looked up; `None` is never.
    pub visible: Option<Time>,
    /// When it should be through, for its progress.
    pub expected: Time,
    /// When it ended, and why it failed.
    pub ended: Option<(Time, Option<String>)>,
}

impl Job {
    pub(crate) fn status(&self) -> &'static str {
        match self.ended {
            None => "Running",
            Some((_, None)) => "Completed",
            Some((_, Some(_))) => "Failed",
        }
    }

    fn percent(&self, now: Time) -> u64 {
        let whole = self.created.distance(self.expected).as_millis().max(1);
        let done = self.created.distance(now).as_millis();
        u64::try_from((done * 100 / whole).min(99)).unwrap_or(99)
    }

    fn fail_reason(&self) -> &str {
        match &self.ended {
            Some((_, Some(reason))) => reason,
            Some((_, None)) | None => "",
        }
    }

    fn is_visible(&self, now: Time) -> bool {
        self.visible.is_some_and(|visible| visible <= now)
    }
}

/// What `tasklist` is asked for.
#[derive(Debug, Default)]
pub(crate) struct TaskFilter {
    pub(crate) instance: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) from: Option<u64>,
    pub(crate) to: Option<u64>,
}

impl Cloud {
    /// The answer to `jobs?id=`.
    pub(crate) fn job(&self, now: Time, project: &str, id: &str) -> Result<Value, Refusal> {
        let job = self
            .jobs
            .iter()
            .find(|job| job.id == id && self.in_project(&job.instance, project))
            .filter(|job| job.is_visible(now))
            .ok_or_else(|| Refusal::no_such_job(id))?;
        let mut shown = json!({
            "id": job.id, "name": job.name, "status": job.status(), "created": job.created.rds(),
            // A sign of percent and a blank, as in the manual's example.
            "process": if job.ended.is_none() { format!("{}% ", job.percent(now)) } else { String::new() },
            "instance": {"id": job.instance, "name": self.name_of(&job.instance)},
            "entities": {},
            "fail_reason": job.fail_reason(),
        });
        if let Some((ended, _)) = &job.ended {
            shown["ended"] = json!(ended.rds());
        }
        Ok(json!({ "job": shown }))
    }

    /// The answer to `tasklist`: the newest first.
    pub(crate) fn tasks(
        &self,
        now: Time,
        project: &str,
        filter: &TaskFilter,
        (offset, limit): (usize, usize),
    ) -> Value {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        let matching: Vec<&Job> = self
            .jobs
            .iter()
            .rev()
            .filter(|job| {
                job.is_visible(now)
                    && self.in_project(&job.instance, project)
                    && is(&filter.instance, &job.instance)
                    && is(&filter.id, &job.id)
                    && is(&filter.name, job.name)
                    && is(&filter.status, job.status())
                    && filter
                        .from
                        .is_none_or(|from| job.created.as_millis() >= from)
                    && filter.to.is_none_or(|to| job.created.as_millis() <= to)
            })
            .collect();
        let names: std::collections::BTreeSet<&str> = matching.iter().map(|job| job.name).collect();
        let tasks: Vec<Value> = matching
            .iter()
            .skip(offset)
            .take(limit)
            .map(|job| {
                let ended = job.ended.as_ref().map(|(at, _)| at.as_millis().to_string());
                json!({
                    "id": job.id, "name": job.name, "status": job.status(),
                    "instance_id": job.instance, "instance_name": self.name_of(&job.instance),
                    "instance_status": self.status_of(&job.instance),
                    "order_id": "",
                    "process": if job.ended.is_none() { job.percent(now).to_string() } else { String::new() },
                    "fail_reason": job.fail_reason(),
                    "create_time": job.created.as_millis().to_string(),
                    "end_time": ended.unwrap_or_default(),
                })
            })
            .collect();
        json!({"total_count": matching.len(), "actions": names, "tasks": tasks})
    }
}
