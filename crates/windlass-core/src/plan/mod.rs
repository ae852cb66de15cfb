//! The plan: a validated, resolved runbook as data. It is what a run's first
//! event keeps, what an approval binds by digest, and all that `decide` knows
//! of the author's intent. Not responsible for reading YAML (`windlass-runbook`).

mod change;
mod digest;
mod gate;
mod guard;
mod host;
mod index;
mod manual;
mod on;
mod parts;
mod plugin;
mod step;
mod target;
mod template;
mod unit;
mod vault;
mod window;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use change::{Change, ChangeClass, Risk};
pub use digest::Digest;
pub use gate::{APPROVALS_MAX, FACTS_MAX, Fact, Gate, Quorum};
pub use guard::{EVIDENCE_BYTES_MAX, EVIDENCE_FIELDS, Evidence, GuardDemand, Provides, Relied};
pub use host::{BadHost, HostPattern, SECRET_HOSTS_MAX, host_in};
pub use index::{IndexedPlan, PlanError};
pub use manual::{Asked, Manual};
pub use on::{NOTICES_MAX, Notice, Topic};
pub use parts::{DECISION_RULES, PlanPart};
pub use plugin::{PLUGINS_MAX, Plugin};
pub use step::{Call, EffectClass, ForEach, Reconcile, Retry, Step, StepKind, Until, Verb};
pub use target::{SCHEME_BYTES_MAX, TARGET_BYTES_MAX, Target};
pub use template::{INPUT_BYTES_MAX, Input, Part, ResolveError, Template};
pub use unit::{Unit, shown};
pub use vault::{APPROLE_MOUNT, AppRole, Kept, VAULT_MOUNT, VAULT_TOKEN, VaultAuth, VaultPlace};
pub use window::{LEAD_MAX, Preparation, Segment, Window, declared_bound};

use crate::id::SecretName;
use crate::time::Millis;
use crate::value::Value;

/// The most steps that a plan may have.
pub const STEPS_MAX: usize = 10_000;
/// The most items that one `for_each` may have.
pub const ITEMS_MAX: usize = 1_000;
/// The longest wait of one step: what is further away is a mistake in a date.
pub const WAIT_MAX: Millis = Millis::from_mins(366 * 24 * 60);
/// The most attempts that a retry policy may ask for.
pub const ATTEMPTS_MAX: u32 = 100;
/// The most nodes of a run that are in flight at once, unless the plan says less.
pub const PARALLEL_MAX: u32 = 64;

/// What happens with finished reversible steps when the run fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// They stay as they are.
    #[default]
    Stop,
    /// They are undone in reverse order of completion, never past an irreversible step.
    Undo,
}

/// A runbook with its inputs resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub name: String,
    pub title: String,
    pub owner: String,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// SHA-256 of the runbook's bytes.
    pub source: Digest,
    #[serde(default)]
    pub inputs: BTreeMap<String, Value>,
    /// What those inputs count that hold durations or numbers of bytes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub input_units: BTreeMap<String, Unit>,
    /// Names of the secrets that steps may use. Values never enter a plan.
    #[serde(default)]
    pub secrets: BTreeSet<SecretName>,
    /// Where those are found that the runbook itself says the place of.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secret_sources: BTreeMap<SecretName, SecretSource>,
    /// The hosts that a secret may go to. One that stands here without any goes nowhere;
    /// one that does not stand here goes wherever a step that is given it sends it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secret_hosts: BTreeMap<SecretName, Vec<HostPattern>>,
    /// What a change form asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// What the run changes; one run at a time holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// SHA-256 of each runbook that is inlined, by its path as written.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub includes: BTreeMap<String, Digest>,
    /// The plugins that steps use, by the names that their actions begin with.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub plugins: BTreeMap<String, Plugin>,
    /// Whom runs tell, and of what.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub on: BTreeMap<Topic, Vec<Notice>>,
    /// All steps in the author's order, those of `finally` among them.
    pub steps: Vec<Step>,
    #[serde(default)]
    pub on_failure: OnFailure,
    /// The span from start after which no new step starts.
    #[serde(default)]
    pub timeout: Option<Millis>,
    /// How many nodes may be in flight at once; from 1 to [`PARALLEL_MAX`].
    pub max_parallel: u32,
}

/// Where a secret's value is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// A variable of the environment.
    Env(String),
    /// A file that only its owner can read.
    File(String),
    /// What a program prints: its path or name, then its arguments.
    Exec(Vec<String>),
    /// A field of a secret in a Vault.
    Vault(Box<VaultPlace>),
}
