//! What requests see of instances, and which of them a query means.

use serde_json::{Value, json};

use super::super::time::Time;
use super::{Cloud, Instance, Kind, Refusal, Region};

/// What the list of instances is asked for.
#[derive(Debug, Default)]
pub(crate) struct InstanceFilter {
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) engine: Option<String>,
    pub(crate) vpc: Option<String>,
    pub(crate) subnet: Option<String>,
    pub(crate) tags: Option<String>,
}

impl Cloud {
    /// The answer to the list of instances.
    pub(crate) fn list_instances(
        &self,
        region: Region,
        filter: &InstanceFilter,
        (offset, limit): (usize, usize),
    ) -> Result<Value, Refusal> {
        let star = Some("*");
        if filter.name.as_deref() == star || filter.id.as_deref() == star {
            return Err(Refusal::bad_parameter("* alone is not a pattern."));
        }
        let matching: Vec<&Instance> = self
            .instances()
            .filter(|instance| instance.region == region && filter.matches(instance))
            .collect();
        // The service measures the volume of PostgreSQL for one instance, not for all.
        let measured = filter.id.is_some();
        let shown: Vec<Value> = matching
            .iter()
            .skip(offset)
            .take(limit)
            .map(|instance| self.show(instance, measured))
            .collect();
        Ok(json!({"instances": shown, "total_count": matching.len()}))
    }

    fn show(&self, instance: &Instance, measured: bool) -> Value {
        let nodes: Vec<Value> = instance
            .nodes
            .iter()
            .map(|node| {
                json!({
                    "id": node.id, "name": node.name, "role": node.role,
                    "status": node.status, "availability_zone": node.zone,
                })
            })
            .collect();
        let related: Vec<Value> = match &instance.replica_of {
            Some(primary) => vec![json!({"id": primary, "type": "replica_of"})],
            None => self
                .replicas_of(&instance.id)
                .into_iter()
                .map(|id| json!({"id": id, "type": "replica"}))
                .collect(),
        };
        let mut shown = json!({
            "id": instance.id, "name": instance.name, "alias": "",
            "status": self.status_of(&instance.id),
            "type": instance.kind.as_str(), "region": instance.region.as_str(),
            "private_ips": [instance.address], "public_ips": [], "private_dns_names": [],
            "port": instance.port, "db_user_name": "root", "enable_ssl": true,
            "datastore": {
                "type": instance.engine, "version": instance.major(),
                "complete_version": instance.version,
            },
            "created": instance.created.rds(), "updated": instance.updated.rds(),
            "vpc_id": vpc(instance.region), "subnet_id": subnet(instance.region),
            "security_group_id": "e4e8a7a3-9c1d-4c0a-a4a5-0d6f3b9f7c11",
            "flavor_ref": flavor(instance), "cpu": instance.cpu.to_string(),
            "mem": instance.mem.to_string(),
            "volume": {"type": "ULTRAHIGH", "size": instance.volume_gb},
            "switch_strategy": if instance.kind == Kind::Ha { "reliability" } else { "" },
            "backup_strategy": {"start_time": "19:00-20:00", "keep_days": 7},
            "maintenance_window": "02:00-06:00", "time_zone": "UTC", "tags": [],
            "charge_info": {"charge_mode": "postPaid"}, "disk_encryption_id": "",
            "enterprise_project_id": "0", "associated_with_ddm": false,
            "nodes": nodes, "related_instance": related,
        });
        if instance.kind == Kind::Ha {
            shown["ha"] = json!({"replication_mode": "async"});
        }
        if measured {
            shown["storage_used_space"] = json!(f64::from(instance.used_gb));
            shown["backup_used_space"] = json!(0.0);
        }
        shown
    }

    /// What a metric says of an instance; nothing for one that the service does not measure.
    pub(crate) fn metric(&self, instance: &Instance, name: &str) -> Option<f64> {
        let follows = instance.kind == Kind::Replica;
        let behind = match instance.following {
            super::Following::Streaming => 0.0,
            #[expect(clippy::cast_precision_loss, reason = "a figure of a metric")]
            super::Following::Behind(millis) => millis as f64,
            super::Following::Away => 3_600_000.0,
        };
        let away = instance.following == super::Following::Away;
        let used = f64::from(instance.used_gb);
        let volume = f64::from(instance.volume_gb);
        let value = match name {
            "slave_replication_status" if !follows => 2.0,
            "slave_replication_status" => f64::from(u8::from(!away)),
            "rds046_replication_lag" if follows => behind,
            "pg_dr_repl_stat" => self.dr_metric(&instance.id)?,
            "pg_dr_wal_delay" => {
                self.dr_metric(&instance.id)?;
                behind * 4096.0
            }
            "rds039_disk_util" => used * 100.0 / volume,
            "rds047_disk_total_size" => volume,
            "rds048_disk_used_size" => used,
            "rds001_cpu_util" => 7.5,
            "rds002_mem_util" => 41.0,
            "rds042_database_connections" | "active_connections" => 12.0,
            "rds083_conn_usage" => 4.0,
            "rds040_transaction_logs_usage" => 64.0,
            "oldest_transaction_duration"
            | "oldest_transaction_duration_2pc"
            | "idle_transaction_connections"
            | "lock_waiting_sessions"
            | "inactive_logical_replication_slot"
            | "synchronous_replication_blocking_time"
            | "rds045_oldest_replication_slot_lag"
            | "rds041_replication_slot_usage" => 0.0,
            "db_max_age" | "rds043_maximum_used_transaction_ids" => 1_250_000.0,
            _ => return None,
        };
        instance.is_postgres().then_some(value)
    }

    /// For the lab's own view of itself.
    pub(crate) fn overview(&self, now: Time) -> Value {
        let instances: Vec<Value> = self
            .instances()
            .map(|instance| {
                json!({
                    "id": instance.id, "name": instance.name, "region": instance.region.as_str(),
                    "type": instance.kind.as_str(), "version": instance.version,
                    "status": self.status_of(&instance.id),
                })
            })
            .collect();
        json!({"now": now.rds(), "instances": instances, "relations": self.dr_sides()})
    }
}

impl InstanceFilter {
    fn matches(&self, instance: &Instance) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        let like = |wanted: &Option<String>, found: &str| match wanted.as_deref() {
            None => true,
            Some(wanted) => match wanted.strip_prefix('*') {
                Some(part) => found.contains(part),
                None => wanted == found,
            },
        };
        like(&self.id, &instance.id)
            && like(&self.name, &instance.name)
            && is(&self.kind, instance.kind.as_str())
            && is(&self.engine, instance.engine)
            && is(&self.vpc, vpc(instance.region))
            && is(&self.subnet, subnet(instance.region))
            // No instance of the lab has tags.
            && self.tags.as_deref().is_none_or(str::is_empty)
    }
}

fn vpc(region: Region) -> &'static str {
    match region {
        Region::EuDe => "490a4a08-ef4b-44c5-94be-3051ef9e4fce",
        Region::EuNl => "5b1f0c6e-1f43-4f3d-8f0a-3f3d1d6c8a02",
    }
}

fn subnet(region: Region) -> &'static str {
    match region {
        Region::EuDe => "0e2eda62-1d42-4d64-a9d1-4e9aa9cd994f",
        Region::EuNl => "8a2f3c5e-7b0d-4b55-9a43-77f1c9e4d310",
    }
}

fn flavor(instance: &Instance) -> &'static str {
    match instance.kind {
        Kind::Ha => "rds.pg.n1.large.4.ha",
        Kind::Single => "rds.pg.n1.large.4",
        Kind::Replica => "rds.pg.n1.large.4.rr",
    }
}
