//! `precheck`: everything that can be looked at before an upgrade, and what it says.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use windlass_plugin::{Action, Attempt, Effect, Failure, Method};

use crate::access::{Access, Far, with_identity};
use crate::actions::dr::{Relation, look};
use crate::actions::resolve::primary;
use crate::cloud::Cloud;
use crate::judge::health::{self, Check, Dr, Findings, Limits, Metrics, Verdict};
use crate::model::Instance;
use crate::time;

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Input {
    #[serde(flatten)]
    access: Access,
    #[serde(flatten)]
    far: Far,
    /// The instance's id or name.
    instance: String,
    /// Where the metrics are, such as https://ces.eu-de.otc.t-systems.com; without it no metric is looked at.
    metrics_endpoint: Option<String>,
    /// The storage in use, in percent, from which on is warned; 85 when left out.
    disk_percent_warn: Option<u32>,
    /// The storage in use, in percent, from which on is stopped; 95 when left out.
    disk_percent_stop: Option<u32>,
    /// The replication lag, in milliseconds, above which is stopped; 300,000 when left out.
    max_lag_ms: Option<u64>,
    /// The connections in use, in percent, from which on is warned; 90 when left out.
    connections_percent_warn: Option<u32>,
    /// The age of the oldest transaction, in milliseconds, from which on is warned; 900,000 when left out.
    max_transaction_ms: Option<u64>,
    /// The age of the newest full backup, in hours, above which is warned; 25 when left out.
    max_backup_hours: Option<u32>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Replica {
    instance_id: String,
    name: String,
    version: String,
    status: String,
    host: String,
    port: i64,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Output {
    /// Whether nothing stops an upgrade.
    ok: bool,
    /// Whether the cloud says that there is no newer version.
    already_latest: bool,
    /// Every check with what it saw.
    checks: Vec<Check>,
    /// What stops an upgrade.
    stops: Vec<String>,
    /// What people should know.
    warnings: Vec<String>,
    /// The id of the primary instance.
    instance_id: String,
    name: String,
    /// `Single` or `Ha`.
    #[serde(rename = "type")]
    kind: String,
    status: String,
    version: String,
    /// The newest version that is offered beyond the present one; null when there is none, or the cloud does not say.
    latest: Option<String>,
    host: String,
    port: i64,
    replicas: Vec<Replica>,
    replica_ids: Vec<String>,
    /// When the newest full backup ended.
    last_backup_at: Option<String>,
    /// Whether the cloud offers endpoints for DR at all; null where the inputs name no DR instance and the cloud did not say.
    dr_offered: bool,
    /// The DR relation; null when there is none.
    dr: Option<Relation>,
}

pub(crate) fn action() -> Action {
    let rds = |path: &str| format!("{{endpoint}}/v3/*/{path}");
    let far = |path: &str| format!("{{dr_endpoint}}/v3/*/{path}");
    let get = &[Method::Get];
    let post = &[Method::Post];
    let action = Action::new(
        "precheck",
        "Checks whether an instance can be upgraded to the newest minor version",
        Effect::Read,
        run,
    )
    .reads(get, &rds("instances"))
    .reads(get, &rds("backups"))
    .reads(get, &rds("tasklist"))
    .reads(get, &rds("datastores/postgresql/small-version"))
    .reads(get, "{metrics_endpoint}/V1.0/*/metric-data")
    .reads(post, &rds("instances/disaster-recovery-infos"))
    .reads(post, &far("instances/disaster-recovery-infos"))
    .reads(get, &far("instances"))
    .reads(get, &far("instances/*/disaster-recovery"))
    .timeout(Duration::from_secs(180));
    with_identity(action, true)
}

fn run(attempt: &Attempt, input: Input) -> Result<Output, Failure> {
    let cloud = Cloud::new(attempt, &input.access, input.access.near())?;
    let (instance, _) = primary(&cloud, &input.instance)?;
    let id = instance.id.clone();
    let mut replicas = Vec::new();
    for replica in instance.replica_ids() {
        let found = cloud.instance(&replica)?;
        replicas.push((replica, found));
    }
    let now = i64::try_from(cloud.now()).unwrap_or(i64::MAX);
    let (relation, dr) = disaster_recovery(attempt, &input, &cloud, &instance)?;
    let found = Findings {
        now,
        newer: cloud.newer(instance.version())?,
        tasks: cloud.tasks(&id, now - DAY_MS)?,
        backups: cloud.backups(&id)?,
        metrics: metrics(&cloud, &input, &id, &instance.replica_ids())?,
        instance,
        replicas,
        dr,
    };
    Ok(output(&found, limits(&input), relation))
}

fn limits(input: &Input) -> Limits {
    Limits {
        disk_percent_warn: f64::from(input.disk_percent_warn.unwrap_or(85)),
        disk_percent_stop: f64::from(input.disk_percent_stop.unwrap_or(95)),
        lag_ms_stop: input.max_lag_ms.unwrap_or(300_000) as f64,
        connections_percent_warn: f64::from(input.connections_percent_warn.unwrap_or(90)),
        transaction_ms_warn: input.max_transaction_ms.unwrap_or(900_000) as f64,
        backup_age_ms_warn: i64::from(input.max_backup_hours.unwrap_or(25)) * HOUR_MS,
    }
}

/// Replicas tell themselves how they follow; the rest is the primary's.
fn metrics(
    cloud: &Cloud<'_>,
    input: &Input,
    primary: &str,
    replicas: &[String],
) -> Result<Option<Metrics>, Failure> {
    let Some(origin) = &input.metrics_endpoint else {
        return Ok(None);
    };
    let value = |id: &str, metric, filter| cloud.newest_value(origin, id, metric, filter);
    let mut metrics = Metrics {
        disk_percent: value(primary, "rds039_disk_util", "max")?,
        connections_percent: value(primary, "rds083_conn_usage", "max")?,
        transaction_ms: value(primary, "oldest_transaction_duration", "max")?,
        ..Metrics::default()
    };
    // Of several the worst counts.
    for id in std::iter::once(primary).chain(replicas.iter().map(String::as_str)) {
        let status = value(id, "slave_replication_status", "min")?;
        let lag = value(id, "rds046_replication_lag", "max")?;
        metrics.replication = worse(metrics.replication, status, f64::min);
        metrics.lag_ms = worse(metrics.lag_ms, lag, f64::max);
    }
    Ok(Some(metrics))
}

fn worse(one: Option<f64>, other: Option<f64>, worse: fn(f64, f64) -> f64) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(worse(one, other)),
        (one, other) => one.or(other),
    }
}

