//! What may differ between one cloud and another, and is the caller's to choose: how long
//! things take, and what the service does where no document says it.

use std::time::Duration;

use serde::Deserialize;

/// How the cloud behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long operations take at least; real servers may need longer.
    pub durations: Durations,
    /// The `complete_version` that instances start with.
    pub old_version: String,
    /// The `complete_version` of the latest minor.
    pub new_version: String,
    /// Whether the DR relation is built at the start.
    pub dr_at_start: bool,
    /// An upgrade of an instance with a live DR relation.
    pub under_dr: UnderDr,
    /// An upgrade of an instance that has the latest minor.
    pub at_latest: AtLatest,
    /// Whether this cloud has the paths of disaster recovery.
    pub dr_offered: bool,
    /// Whether this cloud has `small-version` and `db-auto-upgrade`.
    pub minor_reads_offered: bool,
    /// Whether `/jobs` and `/tasklist` ever show the job of an upgrade.
    pub upgrade_job_shown: bool,
    /// The `status` of an instance that is being upgraded.
    pub upgrade_status: String,
    /// Whether an upgrade leaves primary and standby of an `Ha` instance with their roles
    /// exchanged.
    pub switches_over: bool,
    /// Whether refusals have the fields of the API's older version.
    pub errors_of_v1: bool,
    /// How many requests a minute each listener takes of everybody together; no limit if
    /// `None`.
    pub requests_per_minute: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            durations: Durations::default(),
            old_version: "15.16.21".to_owned(),
            new_version: "15.18.24".to_owned(),
            dr_at_start: true,
            under_dr: UnderDr::LeavesBehind,
            at_latest: AtLatest::Refused,
            dr_offered: true,
            minor_reads_offered: true,
            upgrade_job_shown: true,
            upgrade_status: "MODIFYING".to_owned(),
            switches_over: true,
            errors_of_v1: false,
            requests_per_minute: None,
        }
    }
}

/// How long operations take at least.
#[derive(Debug, Clone)]
pub struct Durations {
    /// A backup.
    pub backup: Duration,
    /// An upgrade, also one that goes back.
    pub upgrade: Duration,
    /// A restart.
    pub restart: Duration,
    /// One side of building a DR relation.
    pub build_dr: Duration,
    /// One side of removing it.
    pub remove_dr: Duration,
    /// A promotion of the DR instance.
    pub promote: Duration,
    /// From the start of a job until it can be looked up.
    pub job_hidden: Duration,
    /// The life of a token.
    pub token: Duration,
}

impl Durations {
    /// All operations take so long, and jobs are hidden for a quarter of it.
    pub fn all(each: Duration) -> Self {
        Self {
            backup: each,
            upgrade: each,
            restart: each,
            build_dr: each,
            remove_dr: each,
            promote: each,
            job_hidden: each / 4,
            token: Duration::from_secs(24 * 3600),
        }
    }
}

impl Default for Durations {
    fn default() -> Self {
        Self::all(Duration::from_millis(400))
    }
}

/// What an upgrade does to an instance whose DR relation is live: the vendor says only that
/// the relation is to be established again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnderDr {
    /// It is refused as long as the relation is there.
    Refused,
    /// It ends the replication, and the relation is failed on both sides.
    Breaks,
    /// It leaves the DR instance on its minor, streaming on.
    LeavesBehind,
}

/// What is answered to an upgrade of an instance that has the latest minor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtLatest {
    /// It is refused.
    Refused,
    /// It is taken for a job, which restarts the instance and changes no version.
    Restarts,
}
