//! Starting a run, and bringing it the secrets that it waits for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use windlass_core::id::{RunId, SecretName};
use windlass_core::plan::{Digest, Plan};

use super::secret::SecretText;

/// A run to be started. The client has checked the runbook; the owner checks the plan again.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartRun {
    pub plan: Box<Plan>,
    /// What the client understands by the plan: when the owner reads another one out of
    /// it, they are of different versions, and nothing is started.
    pub plan_digest: Digest,
    /// The runbook's text, whose digest is the plan's `source`.
    pub runbook: String,
    /// For this run only, kept in memory only.
    #[serde(default)]
    pub secrets: BTreeMap<SecretName, SecretText>,
}

/// The run that was started, or that an earlier request with the same key started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    pub run: RunId,
    pub plan_digest: Digest,
}

/// Values that a run waits for. They are added to those that it has.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BringSecrets {
    pub secrets: BTreeMap<SecretName, SecretText>,
}
