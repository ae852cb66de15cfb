//! Which call a request is: by its method and its path, and for actions by its body.

use serde::Deserialize;
use serde_json::Value;

use super::cloud::{Region, Settings};
use super::request::Request;

/// Which of the lab's listeners a request came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Rds(Region),
    Iam,
    Metrics,
    Control,
}

/// A call of the API, by the lab's own name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// `POST /v3/auth/tokens`
    Token,
    /// `GET /v3/projects`
    Projects,
    /// `GET /instances`
    ListInstances,
    /// `POST /backups`
    CreateBackup,
    /// `GET /backups`
    ListBackups,
    /// `DELETE /backups/{id}`
    DeleteBackup,
    /// `POST /instances/{id}/db-upgrade`
    Upgrade,
    /// `GET /jobs`
    Job,
    /// `GET /tasklist`
    Tasks,
    /// `GET /datastores/postgresql`
    Majors,
    /// `GET /datastores/postgresql/small-version`
    SmallVersions,
    /// `GET /instances/{id}/db-auto-upgrade`
    AutoUpgrade,
    /// `PUT /instances/{id}/db-auto-upgrade`
    SetAutoUpgrade,
    /// `POST /instances/{id}/action` with `restart`
    Restart,
    /// `POST /instances/{id}/action` with `build_master_dr_relation`
    BuildPrimary,
    /// `POST /instances/{id}/action` with `build_slave_dr_relation`
    BuildDr,
    /// `POST /instances/{id}/action` with `drreplica_to_master`
    Promote,
    /// `DELETE /instances/{id}/delete-disaster-recovery`
    RemoveDr,
    /// `POST /instances/disaster-recovery-infos`
    DrInfos,
    /// `GET /instances/disaster-recovery-relation`
    DrPairs,
    /// `GET /instances/{id}/disaster-recovery`
    DrStatus,
    /// `GET /metric-data`
    Metric,
    /// `POST /batch-query-metric-data`
    MetricBatch,
}

/// A call with what its path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Routed {
    pub(crate) call: Call,
    /// Empty where the path has none.
    pub(crate) project: String,
    /// Of an instance or a backup; empty where the path has none.
    pub(crate) id: String,
}

/// Nothing when this cloud has no such path.
pub(crate) fn route(service: Service, request: &Request, settings: &Settings) -> Option<Routed> {
    let path = request.path.trim_matches('/');
    let segments: Vec<&str> = path.split('/').collect();
    let method = request.method.as_str();
    let routed = match service {
        Service::Iam => match (method, segments.as_slice()) {
            ("POST", ["v3", "auth", "tokens"]) => routed(Call::Token, "", ""),
            ("GET", ["v3", "projects"]) => routed(Call::Projects, "", ""),
            _ => None,
        },
        Service::Metrics => match (method, segments.as_slice()) {
            ("GET", ["V1.0", project, "metric-data"]) => routed(Call::Metric, project, ""),
            ("POST", ["V1.0", project, "batch-query-metric-data"]) => {
                routed(Call::MetricBatch, project, "")
            }
            _ => None,
        },
        Service::Rds(_) => match segments.as_slice() {
            ["v3", project, rest @ ..] => rds(method, project, rest, request),
            _ => None,
        },
        Service::Control => None,
    }?;
    let offered = match routed.call {
        Call::BuildPrimary
        | Call::BuildDr
        | Call::Promote
        | Call::RemoveDr
        | Call::DrInfos
        | Call::DrPairs
        | Call::DrStatus => settings.dr_offered,
        Call::SmallVersions | Call::AutoUpgrade | Call::SetAutoUpgrade => {
            settings.minor_reads_offered
        }
        Call::Token
        | Call::Projects
        | Call::ListInstances
        | Call::CreateBackup
        | Call::ListBackups
        | Call::DeleteBackup
        | Call::Upgrade
        | Call::Job
        | Call::Tasks
        | Call::Majors
        | Call::Restart
        | Call::Metric
        | Call::MetricBatch => true,
    };
    offered.then_some(routed)
}

fn rds(method: &str, project: &str, rest: &[&str], request: &Request) -> Option<Routed> {
    let call = |call| routed(call, project, "");
    match (method, rest) {
        ("GET", ["instances"]) => call(Call::ListInstances),
        ("POST", ["backups"]) => call(Call::CreateBackup),
        ("GET", ["backups"]) => call(Call::ListBackups),
        ("DELETE", ["backups", id]) => routed(Call::DeleteBackup, project, id),
        ("GET", ["jobs"]) => call(Call::Job),
        ("GET", ["tasklist"]) => call(Call::Tasks),
        ("GET", ["datastores", engine]) if is_postgres(engine) => call(Call::Majors),
        ("GET", ["datastores", engine, "small-version"]) if is_postgres(engine) => {
            call(Call::SmallVersions)
        }
        ("POST", ["instances", "disaster-recovery-infos"]) => call(Call::DrInfos),
        ("GET", ["instances", "disaster-recovery-relation"]) => call(Call::DrPairs),
        ("POST", ["instances", id, "db-upgrade"]) => routed(Call::Upgrade, project, id),
        ("GET", ["instances", id, "db-auto-upgrade"]) => routed(Call::AutoUpgrade, project, id),
        ("PUT", ["instances", id, "db-auto-upgrade"]) => routed(Call::SetAutoUpgrade, project, id),
        ("GET", ["instances", id, "disaster-recovery"]) => routed(Call::DrStatus, project, id),
        ("DELETE", ["instances", id, "delete-disaster-recovery"]) => {
            routed(Call::RemoveDr, project, id)
        }
        ("POST", ["instances", id, "action"]) => routed(action(request)?, project, id),
        _ => None,
    }
}

/// An action is named by the key of the body's only entry. One that the lab does not know is
/// as a path that it does not have.
fn action(request: &Request) -> Option<Call> {
    let body: Value = serde_json::from_slice(&request.body).ok()?;
    let key = body.as_object()?.keys().next()?.clone();
    match key.as_str() {
        "restart" => Some(Call::Restart),
        "build_master_dr_relation" => Some(Call::BuildPrimary),
        "build_slave_dr_relation" => Some(Call::BuildDr),
        "drreplica_to_master" => Some(Call::Promote),
        _ => None,
    }
}

fn is_postgres(engine: &str) -> bool {
    engine.eq_ignore_ascii_case("postgresql")
}

fn routed(call: Call, project: &str, id: &str) -> Option<Routed> {
    Some(Routed {
        call,
        project: project.to_owned(),
        id: id.to_owned(),
    })
}
