//! Whether an upgrade happened, rolled itself back, did not happen, or goes on.
//!
//! The job is one witness of three, beside the instance and its list of tasks: whether the
//! jobs of upgrades can be seen at all is documented nowhere.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::{ACTIVE, Instance, Job, Progress, Task, said};
use crate::version;

/// How long a new job, and what a finished one did, may take to be seen.
pub(crate) const GRACE_MS: u64 = 60_000;
/// How far the cloud's clock may be behind.
const SKEW_MS: i64 = 120_000;

/// What is kept before the request leaves, and again when it was answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) instance_id: String,
    /// The version before.
    pub(crate) version: String,
    /// When the servers had been started, where the runbook knows it: for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) servers_started: Option<String>,
    /// What the cloud said when the instance was changed last.
    pub(crate) updated: String,
    /// The tasks that there were before.
    pub(crate) tasks: Vec<String>,
    pub(crate) asked_at: u64,
    /// Whether the cloud took the request on.
    pub(crate) accepted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) job_id: Option<String>,
}

/// One look at all witnesses.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) now: u64,
    /// None when it could not be read.
    pub(crate) instance: Option<Instance>,
    pub(crate) job: Seen,
    /// The tasks of the instance; none when they could not be read.
    pub(crate) tasks: Option<Vec<Task>>,
}

/// The job, as far as it could be seen.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    /// There is no id to ask with.
    NotKnown,
    /// The cloud knows no such job.
    Missing,
    /// It could not be asked.
    Unreadable,
    Job(Job),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It runs this version now.
    Happened(String),
    /// It came to an end without a new version.
    Settled {
        code: &'static str,
        state: Value,
    },
    InProgress(String),
    /// It was not begun; the evidence. It counts once the settle time is over.
    NotHappened(Value),
    Unknown(String),
}

/// What the witnesses say together.
pub(crate) fn judge(kept: &Kept, look: &Look) -> Verdict {
    let Some(instance) = &look.instance else {
        return Verdict::Unknown("the instance cannot be read".to_owned());
    };
    if let Some(what) = going_on(instance, look) {
        return Verdict::InProgress(what);
    }
    let now = instance.version();
    let change = version::order(now, &kept.version);
    let Some(change @ (Ordering::Equal | Ordering::Greater)) = change else {
        let what = format!("the version was {} and is {now}", kept.version);
        return Verdict::Unknown(what);
    };
    let job = match &look.job {
        Seen::Job(job) => Some((job, job.progress())),
        Seen::NotKnown | Seen::Missing | Seen::Unreadable => None,
    };
    match (change, job) {
        (Ordering::Greater, Some((job, Progress::Failed))) => Verdict::Unknown(format!(
            "the job {} failed ({}), but the version is {now}",
            job.id, job.fail_reason
        )),
        (Ordering::Greater, _) => Verdict::Happened(now.to_owned()),
        (_, Some((job, Progress::Failed))) => Verdict::Settled {
            code: "rolled_back",
            state: state(instance, &job.fail_reason),
        },
        (_, Some(_)) if is_fresh(kept, look) => {
            Verdict::InProgress("the job is done; the new version is not seen yet".to_owned())
        }
        (_, Some(_)) => Verdict::Settled {
            code: "no_new_version",
            state: state(instance, "the job is done, and the version is the same"),
        },
        (_, None) => without_job(kept, look, instance),
    }
}

/// What is still being done to the instance. A state that nobody documented is one in
/// which something is done.
fn going_on(instance: &Instance, look: &Look) -> Option<String> {
    if let Seen::Job(job) = &look.job
        && job.progress() == Progress::Going
    {
        return Some(format!("the job is {}", job.said()));
    }
    if instance.status != ACTIVE {
        return Some(format!("the instance is {}", said(&instance.status)));
    }
    if let Some(sick) = instance.sick_nodes().first() {
        return Some(format!("the node {sick}"));
    }
    let mut tasks = look.tasks.iter().flatten();
    let running = tasks.find(|task| task.progress() == Progress::Going)?;
    Some(format!(
        "the task {} is {}",
        running.name,
        said(&running.status)
    ))
}

