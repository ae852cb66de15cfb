//! The owner process, as it tells of itself.

use serde::{Deserialize, Serialize};

/// Who owns the state directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerView {
    pub pid: u32,
    pub uid: u32,
    /// The program's version.
    pub version: String,
    /// See [`super::API_VERSION`].
    pub api: u32,
    pub started_at_ms: i64,
    pub uptime_ms: u64,
    /// How far the wall clock is ahead of the time by which the owner's runs go on; less
    /// than 0 when it is behind. Somebody has set it when this is more than a second.
    #[serde(default)]
    pub wall_ahead_ms: i64,
    /// Whether the peer who asks is the owner's user, who may start and direct runs.
    pub you_are_owner: bool,
}

/// `POST /v1/shutdown`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shutdown {}

/// The owner has been asked to park its runs and end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShutdownAnswer {
    pub pid: u32,
}
