//! The metrics service: the latest figures of an instance, repeated over the period that is
//! asked for. The lab keeps no history.

use serde_json::{Value, json};

use super::cloud::{Cloud, Refusal, Region};
use super::request::{Reply, Request};
use super::route::{Call, Routed};

const DIMENSION: &str = "postgresql_cluster_id";
const NAMESPACE: &str = "SYS.RDS";
/// Raw figures come once a minute.
const RAW_MS: u64 = 60_000;
const POINTS_MAX: u64 = 100;
const BATCH_MAX: usize = 10;
const FILTERS: [&str; 5] = ["average", "max", "min", "sum", "variance"];
const PERIODS: [u64; 6] = [1, 300, 1200, 3600, 14400, 86400];

/// From when to when, how dense, and how summed up.
struct Span {
    from: u64,
    to: u64,
    period: u64,
    filter: String,
}

impl Span {
    fn points(&self, value: Option<f64>) -> Vec<Value> {
        let Some(value) = value else {
            return Vec::new();
        };
        let step = (self.period * 1000).max(RAW_MS);
        let last = self.to / step;
        (0..POINTS_MAX)
            .filter_map(|back| last.checked_sub(back))
            .map(|count| count * step)
            .take_while(|at| *at >= self.from)
            .map(|at| json!({(self.filter.as_str()): value, "timestamp": at, "unit": ""}))
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect()
    }

    fn checked(self) -> Result<Self, Refusal> {
        if self.from >= self.to || !PERIODS.contains(&self.period) {
            return Err(Refusal::bad_parameter("from, to or period is invalid."));
        }
        if !FILTERS.contains(&self.filter.as_str()) {
            return Err(Refusal::bad_parameter("filter is invalid."));
        }
        Ok(self)
    }
}

/// Answers a call of the metrics service.
pub(crate) fn answer(
    cloud: &Cloud,
    region: Region,
    routed: &Routed,
    request: &Request,
) -> Result<Reply, Refusal> {
    if routed.call == Call::MetricBatch {
        return batch(cloud, region, &request.json()?);
    }
    let text = |key: &str| {
        let missing = || Refusal::bad_parameter(format!("{key} is missing."));
        request.asked(key).ok_or_else(missing)
    };
    let number = |key: &str| {
        let missing = || Refusal::bad_parameter(format!("{key} is missing."));
        request.number(key)?.ok_or_else(missing)
    };
    let span = Span {
        from: number("from")?,
        to: number("to")?,
        period: number("period")?,
        filter: text("filter")?,
    }
    .checked()?;
    let dimension = text("dim.0")?;
    let instance = dimension
        .split_once(',')
        .filter(|(key, _)| *key == DIMENSION)
        .map(|(_, id)| id)
        .ok_or_else(|| Refusal::bad_parameter("dim.0 is invalid."))?;
    let name = text("metric_name")?;
    let value = figure(cloud, region, &text("namespace")?, instance, &name);
    Ok(Reply::new(
        200,
        json!({"metric_name": name, "datapoints": span.points(value)}),
    ))
}

fn batch(cloud: &Cloud, region: Region, body: &Value) -> Result<Reply, Refusal> {
    // Numbers come as numbers or as text.
    let number = |key: &str| {
        let value = &body[key];
        let found = value
            .as_u64()
            .or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        found.ok_or_else(|| Refusal::bad_parameter(format!("{key} is missing.")))
    };
    let span = Span {
        from: number("from")?,
        to: number("to")?,
        period: number("period")?,
        filter: body["filter"].as_str().unwrap_or_default().to_owned(),
    }
    .checked()?;
    let metrics = body["metrics"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if metrics.is_empty() || metrics.len() > BATCH_MAX {
        return Err(Refusal::bad_parameter("metrics must be from 1 to 10."));
    }
    let shown: Vec<Value> = metrics
        .iter()
        .map(|metric| {
            let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let dimensions = &metric["dimensions"];
            let instance = word(&dimensions[0]["value"]);
            let (space, name) = (word(&metric["namespace"]), word(&metric["metric_name"]));
            let value = (dimensions[0]["name"] == DIMENSION)
                .then(|| figure(cloud, region, &space, &instance, &name))
                .flatten();
            json!({
                "namespace": space, "metric_name": name, "dimensions": dimensions,
                "unit": "", "datapoints": span.points(value),
            })
        })
        .collect();
    Ok(Reply::new(200, json!({ "metrics": shown })))
}

/// Nothing for what is not measured, which is not an error.
fn figure(cloud: &Cloud, region: Region, space: &str, instance: &str, name: &str) -> Option<f64> {
    let found = cloud
        .instances()
        .find(|found| found.id == instance && found.region == region)?;
    (space == NAMESPACE).then(|| cloud.metric(found, name))?
}
