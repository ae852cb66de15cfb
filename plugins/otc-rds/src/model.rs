//! What the cloud's answers hold, read leniently: what is missing or null is empty, and a
//! word that nobody documented is kept as it is.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::time;

/// The state of an instance and of a node in which nothing is done to it.
pub(crate) const ACTIVE: &str = "ACTIVE";

/// `null` is as good as nothing.
fn or_empty<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

/// A text, also where a number was sent.
fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    })
}

/// A number, also where a text was sent.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    })
}

/// Milliseconds since 1970: a number, a text of digits, or a written time.
fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok().or_else(|| time::parse(&text)),
        _ => None,
    })
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Instances {
    #[serde(deserialize_with = "or_empty")]
    pub(crate) instances: Vec<Instance>,
    #[serde(deserialize_with = "number")]
    pub(crate) total_count: Option<f64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Instance {
    #[serde(deserialize_with = "text")]
    pub(crate) id: String,
    #[serde(deserialize_with = "text")]
    pub(crate) name: String,
    #[serde(deserialize_with = "text")]
    pub(crate) status: String,
    /// `Single`, `Ha` or `Replica`.
    #[serde(rename = "type", deserialize_with = "text")]
    pub(crate) kind: String,
    #[serde(deserialize_with = "text")]
    pub(crate) region: String,
    #[serde(deserialize_with = "or_empty")]
    pub(crate) datastore: Datastore,
    #[serde(deserialize_with = "or_empty")]
    pub(crate) nodes: Vec<Node>,
    #[serde(deserialize_with = "or_empty")]
    pub(crate) related_instance: Vec<Related>,
    #[serde(deserialize_with = "or_empty")]
    pub(crate) private_ips: Vec<String>,
    #[serde(deserialize_with = "number")]
    pub(crate) port: Option<f64>,
    #[serde(deserialize_with = "or_empty")]
    pub(crate) volume: Volume,
    #[serde(deserialize_with = "number")]
    pub(crate) storage_used_space: Option<f64>,
    #[serde(deserialize_with = "or_empty")]
    pub(crate) backup_strategy: BackupStrategy,
    #[serde(deserialize_with = "text")]
    pub(crate) maintenance_window: String,
    #[serde(deserialize_with = "text")]
    pub(crate) updated: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Datastore {
    #[serde(rename = "type", deserialize_with = "text")]
    pub(crate) kind: String,
    #[serde(deserialize_with = "text")]
    pub(crate) version: String,
    #[serde(deserialize_with = "text")]
    pub(crate) complete_version: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Node {
    #[serde(deserialize_with = "text")]
    pub(crate) id: String,
    #[serde(deserialize_with = "text")]
    pub(crate) name: String,
    /// `master`, `slave` or `readreplica`.
    #[serde(deserialize_with = "text")]
    pub(crate) role: String,
    #[serde(deserialize_with = "text")]
    pub(crate) status: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Related {
    #[serde(deserialize_with = "text")]
    pub(crate) id: String,
    /// `replica_of` points to the primary, `replica` to a replica.
    #[serde(rename = "type", deserialize_with = "text")]
    pub(crate) kind: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Volume {
    /// In GB.
    #[serde(deserialize_with = "number")]
    pub(crate) size: Option<f64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BackupStrategy {
    /// `19:00-20:00`, in UTC.
    #[serde(deserialize_with = "text")]
    pub(crate) start_time: String,
    #[serde(deserialize_with = "number")]
    pub(crate) keep_days: Option<f64>,
}

impl Instance {
    pub(crate) fn is_postgres(&self) -> bool {
        self.datastore.kind.eq_ignore_ascii_case("postgresql")
    }

    pub(crate) fn is_replica(&self) -> bool {
        self.kind == "Replica" || self.primary_id().is_some()
    }

    /// The minor version, or what is known of it.
    pub(crate) fn version(&self) -> &str {
        match self.datastore.complete_version.as_str() {
            "" => &self.datastore.version,
            whole => whole,
        }
    }

    /// The primary of a replica.
    pub(crate) fn primary_id(&self) -> Option<&str> {
        self.related("replica_of").next()
    }

    pub(crate) fn replica_ids(&self) -> Vec<String> {
        self.related("replica").map(str::to_owned).collect()
    }

    fn related<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        let related = self.related_instance.iter();
        related
            .filter(move |related| related.kind == kind)
            .map(|related| related.id.as_str())
    }

    /// Where it listens; PostgreSQL's own port where nothing is said.
    pub(crate) fn listens_on(&self) -> i64 {
        // Ports are small: the cast loses nothing.
        self.port.map_or(5432, |port| port as i64)
    }

    /// The same as a text that may be empty.
    pub(crate) fn host(&self) -> String {
        self.address().unwrap_or_default().to_owned()
    }

    /// The first of its addresses: where a relation with it goes.
    pub(crate) fn address(&self) -> Option<&str> {
        self.private_ips.first().map(String::as_str)
    }

    /// Nodes in any state but active, as `NAME STATE`.
    pub(crate) fn sick_nodes(&self) -> Vec<String> {
        let sick = self.nodes.iter().filter(|node| node.status != ACTIVE);
        sick.map(|node| format!("{} is {}", node.name, said(&node.status)))
            .collect()
    }

    /// Whether nothing is done to it and no node of it is abnormal.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.status == ACTIVE && self.sick_nodes().is_empty()
    }
}

/// A state in a sentence.
pub(crate) fn said(state: &str) -> &str {
    if state.is_empty() {
        "in no known state"
    } else {
        state
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Backups {
    #[serde(deserialize_with = "or_empty")]
    pub(crate) backups: Vec<Backup>,
    #[serde(deserialize_with = "number")]
    pub(crate) total_count: Option<f64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Made {
    pub(crate) backup: Backup,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Backup {
    #[serde(deserialize_with = "text")]
    pub(crate) id: String,
    #[serde(deserialize_with = "text")]
    pub(crate) name: String,
    /// `auto`, `manual`, `fragment` or `incremental`.
    #[serde(rename = "type", deserialize_with = "text")]
    pub(crate) kind: String,
    #[serde(deserialize_with = "text")]
    pub(crate) status: String,
    #[serde(deserialize_with = "text")]
    pub(crate) begin_time: String,
    #[serde(deserialize_with = "text")]
    pub(crate) end_time: String,
    /// In KB.
    #[serde(deserialize_with = "number")]
    pub(crate) size: Option<f64>,
    #[serde(deserialize_with = "text")]
    pub(crate) instance_id: String,
}

/// How far a job or a task is. A word that is not known means that it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Going,
    Completed,
    Failed,
}

impl Progress {
    fn of(status: &str) -> Self {
        match status {
            "Completed" => Self::Completed,
            "Failed" => Self::Failed,
            _ => Self::Going,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct JobOf {
    pub(crate) job: Job,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Job {
    #[serde(deserialize_with = "text")]
    pub(crate) id: String,
    #[serde(deserialize_with = "text")]
    pub(crate) name: String,
    #[serde(deserialize_with = "text")]
    pub(crate) status: String,
    #[serde(deserialize_with = "text")]
    pub(crate) process: String,
    #[serde(deserialize_with = "text")]
    pub(crate) fail_reason: String,
}

impl Job {
    pub(crate) fn progress(&self) -> Progress {
        Progress::of(&self.status)
    }

    /// `Running, 60 %`.
    pub(crate) fn said(&self) -> String {
        match percent(&self.process) {
            Some(percent) => format!("{}, {percent} %", said(&self.status)),
            None => said(&self.status).to_owned(),
        }
    }
}

/// What `process` says, which comes as `60`, as `"60% "` and as nothing.
pub(crate) fn percent(process: &str) -> Option<i64> {
    let digits = process.trim().trim_end_matches('%').trim();
    let number: f64 = digits.parse().ok()?;
    // Between nothing and all, so the cast loses a fraction at most.
    (0.0..=100.0).contains(&number).then_some(number as i64)
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Tasks {
    #[serde(deserialize_with = "or_empty")]
    pub(crate) tasks: Vec<Task>,
    #[serde(deserialize_with = "number")]
    pub(crate) total_count: Option<f64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Task {
    #[serde(deserialize_with = "text")]
    pub(crate) id: String,
    #[serde(deserialize_with = "text")]
    pub(crate) name: String,
    #[serde(deserialize_with = "text")]
    pub(crate) instance_id: String,
    #[serde(deserialize_with = "text")]
    pub(crate) status: String,
    #[serde(deserialize_with = "text")]
    pub(crate) process: String,
    #[serde(deserialize_with = "text")]
    pub(crate) fail_reason: String,
    #[serde(deserialize_with = "moment")]
    pub(crate) create_time: Option<i64>,
    #[serde(deserialize_with = "moment")]
    pub(crate) end_time: Option<i64>,
}

impl Task {
    pub(crate) fn progress(&self) -> Progress {
        Progress::of(&self.status)
    }

    /// Whether its name speaks of an upgrade; the true name is documented nowhere.
    pub(crate) fn is_upgrade(&self) -> bool {
        self.name.to_ascii_lowercase().contains("upgrade")
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct SmallVersions {
    #[serde(deserialize_with = "or_empty")]
    pub(crate) data_stores: Vec<SmallVersion>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct SmallVersion {
    #[serde(deserialize_with = "text")]
    pub(crate) name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DrInfos {
    #[serde(deserialize_with = "or_empty")]
    pub(crate) instance_dr_infos: Vec<DrInfo>,
}

/// One side's record of a relation.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DrInfo {
    #[serde(deserialize_with = "text")]
    pub(crate) id: String,
    /// `running`, `normal` or `failed`.
    #[serde(deserialize_with = "text")]
    pub(crate) status: String,
    #[serde(deserialize_with = "text")]
    pub(crate) failed_message: String,
    /// `0` is good, `-1` is not.
    #[serde(deserialize_with = "text")]
    pub(crate) replica_state: String,
    #[serde(deserialize_with = "number")]
    pub(crate) wal_write_receive_delay_in_mb: Option<f64>,
    #[serde(deserialize_with = "number")]
    pub(crate) wal_write_replay_delay_in_mb: Option<f64>,
    #[serde(deserialize_with = "number")]
    pub(crate) wal_receive_replay_delay_in_ms: Option<f64>,
    #[serde(deserialize_with = "text")]
    pub(crate) master_instance_id: String,
    #[serde(deserialize_with = "text")]
    pub(crate) master_region: String,
    #[serde(deserialize_with = "text")]
    pub(crate) slave_instance_id: String,
    #[serde(deserialize_with = "text")]
    pub(crate) slave_region: String,
    /// `master` or `slave`: whose record it is.
    #[serde(deserialize_with = "text")]
    pub(crate) build_process: String,
    #[serde(deserialize_with = "moment")]
    pub(crate) time: Option<i64>,
}

/// The state of replication, as the other side of a relation tells it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Replication {
    #[serde(deserialize_with = "text")]
    pub(crate) replica_state: String,
    #[serde(deserialize_with = "number")]
    pub(crate) wal_write_receive_delay_in_mb: Option<f64>,
    #[serde(deserialize_with = "number")]
    pub(crate) wal_write_replay_delay_in_mb: Option<f64>,
    #[serde(deserialize_with = "number")]
    pub(crate) wal_receive_replay_delay_in_ms: Option<f64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Projects {
    #[serde(deserialize_with = "or_empty")]
    pub(crate) projects: Vec<Project>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Project {
    #[serde(deserialize_with = "text")]
    pub(crate) id: String,
    #[serde(deserialize_with = "text")]
    pub(crate) name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct MetricData {
    #[serde(deserialize_with = "or_empty")]
    pub(crate) datapoints: Vec<Datapoint>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Datapoint {
    /// The value, under the name of the filter.
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
    #[serde(deserialize_with = "moment")]
    pub(crate) timestamp: Option<i64>,
    #[serde(deserialize_with = "text")]
    pub(crate) unit: String,
}

impl Datapoint {
    pub(crate) fn value(&self, filter: &str) -> Option<f64> {
        self.rest.get(filter).and_then(Value::as_f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_read_whatever_it_lacks() {
        let whole: Instances = serde_json::from_str(
            r#"{"total_count": "1", "instances": [{
                "id": "a1in03", "name": null, "status": "BACKING UP", "type": "Ha", "port": "5432",
                "datastore": {"type": "PostgreSQL", "version": "16", "complete_version": "16.5.21"},
                "nodes": [{"name": "n0", "role": "master", "status": "ACTIVE"},
                          {"name": "n1", "role": "slave", "status": "ABNORMAL"}],
                "related_instance": [{"type": "replica", "id": "r1in03"}],
                "volume": {"type": "ULTRAHIGH", "size": 40}, "surprise": {"deep": []}}]}"#,
        )
        .unwrap();
        assert_eq!(whole.total_count, Some(1.0));
        let instance = &whole.instances[0];
        assert_eq!(instance.port, Some(5432.0));
        assert_eq!(instance.version(), "16.5.21");
        assert_eq!(instance.replica_ids(), ["r1in03"]);
        assert_eq!(instance.sick_nodes(), ["n1 is ABNORMAL"]);
        assert!(instance.is_postgres() && !instance.is_replica() && !instance.is_at_rest());
        let bare: Instance = serde_json::from_str(r#"{"datastore": null, "nodes": null}"#).unwrap();
        assert!(!bare.is_postgres() && !bare.is_at_rest());
        let replica = r#"{"related_instance": [{"type": "replica_of", "id": "p"}]}"#;
        let replica: Instance = serde_json::from_str(replica).unwrap();
        assert_eq!(replica.primary_id(), Some("p"));
        assert!(replica.is_replica());
    }

    #[test]
    fn progress_comes_in_every_spelling() {
        for (process, percent_is) in [
            ("60", Some(60)),
            ("60% ", Some(60)),
            ("", None),
            ("soon", None),
            ("160", None),
        ] {
            assert_eq!(percent(process), percent_is, "{process:?}");
        }
        let job: JobOf =
            serde_json::from_str(r#"{"job": {"status": "Running", "process": 60}}"#).unwrap();
        assert_eq!(job.job.said(), "Running, 60 %");
        let job = |status: &str| Job {
            status: status.to_owned(),
            ..Job::default()
        };
        assert_eq!(job("Completed").progress(), Progress::Completed);
        assert_eq!(job("Failed").progress(), Progress::Failed);
        for unknown in ["Running", "Pending", "", "completed"] {
            assert_eq!(job(unknown).progress(), Progress::Going, "{unknown}");
        }
    }

    #[test]
    fn moments_are_numbers_digits_or_times() {
        for (text, is) in [
            ("1534703629000", Some(1_534_703_629_000)),
            ("\"1534703629000\"", Some(1_534_703_629_000)),
            ("\"2018-08-20T02:33:49+0800\"", Some(1_534_703_629_000)),
            ("\"\"", None),
            ("null", None),
        ] {
            let task: Task =
                serde_json::from_str(&format!(r#"{{"create_time": {text}}}"#)).unwrap();
            assert_eq!(task.create_time, is, "{text}");
        }
    }
}
