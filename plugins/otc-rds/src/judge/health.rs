//! The checks before an upgrade: each says ok, warn or stop. All are made, so that every
//! fault is shown at once. What is held against a clock is the matter of `health/times.rs`,
//! what is held against a threshold that of `health/thresholds.rs`.

mod thresholds;
mod times;

#[cfg(test)]
mod tests;

pub(crate) use thresholds::{Limits, Metrics};
pub(crate) use times::newest_backup;

use schemars::JsonSchema;
use serde::Serialize;

use crate::judge::backup::{self, State};
use crate::judge::dr::{Health, Sides};
use crate::model::{ACTIVE, Backup, Instance, Progress, Task, said};
use crate::version;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Ok,
    Warn,
    Stop,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Check {
    /// What was looked at.
    pub(crate) name: String,
    /// `ok`, `warn` or `stop`.
    pub(crate) verdict: Verdict,
    /// What was seen.
    pub(crate) message: String,
}

/// What is known of disaster recovery.
#[derive(Clone, Debug)]
pub(crate) enum Dr {
    /// The cloud has no such endpoints: by hand, if at all.
    NotOffered,
    None,
    /// There is one, and the inputs do not say how to reach its other side.
    OutOfReach {
        dr: String,
        region: String,
    },
    /// It is not the one that the inputs name.
    Other(String),
    Known {
        sides: Box<Sides>,
        primary_version: String,
        dr_version: String,
    },
}

/// Everything that was read.
#[derive(Clone, Debug)]
pub(crate) struct Findings {
    pub(crate) now: i64,
    pub(crate) instance: Instance,
    /// The replicas, by their ids; none for one that is not there.
    pub(crate) replicas: Vec<(String, Option<Instance>)>,
    /// The newest version beyond the present one; the outer one is none where the cloud
    /// does not say.
    pub(crate) newer: Option<Option<String>>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) backups: Vec<Backup>,
    /// None where no metrics were asked for.
    pub(crate) metrics: Option<Metrics>,
    pub(crate) dr: Dr,
}

/// All checks.
pub(crate) fn checks(found: &Findings, limits: Limits) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut add = |name: &str, (verdict, message): (Verdict, String)| {
        checks.push(Check {
            name: name.to_owned(),
            verdict,
            message,
        });
    };
    let instance = &found.instance;
    add("engine", engine(instance));
    add("version", newer(found));
    add("status", status(instance));
    add(
        "nodes",
        all_active(instance.sick_nodes(), "every node is active"),
    );
    add("replicas", replicas(found));
    add("running_work", running_work(found));
    add("backup_age", times::backup_age(found, limits));
    add(
        "automatic_backup",
        times::automatic_backup(instance, found.now),
    );
    add(
        "maintenance_window",
        times::maintenance_window(instance, found.now),
    );
    add("disaster_recovery", disaster_recovery(&found.dr));
    add("replication", thresholds::replication(found, limits));
    let metrics = found.metrics.unwrap_or_default();
    add("storage", thresholds::storage(found, limits));
    add(
        "connections",
        thresholds::below(
            metrics.connections_percent,
            limits.connections_percent_warn,
            "% of the connections are used",
        ),
    );
    add(
        "transactions",
        thresholds::below(
            metrics.transaction_ms,
            limits.transaction_ms_warn,
            "ms is the age of the oldest transaction, which the restart rolls back",
        ),
    );
    checks
}

fn ok(message: impl Into<String>) -> (Verdict, String) {
    (Verdict::Ok, message.into())
}

fn warn(message: impl Into<String>) -> (Verdict, String) {
    (Verdict::Warn, message.into())
}

fn stop(message: impl Into<String>) -> (Verdict, String) {
    (Verdict::Stop, message.into())
}

