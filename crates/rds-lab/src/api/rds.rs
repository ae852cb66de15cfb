//! The calls of RDS: from a request to the cloud and back to a reply.

use serde::Deserialize;
use serde_json::{Value, json};

use super::cloud::{
    BackupFilter, Cloud, InfoFilter, InstanceFilter, Other, Refusal, Region, TaskFilter,
};
use super::request::{Reply, Request, understood};
use super::route::{Call, Routed};
use super::time::Time;

const PAGE: usize = 100;
const TASKS_DEFAULT: usize = 10;
const TASKS_MAX: usize = 50;

#[derive(Deserialize)]
struct NewBackup {
    instance_id: String,
    name: String,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
struct Upgrade {
    #[serde(default)]
    is_delayed: bool,
}

#[derive(Deserialize)]
struct Switch {
    switch_option: bool,
}

#[derive(Deserialize)]
struct Removal {
    is_master: bool,
}

/// Answers a call that came to a region's listener, whoever asked having been checked.
pub(crate) fn answer(
    cloud: &mut Cloud,
    now: Time,
    region: Region,
    routed: &Routed,
    request: &Request,
) -> Result<Reply, Refusal> {
    let (project, id) = (routed.project.as_str(), routed.id.as_str());
    if project != region.project_id() {
        return Err(Refusal::no_permission());
    }
    let ok = |body: Value| Reply::new(200, body);
    let accepted = |body: Value| Reply::new(202, body);
    match routed.call {
        Call::ListInstances => {
            let filter = InstanceFilter {
                id: request.asked("id"),
                name: request.asked("name"),
                kind: request.asked("type"),
                engine: request.asked("datastore_type"),
                vpc: request.asked("vpc_id"),
                subnet: request.asked("subnet_id"),
                tags: request.asked("tags"),
            };
            let page = request.page(PAGE, PAGE)?;
            cloud.list_instances(region, &filter, page).map(ok)
        }
        Call::CreateBackup => {
            let new: NewBackup = request.body_as()?;
            let (instance, name) = (&new.instance_id, &new.name);
            cloud
                .create_backup(now, project, instance, name, &new.description)
                .map(ok)
        }
        Call::ListBackups => {
            let filter = backup_filter(request)?;
            let page = request.page(PAGE, PAGE)?;
            cloud.backups(project, &filter, page).map(ok)
        }
        Call::DeleteBackup => cloud.delete_backup(project, id).map(|()| Reply::empty(200)),
        Call::Upgrade => {
            let upgrade: Upgrade = request.body_as()?;
            cloud
                .upgrade(now, project, id, upgrade.is_delayed)
                .map(accepted)
        }
        Call::Job => {
            let wanted = request
                .asked("id")
                .ok_or_else(|| Refusal::bad_parameter("id is missing."))?;
            cloud.job(now, project, &wanted).map(ok)
        }
        Call::Tasks => {
            let filter = TaskFilter {
                instance: request.asked("instance_id"),
                id: request.asked("id"),
                name: request.asked("name"),
                status: request.asked("status"),
                from: request.number("start_time")?,
                to: request.number("end_time")?,
            };
            let page = request.page(TASKS_DEFAULT, TASKS_MAX)?;
            Ok(ok(cloud.tasks(now, project, &filter, page)))
        }
        Call::Majors => {
            let store = |name: &str| json!({"id": format!("{name}-major"), "name": name});
            Ok(ok(
                json!({"dataStores": [store("15"), store("16"), store("17")]}),
            ))
        }
        Call::SmallVersions => {
            let version = request
                .asked("version")
                .or_else(|| request.asked("version_name"))
                .ok_or_else(|| Refusal::bad_parameter("version is missing."))?;
            Ok(ok(cloud.small_versions(&version)))
        }
        Call::AutoUpgrade => cloud.auto_upgrade(project, id).map(ok),
        Call::SetAutoUpgrade => {
            let switch: Switch = request.body_as()?;
            cloud
                .set_auto_upgrade(project, id, switch.switch_option)
                .map(ok)
        }
        Call::Restart => cloud.restart(now, project, id).map(accepted),
        Call::BuildPrimary => {
            let other = other(request, "build_master_dr_relation")?;
            cloud.build_primary(now, project, id, &other).map(accepted)
        }
        Call::BuildDr => {
            let other = other(request, "build_slave_dr_relation")?;
            cloud.build_dr(now, project, id, &other).map(accepted)
        }
        Call::Promote => cloud.promote(now, project, id).map(accepted),
        Call::RemoveDr => {
            let other: Other = request.body_as()?;
            let Removal { is_master } = request.body_as()?;
            cloud.remove_dr(now, project, id, &other, is_master).map(ok)
        }
        Call::DrInfos => {
            let filter: InfoFilter = request.body_as()?;
            cloud.dr_infos(project, &filter).map(ok)
        }
        Call::DrPairs => Ok(ok(cloud.dr_pairs(project))),
        Call::DrStatus => cloud.dr_status(project, id).map(ok),
        // They belong to other listeners.
        Call::Token | Call::Projects | Call::Metric | Call::MetricBatch => {
            Err(Refusal::no_such_path())
        }
    }
}

fn backup_filter(request: &Request) -> Result<BackupFilter, Refusal> {
    let instance = request
        .asked("instance_id")
        .ok_or_else(|| Refusal::bad_parameter("instance_id is missing."))?;
    let times = [request.asked("begin_time"), request.asked("end_time")];
    if times.iter().flatten().count() == 1 {
        return Err(Refusal::bad_parameter(
            "begin_time and end_time come as a pair.",
        ));
    }
    Ok(BackupFilter {
        instance,
        id: request.asked("backup_id"),
        kind: request.asked("backup_type"),
    })
}

fn other(request: &Request, action: &str) -> Result<Other, Refusal> {
    understood(request.json()?[action].clone())
}
