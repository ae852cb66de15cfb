//! `verify`: what an instance runs now, as its cloud tells it.

use std::cmp::Ordering;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use windlass_plugin::{Action, Attempt, Effect, Failure, Method};

use crate::access::{Access, with_identity};
use crate::cloud::Cloud;
use crate::version;

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Input {
    #[serde(flatten)]
    access: Access,
    /// The id of an instance or of a read replica.
    instance_id: String,
    /// The version that it should run.
    version: Option<String>,
    /// The version that it should run a newer one than.
    newer_than: Option<String>,
    /// Where the metrics are; without it nothing is said of replication.
    metrics_endpoint: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Output {
    /// Whether it runs the right version, and it and its nodes are active.
    ok: bool,
    version: String,
    /// Whether it is the version that was asked for.
    version_ok: bool,
    status: String,
    /// Whether it and all its nodes are active.
    active: bool,
    /// Nodes that are not.
    sick_nodes: Vec<String>,
    /// Whether it replicates, as its metric says; null where that is not known.
    streaming: Option<bool>,
    lag_ms: Option<f64>,
    replica_ids: Vec<String>,
    host: String,
    port: i64,
}

pub(crate) fn action() -> Action {
    let action = Action::new(
        "verify",
        "Looks which version an instance runs and whether it is well",
        Effect::Read,
        run,
    )
    .reads(&[Method::Get], "{endpoint}/v3/*/instances")
    .reads(&[Method::Get], "{metrics_endpoint}/V1.0/*/metric-data")
    .timeout(Duration::from_secs(60));
    with_identity(action, false)
}

fn run(attempt: &Attempt, input: Input) -> Result<Output, Failure> {
    let cloud = Cloud::new(attempt, &input.access, input.access.near())?;
    let Some(instance) = cloud.instance(&input.instance_id)? else {
        let what = format!("there is no instance {}", input.instance_id);
        return Err(Failure::none("not_found", what));
    };
    let now = instance.version();
    let is = |wanted: &Option<String>, order: Ordering| {
        let wanted = wanted.as_deref();
        wanted.is_none_or(|wanted| version::order(now, wanted) == Some(order))
    };
    let version_ok =
        is(&input.version, Ordering::Equal) && is(&input.newer_than, Ordering::Greater);
    let (mut streaming, mut lag_ms) = (None, None);
    if let Some(origin) = &input.metrics_endpoint {
        let value = |metric, filter| cloud.newest_value(origin, &instance.id, metric, filter);
        streaming = value("slave_replication_status", "min")?.map(|status| status >= 1.0);
        lag_ms = value("rds046_replication_lag", "max")?;
    }
    Ok(Output {
        ok: version_ok && instance.is_at_rest(),
        version: now.to_owned(),
        version_ok,
        status: instance.status.clone(),
        active: instance.is_at_rest(),
        sick_nodes: instance.sick_nodes(),
        streaming,
        lag_ms,
        replica_ids: instance.replica_ids(),
        host: instance.host(),
        port: instance.listens_on(),
    })
}