/// The version is the same, nothing goes on, and no job tells anything.
fn without_job(kept: &Kept, look: &Look, instance: &Instance) -> Verdict {
    let Some(tasks) = &look.tasks else {
        return Verdict::Unknown("the tasks of the instance cannot be read".to_owned());
    };
    let since = i64::try_from(kept.asked_at).unwrap_or(i64::MAX) - SKEW_MS;
    let failed: Vec<&Task> = tasks
        .iter()
        .filter(|task| !kept.tasks.contains(&task.id))
        .filter(|task| task.create_time.is_none_or(|made| made >= since))
        .filter(|task| task.progress() == Progress::Failed)
        .collect();
    if let Some(task) = failed.iter().find(|task| task.is_upgrade()) {
        return Verdict::Settled {
            code: "rolled_back",
            state: state(instance, &task.fail_reason),
        };
    }
    if let Some(task) = failed.first() {
        // It may be the upgrade under another name.
        let what = format!("the task {} failed since ({})", task.name, task.fail_reason);
        return Verdict::Unknown(what);
    }
    match (kept.accepted, is_fresh(kept, look)) {
        (true, true) => Verdict::InProgress("the job is not seen yet".to_owned()),
        (true, false) => Verdict::Unknown(
            "the cloud took the request on, but neither a job nor a new version is seen".to_owned(),
        ),
        (false, _) if kept.updated != instance.updated => Verdict::Unknown(format!(
            "the instance was changed since: at {}, before at {}",
            said(&instance.updated),
            said(&kept.updated)
        )),
        (false, _) => Verdict::NotHappened(json!({
            "status": instance.status,
            "version": instance.version(),
            "tasks_since": [],
            "updated": instance.updated,
            "asked_at": kept.asked_at,
            "looked_at": look.now,
        })),
    }
}

fn is_fresh(kept: &Kept, look: &Look) -> bool {
    look.now < kept.asked_at.saturating_add(GRACE_MS)
}

