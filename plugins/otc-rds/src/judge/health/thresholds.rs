//! Checks against thresholds: what metrics and the instance measure.

use super::{Findings, Verdict, ok, stop, warn};

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

pub(super) fn replication(found: &Findings, limits: Limits) -> (Verdict, String) {
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

pub(super) fn storage(found: &Findings, limits: Limits) -> (Verdict, String) {
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

pub(super) fn below(value: Option<f64>, limit: f64, what: &str) -> (Verdict, String) {
    match value {
        None => ok("no metric says it"),
        Some(value) if value >= limit => warn(format!("{value:.0} {what}")),
        Some(value) => ok(format!("{value:.0} {what}")),
    }
}
