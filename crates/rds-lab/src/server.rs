//! The names that a lab knows: its servers, its two builds, its roles.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of the four servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Server {
    /// Takes the writes.
    Primary,
    /// A streaming standby beside the primary.
    Replica1,
    /// Another one.
    Replica2,
    /// The standby that stands for the remote disaster-recovery site.
    Dr,
}

impl Server {
    /// All four, the primary first.
    pub const ALL: [Self; 4] = [Self::Primary, Self::Replica1, Self::Replica2, Self::Dr];
    /// The three that stream from the primary.
    pub const STANDBYS: [Self; 3] = [Self::Replica1, Self::Replica2, Self::Dr];

    /// Also the name of its directory, its slot, its `cluster_name` and its
    /// `application_name` in `pg_stat_replication`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Replica1 => "replica1",
            Self::Replica2 => "replica2",
            Self::Dr => "dr",
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One of the two builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Release {
    /// What the lab is created with.
    Old,
    /// What the runbook upgrades to.
    New,
}

impl Release {
    /// Also the name of its entry in the lab's `builds` directory.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
        }
    }
}

/// A database role that the lab makes, each with a password of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoleName {
    /// The superuser.
    Admin,
    /// A member of `pg_monitor`, for checks.
    Monitor,
    /// What standbys and base backups log in as.
    Replication,
}

impl RoleName {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Monitor, Self::Replication];

    /// The word in file names, inputs and, after `lab_`, the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Monitor => "monitor",
            Self::Replication => "replication",
        }
    }

    /// The role's name in the database.
    pub fn user(self) -> &'static str {
        match self {
            Self::Admin => "lab_admin",
            Self::Monitor => "lab_monitor",
            Self::Replication => "lab_replication",
        }
    }

    /// The environment variable that offers its password to a runbook.
    pub fn env_name(self) -> &'static str {
        match self {
            Self::Admin => "RDS_LAB_ADMIN_PASSWORD",
            Self::Monitor => "RDS_LAB_MONITOR_PASSWORD",
            Self::Replication => "RDS_LAB_REPLICATION_PASSWORD",
        }
    }
}
