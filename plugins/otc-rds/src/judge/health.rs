//! The checks before an upgrade: each says ok, warn or stop. All are made, so that every
//! fault is shown at once.

use schemars::JsonSchema;
use serde::Serialize;

use crate::judge::backup::{self, State};
use crate::judge::dr::{Health, Sides};
use crate::model::{ACTIVE, Backup, Instance, Progress, Task, said};
use crate::time;
use crate::version;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// How long before an automatic backup a run should not begin.
const BEFORE_BACKUP_MS: i64 = HOUR_MS;

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

/// From which values on a check warns or stops.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) disk_percent_warn: f64,
    pub(crate) disk_percent_stop: f64,
    pub(crate) lag_ms_stop: f64,
    pub(crate) connections_percent_warn: f64,
    pub(crate) transaction_ms_warn: f64,
    pub(crate) backup_age_ms_warn: i64,
}

/// Metrics of the primary; each is none where it has no value.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Metrics {
    /// The least of `slave_replication_status`: 0 is broken.
    pub(crate) replication: Option<f64>,
    pub(crate) lag_ms: Option<f64>,
    pub(crate) disk_percent: Option<f64>,
    pub(crate) connections_percent: Option<f64>,
    pub(crate) transaction_ms: Option<f64>,
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
    add("backup_age", backup_age(found, limits));
    add("automatic_backup", automatic_backup(instance, found.now));
    add(
        "maintenance_window",
        maintenance_window(instance, found.now),
    );
    add("disaster_recovery", disaster_recovery(&found.dr));
    add("replication", replication(found, limits));
    let metrics = found.metrics.unwrap_or_default();
    add("storage", storage(found, limits));
    add(
        "connections",
        below(
            metrics.connections_percent,
            limits.connections_percent_warn,
            "% of the connections are used",
        ),
    );
    add(
        "transactions",
        below(
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

/// When the newest full backup ended that can be restored.
pub(crate) fn newest_backup(backups: &[Backup]) -> Option<i64> {
    let full = backups.iter().filter(|made| {
        backup::state(made) == State::Completed && matches!(made.kind.as_str(), "auto" | "manual")
    });
    full.filter_map(|made| time::parse(&made.end_time)).max()
}

fn backup_age(found: &Findings, limits: Limits) -> (Verdict, String) {
    match newest_backup(&found.backups) {
        None => warn("there is no completed full backup"),
        Some(at) => {
            let hours = (found.now - at).max(0) / HOUR_MS;
            let message = format!("the newest full backup is {hours} h old");
            match found.now - at > limits.backup_age_ms_warn {
                true => warn(message),
                false => ok(message),
            }
        }
    }
}

/// Milliseconds of the day at which `19:00-20:00` begins and ends.
fn window(text: &str) -> Option<(i64, i64)> {
    let minutes = |text: &str| -> Option<i64> {
        let (hour, minute) = text.trim().split_once(':')?;
        let (hour, minute): (i64, i64) = (hour.parse().ok()?, minute.parse().ok()?);
        ((0..24).contains(&hour) && (0..60).contains(&minute)).then_some(hour * 60 + minute)
    };
    let (from, to) = text.split_once('-')?;
    Some((minutes(from)? * 60_000, minutes(to)? * 60_000))
}

/// Whether `now` is in a daily window that may go over midnight.
fn is_within((from, to): (i64, i64), now: i64) -> bool {
    let of_day = now.rem_euclid(DAY_MS);
    match from <= to {
        true => (from..to).contains(&of_day),
        false => of_day >= from || of_day < to,
    }
}

fn automatic_backup(instance: &Instance, now: i64) -> (Verdict, String) {
    let strategy = &instance.backup_strategy;
    if strategy.keep_days == Some(0.0) {
        return ok("automatic backups are off");
    }
    let Some((from, to)) = window(&strategy.start_time) else {
        return ok("no time of automatic backups is known");
    };
    let early = (from - BEFORE_BACKUP_MS).rem_euclid(DAY_MS);
    match is_within((early, to), now) {
        true => warn(format!(
            "an automatic backup begins at {} UTC: nothing else is done meanwhile",
            strategy.start_time
        )),
        false => ok(format!(
            "automatic backups begin at {} UTC",
            strategy.start_time
        )),
    }
}

fn maintenance_window(instance: &Instance, now: i64) -> (Verdict, String) {
    let text = &instance.maintenance_window;
    match window(text) {
        None => ok("no maintenance window is known"),
        Some(window) if is_within(window, now) => {
            ok(format!("now is in the maintenance window {text} UTC"))
        }
        Some(_) => warn(format!(
            "now is outside of the maintenance window {text} UTC; the upgrade starts at once whenever it is asked for"
        )),
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

fn replication(found: &Findings, limits: Limits) -> (Verdict, String) {
    let metrics = found.metrics.unwrap_or_default();
    let has_standby = found.instance.kind == "Ha" || !found.replicas.is_empty();
    match (metrics.replication, metrics.lag_ms) {
        _ if !has_standby => ok("nothing replicates from it"),
        (Some(status), _) if status <= 0.0 => stop("replication is broken"),
        (_, Some(lag)) if lag > limits.lag_ms_stop => stop(format!("replication lags by {lag} ms")),
        (Some(_), Some(lag)) => ok(format!("replication works and lags by {lag} ms")),
        (Some(_), None) => ok("replication works"),
        (None, _) => warn("no metric says whether replication works"),
    }
}

fn storage(found: &Findings, limits: Limits) -> (Verdict, String) {
    let instance = &found.instance;
    let measured = found.metrics.and_then(|metrics| metrics.disk_percent);
    let counted = match (instance.storage_used_space, instance.volume.size) {
        (Some(used), Some(size)) if size > 0.0 => Some(used / size * 100.0),
        _ => None,
    };
    match measured.or(counted) {
        None => warn("it is not known how full the storage is"),
        Some(percent) => {
            let message = format!("{percent:.0} % of the storage are used");
            match percent {
                _ if percent >= limits.disk_percent_stop => stop(message),
                _ if percent >= limits.disk_percent_warn => warn(message),
                _ => ok(message),
            }
        }
    }
}

fn below(value: Option<f64>, limit: f64, what: &str) -> (Verdict, String) {
    match value {
        None => ok("no metric says it"),
        Some(value) if value >= limit => warn(format!("{value:.0} {what}")),
        Some(value) => ok(format!("{value:.0} {what}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BackupStrategy, Datastore, DrInfo, Node, Volume};

    /// 2026-11-22, 03:00 UTC.
    const NOW: i64 = 1_795_316_400_000;

    const LIMITS: Limits = Limits {
        disk_percent_warn: 85.0,
        disk_percent_stop: 95.0,
        lag_ms_stop: 300_000.0,
        connections_percent_warn: 90.0,
        transaction_ms_warn: 900_000.0,
        backup_age_ms_warn: 25 * HOUR_MS,
    };

    fn active(name: &str) -> Instance {
        Instance {
            name: name.to_owned(),
            status: "ACTIVE".to_owned(),
            kind: "Ha".to_owned(),
            datastore: Datastore {
                kind: "PostgreSQL".to_owned(),
                complete_version: "16.5.21".to_owned(),
                ..Datastore::default()
            },
            nodes: vec![Node {
                name: "node0".to_owned(),
                status: "ACTIVE".to_owned(),
                ..Node::default()
            }],
            backup_strategy: BackupStrategy {
                start_time: "19:00-20:00".to_owned(),
                keep_days: Some(7.0),
            },
            maintenance_window: "02:00-06:00".to_owned(),
            volume: Volume { size: Some(100.0) },
            storage_used_space: Some(20.0),
            ..Instance::default()
        }
    }

    fn good() -> Findings {
        Findings {
            now: NOW,
            instance: active("pg"),
            replicas: vec![("r".to_owned(), Some(active("replica")))],
            newer: Some(Some("16.9.2".to_owned())),
            tasks: vec![],
            backups: vec![Backup {
                name: "auto".to_owned(),
                kind: "auto".to_owned(),
                status: "COMPLETED".to_owned(),
                end_time: "2026-11-21T21:00:00+0100".to_owned(),
                ..Backup::default()
            }],
            metrics: Some(Metrics {
                replication: Some(1.0),
                lag_ms: Some(3.0),
                disk_percent: Some(20.0),
                connections_percent: Some(5.0),
                transaction_ms: Some(10.0),
            }),
            dr: Dr::None,
        }
    }

    #[track_caller]
    fn says(change: impl FnOnce(&mut Findings), name: &str, verdict: Verdict) {
        let mut found = good();
        change(&mut found);
        let checks = checks(&found, LIMITS);
        let check = checks.iter().find(|check| check.name == name).unwrap();
        assert_eq!(check.verdict, verdict, "{check:?}");
        let others = checks.iter().filter(|check| check.name != name);
        let worse: Vec<_> = others
            .filter(|check| check.verdict == Verdict::Stop)
            .collect();
        assert!(worse.is_empty(), "{worse:?}");
    }

    #[test]
    fn a_healthy_instance_passes() {
        let checks = checks(&good(), LIMITS);
        let bad: Vec<_> = checks
            .iter()
            .filter(|check| check.verdict != Verdict::Ok)
            .collect();
        assert!(bad.is_empty(), "{bad:?}");
        assert_eq!(checks.len(), 14);
    }

    #[test]
    fn what_the_vendor_forbids_stops() {
        use Verdict::Stop;
        says(
            |f| f.instance.datastore.kind = "MySQL".to_owned(),
            "engine",
            Stop,
        );
        says(|f| f.instance.kind = "Replica".to_owned(), "engine", Stop);
        says(
            |f| f.instance.datastore.complete_version = "11.1".to_owned(),
            "engine",
            Stop,
        );
        for status in ["STORAGE FULL", "BACKING UP", "FROZEN", "NEW WORD", ""] {
            says(|f| f.instance.status = status.to_owned(), "status", Stop);
        }
        says(
            |f| f.instance.nodes[0].status = "ABNORMAL".to_owned(),
            "nodes",
            Stop,
        );
        says(|f| f.replicas[0].1 = None, "replicas", Stop);
        let sick = |f: &mut Findings| {
            f.replicas[0].1.as_mut().unwrap().nodes[0].status = "FAILED".to_owned();
        };
        says(sick, "replicas", Stop);
        let task = Task {
            status: "Running".to_owned(),
            ..Task::default()
        };
        says(|f| f.tasks.push(task), "running_work", Stop);
        let building = Backup {
            status: "BUILDING".to_owned(),
            ..Backup::default()
        };
        says(|f| f.backups.push(building), "running_work", Stop);
        says(|f| metrics(f).replication = Some(0.0), "replication", Stop);
        says(|f| metrics(f).lag_ms = Some(300_001.0), "replication", Stop);
        says(|f| metrics(f).disk_percent = Some(95.0), "storage", Stop);
        let reach = Dr::OutOfReach {
            dr: "d".to_owned(),
            region: "eu-nl".to_owned(),
        };
        says(|f| f.dr = reach, "disaster_recovery", Stop);
        says(
            |f| f.dr = Dr::Other("another".to_owned()),
            "disaster_recovery",
            Stop,
        );
        for status in ["running", "failed"] {
            says(
                |f| f.dr = known(status, "16.5.21"),
                "disaster_recovery",
                Stop,
            );
        }
    }

    #[test]
    fn what_people_should_know_warns() {
        use Verdict::Warn;
        says(
            |f| f.instance.datastore.complete_version = "12.5".to_owned(),
            "engine",
            Warn,
        );
        says(|f| f.newer = None, "version", Warn);
        says(|f| f.backups.clear(), "backup_age", Warn);
        says(|f| f.now += 30 * HOUR_MS, "backup_age", Warn);
        says(
            |f| f.instance.backup_strategy.start_time = "03:30-04:30".to_owned(),
            "automatic_backup",
            Warn,
        );
        says(
            |f| f.instance.maintenance_window = "22:00-02:00".to_owned(),
            "maintenance_window",
            Warn,
        );
        says(|f| f.dr = Dr::NotOffered, "disaster_recovery", Warn);
        says(
            |f| f.dr = known("normal", "16.4.1"),
            "disaster_recovery",
            Warn,
        );
        says(|f| f.metrics = None, "replication", Warn);
        says(|f| metrics(f).disk_percent = Some(85.0), "storage", Warn);
        says(
            |f| metrics(f).connections_percent = Some(91.0),
            "connections",
            Warn,
        );
        says(
            |f| metrics(f).transaction_ms = Some(1e6),
            "transactions",
            Warn,
        );
    }

    fn metrics(found: &mut Findings) -> &mut Metrics {
        found.metrics.as_mut().unwrap()
    }

    fn known(status: &str, dr_version: &str) -> Dr {
        let info = DrInfo {
            status: status.to_owned(),
            ..DrInfo::default()
        };
        Dr::Known {
            sides: Box::new(Sides {
                primary: Some(info.clone()),
                dr: Some(info),
            }),
            primary_version: "16.5.21".to_owned(),
            dr_version: dr_version.to_owned(),
        }
    }

    #[test]
    fn windows_go_over_midnight() {
        let over = window("22:00-02:00").unwrap();
        for (hour, inside) in [(21, false), (22, true), (0, true), (1, true), (2, false)] {
            assert_eq!(is_within(over, hour * HOUR_MS), inside, "{hour}");
        }
        assert_eq!(window("soon"), None);
        assert_eq!(window("25:00-26:00"), None);
    }
}