fn state(instance: &Instance, reason: &str) -> Value {
    json!({
        "status": instance.status,
        "version": instance.version(),
        "reason": reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Datastore, Node};

    const ASKED: u64 = 1_800_000_000_000;
    const LATER: u64 = ASKED + 10 * GRACE_MS;

    fn kept(accepted: bool) -> Kept {
        Kept {
            instance_id: "i".to_owned(),
            version: "16.5.21".to_owned(),
            servers_started: None,
            updated: "u0".to_owned(),
            tasks: vec!["old".to_owned()],
            asked_at: ASKED,
            accepted,
            job_id: accepted.then(|| "j".to_owned()),
        }
    }

    fn instance(status: &str, version: &str) -> Instance {
        Instance {
            status: status.to_owned(),
            updated: "u0".to_owned(),
            datastore: Datastore {
                complete_version: version.to_owned(),
                ..Datastore::default()
            },
            ..Instance::default()
        }
    }

    fn job(status: &str) -> Seen {
        Seen::Job(Job {
            status: status.to_owned(),
            fail_reason: "disk".to_owned(),
            ..Job::default()
        })
    }

    fn task(id: &str, name: &str, status: &str) -> Task {
        Task {
            id: id.to_owned(),
            name: name.to_owned(),
            status: status.to_owned(),
            create_time: i64::try_from(ASKED).ok(),
            ..Task::default()
        }
    }

    fn at(now: u64, instance: Instance, job: Seen, tasks: Vec<Task>) -> Look {
        Look {
            now,
            instance: Some(instance),
            job,
            tasks: Some(tasks),
        }
    }

    #[track_caller]
    fn says(kept: &Kept, look: &Look) -> &'static str {
        match judge(kept, look) {
            Verdict::Happened(_) => "happened",
            Verdict::Settled { code, .. } => code,
            Verdict::InProgress(_) => "in progress",
            Verdict::NotHappened(_) => "not happened",
            Verdict::Unknown(_) => "unknown",
        }
    }

    #[test]
    fn a_new_version_at_rest_is_what_happened() {
        for seen in [
            job("Completed"),
            Seen::Missing,
            Seen::Unreadable,
            Seen::NotKnown,
        ] {
            for accepted in [true, false] {
                let look = at(LATER, instance("ACTIVE", "16.9.2"), seen.clone(), vec![]);
                let happened = Verdict::Happened("16.9.2".to_owned());
                assert_eq!(judge(&kept(accepted), &look), happened, "{seen:?}");
            }
        }
        let torn = at(LATER, instance("ACTIVE", "16.9.2"), job("Failed"), vec![]);
        assert_eq!(says(&kept(true), &torn), "unknown");
    }

    #[test]
    fn whatever_goes_on_is_in_progress() {
        let new = "16.9.2";
        let mut sick = instance("ACTIVE", new);
        sick.nodes.push(Node {
            name: "n1".to_owned(),
            status: "SOMETHING".to_owned(),
            ..Node::default()
        });
        let running = task("t", "BackupSnapshot", "Queued");
        for look in [
            at(LATER, instance("ACTIVE", new), job("Running"), vec![]),
            at(LATER, instance("ACTIVE", new), job("Paused"), vec![]),
            at(LATER, instance("UPGRADING", new), job("Completed"), vec![]),
            at(
                LATER,
                instance("REBOOTING", "16.5.21"),
                job("Failed"),
                vec![],
            ),
            at(LATER, instance("", new), Seen::Missing, vec![]),
            at(LATER, sick, job("Completed"), vec![]),
            at(LATER, instance("ACTIVE", new), Seen::Missing, vec![running]),
        ] {
            assert_eq!(says(&kept(true), &look), "in progress", "{look:?}");
        }
    }

    #[test]
    fn a_failed_job_and_the_old_version_are_a_rollback() {
        let look = at(LATER, instance("ACTIVE", "16.5.21"), job("Failed"), vec![]);
        assert_eq!(says(&kept(true), &look), "rolled_back");
        // The job is not seen, but the task is.
        let failed = task("t", "UpgradeDbVersion", "Failed");
        for accepted in [true, false] {
            let look = at(
                LATER,
                instance("ACTIVE", "16.5.21"),
                Seen::Missing,
                vec![failed.clone()],
            );
            assert_eq!(says(&kept(accepted), &look), "rolled_back");
        }
        // One that was there before says nothing.
        let before = task("old", "UpgradeDbVersion", "Failed");
        let look = at(
            LATER,
            instance("ACTIVE", "16.5.21"),
            Seen::NotKnown,
            vec![before],
        );
        assert_eq!(says(&kept(false), &look), "not happened");
        let mut long_ago = failed;
        long_ago.create_time = Some(0);
        let look = at(
            LATER,
            instance("ACTIVE", "16.5.21"),
            Seen::NotKnown,
            vec![long_ago],
        );
        assert_eq!(says(&kept(false), &look), "not happened");
    }

    #[test]
    fn a_job_that_is_done_is_given_time_to_show() {
        let done = |now| at(now, instance("ACTIVE", "16.5.21"), job("Completed"), vec![]);
        assert_eq!(says(&kept(true), &done(ASKED + 1)), "in progress");
        assert_eq!(says(&kept(true), &done(LATER)), "no_new_version");
    }

    #[test]
    fn a_job_that_nobody_sees_is_waited_for_and_then_unknown() {
        let unseen = |now| at(now, instance("ACTIVE", "16.5.21"), Seen::Missing, vec![]);
        assert_eq!(says(&kept(true), &unseen(ASKED + 1)), "in progress");
        assert_eq!(says(&kept(true), &unseen(LATER)), "unknown");
    }

    #[test]
    fn it_did_not_happen_only_where_everything_can_be_read_and_nothing_speaks_for_it() {
        let idle = at(LATER, instance("ACTIVE", "16.5.21"), Seen::NotKnown, vec![]);
        assert_eq!(says(&kept(false), &idle), "not happened");
        let blind = Look {
            instance: None,
            ..idle.clone()
        };
        assert_eq!(says(&kept(false), &blind), "unknown");
        let tasks = Look {
            tasks: None,
            ..idle.clone()
        };
        assert_eq!(says(&kept(false), &tasks), "unknown");
        let mut touched = idle.clone();
        touched.instance.as_mut().unwrap().updated = "u1".to_owned();
        assert_eq!(says(&kept(false), &touched), "unknown");
        let other = task("t", "RebootInstance", "Failed");
        let other = Look {
            tasks: Some(vec![other]),
            ..idle.clone()
        };
        assert_eq!(says(&kept(false), &other), "unknown");
        // A task that is over, and well, did not upgrade anything.
        let other = task("t", "BackupSnapshot", "Completed");
        let other = Look {
            tasks: Some(vec![other]),
            ..idle
        };
        assert_eq!(says(&kept(false), &other), "not happened");
    }

    #[test]
    fn a_version_that_cannot_be_compared_is_for_people() {
        for version in ["16.4.1", "16.x", ""] {
            let look = at(LATER, instance("ACTIVE", version), job("Completed"), vec![]);
            assert_eq!(says(&kept(true), &look), "unknown", "{version}");
        }
    }
}