fn engine(instance: &Instance) -> (Verdict, String) {
    if !instance.is_postgres() {
        return stop(format!("it is of the engine {:?}", instance.datastore.kind));
    }
    if instance.is_replica() {
        return stop("it is a read replica: those are upgraded with their primary alone");
    }
    // Older than what the service upgrades at all.
    let is_below = |floor: &str| {
        version::major(instance.version()) == version::major(floor)
            && version::order(instance.version(), floor).is_some_and(std::cmp::Ordering::is_lt)
    };
    match is_below("11.2") {
        true => stop("PostgreSQL 11 before 11.2 cannot be upgraded"),
        false if is_below("12.6") => {
            warn("PostgreSQL 12 before 12.6 cannot be upgraded with logical replication slots")
        }
        false => ok(format!(
            "PostgreSQL {}, {}",
            instance.version(),
            instance.kind
        )),
    }
}

fn newer(found: &Findings) -> (Verdict, String) {
    let current = found.instance.version();
    match &found.newer {
        None => warn(format!(
            "it runs {current}; the cloud does not say which versions it offers"
        )),
        Some(None) => ok(format!("{current} is the latest version that is offered")),
        Some(Some(newer)) => ok(format!(
            "{current} runs, {newer} is the latest that is offered"
        )),
    }
}

fn status(instance: &Instance) -> (Verdict, String) {
    match instance.status.as_str() {
        ACTIVE => ok("the instance is active"),
        other => stop(format!("the instance is {}", said(other))),
    }
}

fn all_active(sick: Vec<String>, good: &str) -> (Verdict, String) {
    match sick.is_empty() {
        true => ok(good),
        false => stop(sick.join(", ")),
    }
}

fn replicas(found: &Findings) -> (Verdict, String) {
    let sick = found
        .replicas
        .iter()
        .filter_map(|(id, replica)| match replica {
            None => Some(format!("{id} is not found")),
            Some(replica) if replica.is_at_rest() => None,
            Some(replica) => Some(format!(
                "{} is {} {}",
                replica.name,
                said(&replica.status),
                replica.sick_nodes().join(", ")
            )),
        });
    let sick: Vec<String> = sick.map(|text| text.trim_end().to_owned()).collect();
    all_active(
        sick,
        &format!("{} read replicas, all active", found.replicas.len()),
    )
}

fn running_work(found: &Findings) -> (Verdict, String) {
    let tasks = found
        .tasks
        .iter()
        .filter(|task| task.progress() == Progress::Going);
    let tasks = tasks.map(|task| format!("the task {} is {}", task.name, said(&task.status)));
    let backups = found
        .backups
        .iter()
        .filter(|made| backup::state(made) == State::Going);
    let backups = backups.map(|made| format!("the backup {} is {}", made.name, said(&made.status)));
    let work: Vec<String> = tasks.chain(backups).collect();
    match work.is_empty() {
        true => ok("nothing is being done to it"),
        false => stop(work.join(", ")),
    }
}

fn disaster_recovery(dr: &Dr) -> (Verdict, String) {
    match dr {
        Dr::NotOffered => warn(
            "the cloud offers no DR endpoints: whether there is a relation must be looked up by hand",
        ),
        Dr::None => ok("there is no DR relation"),
        Dr::OutOfReach { dr, region } => stop(format!(
            "there is a DR relation with {dr} in {region}: give `dr_endpoint`, `dr_region`, `dr_instance_id`"
        )),
        Dr::Other(what) => stop(what.as_str()),
        Dr::Known {
            sides,
            primary_version,
            dr_version,
        } => match sides.health() {
            Health::Normal if primary_version == dr_version => {
                ok(format!("the DR relation is normal, on {dr_version}"))
            }
            Health::Normal => warn(format!(
                "the DR instance runs {dr_version}, the primary {primary_version}"
            )),
            Health::Absent => ok("there is no DR relation"),
            Health::Half | Health::Building | Health::Failed | Health::Abnormal => stop(format!(
                "the DR relation is {}: {}",
                sides.health().word(),
                sides.said()
            )),
        },
    }
}
