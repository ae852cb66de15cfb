//! What requests see of disaster recovery: the records of a region, its pairs, and how far
//! the DR instance is behind. A record is of one side and is seen in that side's region.

use serde_json::{Value, json};

use super::super::{Cloud, Following, Refusal, Region};
use super::{Relation, Side};

/// WAL that one millisecond of delay stands for.
const MB_A_MILLISECOND: f64 = 0.004;

/// What `disaster-recovery-infos` is asked for.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct InfoFilter {
    id: Option<String>,
    status: Option<String>,
    master_instance_id: Option<String>,
    master_region: Option<String>,
    slave_instance_id: Option<String>,
    slave_region: Option<String>,
    create_at_start: Option<u64>,
    create_at_end: Option<u64>,
    order: Option<String>,
    pub(crate) offset: usize,
    pub(crate) limit: Option<usize>,
}

const INFOS_DEFAULT: usize = 10;
const INFOS_MAX: usize = 100;

impl Cloud {
    /// The answer to `disaster-recovery-infos`.
    pub(crate) fn dr_infos(&self, project: &str, filter: &InfoFilter) -> Result<Value, Refusal> {
        let limit = filter.limit.unwrap_or(INFOS_DEFAULT);
        if limit > INFOS_MAX {
            return Err(Refusal::bad_parameter("limit is larger than 100."));
        }
        let mut records: Vec<Value> = self
            .relations
            .iter()
            .flat_map(|relation| self.records(project, relation))
            .filter(|record| {
                let is = |wanted: &Option<String>, key: &str| {
                    wanted.as_deref().is_none_or(|wanted| record[key] == wanted)
                };
                let time = record["time"].as_u64();
                filter
                    .create_at_start
                    .is_none_or(|start| Some(start) <= time)
                    && filter.create_at_end.is_none_or(|end| time <= Some(end))
                    && is(&filter.id, "id")
                    && is(&filter.status, "status")
                    && is(&filter.master_instance_id, "master_instance_id")
                    && is(&filter.master_region, "master_region")
                    && is(&filter.slave_instance_id, "slave_instance_id")
                    && is(&filter.slave_region, "slave_region")
            })
            .collect();
        if filter.order.as_deref() == Some("DESC") {
            records.reverse();
        }
        let total = records.len();
        let shown: Vec<Value> = records
            .into_iter()
            .skip(filter.offset)
            .take(limit)
            .collect();
        Ok(json!({"total_count": total, "instance_dr_infos": shown}))
    }

    /// The records of a relation in the region of a project: none, one, never both.
    fn records(&self, project: &str, relation: &Relation) -> Vec<Value> {
        let sides = [
            (
                &relation.primary,
                &relation.primary_side,
                relation.primary_since,
                "master",
            ),
            (&relation.dr, &relation.dr_side, relation.dr_since, "slave"),
        ];
        sides
            .into_iter()
            .filter(|(instance, ..)| self.in_project(instance, project))
            .filter_map(|(_, side, since, process)| {
                let status = match side {
                    Side::Absent => return None,
                    Side::Building | Side::Removing => "running",
                    Side::Normal => "normal",
                    Side::Failed(_) => "failed",
                };
                let mut record = json!({
                    "id": relation.id, "status": status,
                    "failed_message": if let Side::Failed(reason) = side { reason } else { "" },
                    "master_instance_id": relation.primary,
                    "master_region": self.region_of(&relation.primary),
                    "slave_instance_id": relation.dr,
                    "slave_region": self.region_of(&relation.dr),
                    "build_process": process, "time": since.as_millis(),
                });
                // Only the DR side knows how far it is.
                if process == "slave" {
                    for (key, value) in self.delays(relation) {
                        record[key] = value;
                    }
                }
                Some(record)
            })
            .collect()
    }

    /// The answer to `disaster-recovery-relation`.
    pub(crate) fn dr_pairs(&self, project: &str) -> Value {
        let side = |id: &str| {
            let region = self.region_of(id);
            let project = Region::of_project(region).map(Region::project_id);
            json!({
                "instance_id": id, "region": region,
                "project_id": project.unwrap_or_default(), "project_name": region,
            })
        };
        let mut pairs = Vec::new();
        for relation in &self.relations {
            let (primary, dr) = (&relation.primary, &relation.dr);
            if relation.primary_side != Side::Absent && self.in_project(primary, project) {
                pairs.push(json!({"instance_id": primary, "slave_instances": [side(dr)]}));
            }
            if relation.dr_side != Side::Absent && self.in_project(dr, project) {
                pairs.push(json!({"instance_id": dr, "master_instance": side(primary)}));
            }
        }
        json!({ "instance_dr_relations": pairs })
    }

    /// The answer to the status of a DR instance's replication.
    pub(crate) fn dr_status(&self, project: &str, id: &str) -> Result<Value, Refusal> {
        self.instance(project, id)?;
        let relation = self.relation_of_dr(id).ok_or_else(Refusal::no_relation)?;
        Ok(Value::Object(
            self.delays(relation)
                .map(|(key, value)| (key.to_owned(), value))
                .into_iter()
                .collect(),
        ))
    }

    /// Empty for an instance that only a request has named.
    fn region_of(&self, id: &str) -> &'static str {
        let found = self.instances.get(id);
        found.map_or("", |found| found.region.as_str())
    }

    fn delays(&self, relation: &Relation) -> [(&'static str, Value); 4] {
        let dr = self.instances.get(&relation.dr);
        let following = dr.map_or(Following::Away, |dr| dr.following);
        let behind = match following {
            Following::Streaming => 0,
            Following::Behind(millis) => millis,
            Following::Away => u64::from(u32::MAX),
        };
        let streams = relation.is_whole() && following != Following::Away;
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let megabytes = format!("{:.2}", behind as f64 * MB_A_MILLISECOND);
        [
            ("replica_state", json!(if streams { "0" } else { "-1" })),
            ("wal_write_receive_delay_in_mb", json!(megabytes)),
            ("wal_write_replay_delay_in_mb", json!(megabytes)),
            ("wal_receive_replay_delay_in_ms", json!(behind.to_string())),
        ]
    }

    /// What the metric `pg_dr_repl_stat` says of a DR instance; nothing of others.
    pub(crate) fn dr_metric(&self, instance: &str) -> Option<f64> {
        let relation = self.relation_of_dr(instance)?;
        let streams = relation.is_whole() && self.known(instance).following != Following::Away;
        Some(match relation.dr_side {
            Side::Building => 4.0,
            _ if streams => 3.0,
            _ => 0.0,
        })
    }

    /// For the lab's own view of itself.
    pub(crate) fn dr_sides(&self) -> Vec<Value> {
        let word = |side: &Side| format!("{side:?}");
        self.relations
            .iter()
            .map(|relation| {
                json!({
                    "primary": relation.primary, "dr": relation.dr,
                    "primary_side": word(&relation.primary_side),
                    "dr_side": word(&relation.dr_side),
                    "since": [relation.primary_since.rds(), relation.dr_since.rds()],
                })
            })
            .collect()
    }
}
