//! What people ask of a run, each with its own path, and what they are answered.

use serde::{Deserialize, Serialize};
use windlass_core::id::{NodeId, RunId, StepId};
use windlass_core::outcome::Effected;
use windlass_core::plan::Digest;
use windlass_core::review::ClosureCode;
use windlass_core::value::Value;

use super::node_text;

/// What an approver had before his eyes; a gate in [`super::RunView`] carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    pub plan_digest: Digest,
    /// The gate's attempt.
    pub attempt: u32,
    /// Of the gate's statement, which names the run too.
    pub digest: Digest,
}

impl From<Statement> for windlass_core::command::Statement {
    fn from(statement: Statement) -> Self {
        Self {
            plan: statement.plan_digest,
            attempt: statement.attempt,
            digest: statement.digest,
        }
    }
}

/// `POST /v1/runs/{run}/approve`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    pub gate: StepId,
    pub statement: Statement,
    #[serde(default)]
    pub note: String,
    /// The approver's signature of the gate's statement and of what he says himself, as
    /// `ssh-keygen -Y sign -n windlass` writes it. Whoever brings it approves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// `POST /v1/runs/{run}/refresh`: facts of a gate that are too old to decide on are read anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    pub gate: StepId,
}

/// `POST /v1/runs/{run}/reject`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reject {
    pub gate: StepId,
    pub reason: String,
}

/// `POST /v1/runs/{run}/pause`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    pub reason: String,
}

/// `POST /v1/runs/{run}/resume`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {}

/// `POST /v1/runs/{run}/cancel`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    pub reason: String,
    /// Whether finished reversible steps are undone.
    #[serde(default)]
    pub undo: bool,
}

/// `POST /v1/runs/{run}/resolve`: a person says what became of a change in doubt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolve {
    #[serde(with = "node_text")]
    pub node: NodeId,
    pub reason: String,
    pub verdict: Verdict,
}

/// A person's word on a change in doubt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Verdict {
    Happened {
        #[serde(default = "no_outputs")]
        outputs: Value,
    },
    NotHappened {},
    GiveUp {},
}

impl From<Verdict> for windlass_core::command::Verdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Happened { outputs } => Self::Happened { outputs },
            Verdict::NotHappened {} => Self::NotHappened,
            Verdict::GiveUp {} => Self::GiveUp,
        }
    }
}

/// `POST /v1/runs/{run}/retry`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    #[serde(with = "node_text")]
    pub node: NodeId,
    pub reason: String,
    /// The person states that nothing of a settled or unknown change remains.
    #[serde(default)]
    pub nothing_remains: bool,
}

/// `POST /v1/runs/{run}/attest`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attest {
    #[serde(with = "node_text")]
    pub node: NodeId,
    /// The attempt that the person saw, as its views tell it; 0 of one that never began.
    pub attempt: u32,
    pub reason: String,
    #[serde(default = "no_outputs")]
    pub outputs: Value,
}

/// `POST /v1/runs/{run}/decline`: what a person was asked to do by hand is not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decline {
    #[serde(with = "node_text")]
    pub node: NodeId,
    /// The attempt that the person was asked for.
    pub attempt: u32,
    pub reason: String,
    /// What was done to the world all the same: `none`, `settled` or `unknown`.
    #[serde(default = "no_effect")]
    pub effect: Effected,
}

/// `POST /v1/runs/{run}/abandon`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Abandon {
    pub reason: String,
}

/// `POST /v1/runs/{run}/take-over`: a person takes over the work that a debt demands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TakeOver {
    pub step: StepId,
    pub reason: String,
}

/// `POST /v1/runs/{run}/override`: a person lets a step begin that waits for a window or
/// for the end of a freeze.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    pub step: StepId,
    pub reason: String,
}

/// `POST /v1/runs/{run}/suspend`: a person lets another run, the rescue, change the target in
/// this one's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspend {
    pub rescue: RunId,
    pub reason: String,
}

/// `POST /v1/runs/{run}/close-review`: somebody has looked at what was to be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloseReview {
    /// Its number in the run.
    pub review: u32,
    pub code: ClosureCode,
    pub reason: String,
}

/// `POST /v1/runs/{run}/acknowledge`: a person has seen a contradicted resolution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledge {
    #[serde(with = "node_text")]
    pub node: NodeId,
    pub reason: String,
}

/// What an accepted command made happen; it is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    pub run: RunId,
    /// Kinds of the events that it caused; empty when there was nothing to do.
    pub events: Vec<String>,
    /// The `seq` that the run's next record will have: where to follow it from.
    pub next_seq: u64,
}

fn no_effect() -> Effected {
    Effected::None
}

fn no_outputs() -> Value {
    Value::Null
}
