//! The instances: what is stored of each. What a request shows of them is the matter of
//! `show`, what happens to them of the operations.

use serde::Deserialize;

use super::super::time::Time;

/// The two regions that the lab has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Region {
    /// Where the primary and its replicas are.
    #[serde(rename = "eu-de")]
    EuDe,
    /// Where the DR instance is.
    #[serde(rename = "eu-nl")]
    EuNl,
}

impl Region {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::EuDe, Self::EuNl];

    /// Its name, which is also the name of its project.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EuDe => "eu-de",
            Self::EuNl => "eu-nl",
        }
    }

    /// The id of the lab's project in it.
    pub const fn project_id(self) -> &'static str {
        match self {
            Self::EuDe => "0483b6b16e954cb88930a360d2c4e663",
            Self::EuNl => "1594c7c27fa65dc99a41b471e3d5f774",
        }
    }

    pub(crate) fn of_project(project: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|region| region.project_id() == project || region.as_str() == project)
    }
}

/// How many nodes an instance has, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One node.
    Single,
    /// A primary with a standby that nobody can reach.
    Ha,
    /// A read replica of another instance.
    Replica,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Single => "Single",
            Self::Ha => "Ha",
            Self::Replica => "Replica",
        }
    }
}

/// A node of an instance.
#[derive(Debug, Clone)]
pub struct Node {
    /// Ends with `no03` for PostgreSQL.
    pub id: String,
    /// The instance's name with a number.
    pub name: String,
    /// `master`, `slave` or `readreplica`.
    pub role: &'static str,
    /// `ACTIVE` when all is well.
    pub status: String,
    /// Such as `eu-de-01`.
    pub zone: String,
}

/// How a replica follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Following {
    /// As it should.
    Streaming,
    /// So many milliseconds behind.
    Behind(u64),
    /// Not at all.
    Away,
}

/// An instance as it is stored.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Ends with `in03` for PostgreSQL.
    pub id: String,
    /// Chosen by its owner, not unique.
    pub name: String,
    /// Where it is.
    pub region: Region,
    /// `PostgreSQL` or another engine's name.
    pub engine: &'static str,
    /// The minor that it runs, as `complete_version`.
    pub version: String,
    /// Its type.
    pub kind: Kind,
    /// The status while nothing is done to it.
    pub status: String,
    /// Its nodes.
    pub nodes: Vec<Node>,
    /// The primary of a replica.
    pub replica_of: Option<String>,
    /// Its one private address.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// GB of its volume.
    pub volume_gb: u32,
    /// GB of it that are used.
    pub used_gb: u32,
    /// Of its flavour.
    pub cpu: u32,
    /// GB, of its flavour.
    pub mem: u32,
    /// When it was made.
    pub created: Time,
    /// When something of it last changed.
    pub updated: Time,
    /// Whether the service may upgrade it on its own.
    pub auto_upgrade: bool,
    /// How it follows, when it is a replica or a DR instance.
    pub following: Following,
}

impl Instance {
    /// The part of its version that no upgrade of a minor changes.
    pub(crate) fn major(&self) -> &str {
        self.version.split('.').next().unwrap_or_default()
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.engine == "PostgreSQL"
    }

    pub(crate) fn set_last_node(&mut self, status: &str) {
        let node = self.nodes.last_mut();
        status.clone_into(&mut node.expect("every instance has a node").status);
    }

    pub(crate) fn has_abnormal_node(&self) -> bool {
        self.nodes.iter().any(|node| node.status != "ACTIVE")
    }

    /// Whether this instance may be the DR instance of `primary`.
    pub(crate) fn can_stand_in_for(&self, primary: &Self) -> bool {
        self.kind == Kind::Single
            && self.region != primary.region
            && self.cpu >= primary.cpu
            && self.mem >= primary.mem
            && self.volume_gb >= primary.volume_gb
            && self.major() == primary.major()
            && self.is_postgres()
    }
}
