//! Commands: what an operator, a timer or a runner asks of a run. `decide` may
//! reject them. They are never stored.

use std::sync::Arc;

use crate::approval::Signature;
use crate::id::{NodeId, RunId, StepId};
use crate::operator::{Identity, Operator};
use crate::outcome::{Answer, Effected, Outcome};
use crate::plan::{Digest, IndexedPlan};
use crate::policy::Standing;
use crate::refusal::Refusal;
use crate::review::ClosureCode;
use crate::time::Timestamp;
use crate::value::Value;

/// A request to a run.
#[derive(Clone, Debug)]
pub enum Command {
    /// Begins a run; only a new one accepts it.
    Start {
        plan: Arc<IndexedPlan>,
        requester: Operator,
        owner: Identity,
        single_user: bool,
        /// What the policy says of persons and moments, where there is one.
        standing: Option<Box<Standing>>,
    },
    /// Another policy holds from here on, or the same one for longer.
    Govern {
        standing: Box<Standing>,
        /// What it says otherwise, in lines for people.
        difference: Vec<String>,
        /// Whether it demands more of the run's plan than the one before: approvals that
        /// nothing rests on yet were given under other terms, and are withdrawn.
        voids: bool,
    },
    /// A process took the run over: whatever was in flight is interrupted.
    /// `orphans` are processes of its attempts that still live.
    Open {
        orphans: Vec<Orphan>,
    },
    /// Time passed.
    Tick,
    /// A runner's attempt ended.
    Ended {
        node: NodeId,
        attempt: u32,
        outcome: Outcome,
    },
    /// A runner wants something kept for a later reconcile.
    Checkpoint {
        node: NodeId,
        attempt: u32,
        data: String,
    },
    /// A plugin asked for more than it is granted.
    Refused {
        node: NodeId,
        attempt: u32,
        refusal: Refusal,
    },
    /// A native reconcile answered.
    Reconciled {
        node: NodeId,
        attempt: u32,
        asked_at: Timestamp,
        answer: Answer,
    },
    /// The read action of a `reconcile:` block ended; its outputs are still to be judged.
    Observed {
        node: NodeId,
        attempt: u32,
        asked_at: Timestamp,
        outcome: Outcome,
    },
    /// A living process of an attempt that nobody waits for was found: one that the
    /// attempt's own process left behind. Nothing is interrupted by it.
    OrphanFound(Orphan),
    /// Such a process, or one that outlived the engine, has ended.
    OrphanEnded(Orphan),
    /// The lock of the target is the run's. Whoever sees all runs says so, and grants it to
    /// no other run until this one has ended.
    LockGranted {
        /// Higher than with any grant of this target before.
        fence: u64,
        /// The run that holds it, and stands aside for this one.
        instead_of: Option<RunId>,
    },
    /// Another run holds the lock; only a run that is ending needs to know.
    LockHeld {
        by: RunId,
    },
    Approve {
        gate: StepId,
        by: Operator,
        seen: Statement,
        note: String,
        /// By whose key `by` is known; verified over what he approves.
        signature: Option<Box<Signature>>,
    },
    /// Somebody looks at a gate whose facts may be too old to decide on.
    Refresh {
        gate: StepId,
        by: Operator,
    },
    /// A fact of a gate was read, or could not be.
    Fetched {
        gate: StepId,
        attempt: u32,
        fact: String,
        asked_at: Timestamp,
        outcome: Outcome,
    },
    Reject {
        gate: StepId,
        by: Operator,
        reason: String,
    },
    /// What an approval rests on does not hold any more.
    Withdraw {
        gate: StepId,
        reason: String,
    },
    Pause {
        by: Operator,
        reason: String,
    },
    Resume {
        by: Operator,
    },
    Cancel {
        by: Operator,
        reason: String,
        undo: bool,
    },
    /// A person says what became of a change in doubt.
    Resolve {
        node: NodeId,
        by: Operator,
        reason: String,
        verdict: Verdict,
    },
    /// A person wants a failed node, step or gate tried again.
    Retry {
        node: NodeId,
        by: Operator,
        reason: String,
        nothing_remains: bool,
    },
    /// A person states that a failed node's purpose is met, or that what he was asked to do
    /// by hand is done; the run goes on.
    Attest {
        node: NodeId,
        /// The one that the person saw; 0 of a node that never began.
        attempt: u32,
        by: Operator,
        reason: String,
        outputs: Value,
    },
    /// A person states that what he was asked to do by hand is not done, and what was done
    /// to the world all the same.
    Decline {
        node: NodeId,
        /// The one that the person was asked for.
        attempt: u32,
        by: Operator,
        reason: String,
        effect: Effected,
    },
    /// A person gives up the whole run that waits after an irreversible step.
    Abandon {
        by: Operator,
        reason: String,
    },
    /// A person takes over the work that a debt demands.
    TakeOver {
        step: StepId,
        by: Operator,
        reason: String,
    },
    /// A person lets a step begin that waits for a window or the end of a freeze.
    Override {
        step: StepId,
        by: Operator,
        reason: String,
    },
    /// A person lets another run, the rescue, change the target in this one's place: this
    /// one starts nothing until that has ended.
    Suspend {
        rescue: RunId,
        by: Operator,
        reason: String,
    },
    /// The rescue has ended.
    Release {
        rescue: RunId,
        /// Higher than that of the rescue.
        fence: u64,
    },
    /// A person has looked at what was to be looked at; also in a run that has ended.
    CloseReview {
        review: u32,
        by: Operator,
        code: ClosureCode,
        reason: String,
    },
    /// A person has seen that a resolution was contradicted.
    Acknowledge {
        node: NodeId,
        by: Operator,
        reason: String,
    },
}

/// A process of an attempt that outlived the engine, or the runner that waited for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    pub node: NodeId,
    pub attempt: u32,
    pub pid: u32,
}

/// What an approver had before his eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    pub plan: Digest,
    /// The gate's attempt.
    pub attempt: u32,
    /// Of the gate's statement, which names the run too.
    pub digest: Digest,
}

/// A person's word on a change in doubt.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    Happened {
        outputs: Value,
    },
    NotHappened,
    /// Nobody will ever know: the doubt ends as "unknown, given up by NAME".
    GiveUp,
}