/// What is known of disaster recovery: for people, and for the check.
fn disaster_recovery(
    attempt: &Attempt,
    input: &Input,
    cloud: &Cloud<'_>,
    instance: &Instance,
) -> Result<(Option<Relation>, Dr), Failure> {
    let Some(near) = cloud.dr_infos("master_instance_id", &instance.id)? else {
        return Ok((None, Dr::NotOffered));
    };
    let Some((place, dr_id)) = input.far.place(&input.access)? else {
        let found = near
            .iter()
            .find(|info| info.master_instance_id == instance.id);
        return Ok(match found {
            None => (None, Dr::None),
            Some(info) => {
                let reach = Dr::OutOfReach {
                    dr: info.slave_instance_id.clone(),
                    region: info.slave_region.clone(),
                };
                (None, reach)
            }
        });
    };
    let far = Cloud::new(attempt, &input.access, place)?;
    let look = look(cloud, &far, &instance.id, &dr_id)?;
    match (look.sides, look.offered) {
        (_, false) => Ok((None, Dr::NotOffered)),
        (Err(what), true) => Ok((None, Dr::Other(what))),
        (Ok(sides), true) => {
            let (Some(primary), Some(dr)) = (look.primary, look.dr) else {
                let what = format!(
                    "the DR instance {dr_id} is not found in {}",
                    far.place.region
                );
                return Ok((None, Dr::Other(what)));
            };
            let relation = Relation::of(&sides, &primary, &dr, &cloud.place, &far.place);
            let known = Dr::Known {
                primary_version: primary.version().to_owned(),
                dr_version: dr.version().to_owned(),
                sides: Box::new(sides),
            };
            Ok((relation, known))
        }
    }
}

fn output(found: &Findings, limits: Limits, dr: Option<Relation>) -> Output {
    let checks = health::checks(found, limits);
    let of = |verdict: Verdict| -> Vec<String> {
        let those = checks.iter().filter(|check| check.verdict == verdict);
        those
            .map(|check| format!("{}: {}", check.name, check.message))
            .collect()
    };
    let (stops, warnings) = (of(Verdict::Stop), of(Verdict::Warn));
    let instance = &found.instance;
    // One that is not there is a stop; it has no place to be reached at.
    let missing = Instance::default();
    let replicas = found.replicas.iter().map(|(id, replica)| {
        let replica = replica.as_ref().unwrap_or(&missing);
        Replica {
            instance_id: id.clone(),
            name: replica.name.clone(),
            version: replica.version().to_owned(),
            status: replica.status.clone(),
            host: replica.host(),
            port: replica.listens_on(),
        }
    });
    Output {
        ok: stops.is_empty(),
        already_latest: found.newer == Some(None),
        instance_id: instance.id.clone(),
        name: instance.name.clone(),
        kind: instance.kind.clone(),
        status: instance.status.clone(),
        version: instance.version().to_owned(),
        latest: found.newer.clone().flatten(),
        host: instance.host(),
        port: instance.listens_on(),
        replicas: replicas.collect(),
        replica_ids: instance.replica_ids(),
        last_backup_at: health::newest_backup(&found.backups).map(time::text),
        dr_offered: !matches!(found.dr, Dr::NotOffered),
        dr,
        checks,
        stops,
        warnings,
    }
}
