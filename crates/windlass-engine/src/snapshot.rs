//! A run as it stands after its newest durable record, for looking at.

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::id::{ActionName, RunId, SecretName};
use windlass_core::time::Timestamp;

use windlass_core::state::RunState;

/// A run as it stands after its newest durable record.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub run: RunId,
    /// Cheap to clone; what it shows is `windlass_core::view`'s subject.
    pub state: RunState,
    /// The `seq` that the run's next record will have.
    pub next_seq: u64,
    /// When the first record was made.
    pub started_at: Timestamp,
    /// When the newest record was made.
    pub updated_at: Timestamp,
    /// What the engine lacks to go on with the run, beside what the state waits for.
    pub lacks: Lacks,
}

/// What the engine lacks to perform what is outstanding for a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lacks {
    /// Values that this process was not given; see `Engine::bring_secrets`.
    pub secrets: BTreeSet<SecretName>,
    /// Actions that this process has no runner for, each with the reason.
    pub actions: BTreeMap<ActionName, String>,
}

impl Lacks {
    /// Whether nothing is lacking.
    pub fn is_nothing(&self) -> bool {
        self.secrets.is_empty() && self.actions.is_empty()
    }
}

/// `secrets a, b` or `plugin x`, as every view says it.
impl std::fmt::Display for Lacks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let secrets: Vec<&str> = self.secrets.iter().map(SecretName::as_str).collect();
        let actions: Vec<&str> = self.actions.keys().map(ActionName::as_str).collect();
        match (secrets.is_empty(), actions.is_empty()) {
            (true, true) => Ok(()),
            (false, true) => write!(f, "secrets {}", secrets.join(", ")),
            (true, false) => write!(f, "plugin {}", actions.join(", ")),
            (false, false) => {
                write!(
                    f,
                    "secrets {}; plugin {}",
                    secrets.join(", "),
                    actions.join(", ")
                )
            }
        }
    }
}
