//! `tasks`, `backups`, `metrics`: what the cloud lists of an instance.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use windlass_plugin::{Action, Attempt, Effect, Failure, Method};

use crate::access::{Access, bad_input, with_identity};
use crate::cloud::Cloud;
use crate::model::percent;
use crate::time;

const TIMEOUT: Duration = Duration::from_secs(60);
/// The most entries that a list gives: the newest.
const LISTED_MAX: usize = 200;
const HOUR_MS: i64 = 3_600_000;

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct TasksInput {
    #[serde(flatten)]
    access: Access,
    /// The instance's id.
    instance_id: String,
    /// How many hours to look back; 24 when left out.
    hours: Option<u32>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TaskEntry {
    id: String,
    name: String,
    /// `Running`, `Completed`, `Failed`, or what the cloud says.
    status: String,
    percent: Option<i64>,
    fail_reason: String,
    created_at: Option<String>,
    ended_at: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TasksOutput {
    tasks: Vec<TaskEntry>,
}

pub(crate) fn tasks() -> Action {
    let action = Action::new(
        "tasks",
        "Lists what was done to an instance lately",
        Effect::Read,
        run_tasks,
    )
    .reads(&[Method::Get], "{endpoint}/v3/*/tasklist")
    .timeout(TIMEOUT);
    with_identity(action, false)
}

fn run_tasks(attempt: &Attempt, input: TasksInput) -> Result<TasksOutput, Failure> {
    let cloud = Cloud::new(attempt, &input.access, input.access.near())?;
    let span = i64::from(input.hours.unwrap_or(24)) * HOUR_MS;
    let now = i64::try_from(cloud.now()).unwrap_or(i64::MAX);
    let mut tasks = cloud.tasks(&input.instance_id, now - span)?;
    tasks.sort_by_key(|task| std::cmp::Reverse(task.create_time));
    tasks.truncate(LISTED_MAX);
    let entries = tasks.into_iter().map(|task| TaskEntry {
        percent: percent(&task.process),
        created_at: task.create_time.map(time::text),
        ended_at: task.end_time.map(time::text),
        id: task.id,
        name: task.name,
        status: task.status,
        fail_reason: task.fail_reason,
    });
    Ok(TasksOutput {
        tasks: entries.collect(),
    })
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct BackupsInput {
    #[serde(flatten)]
    access: Access,
    /// The instance's id.
    instance_id: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct BackupEntry {
    id: String,
    name: String,
    /// `auto`, `manual`, `fragment` or `incremental`.
    #[serde(rename = "type")]
    kind: String,
    /// `BUILDING`, `COMPLETED`, `FAILED`, `DELETING`, or what the cloud says.
    status: String,
    begun_at: Option<String>,
    ended_at: Option<String>,
    size_kb: Option<f64>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct BackupsOutput {
    /// The newest first.
    backups: Vec<BackupEntry>,
}

pub(crate) fn backups() -> Action {
    let action = Action::new(
        "backups",
        "Lists the backups of an instance",
        Effect::Read,
        run_backups,
    )
    .reads(&[Method::Get], "{endpoint}/v3/*/backups")
    .timeout(TIMEOUT);
    with_identity(action, false)
}

fn run_backups(attempt: &Attempt, input: BackupsInput) -> Result<BackupsOutput, Failure> {
    let cloud = Cloud::new(attempt, &input.access, input.access.near())?;
    let mut backups = cloud.backups(&input.instance_id)?;
    backups.sort_by_key(|backup| std::cmp::Reverse(time::parse(&backup.begin_time)));
    backups.truncate(LISTED_MAX);
    let entries = backups.into_iter().map(|backup| BackupEntry {
        begun_at: time::parse(&backup.begin_time).map(time::text),
        ended_at: time::parse(&backup.end_time).map(time::text),
        id: backup.id,
        name: backup.name,
        kind: backup.kind,
        status: backup.status,
        size_kb: backup.size,
    });
    Ok(BackupsOutput {
        backups: entries.collect(),
    })
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct MetricsInput {
    #[serde(flatten)]
    access: Access,
    /// Where the metrics are, such as https://ces.eu-de.otc.t-systems.com.
    metrics_endpoint: String,
    /// The instance's id.
    instance_id: String,
    /// The metric's name, such as rds046_replication_lag.
    metric: String,
    /// `average`, `max`, `min`, `sum` or `variance`; average when left out.
    filter: Option<String>,
    /// How many minutes to look back; 10 when left out.
    minutes: Option<u32>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Point {
    at: String,
    value: f64,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MetricsOutput {
    /// The newest value; null when there is none.
    value: Option<f64>,
    unit: String,
    /// The oldest first.
    points: Vec<Point>,
}

pub(crate) fn metrics() -> Action {
    let action = Action::new(
        "metrics",
        "Reads one metric of an instance",
        Effect::Read,
        run_metrics,
    )
    .reads(&[Method::Get], "{metrics_endpoint}/V1.0/*/metric-data")
    .timeout(TIMEOUT);
    with_identity(action, false)
}

fn run_metrics(attempt: &Attempt, input: MetricsInput) -> Result<MetricsOutput, Failure> {
    let filter = input.filter.as_deref().unwrap_or("average");
    if !["average", "max", "min", "sum", "variance"].contains(&filter) {
        return Err(bad_input(format!("`filter` cannot be {filter:?}")));
    }
    let cloud = Cloud::new(attempt, &input.access, input.access.near())?;
    let span = u64::from(input.minutes.unwrap_or(10)) * 60_000;
    let instance = &input.instance_id;
    let mut data = cloud.values(
        &input.metrics_endpoint,
        instance,
        &input.metric,
        filter,
        span,
    )?;
    data.datapoints.sort_by_key(|point| point.timestamp);
    let unit = data.datapoints.last().map(|point| point.unit.clone());
    let points = data.datapoints.iter().filter_map(|point| {
        Some(Point {
            at: time::text(point.timestamp?),
            value: point.value(filter)?,
        })
    });
    let mut points: Vec<Point> = points.collect();
    let surplus = points.len().saturating_sub(LISTED_MAX);
    points.drain(..surplus);
    Ok(MetricsOutput {
        value: points.last().map(|point| point.value),
        unit: unit.unwrap_or_default(),
        points,
    })
}
